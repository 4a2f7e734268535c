"""The audit chain: who did what, when, to what, and what came of it. It never holds a mail address.

Each row carries an HMAC-SHA256 over itself and the MAC of the row before it, so that nobody without the key can edit,
remove, insert or reorder rows unnoticed. Only the newest rows can be cut off without a trace in the table itself:
against that, records in Slack show the head as `SEQ:DIGEST`, and `maildesk audit verify --head` compares it.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, RowMapping, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import tables
from bot.store.chain import Examination, Head, Problem, mac_of
from bot.store.tables import microseconds

if TYPE_CHECKING:
    from bot.store.database import Store

__all__ = ["AuditChain", "Entry", "Examined", "Head", "Problem", "Row", "append", "between", "head"]

Details = Mapping[str, int | str | bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written down. `actor` is a user ID, `login:NAME` or `clock`; `details` has counts, never an address."""

    at: datetime
    actor: str
    name: str
    role: str
    verb: str
    host: str = ""
    subject: str = ""
    outcome: str = ""
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Entry):
    """A row of the chain; `previous` and `mac` in hexadecimal, `previous` empty in the first one."""

    seq: int
    previous: str
    mac: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What `verify` looked at: how many rows, written since when, the head, and what is wrong with them."""

    rows: int
    since: datetime | None
    head: Head
    problems: tuple[Problem, ...]


class AuditChain:
    """Reads the chain; `Transaction.audit` is what writes it."""

    def __init__(self, store: "Store") -> None:
        self._store = store

    async def latest(self, n: int) -> tuple[Row, ...]:
        """The newest `n` rows, newest first."""
        async with self._store.reading() as connection:
            found = await connection.execute(select(*_columns).order_by(tables.audit.c.seq.desc()).limit(n))
            return tuple(_row(each) for each in found.mappings())

    async def head(self) -> Head:
        async with self._store.reading() as connection:
            return await head(connection)

    async def examine(self, head: str = "") -> Examined:
        """Hold every row against its neighbours and the key, and against a head that was recorded elsewhere.

        Raises UserError for a head that is none.
        """
        examination = Examination(self._store.key)
        since = None
        async with self._store.reading() as connection:
            rows = await connection.stream(select(*_columns).order_by(tables.audit.c.seq))
            async for row in rows.mappings():
                since = since or _moment(row["at"])
                examination.add(dict(row))
        return Examined(examination.rows, since, examination.head, examination.problems(head))

    async def verify(self, head: str = "") -> tuple[Problem, ...]:
        """What is wrong with the chain; nothing if it is in order. Raises UserError for a head that is none."""
        return (await self.examine(head)).problems


async def between(
    connection: AsyncConnection, host: str, verbs: Collection[str], start: datetime, end: datetime
) -> tuple[Row, ...]:
    """The rows of this host and these verbs from `start` on and before `end`, oldest first."""
    columns = tables.audit.c
    wanted = (columns.host == host, columns.verb.in_(verbs), columns.at >= start, columns.at < end)
    found = await connection.execute(select(*_columns).where(*wanted).order_by(columns.seq))
    return tuple(_row(each) for each in found.mappings())


async def head(connection: AsyncConnection) -> Head:
    """The head as this connection sees it: within a transaction, what that one appended too."""
    last = await _last(connection)
    return Head.of(*last)


async def append(connection: AsyncConnection, key: bytes, entry: Entry) -> None:
    """Append to the chain; the caller has made sure that nobody else does at this moment."""
    seq, previous = await _last(connection)
    values = {
        "seq": seq + 1,
        "at": microseconds(entry.at),
        "actor": entry.actor,
        "name": entry.name,
        "role": entry.role,
        "verb": entry.verb,
        "host": entry.host,
        "subject": entry.subject,
        "outcome": entry.outcome,
        "details": json.dumps(dict(entry.details), sort_keys=True),
    }
    mac = mac_of(key, values, previous)
    await connection.execute(tables.audit.insert().values({**values, "at": entry.at, "previous": previous, "mac": mac}))


async def _last(connection: AsyncConnection) -> tuple[int, str]:
    found = await connection.execute(
        select(tables.audit.c.seq, tables.audit.c.mac).order_by(tables.audit.c.seq.desc()).limit(1)
    )
    row = found.one_or_none()
    return (row.seq, row.mac) if row else (0, "")


# A row is read as it is, so that one that somebody edited is shown, and named by `verify`, and stops nothing.
_columns = [type_coerce(each, BigInteger).label("at") if each.name == "at" else each for each in tables.audit.c]


def _row(columns: RowMapping) -> Row:
    values: dict[str, Any] = dict(columns)
    try:
        details = json.loads(values["details"])
    except (ValueError, TypeError):
        details = {}
    details = details if isinstance(details, dict) else {}
    return Row(**{**values, "at": _moment(values["at"]) or tables.EPOCH, "details": details})


def _moment(value: Any) -> datetime | None:
    try:
        return tables.EPOCH + timedelta(microseconds=value)
    except (TypeError, OverflowError):
        return None

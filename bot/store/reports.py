"""Reports on mail hosts: each a row that one bot works on, under a lease, until it is done or broken off.

Those that nobody asked for are kept once they are done; they have no card, and no one in `asked_by`. What a report
says is JSON that its owner, bot/reputation/reports.py, reads and writes.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Transaction
from bot.store.outbox import Told
from bot.store.tables import outbox, reports

KIND = "report"
"""The kind of a report's card in the outbox."""

RUNNING, DONE, BROKEN_OFF = "running", "done", "broken_off"
KEPT = 20
"""So many reports on a host that somebody asked for are kept, and the last whole one in any case."""
LATELY, DAYS = timedelta(days=2), timedelta(days=9)
"""Of those that nobody asked for: all of so long, then the last one of each day and scope for so long."""

ASKED_FOR = reports.c.asked_by != ""


@dataclass(frozen=True, slots=True)
class Row:
    """`content` is None until something was kept; `runs` counts the times that the checks were begun."""

    id: int
    host: str
    scope: str
    workspace: str
    channel: str
    asked_by: str
    state: str
    runs: int
    started_at: datetime
    finished_at: datetime | None
    content: Mapping[str, Any] | None

    @property
    def card(self) -> Told:
        return Told(self.workspace, self.channel, KIND, str(self.id))


async def begin(
    transaction: Transaction,
    host: str,
    scope: str,
    card: Told,
    asked_by: str,
    owner: str,
    now: datetime,
    until: datetime,
) -> int:
    """A report that this owner works on until then; its number. Where its card goes is taken from `card`."""
    values = {
        "host": host,
        "scope": scope,
        "workspace": card.workspace,
        "channel": card.channel,
        "asked_by": asked_by,
        "state": RUNNING,
        "started_at": now,
        "lease_owner": owner,
        "lease_until": until,
    }
    inserted = await transaction.connection.execute(insert(reports).values(**values).returning(reports.c.id))
    return int(inserted.scalar_one())


async def add(
    transaction: Transaction, host: str, scope: str, content: Mapping[str, Any], started: datetime, finished: datetime
) -> None:
    """One that nobody asked for. `scope` is the parts that it looked at, or all."""
    values = {
        "host": host,
        "scope": scope,
        "workspace": "",
        "channel": "",
        "asked_by": "",
        "state": DONE,
        "started_at": started,
        "finished_at": finished,
        "content": _packed(content),
    }
    await transaction.connection.execute(insert(reports).values(**values))


async def keep(transaction: Transaction, report: int, owner: str, content: Mapping[str, Any], until: datetime) -> bool:
    """Keep what is known so far, and the lease; False when it is not this owner's any more."""
    return await _set(transaction, report, owner, {"content": _packed(content), "lease_until": until})


async def end(
    transaction: Transaction, report: int, owner: str, state: str, content: Mapping[str, Any] | None, now: datetime
) -> bool:
    """It is done, or broken off; False when it is not this owner's any more."""
    values: dict[str, Any] = {"state": state, "finished_at": now, "lease_owner": None, "lease_until": None}
    return await _set(transaction, report, owner, values | ({"content": _packed(content)} if content else {}))


async def release(transaction: Transaction, report: int, owner: str, now: datetime) -> bool:
    """Let whoever looks next take it over."""
    return await _set(transaction, report, owner, {"lease_until": now})


async def take_over(transaction: Transaction, owner: str, now: datetime, until: datetime) -> Row | None:
    """One report whose owner is gone, as this owner's own from now on; None when there is none (left)."""
    lapsed = (reports.c.state == RUNNING, or_(reports.c.lease_until.is_(None), reports.c.lease_until <= now))
    found = select(reports.c.id).where(*lapsed).order_by(reports.c.id).limit(1)
    number = await transaction.connection.scalar(found.with_for_update(skip_locked=True))
    if number is None:
        return None
    taken = {"lease_owner": owner, "lease_until": until, "runs": reports.c.runs + 1}
    await transaction.connection.execute(update(reports).where(reports.c.id == number, *lapsed).values(**taken))
    return await get(transaction.connection, number)


async def get(connection: AsyncConnection, report: int) -> Row | None:
    found = (await connection.execute(select(reports).where(reports.c.id == report))).mappings().first()
    return _row(found) if found else None


async def running(connection: AsyncConnection, host: str, scope: str, channel: str, now: datetime) -> Row | None:
    """One of this kind, for this channel, that somebody works on."""
    alive = (reports.c.state == RUNNING, reports.c.lease_until > now)
    wanted = (reports.c.host == host, reports.c.scope == scope, reports.c.channel == channel)
    found = (await connection.execute(select(reports).where(*alive, *wanted).limit(1))).mappings().first()
    return _row(found) if found else None


async def under_way(connection: AsyncConnection, host: str, now: datetime) -> bool:
    """Whether somebody works on one of this host, of whatever kind."""
    alive = (reports.c.host == host, reports.c.state == RUNNING, reports.c.lease_until > now)
    return await connection.scalar(select(reports.c.id).where(*alive).limit(1)) is not None


async def overtaken(connection: AsyncConnection, host: str) -> bool:
    """Whether the last one of this host that was done is one that somebody asked for."""
    done = (reports.c.host == host, reports.c.state == DONE)
    newest_first = (reports.c.finished_at.desc(), reports.c.id.desc())
    return bool(await connection.scalar(select(reports.c.asked_by).where(*done).order_by(*newest_first).limit(1)))


async def latest(connection: AsyncConnection, host: str) -> Row | None:
    """The last one of this host that was done and is more than a part: a whole one, or one that nobody asked for."""
    done = (reports.c.host == host, reports.c.state == DONE, or_(reports.c.scope == "all", ~ASKED_FOR))
    newest = select(reports).where(*done).order_by(reports.c.id.desc()).limit(1)
    found = (await connection.execute(newest)).mappings().first()
    return _row(found) if found else None


async def as_of(connection: AsyncConnection, host: str, part: str, moment: datetime) -> Row | None:
    """The last one of this host that looked at this part and was done by then."""
    looked = or_(reports.c.scope == "all", reports.c.scope.contains(part))
    done = (reports.c.host == host, looked, reports.c.state == DONE)
    newest = select(reports).where(*done, reports.c.finished_at <= moment).order_by(reports.c.id.desc()).limit(1)
    found = (await connection.execute(newest)).mappings().first()
    return _row(found) if found else None


async def prune(transaction: Transaction, before: datetime, kept: int = KEPT) -> int:
    """Forget reports that were asked for and ended before that moment, or that so many of their host came after, with
    their cards; how many there were. The last whole one of each host stays."""
    newer = reports.alias("newer")
    asked_for = newer.c.asked_by != ""
    after = select(func.count()).where(newer.c.host == reports.c.host, newer.c.id > reports.c.id, asked_for)
    whole = and_(newer.c.state == DONE, newer.c.scope == "all", asked_for)
    old = select(reports.c.id).where(
        ASKED_FOR,
        reports.c.state != RUNNING,
        or_(reports.c.finished_at < before, after.scalar_subquery() >= kept),
        reports.c.id.not_in(select(func.max(newer.c.id)).where(whole).group_by(newer.c.host)),
    )
    numbers = list(await transaction.connection.scalars(old))
    cards = (outbox.c.kind == KIND, outbox.c.subject.in_([str(number) for number in numbers]))
    await transaction.connection.execute(delete(outbox).where(*cards))
    await transaction.connection.execute(delete(reports).where(reports.c.id.in_(numbers)))
    return len(numbers)


async def thin(transaction: Transaction, now: datetime) -> int:
    """Forget reports that nobody asked for, but those of LATELY, the last one of each day for DAYS, and the last one of
    each host and scope; how many there were."""
    columns = (reports.c.id, reports.c.host, reports.c.scope, reports.c.finished_at)
    newest_first = select(*columns).where(~ASKED_FOR).order_by(reports.c.id.desc())
    old: list[int] = []
    seen: set[tuple[object, ...]] = set()
    for number, host, scope, finished in await transaction.connection.execute(newest_first):
        kinds: set[tuple[object, ...]] = {(host, scope)}
        if now - finished < DAYS:
            kinds.add((host, scope, finished.date()))
        if now - finished >= LATELY and kinds <= seen:
            old.append(number)
        seen |= kinds
    await transaction.connection.execute(delete(reports).where(reports.c.id.in_(old)))
    return len(old)


async def _set(transaction: Transaction, report: int, owner: str, values: dict[str, Any]) -> bool:
    mine = (reports.c.id == report, reports.c.lease_owner == owner, reports.c.state == RUNNING)
    return (await transaction.connection.execute(update(reports).where(*mine).values(**values))).rowcount == 1


def _row(found: RowMapping) -> Row:
    content = found["content"]
    return Row(
        **{name: found[name] for name in Row.__slots__ if name != "content"},
        content=None if content is None else json.loads(zlib.decompress(content)),
    )


def _packed(content: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(content, ensure_ascii=False).encode())

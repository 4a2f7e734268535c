"""Samples of the queues: a row a minute for two days, a row an hour for a year. What was not measured has no row.

A row of an hour is made of its minutes while they come: counts are means, `peak` the most that was queued at once.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, delete, exists, insert, select, type_coerce

from bot.store.database import Connection, Transaction
from bot.store.tables import samples, summaries
from bot.store.upsert import insert_into

MINUTE, HOUR = 60, 3600
"""The spans of a row, in seconds."""

KEPT = {MINUTE: timedelta(days=2), HOUR: timedelta(days=366)}
SUMMARIES_KEPT = timedelta(days=2)
"""After that one summary a day is kept, as long as the hours are."""

COUNTS = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")


@dataclass(frozen=True, slots=True)
class Sample:
    """How the queues were in the span from `at` (seconds since the epoch) on; None: unknown.

    `measured` is how many looks it is made of, `peak` the most that was queued (corrupt files do not count), `oldest`
    when the oldest message came, `free` the per mille of the spool's disk that is free (of bytes or inodes, whichever
    is less), `up` whether Postfix ran, each time.
    """

    at: int
    measured: int = 1
    maildrop: int | None = None
    incoming: int | None = None
    active: int | None = None
    deferred: int | None = None
    hold: int | None = None
    corrupt: int | None = None
    peak: int | None = None
    oldest: int | None = None
    free: int | None = None
    up: bool | None = None

    @property
    def queued(self) -> int | None:
        """Messages in all queues but `corrupt`; None when one of them is unknown."""
        known = [self.maildrop, self.incoming, self.active, self.deferred, self.hold]
        return None if None in known else sum(count for count in known if count is not None)


async def keep(transaction: Transaction, host: str, sample: Sample) -> None:
    """Keep one look as the row of its minute, and make the row of its hour anew."""
    await _put(transaction, host, MINUTE, replace(sample, at=sample.at // MINUTE * MINUTE))
    start = sample.at // HOUR * HOUR
    found = await _between(transaction.connection, host, MINUTE, start, start + HOUR)
    await _put(transaction, host, HOUR, together(found, start))


async def series(connection: Connection, host: str, span: int, start: datetime, end: datetime) -> tuple[Sample, ...]:
    """The samples of this span that began in this time, in order; where there is none, nothing was measured."""
    return await _between(connection, host, span, start.timestamp(), end.timestamp())


async def latest(connection: Connection, host: str) -> Sample | None:
    wanted = select(*_columns).where(samples.c.host == host, samples.c.span == MINUTE)
    row = (await connection.execute(wanted.order_by(samples.c.at.desc()).limit(1))).mappings().first()
    return Sample(**row) if row else None


async def at_this_hour(connection: Connection, host: str, now: datetime, days: int = 14) -> tuple[Sample, ...]:
    """The hours of the last days that begin at the same time of the day as this one (in UTC), today's left out."""
    this = int(now.timestamp()) // HOUR * HOUR
    wanted = [this - day * 24 * HOUR for day in range(1, days + 1)]
    where = (samples.c.host == host, samples.c.span == HOUR, samples.c.at.in_(wanted))
    found = await connection.execute(select(*_columns).where(*where).order_by(samples.c.at))
    return tuple(Sample(**row) for row in found.mappings())


async def keep_summary(transaction: Transaction, host: str, at: datetime, content: Any) -> None:
    """Keep what a listing came to, as JSON."""
    packed = zlib.compress(json.dumps(content, ensure_ascii=False).encode())
    await transaction.connection.execute(insert(summaries).values(host=host, at=at, content=packed))


async def summary_before(connection: Connection, host: str, moment: datetime) -> tuple[datetime, Any] | None:
    """The newest summary that is not newer than that moment, and when it was taken."""
    wanted = select(summaries.c.at, summaries.c.content).where(summaries.c.host == host, summaries.c.at <= moment)
    row = (await connection.execute(wanted.order_by(summaries.c.at.desc()).limit(1))).first()
    return (row[0], json.loads(zlib.decompress(row[1]))) if row else None


async def prune(transaction: Transaction, now: datetime) -> None:
    """Forget what is older than it is kept."""
    connection = transaction.connection
    for span, kept in KEPT.items():
        old = (samples.c.span == span, samples.c.at < (now - kept).timestamp())
        await connection.execute(delete(samples).where(*old))
    await connection.execute(delete(summaries).where(summaries.c.at < now - KEPT[HOUR]))
    # The last one of each day stays.
    later = summaries.alias("later")
    same_day = (later.c.host == summaries.c.host, later.c.at > summaries.c.at, _day(later) == _day(summaries))
    await connection.execute(delete(summaries).where(summaries.c.at < now - SUMMARIES_KEPT, exists().where(*same_day)))


def _day(table: FromClause) -> ColumnElement[int]:
    """The day of a summary, in UTC."""
    return type_coerce(table.c.at, BigInteger) // (86_400 * 1_000_000)


_columns = tuple(samples.c[field.name] for field in fields(Sample))


def together(found: Sequence[Sample], at: int) -> Sample:
    """Samples as one that begins at `at`: means, the highest peak, the least space, the last oldest message."""
    return Sample(
        at=at,
        measured=sum(each.measured for each in found),
        **{name: _of(_mean, [getattr(each, name) for each in found]) for name in COUNTS},
        peak=_of(max, [each.peak for each in found]),
        oldest=found[-1].oldest,
        free=_of(min, [each.free for each in found]),
        up=_of(all, [each.up for each in found]),
    )


def _mean(values: Sequence[int]) -> int:
    return round(sum(values) / len(values))


def _of(combine: Callable[[list[Any]], Any], values: Sequence[int | None]) -> Any:
    known = [value for value in values if value is not None]
    return combine(known) if known else None


async def _between(connection: Connection, host: str, span: int, start: float, end: float) -> tuple[Sample, ...]:
    where = (samples.c.host == host, samples.c.span == span, samples.c.at >= start, samples.c.at < end)
    wanted = select(*_columns).where(*where).order_by(samples.c.at)
    return tuple(Sample(**row) for row in (await connection.execute(wanted)).mappings())


async def _put(transaction: Transaction, host: str, span: int, sample: Sample) -> None:
    row = {field.name: getattr(sample, field.name) for field in fields(Sample)}
    key = {"host": host, "span": span, "at": row.pop("at")}
    await transaction.connection.execute(
        insert_into(transaction.connection, samples)
        .values(**key, **row)
        .on_conflict_do_update(index_elements=list(key), set_=row)
    )

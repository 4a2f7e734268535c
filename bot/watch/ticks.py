"""Which moments of a time axis carry a label, in local time: days of 23 and 25 hours have theirs as well."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)
"""All offsets from UTC in use are multiples of it, so that every local hour begins at one."""
LONG = timedelta(hours=49)
"""A longer stretch has a label a day, a shorter one some hours of the day."""
HOURS = ((13, 3), (26, 6), (LONG // timedelta(hours=1), 12))
"""Up to so many hours: a label each so many."""


@dataclass(frozen=True, slots=True)
class Tick:
    """`label` is one line, or two: at the first moment of a day its date stands below."""

    at: datetime
    label: str


def ticks(start: datetime, end: datetime, zone: str) -> tuple[Tick, ...]:
    """The labelled moments from start to end. Raises ZoneInfoNotFoundError."""
    local = ZoneInfo(zone)
    span = end - start
    if span > LONG:
        return tuple(
            Tick(at, f"{at.astimezone(local):%a}\n{_date(at.astimezone(local))}") for at in _days(start, end, local)
        )
    every = next(hours for most, hours in HOURS if span <= timedelta(hours=most))
    found = []
    for at, moment in _changes(start, end, local):
        if moment.hour % every == 0:
            label = f"{moment:%H:%M}"
            found.append(Tick(at, f"{label}\n{moment:%a} {_date(moment)}" if moment.hour == 0 else label))
    return tuple(found)


def offset_change(start: datetime, end: datetime, zone: str) -> timedelta:
    """By how much the clocks went forward (below zero: back) in this time."""
    local = ZoneInfo(zone)
    before, after = start.astimezone(local).utcoffset(), end.astimezone(local).utcoffset()
    return (after or timedelta()) - (before or timedelta())


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"


def _days(start: datetime, end: datetime, local: ZoneInfo) -> Iterator[datetime]:
    """The first moment of each day; where the clocks go forward at midnight that is one o'clock."""
    before = (start - timedelta.resolution).astimezone(local).date()
    for at in _quarters(start, end):
        today = at.astimezone(local).date()
        if today != before:
            yield at
        before = today


def _changes(start: datetime, end: datetime, local: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The first moment of each hour; an hour that the clocks pass twice counts once."""
    seen = set()
    for at in _quarters(start, end):
        moment = at.astimezone(local)
        if moment.minute == 0 and (moment.date(), moment.hour) not in seen:
            seen.add((moment.date(), moment.hour))
            yield at, moment


def _quarters(start: datetime, end: datetime) -> Iterator[datetime]:
    seconds = -(-start.timestamp() // QUARTER.total_seconds()) * QUARTER.total_seconds()
    at = datetime.fromtimestamp(seconds, UTC)
    while at <= end:
        yield at
        at += QUARTER

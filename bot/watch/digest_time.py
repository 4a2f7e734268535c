"""When the daily digest is due: once for each day of a time zone, on days of 23 and of 25 hours too."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEVER = "never"

LATE = timedelta(hours=4)
"""A digest that was missed, because the bot was down, is posted up to so long after its time."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The digest of one local day, and the moment (aware, in UTC) that it was meant for."""

    day: date
    at: datetime


def due(now: datetime, at: str, zone: str) -> Slot | None:
    """The slot whose time has come, and was less than LATE ago; `at` is HH:MM in the zone, or never.

    A time that a day does not have, because the clocks go forward, comes as much later as they are put forward; one
    that it has twice counts the first time (PEP 495, fold=0).
    """
    if at == NEVER:
        return None
    local, clock = ZoneInfo(zone), time.fromisoformat(at)
    today = now.astimezone(local).date()
    # Yesterday's may have been missed around midnight.
    slots = [_slot(day, clock, local) for day in (today, today - timedelta(days=1))]
    newest = next((slot for slot in slots if slot.at <= now), None)
    return newest if newest and now - newest.at < LATE else None


def day_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first moment of a local day and of the one after it, in UTC."""
    local = ZoneInfo(zone)
    return _slot(day, time(), local).at, _slot(day + timedelta(days=1), time(), local).at


def _slot(day: date, clock: time, zone: ZoneInfo) -> Slot:
    return Slot(day, datetime.combine(day, clock, zone).astimezone(UTC))

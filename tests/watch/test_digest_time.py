"""One digest for each day, whatever the clocks of a zone do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.watch.digest_time import LATE, Slot, day_of, due

ZONES = (
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "America/Santiago",  # forward at midnight
    "America/St_Johns",
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/Nuuk",
    "Asia/Beirut",
)
MINUTE = timedelta(minutes=1)


def local(zone: str, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone))  # type: ignore[arg-type, misc]


def taken(start: datetime, end: datetime, at: str, zone: str, step: timedelta = MINUTE) -> list[Slot]:
    """What a clock that looks each minute finds due for the first time, in order."""
    found: dict[date, Slot] = {}
    now = start
    while now < end:
        if slot := due(now, at, zone):
            found.setdefault(slot.day, slot)
        now += step
    return list(found.values())


def test_it_is_due_from_its_minute_on_for_four_hours_and_then_no_more() -> None:
    at = local("Europe/Madrid", 2026, 6, 1, 8).astimezone(UTC)
    assert due(at - MINUTE, "08:00", "Europe/Madrid") is None
    for now in (at, at + MINUTE, at + LATE - MINUTE):
        assert due(now, "08:00", "Europe/Madrid") == Slot(date(2026, 6, 1), at)
    assert due(at + LATE, "08:00", "Europe/Madrid") is None


def test_never_is_never() -> None:
    assert due(datetime(2026, 6, 1, 8, tzinfo=UTC), "never", "UTC") is None


def test_one_that_was_missed_before_midnight_is_still_yesterdays() -> None:
    slot = due(datetime(2026, 6, 2, 1, tzinfo=UTC), "23:30", "UTC")
    assert slot == Slot(date(2026, 6, 1), datetime(2026, 6, 1, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("day", "moments"),
    [
        ((2026, 3, 29), "2026-03-29T03:30+02:00"),  # there is no 02:30
        ((2026, 10, 25), "2026-10-25T02:30+02:00"),  # there are two
    ],
)
def test_half_past_two_comes_once_on_the_days_on_which_the_clocks_change(
    day: tuple[int, int, int], moments: str
) -> None:
    start, end = day_of(date(*day), "Europe/Madrid")
    (slot,) = [slot for slot in taken(start, end, "02:30", "Europe/Madrid") if slot.day == date(*day)]
    assert slot.at == datetime.fromisoformat(moments)


FEWER = settings(max_examples=settings.default.max_examples // 4)  # type: ignore[union-attr]
"""Each example looks at the clock some two thousand times."""


@FEWER
@given(
    st.sampled_from(ZONES),
    st.dates(date(1990, 1, 1), date(2037, 12, 1)),
    st.times().map(lambda time: f"{time:%H:%M}"),
)
def test_each_day_has_one_at_its_time_or_within_the_hour_that_the_clocks_jumped(zone: str, day: date, at: str) -> None:
    start, end = day_of(day, zone)
    found = taken(start, end + 7 * 24 * 60 * MINUTE, at, zone, 7 * MINUTE)
    days = [slot.day for slot in found if slot.day >= day]
    assert days == sorted(set(days)) and days[:7] == [day + timedelta(days=number) for number in range(7)]
    for slot in found:
        shown = slot.at.astimezone(ZoneInfo(zone))
        hour, minute = map(int, at.split(":"))
        late = timedelta(hours=shown.hour, minutes=shown.minute) - timedelta(hours=hour, minutes=minute)
        assert late % timedelta(days=1) in (timedelta(), timedelta(minutes=30), timedelta(hours=1))


@FEWER
@given(st.sampled_from(ZONES), st.integers(2000, 2035), st.integers(0, 23))
def test_a_year_has_as_many_as_days(zone: str, year: int, hour: int) -> None:
    start = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=2)
    found = taken(start, start + timedelta(days=370), f"{hour:02}:30", zone, timedelta(hours=3, minutes=50))
    days = [slot.day for slot in found if slot.day.year == year]
    assert days == [date(year, 1, 1) + timedelta(days=number) for number in range(len(days))]
    assert len(days) == (date(year + 1, 1, 1) - date(year, 1, 1)).days


def test_a_day_that_a_zone_left_out_has_none_of_its_own() -> None:
    """Samoa went over the date line: after 29 December 2011 came the 31st."""
    start = datetime(2011, 12, 29, tzinfo=UTC)
    days = [slot.day.day for slot in taken(start, start + timedelta(days=3), "08:00", "Pacific/Apia")]
    assert days == [29, 31, 1]

"""The time axis reads as the clocks on the wall do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot.watch.ticks import offset_change, ticks

DAY = timedelta(days=1)


def labels(start: datetime, end: datetime, zone: str) -> list[str]:
    return [tick.label for tick in ticks(start, end, zone)]


def local_day(year: int, month: int, number: int, zone: str) -> tuple[datetime, datetime]:
    start = datetime(year, month, number, tzinfo=ZoneInfo(zone))
    return start.astimezone(UTC), (start + DAY).astimezone(UTC)


@pytest.mark.parametrize(
    ("date", "hours", "between"),
    [((2026, 3, 29), 23, [5, 6, 6, 6]), ((2026, 10, 25), 25, [7, 6, 6, 6]), ((2026, 6, 1), 24, [6, 6, 6, 6])],
)
def test_a_day_of_23_24_or_25_hours_has_its_own_hours(
    date: tuple[int, int, int], hours: int, between: list[int]
) -> None:
    start, end = local_day(*date, "Europe/Berlin")
    assert end - start == timedelta(hours=hours)
    found = ticks(start, end, "Europe/Berlin")
    assert [tick.label.split("\n")[0] for tick in found] == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert [(later.at - earlier.at) // timedelta(hours=1) for earlier, later in pairwise(found)] == between
    assert offset_change(start, end, "Europe/Berlin") == timedelta(hours=24 - hours)


def test_midnight_carries_its_date() -> None:
    start = datetime(2026, 11, 23, 7, 7, tzinfo=UTC)
    assert labels(start, start + DAY, "Europe/Berlin") == ["12:00", "18:00", "00:00\nTue 24 Nov", "06:00"]


def test_a_week_has_a_label_a_day_at_its_first_moment() -> None:
    zone = "America/Santiago"  # its clocks go forward at midnight
    start = datetime(2026, 9, 2, 12, tzinfo=ZoneInfo(zone))
    found = ticks(start, start + 7 * DAY, zone)
    assert [tick.label for tick in found][:4] == ["Thu\n3 Sep", "Fri\n4 Sep", "Sat\n5 Sep", "Sun\n6 Sep"]
    assert found[3].at.astimezone(ZoneInfo(zone)).hour == 1
    assert found[4].at - found[3].at == timedelta(hours=23)


def test_zones_off_the_hour_have_whole_local_hours() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for zone in ("Asia/Kathmandu", "Asia/Kolkata", "America/St_Johns"):
        found = ticks(start, start + DAY, zone)
        assert {tick.at.astimezone(ZoneInfo(zone)).minute for tick in found} == {0}
        assert 4 <= len(found) <= 5


def test_few_labels_whatever_the_length() -> None:
    start = datetime(2026, 5, 5, 3, 21, tzinfo=UTC)
    for hours in (6, 12, 24, 48, 72, 168):
        assert 2 <= len(ticks(start, start + timedelta(hours=hours), "UTC")) <= 9, hours

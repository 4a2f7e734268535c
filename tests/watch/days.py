"""Days in the life of a queue, for the tests of what is drawn and said of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.watch.series import Mark, Peak, Point, Series

BERLIN = "Europe/Berlin"
START = datetime(2026, 11, 23, 8, tzinfo=ZoneInfo(BERLIN))

Depth = Callable[[float], int | None]
"""Deferred messages by the hour since the start; None: not known, below zero: there is no such point."""
MISSING = -1


def day(
    depth: Depth,
    *,
    host: str = "mx1",
    start: datetime = START,
    hours: float = 24,
    minutes: int = 10,
    marks: tuple[tuple[float, str, str], ...] = (),
    peak: tuple[float, int] | None = None,
) -> Series:
    """A point each so many minutes: this many deferred messages, a tenth as many active, and three on hold."""
    start = datetime.fromtimestamp(start.timestamp(), ZoneInfo(BERLIN))

    def at(hour: float) -> datetime:
        return datetime.fromtimestamp(start.timestamp() + hour * 3600, ZoneInfo("UTC"))

    points = []
    for number in range(int(hours * 60 / minutes)):
        deferred = depth(number * minutes / 60)
        if deferred is None:
            points.append(Point(at(number * minutes / 60), None, None, None, None))
        elif deferred >= 0:
            points.append(Point(at(number * minutes / 60), deferred // 10, deferred, 3 if deferred else 0, 0))
    marked = tuple(Mark(at(hour), severity, label) for hour, severity, label in marks)
    highest = Peak(at(peak[0]), peak[1]) if peak else None
    return Series(host, start, at(hours), BERLIN, tuple(points), marked, highest)


def hours_since(series: Series, moment: datetime) -> float:
    return (moment.timestamp() - series.start.timestamp()) / timedelta(hours=1).total_seconds()


def quiet(hour: float) -> int:
    return 40 + int(hour)


def holey(hour: float) -> int | None:
    """Not known from five to eight, nobody measured from twelve to fourteen, and nothing was measured at two."""
    if 5 <= hour < 8:
        return None
    return MISSING if 12 <= hour < 14 or hour == 2 else 20


def huge(hour: float) -> int:
    return 100_000 if 14 <= hour < 15 else quiet(hour)

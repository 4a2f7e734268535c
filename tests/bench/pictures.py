"""How long a picture takes, and how much of that the event loop feels."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bot.watch.picture import draw
from bot.watch.series import Mark, Point, Series
from tests.bench.measure import BARE_PYTHON, run

MINUTES = 24 * 60
TICK = 0.005


def rows() -> Iterator[tuple[str, str, str]]:
    """What, its figure, and its ceiling."""
    series = a_day()
    draw(series)
    seconds = min(seconds_of(series) for _ in range(3))
    yield "the picture of a day, from a sample each minute", f"{seconds:.2f} s", "1.00 s"
    yield "  the longest pause of the event loop meanwhile", f"{asyncio.run(pause(series)) * 1000:.0f} ms", ""
    whole = run((sys.executable, "-c", "from tests.bench import pictures; pictures.draw(pictures.a_day())")).seconds
    yield "  the first one, which imports matplotlib", f"{whole - run(BARE_PYTHON).seconds:.2f} s", ""


def a_day() -> Series:
    """1,440 samples with a gap and three alerts."""
    start = datetime(2026, 11, 23, 7, tzinfo=UTC)
    points = tuple(
        Point(start + timedelta(minutes=number), number % 7, 3000 + number * 37 % 911, 12, number % 3)
        for number in range(MINUTES)
        if not 300 < number < 400
    )
    marks = tuple(Mark(start + timedelta(hours=hour), "warning", "deferred is growing") for hour in (3, 9, 20))
    return Series("mx1.example.org", start, start + timedelta(days=1), "Europe/Berlin", points, marks)


def seconds_of(series: Series) -> float:
    began = time.perf_counter()
    draw(series)
    return time.perf_counter() - began


async def pause(series: Series) -> float:
    """Seconds by which the loop was late at most while a thread was drawing."""
    drawing = asyncio.create_task(asyncio.to_thread(draw, series))
    longest = 0.0
    while not drawing.done():
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        longest = max(longest, time.perf_counter() - before - TICK)
    return longest

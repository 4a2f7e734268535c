"""A series drawn in text, with the Unicode block elements: for terminals, and in a line for a card."""

from collections.abc import Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

from bot.text import presentable
from bot.text import width as cells
from bot.watch.series import Series
from bot.watch.ticks import ticks
from bot.watch.wording import HOST

BLOCKS = "▁▂▃▄▅▆▇█"
UNKNOWN = "?"
"""Stands where nothing is known; a blank would look like nothing there."""
ALERT, BEYOND = "!", "▲"
HEIGHT = 6
"""Lines that the depth takes."""
LEAST = 24
"""Columns below which nothing can be read."""


def spark(values: Sequence[float | None], width: int) -> str:
    """The values in one line of at most `width` characters, the highest of each few; `?` where none is known.

    Zero is the lowest block, and whatever is more than zero a higher one.
    """
    columns = _highest_of_each(values, width)
    top = max((value for value in columns if value is not None), default=0)
    return "".join(UNKNOWN if value is None else BLOCKS[_level(value, top, len(BLOCKS) - 1)] for value in columns)


def text_picture(series: Series, width: int) -> list[str]:
    """The depth over time in lines of at most `width` characters (24 or more): depth, alerts, hours, and a legend."""
    width = max(width, LEAST)
    highest = series.highest()
    top = series.ceiling() or (highest.messages if highest else 0)
    margin = len(f"{top:,}")
    columns = _columns(series, width - margin - 1)
    lines = [_fitted(f"Queue of {presentable(series.host, HOST)}", width)]
    for row in reversed(range(HEIGHT)):
        label = "0" if row == 0 else f"{top:,}" if row == HEIGHT - 1 and top else ""
        lines.append(f"{label:>{margin}} {''.join(_cell(value, top, row) for value in columns)}".rstrip())
    if marks := _marks(series, len(columns)).rstrip():
        lines.append(f"{'':>{margin}} {marks}")
    lines += [f"{'':>{margin}} {line}".rstrip() for line in _axis(series, len(columns))]
    lines += _legend(series, columns, top, width)
    return lines


def _highest_of_each(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values: of each few the highest that is known."""
    if len(values) <= width:
        return list(values)
    edges = [len(values) * column // width for column in range(width + 1)]
    parts = [values[start:end] for start, end in pairwise(edges)]
    return [max((value for value in part if value is not None), default=None) for part in parts]


def _level(value: float, top: float, most: int) -> int:
    """From 0, for zero alone, to `most`."""
    return min(most, max(1, round(value / top * most))) if value > 0 else 0


def _columns(series: Series, width: int) -> list[float | None]:
    """The highest depth in each of so many equal parts of the time; None for a part of which nothing is known."""
    columns: list[float | None] = [None] * width
    span = (series.end - series.start).total_seconds()
    for run in series.runs():
        ends = [*(point.at for point in run.points[1:]), run.end]
        for point, end in zip(run.points, ends, strict=True):
            first = int((point.at - series.start).total_seconds() / span * width)
            # What ends where a part begins has no time in that part.
            last = max(first + 1, -int(-(end - series.start).total_seconds() / span * width // 1))
            for column in range(first, min(last, width)):
                columns[column] = max(columns[column] or 0, point.total or 0)
    return columns


def _cell(value: float | None, top: float, row: int) -> str:
    if value is None:
        return UNKNOWN if row == 0 else " "
    if value > top and row == HEIGHT - 1:
        return BEYOND
    level = _level(value, top, HEIGHT * len(BLOCKS)) - row * len(BLOCKS)
    if level <= 0:
        return "_" if row == 0 else " "
    return BLOCKS[min(level, len(BLOCKS)) - 1]


def _marks(series: Series, width: int) -> str:
    cells = [" "] * width
    for mark in series.marks:
        if series.start <= mark.at <= series.end:
            cells[_place(series, mark.at.timestamp(), width)] = ALERT
    return "".join(cells)


def _axis(series: Series, width: int) -> list[str]:
    """The labels of the time axis, each where its moment is; one that has no room is left out."""
    rows = [[" "] * width, [" "] * width]
    free = [0, 0]
    for tick in ticks(series.start, series.end, series.zone):
        for row, label in enumerate(tick.label.split("\n")):
            start = _place(series, tick.at.timestamp(), width)
            if start >= free[row] and start + len(label) <= width:
                rows[row][start : start + len(label)] = label
                free[row] = start + len(label) + 1
    return [line for line in ("".join(row).rstrip() for row in rows) if line]


def _place(series: Series, at: float, width: int) -> int:
    start = series.start.timestamp()
    return min(width - 1, int((at - start) / (series.end.timestamp() - start) * width))


def _legend(series: Series, columns: Sequence[float | None], top: float, width: int) -> list[str]:
    zone = ZoneInfo(series.zone).key
    told = [f"Messages in the queue; times in {zone}."]
    if None in columns:
        told.append(f"{UNKNOWN} not known.")
    if series.marks:
        told.append(f"{ALERT} alert.")
    if any(value is not None and value > top for value in columns):
        highest = series.highest()
        told.append(f"{BEYOND} more than {top:,}, at most {highest.messages if highest else 0:,}.")
    lines = [""]
    for each in told:
        if lines[-1] and len(lines[-1]) + 1 + len(each) > width:
            lines.append("")
        lines[-1] = _fitted(f"{lines[-1]} {each}".strip(), width)
    return lines


def _fitted(line: str, width: int) -> str:
    """The beginning of a line that takes no more cells of a terminal."""
    while cells(line) > width:
        line = line[:-1]
    return line

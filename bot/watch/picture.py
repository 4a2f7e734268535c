"""A series as a PNG picture: depth by state as stacked areas, on a phone and on dark and light themes alike.

matplotlib takes a second to import and is needed once a day, so it is imported by the first picture. `draw` takes some
tenths of a second and belongs off the event loop: `await asyncio.to_thread(draw, series)`.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot.text import presentable
from bot.watch.series import STATES, Mark, Run, Series
from bot.watch.sparks import text_picture
from bot.watch.ticks import offset_change, ticks
from bot.watch.wording import moment, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

COLOURS = {"hold": "#44224a", "deferred": "#d9821f", "active": "#1f6aa5", "incoming": "#9fd4e8"}
"""Far apart in lightness, so that they are told apart in grey and by the colour-blind."""
PAPER, INK, FAINT, ALARM = "#f6f5f1", "#22252a", "#8a8d92", "#b3001b"
INCHES, DPI = (6.0, 3.75), 200
"""1200 x 750 pixels, which a phone shows some 400 wide: a type size of 13 is 12 pixels there."""
STYLE: dict[RcKeyType, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 13,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "hatch.color": "#b9bab8",
    "hatch.linewidth": 2.0,
    "xtick.color": INK,
    "ytick.color": INK,
}
HOST, LABEL = 32, 26
"""Characters of a host's name and of an alert's label that have room."""
SMALL = 11
GAP = 0.015
"""Half a triangle with its margin, as a part of the axis."""
COLUMNS = 240
"""So many parts of the time are drawn: a finer line would be a black band."""
TEXT_WIDTH = 72
"""Columns of the picture in text that the PNG carries along, for who reads it at a terminal."""

# matplotlib keeps settings and fonts for the whole process.
_one_at_a_time = threading.Lock()


def draw(series: Series) -> bytes:
    """A PNG of the series; the same bytes for the same series, by the same matplotlib.

    Its `Description` is words(), its `Comment` text_picture(). Raises ZoneInfoNotFoundError.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    carried = {"Software": None, "Description": words(series), "Comment": "\n".join(text_picture(series, TEXT_WIDTH))}
    with _one_at_a_time, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=INCHES, dpi=DPI)
        FigureCanvasAgg(figure)
        _draw(figure, series)
        written = io.BytesIO()
        figure.savefig(written, format="png", metadata=carried)
    return written.getvalue()


def _draw(figure: Figure, series: Series) -> None:
    title = figure.text(0.03, 0.93, _shown(f"Queue of {presentable(series.host, HOST)}"), size=16, weight="bold")
    while title.get_window_extent().x1 > 0.98 * figure.bbox.width:
        title.set_text(f"{title.get_text()[:-2]}…")
    ceiling = series.ceiling()
    highest = series.highest()
    top = highest.messages if highest else 0
    if ceiling:
        whole, usual = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.6))
        panels = [(whole, top), (usual, ceiling)]
    else:
        usual = figure.subplots()
        panels = [(usual, top)]
    figure.subplots_adjust(left=0.13, right=0.97, top=0.74 if series.marks else 0.81, bottom=0.2, hspace=0.22)
    for axes, most in panels:
        _depth(axes, series, most)
        _alerts(axes, series)
    if ceiling:
        usual.text(
            0.01, 0.95, f"below {ceiling:,}", transform=usual.transAxes, size=SMALL, va="top", backgroundcolor=PAPER
        )
    _labels(panels[0][0], series)
    if not top:
        said = "empty" if series.runs() else "nothing is known"
        usual.text(0.5, 0.5, said, transform=usual.transAxes, ha="center", backgroundcolor=PAPER)
    _times(usual, series)
    _legend(figure, series)
    _footer(figure, series)


def _depth(axes: Axes, series: Series, most: int) -> None:
    """Areas for what is known, hatches for what is not."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for run in (run.thinned((series.end - series.start) / COLUMNS) for run in series.runs()):
        seconds = [_seconds(series, at) for at in (*(point.at for point in run.points), run.end)]
        below = [0] * len(seconds)
        for state in STATES:
            above = [low + count for low, count in zip(below, _counts(run, state), strict=True)]
            axes.fill_between(seconds, below, above, step="post", color=COLOURS[state], linewidth=0)
            below = above
        axes.step(seconds, below, where="post", color=INK, linewidth=0.6)
    for gap in series.gaps():
        axes.axvspan(_seconds(series, gap.start), _seconds(series, gap.end), facecolor=PAPER, hatch="//", linewidth=0)
    axes.set_xlim(0, _seconds(series, series.end))
    axes.set_ylim(0, max(most, 1) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    axes.grid(axis="y", color=FAINT, alpha=0.35, linewidth=0.8)
    axes.tick_params(length=3, color=FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _counts(run: Run, state: str) -> list[int]:
    """One count for each moment of a run, its end included."""
    counts = [int(getattr(point, state)) for point in run.points]
    return [*counts, counts[-1]]


def _alerts(axes: Axes, series: Series) -> None:
    for mark in _within(series):
        style: Any = "-" if mark.severity == "critical" else (0, (3, 2))
        axes.axvline(_seconds(series, mark.at), color=ALARM, linewidth=1.4, linestyle=style)


def _labels(axes: Axes, series: Series) -> None:
    """A triangle for each alert above the picture; beside it what it is, where there is room."""
    places = [_seconds(series, mark.at) / _seconds(series, series.end) for mark in _within(series)]
    free = -GAP
    for mark, place, following in zip(_within(series), places, [*places, 1.0 + GAP][1:], strict=True):
        face = ALARM if mark.severity == "critical" else PAPER
        axes.plot(place, 1.05, "v", ms=8, mfc=face, mec=ALARM, transform=axes.transAxes, clip_on=False)
        label = axes.text(place + GAP, 1.05, "", va="center", size=SMALL, transform=axes.transAxes)
        label.set_text(_shown(presentable(mark.label, LABEL)))
        wide = label.get_window_extent().width / axes.bbox.width
        if place + GAP + wide <= following - GAP:
            free = place + GAP + wide
            continue
        if place - GAP - wide >= free:
            label.set(x=place - GAP, ha="right")
        else:
            label.remove()
        free = place + GAP


def _times(axes: Axes, series: Series) -> None:
    """A label at the very end would be cut."""
    most = 0.96 * _seconds(series, series.end)
    marked = [tick for tick in ticks(series.start, series.end, series.zone) if _seconds(series, tick.at) < most]
    axes.set_xticks([_seconds(series, tick.at) for tick in marked], [tick.label for tick in marked])


def _footer(figure: Figure, series: Series) -> None:
    note = f"times in {series.zone}"
    if change := offset_change(series.start, series.end, series.zone):
        note += f"; the clocks went {'forward' if change > timedelta() else 'back'}"
    figure.text(0.97, 0.02, note, size=SMALL - 1, ha="right")
    if (peak := series.highest()) and peak.messages:
        when = moment(peak.at, ZoneInfo(series.zone))
        figure.text(
            0.03, 0.02, f"{'most seen' if series.gaps() else 'most'}: {peak.messages:,} on {when}", size=SMALL - 1
        )


def _legend(figure: Figure, series: Series) -> None:
    """Whatever is in the picture, the states in the order in which they are stacked."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = [state for state in STATES if any(getattr(point, state) for run in series.runs() for point in run.points)]
    entries: list[Any] = [Patch(color=COLOURS[state], label=state) for state in shown]
    if series.gaps():
        entries.append(Patch(facecolor=PAPER, edgecolor=FAINT, hatch="////", linewidth=0, label="not known"))
    if _within(series):
        entries.append(Line2D([], [], color=ALARM, marker="v", linestyle="", label="alert"))
    figure.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(0.02, 0.92),
        ncols=max(len(entries), 1),
        frameon=False,
        fontsize=SMALL,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=1.0,
        borderpad=0,
    )


def _within(series: Series) -> Sequence[Mark]:
    return sorted((mark for mark in series.marks if series.start <= mark.at <= series.end), key=lambda mark: mark.at)


def _seconds(series: Series, at: datetime) -> float:
    """Since the start, so that a day of 23 or 25 hours is that long."""
    return at.timestamp() - series.start.timestamp()


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1000:,.0f}k" if value >= 10_000 else f"{value:,.0f}"


def _shown(text: str) -> str:
    """Text in which the font has every character; a box stands for the others."""
    from matplotlib.font_manager import findfont, get_font

    has = get_font(findfont("DejaVu Sans")).get_char_index
    return "".join(letter if has(ord(letter)) else "□" for letter in text)

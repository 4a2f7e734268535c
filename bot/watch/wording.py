"""A series in words: what a picture's alternative text says, to whoever does not see it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.text import duration, listed, plural, presentable
from bot.watch.series import Gap, Mark, Series

HOST, LABEL = 40, 60
"""Characters of a host's name and of an alert's label that are shown."""
SHOWN = 3
"""So many gaps and alerts are told one by one."""


def words(series: Series) -> str:
    """The peak and its time, how much there is at the end, alerts, and what is not known; below 1,000 characters."""
    runs, peak, gaps = series.runs(), series.highest(), series.gaps()
    zone = ZoneInfo(series.zone)
    head = f"Queue of {presentable(series.host, HOST)}, {_span(series.start, series.end, zone)} ({series.zone})"
    if not runs or peak is None:
        told = ["nothing of it is known"]
    elif peak.messages == 0:
        told = ["empty" if not gaps else "empty whenever it was looked at"]
    else:
        seen = " seen," if gaps else ""
        told = [f"at most {plural(peak.messages, 'message')}{seen} on {moment(peak.at, zone)}", _now(series)]
    sentences = [f"{head}: {', '.join(told)}."]
    if series.marks:
        sentences.append(_alerts(series.marks, zone))
    if gaps and runs:
        sentences.append(_unknown(gaps, zone))
    return " ".join(sentences)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """`Mon 2 Mar 14:05`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def _span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    return f"{moment(start, zone)} to {moment(end, zone)}"


def _now(series: Series) -> str:
    last = series.runs()[-1]
    messages = last.points[-1].total or 0
    if series.gaps() and series.gaps()[-1].end == series.end:
        return f"at the end not known (last known: {messages:,})"
    return f"{messages:,} at the end"


def _alerts(marks: tuple[Mark, ...], zone: ZoneInfo) -> str:
    shown = [
        f"{presentable(mark.severity, HOST)} at {mark.at.astimezone(zone):%H:%M} ({presentable(mark.label, LABEL)})"
        for mark in marks[:SHOWN]
    ]
    more = [f"{len(marks) - SHOWN} more"] if len(marks) > SHOWN else []
    return f"{plural(len(marks), 'alert')}: {listed([*shown, *more])}."


def _unknown(gaps: tuple[Gap, ...], zone: ZoneInfo) -> str:
    seconds = sum((gap.end - gap.start).total_seconds() for gap in gaps)
    shown = [_span(gap.start, gap.end, zone) for gap in gaps[:SHOWN]]
    more = [f"{plural(len(gaps) - SHOWN, 'more time')}"] if len(gaps) > SHOWN else []
    return f"Not known for {duration(seconds)}: {listed([*shown, *more])}."

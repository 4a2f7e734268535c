"""A mail host's queue for its digest: from samples and listings to what is kept of them, and to the series drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from bot.store.samples import Sample
from bot.watch.digest import Day, HostDigest, Listed, Queue, Top
from bot.watch.series import Mark, Peak, Point, Series

PACE = 300
"""Seconds from one point to the next, where there is a sample each minute."""

RECENT = timedelta(hours=6)
"""A listing that is older says nothing of now."""
NEAR = timedelta(hours=26)
"""What is compared with may be so much older: of former days one listing is kept."""

SHOWN = 3
"""So many senders and reasons are told."""


def queue(host: str, found: Sequence[Sample], start: datetime, end: datetime, zone: str, pace: int = PACE) -> Queue:
    """The queue from `start` to `end`. Of the samples within `pace` seconds the one with the most messages is kept."""
    points = []
    for at, few in groupby(found, key=lambda sample: sample.at // pace * pace):
        most = max(few, key=_known)
        # The first bucket may begin before the stretch does.
        points.append((max(at, int(start.timestamp())), most.active, most.deferred, most.hold, most.incoming))
    known = [sample for sample in found if _total(sample) is not None]
    last = known[-1] if known else None
    peak = max(known, key=lambda sample: (_most(sample), -sample.at), default=None)
    waits = [sample.at - sample.oldest for sample in found if sample.oldest is not None]
    made = Queue(
        points=tuple(points),
        peak=(peak.at, _most(peak)) if peak else None,
        now=_total(last) if last else None,
        now_at=last.at if last else None,
        oldest=last.oldest if last else None,
        waited=max(waits, default=None),
        usual=usual(found),
        days=_days(found, zone),
        pace=pace,
    )
    drawn = _series(host, made, start, end, zone, ())
    highest = drawn.highest()
    unknown = sum((gap.end - gap.start).total_seconds() for gap in drawn.gaps())
    # The peak in words is the one in the picture.
    peak_shown = (int(highest.at.timestamp()), highest.messages) if highest else None
    return replace(made, peak=peak_shown, unknown=int(unknown))


def seen_last(made: Queue, lately: Sequence[Sample]) -> Queue:
    """With what the last of these samples, of each minute, says of the end: an hour's would only tell its mean."""
    last = next((sample for sample in reversed(lately) if _total(sample) is not None), None)
    return replace(made, now=_total(last), now_at=last.at, oldest=last.oldest) if last else made


def usual(found: Sequence[Sample]) -> int | None:
    """The median of what was queued; None when nothing is known."""
    known = [total for sample in found if (total := _total(sample)) is not None]
    return round(median(known)) if known else None


def series(host: HostDigest, start: int, end: int, zone: str) -> Series:
    """What is drawn of a host: its queue, and its alerts where they fired."""
    marks = [
        Mark(_moment(alert.fired_at), alert.severity, alert.title) for alert in host.alerts if alert.fired_at >= start
    ]
    marks.sort(key=lambda mark: mark.at)
    return _series(host.name, host.queue, _moment(start), _moment(end), zone, tuple(marks))


def listed(
    now: tuple[datetime, Mapping[str, Any]] | None,
    before: tuple[datetime, Mapping[str, Any]] | None,
    start: datetime,
    end: datetime,
) -> Listed:
    """The last listing before the end, against the last before the start; each with when it was taken."""
    if now is None or end - now[0] > RECENT:
        return Listed()
    if before is None or start - before[0] > NEAR:
        before = None
    taken, content = now
    then: Mapping[str, Any] = before[1] if before else {}
    return Listed(
        at=int(taken.timestamp()),
        before_at=int(before[0].timestamp()) if before else None,
        oldest=content["oldest"],
        messages=content["messages"],
        messages_before=then.get("messages"),
        senders=_tops(content["senders"], then.get("senders", [])),
        reasons=_tops(content["reasons"], then.get("reasons", [])),
        expiring=content["expiring"],
        expires_at=None if content["expires_at"] is None else int(content["expires_at"]),
    )


def _tops(now: Sequence[tuple[str, int]], before: Sequence[tuple[str, int]]) -> tuple[Top, ...]:
    then = dict(before)
    return tuple(Top(name, messages, then.get(name)) for name, messages in now[:SHOWN])


def _days(found: Sequence[Sample], zone: str) -> tuple[Day, ...]:
    """Each local day of samples that span more than two; else none."""
    local = ZoneInfo(zone)
    days = []
    for day, few in groupby(found, key=lambda sample: _moment(sample.at).astimezone(local).date()):
        samples = tuple(few)
        peaks = [_most(sample) for sample in samples if _total(sample) is not None]
        days.append(Day(f"{day:%a} {day.day} {day:%b}", max(peaks, default=None), usual(samples)))
    return tuple(days) if len(days) > 2 else ()


def _series(host: str, queue: Queue, start: datetime, end: datetime, zone: str, marks: tuple[Mark, ...]) -> Series:
    points = tuple(
        Point(_moment(at), active=active, deferred=deferred, hold=hold, incoming=incoming)
        for at, active, deferred, hold, incoming in queue.points
    )
    peak = Peak(_moment(queue.peak[0]), queue.peak[1]) if queue.peak else None
    return Series(host, start, end, zone, points, marks, peak, timedelta(seconds=queue.pace))


def _total(sample: Sample) -> int | None:
    """Messages in the queues that are drawn: what lies in maildrop has not come in yet."""
    counts = [count for count in (sample.active, sample.deferred, sample.hold, sample.incoming) if count is not None]
    return sum(counts) if len(counts) == 4 else None


def _known(sample: Sample) -> int:
    """Messages, and less than any number where they are not known."""
    total = _total(sample)
    return -1 if total is None else total


def _most(sample: Sample) -> int:
    """The most that there was in the sample's span."""
    return max(_total(sample) or 0, (sample.peak or 0) if sample.measured > 1 else 0)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)

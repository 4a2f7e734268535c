"""A mail host's queue over a stretch of time, with what is not known of it: what a picture and its words show."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise

STATES = ("hold", "deferred", "active", "incoming")
"""Postfix's queues as they are stacked: what moves least at the bottom."""

JOINED = 2.5
"""Points that are further apart than so many usual distances have unknown time between them."""
HIDES = 12
"""A peak this many times above the usual would press all the rest of a picture flat."""


@dataclass(frozen=True, slots=True)
class Point:
    """Messages in each queue at a moment, which hold until the next point; None: not known."""

    at: datetime
    active: int | None
    deferred: int | None
    hold: int | None
    incoming: int | None

    @property
    def total(self) -> int | None:
        """Messages in all of them; None when one of them is not known."""
        counts = [count for count in (self.active, self.deferred, self.hold, self.incoming) if count is not None]
        return sum(counts) if len(counts) == len(STATES) else None


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert that fired; `label` says which in a few words. Severity `critical` is drawn heavier than any other."""

    at: datetime
    severity: str
    label: str


@dataclass(frozen=True, slots=True)
class Peak:
    """The most messages that there were, and when first."""

    at: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class Run:
    """Points that follow each other without unknown time between them; the last of them holds until `end`."""

    points: tuple[Point, ...]
    end: datetime

    @property
    def start(self) -> datetime:
        return self.points[0].at

    def thinned(self, pace: timedelta) -> "Run":
        """The run with one point for each `pace`, as it was when there was the most in that time."""
        chosen = []
        for _, few in groupby(self.points, key=lambda point: (point.at - self.start) // pace):
            group = tuple(few)
            chosen.append(replace(max(group, key=lambda point: point.total or 0), at=group[0].at))
        return Run(tuple(chosen), self.end)


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which the queue is not known."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """The queue of a mail host from `start` to `end`; all times are aware, `zone` is an IANA name that shows them.

    Points are in order and at an even pace. `peak` is handed in where the samples behind the points, such as means of
    an hour, went higher than these. `pace` is how far points are apart, as a rule. Raises ValueError for points that
    are out of order, and for an empty stretch.
    """

    host: str
    start: datetime
    end: datetime
    zone: str
    points: tuple[Point, ...]
    marks: tuple[Mark, ...] = ()
    peak: Peak | None = None
    pace: timedelta | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"the series of {self.host} ends before it begins")
        if any(earlier.at >= later.at for earlier, later in pairwise(self.points)):
            raise ValueError(f"the points of {self.host} are out of order")

    def runs(self) -> tuple[Run, ...]:
        """The time in which the queue is known, in order. A run ends at unknown time."""
        runs: list[Run] = []
        for point, until in self._lasting():
            if point.total is None:
                continue
            if runs and runs[-1].end == point.at:
                runs[-1] = Run((*runs[-1].points, point), until)
            else:
                runs.append(Run((point,), until))
        return tuple(runs)

    def gaps(self) -> tuple[Gap, ...]:
        """The time in which it is not known, in order; less than the pace of the points is none."""
        runs = self.runs()
        ends = [self.start, *(run.end for run in runs)]
        starts = [*(run.start for run in runs), self.end]
        pace = self._pace()
        return tuple(Gap(end, start) for end, start in zip(ends, starts, strict=True) if start - end >= pace)

    def highest(self) -> Peak | None:
        """None when nothing is known. `peak` is a moment, a point perhaps the beginning of five minutes."""
        peaks = [Peak(point.at, point.total) for point, _ in self._lasting() if point.total is not None]
        highest = max(peaks, key=lambda peak: (peak.messages, -peak.at.timestamp()), default=None)
        if self.peak and (highest is None or self.peak.messages >= highest.messages):
            return self.peak
        return highest

    def ceiling(self) -> int | None:
        """Where a picture that shows the usual must end, because one peak hides it; None when none does."""
        totals = sorted(point.total for run in self.runs() for point in run.points if point.total is not None)
        if not totals:
            return None
        usual = totals[len(totals) * 9 // 10]
        return 2 * usual if totals[-1] > HIDES * usual > 0 else None

    def _pace(self) -> timedelta:
        """From one point to the next, as a rule: as the points have it, where nobody said."""
        if self.pace:
            return self.pace
        distances = [later.at - earlier.at for earlier, later in pairwise(self.points)]
        return sorted(distances)[len(distances) // 2] if distances else timedelta(minutes=1)

    def _lasting(self) -> Iterator[tuple[Point, datetime]]:
        """Each point of the stretch with the moment until which it holds."""
        pace = self._pace()
        nexts = [*(point.at for point in self.points[1:]), self.end]
        for point, following in zip(self.points, nexts, strict=False):
            if self.start <= point.at < self.end:
                until = following if following - point.at <= JOINED * pace else point.at + pace
                yield point, min(until, self.end)

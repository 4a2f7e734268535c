"""The course of one alert, reading by reading, as the engine sees it; no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.watch.engine import Step, step
from bot.watch.model import Alert, Event, Reading, State, Transition
from bot.watch.rules import Rule, Severity

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FAR = timedelta(days=3650)

DEFERRED = Rule(
    "deferred",
    "Much deferred mail",
    "deferred messages",
    Severity.WARNING,
    fires=500,
    clears=300,
    critical=10_000,
    lasting=timedelta(minutes=15),
    calm=timedelta(minutes=10),
    repeat=timedelta(hours=24),
)
AT_ONCE = replace(DEFERRED, lasting=timedelta(0), calm=timedelta(0))


class Course:
    """One identity under one rule. Each look is a minute after the one before, unless something else is said."""

    def __init__(self, rule: Rule = AT_ONCE) -> None:
        self.rule = rule
        self.now = START - MINUTE
        self.alert: Alert | None = None
        self.told: list[Transition] = []
        self.last = Step(None)
        self._earlier: Alert | None = None

    def see(
        self,
        value: float | None,
        after: timedelta = MINUTE,
        *,
        still: bool = False,
        severity: Severity | None = None,
        text: str | None = None,
    ) -> list[Event]:
        """One reading; what is told of it. As in the store, what never fired is forgotten when it is over."""
        self.now += after
        words = f"{value:g}" if text is None and value is not None else text or ""
        before = self.alert
        reading = Reading("", value, words, severity=severity)
        self.last = step(before, self.rule, "mx1", reading, self.now, still)
        after_it = self.last.alert
        if after_it is not None and after_it.state is State.PENDING and (before is None or before.state is State.OK):
            self._earlier = before
        if after_it is not None and after_it.state is State.OK and after_it.fired_at is None:
            after_it = self._earlier
        self.alert = after_it
        self.told += self.last.transitions
        return [each.event for each in self.last.transitions]

    def see_for(self, lasting: timedelta, value: float | None, every: timedelta = MINUTE) -> list[Event]:
        """The same reading again and again for so long; what is told of it."""
        end, events = self.now + lasting, []
        while self.now + every <= end:
            events += self.see(value, every)
        return events

    def acknowledge(self) -> None:
        self.alert = replace(self.open, acknowledged_at=self.now, acknowledged_by="U1", acknowledged_name="Ana")

    def snooze(self, lasting: timedelta, limit: float | None = None) -> None:
        self.alert = replace(self.open, snoozed_until=self.now + lasting, snoozed_at=limit)

    @property
    def open(self) -> Alert:
        assert self.alert is not None
        return self.alert

    @property
    def mentions(self) -> int:
        return sum(each.mention for each in self.told)

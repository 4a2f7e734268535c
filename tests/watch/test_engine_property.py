"""Thirty days of one alert with whatever befalls it: what must hold at every reading, and what is told in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.watch.engine import SILENCE, snooze_limit
from bot.watch.model import Alert, Event, State
from bot.watch.rules import Judgement, Rule, Severity
from tests.watch.course import DEFERRED, FAR, HOUR, MINUTE, START, Course

DAYS = 30
Spell = tuple[float | None, int, timedelta, bool, str, Severity | None]

rules = st.builds(
    replace,
    st.just(DEFERRED),
    lasting=st.sampled_from([timedelta(0), MINUTE, 15 * MINUTE, 6 * HOUR]),
    calm=st.sampled_from([timedelta(0), 10 * MINUTE, HOUR]),
    again=st.sampled_from([30 * MINUTE, 3 * HOUR]),
    repeat=st.sampled_from([None, 4 * HOUR, 24 * HOUR]),
)
values = st.sampled_from([None, 0, 300, 400, 500, 700, 1500, 10_000, 40_000])
spells = st.tuples(
    values,
    st.sampled_from([1, 2, 3, 12]),  # so many readings of it
    st.sampled_from([MINUTE, 5 * MINUTE, 30 * MINUTE, 3 * HOUR]),  # one each
    st.booleans(),  # inhibited, or muted
    st.sampled_from(["", "", "acknowledge", "snooze", "snooze until it changes"]),
    st.sampled_from([None, None, None, Severity.NOTICE, Severity.CRITICAL]),
)

BEGINS = {Event.FIRED, Event.AGAIN}


class Watched(Course):
    """A course that holds each reading to the rules of the engine."""

    good_since: datetime | None = None
    bad_since: datetime | None = None
    known_at: datetime | None = None

    def look(self, value: float | None, every: timedelta, still: bool, severity: Severity | None) -> None:
        before = self.alert
        was = before.state if before is not None else State.OK
        told = len(self.told)
        events = self.see(value, every, still=still, severity=severity)
        after = self.alert
        state = after.state if after is not None else State.OK
        if value is None:
            assert after is before and not events
            return
        self._count(value, still)
        assert (was is not State.FIRING and state is State.FIRING) is bool(BEGINS & {*events})
        assert (was is State.FIRING and state is State.OK) is (Event.RESOLVED in events)
        if events and events[0] in BEGINS:
            assert not still and self.bad_since is not None
            assert self.now - self.bad_since >= self.rule.lasting
        if state is State.FIRING and self.good_since is not None:
            assert self.now - self.good_since < self.rule.calm, "it was good for long enough"
        if after is not None:
            self._hold_to_its_words(before, after, events)
        if any(each.mention for each in self.told[told:]):
            assert after is not None and not after.snoozed(self.now) and not still

    def _count(self, value: float, still: bool) -> None:
        judgement = self.rule.judge(value)
        if self.known_at is None or self.now - self.known_at > SILENCE + self.rule.lasting:
            self.bad_since = None
        self.known_at = self.now
        self.good_since = (self.good_since or self.now) if judgement is Judgement.GOOD else None
        if judgement is not Judgement.BAD:
            self.bad_since = None
        elif still or self.bad_since is None:
            self.bad_since = self.now

    def _hold_to_its_words(self, before: Alert | None, after: Alert, events: list[Event]) -> None:
        if before is not None and before.state is State.FIRING and after.state is State.FIRING:
            assert (after.severity > before.severity) is (Event.WORSE in events)
            assert after.severity >= before.severity
            was_snoozed, is_snoozed = before.snoozed(self.now), after.snoozed(self.now)
            assert (was_snoozed and not is_snoozed) is (Event.WOKEN in events)
            if Event.REMINDED in events:
                assert before.acknowledged_at is None and not was_snoozed


def deed(course: Watched, what: str) -> None:
    if course.alert is None or course.alert.state is not State.FIRING or not what:
        return
    if what == "acknowledge":
        course.acknowledge()
    else:
        forever = what != "snooze"
        course.snooze(FAR if forever else 8 * HOUR, snooze_limit(course.open, course.rule) if forever else None)


@settings(max_examples=settings().max_examples // 4)
@given(rules, st.lists(st.lists(spells, min_size=1, max_size=4), min_size=1, max_size=30))
def test_thirty_days_of_whatever(rule: Rule, days: list[list[Spell]]) -> None:
    course = Watched(rule)
    for number, day in zip(range(DAYS), cycle(days), strict=False):
        course.now = max(course.now, START + number * 24 * HOUR)
        for value, times, every, still, what, severity in day:
            for _ in range(times):
                course.look(value, every, still, severity)
            deed(course, what)
    firings = [each for each in course.told if each.event in BEGINS]
    endings = [each for each in course.told if each.event is Event.RESOLVED]
    fires = course.alert is not None and course.alert.state is State.FIRING
    assert len(firings) - len(endings) == fires, "each beginning has its end"
    _called_once(course)


def _called_once(course: Course) -> None:
    """From one FIRED to the next it is one alert, with what came again: nobody is called twice for it."""
    called = False
    for each in course.told:
        called = called and each.event is not Event.FIRED
        assert not (called and each.mention)
        called = called or each.mention
        assert not each.mention or each.severity is Severity.CRITICAL

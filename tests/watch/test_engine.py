"""What the engine makes of readings, a sentence each: when an alert begins, what is told of it, and when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.watch.engine import REFRESH, SILENCE, snooze_limit, step
from bot.watch.model import TRACK, Event, Reading, State
from bot.watch.rules import Severity
from tests.watch.course import AT_ONCE, DEFERRED, FAR, HOUR, MINUTE, START, Course


def test_what_is_good_or_in_between_begins_nothing() -> None:
    course = Course()
    assert [course.see(value) for value in (0, 300, 301, 499.9)] == [[]] * 4
    assert course.alert is None


def test_it_fires_once_it_was_bad_for_long_enough_and_says_since_when() -> None:
    course = Course(DEFERRED)
    assert course.see(500) == []
    assert course.open.state is State.PENDING
    assert course.see_for(14 * MINUTE, 700) == []
    assert course.see(650) == [Event.FIRED]
    alert = course.open
    assert (alert.state, alert.since, alert.fired_at) == (State.FIRING, START, START + 15 * MINUTE)
    assert (alert.start, alert.peak, alert.value, alert.times) == (500, 700, 650, 1)


@pytest.mark.parametrize("value", [0, 400])
def test_what_waits_and_is_not_bad_any_more_comes_to_nothing(value: float) -> None:
    course = Course(DEFERRED)
    course.see_for(14 * MINUTE, 700)
    assert course.see(value) == []
    assert course.alert is None
    assert course.see_for(15 * MINUTE, 700) == [], "it begins to count anew"
    assert course.see(700) == [Event.FIRED]


def test_it_is_over_once_it_was_good_for_long_enough_and_in_between_does_not_count() -> None:
    course = Course(replace(DEFERRED, lasting=timedelta(0)))
    course.see(700)
    assert course.see_for(10 * MINUTE, 100) == []
    assert course.open.good_since == START + MINUTE
    assert course.see(400) == [] and course.open.good_since is None
    assert course.see_for(10 * MINUTE, 100) == []
    assert course.see(100) == [Event.RESOLVED]
    assert (course.open.state, course.open.ended_at) == (State.OK, course.now)


def test_in_between_it_fires_on() -> None:
    course = Course()
    course.see(700)
    assert course.see_for(12 * HOUR, 400, HOUR) == []
    assert course.open.state is State.FIRING


def test_what_is_unknown_changes_nothing_whatever_the_state() -> None:
    course = Course(DEFERRED)
    assert course.see(None) == [] and course.alert is None
    for value in (700, *[700] * 15, 100, *[100] * 10):
        before = course.alert
        assert course.see(None) == [] and course.alert is before
        course.see(value, timedelta(0))
    assert [each.event for each in course.told] == [Event.FIRED, Event.RESOLVED]


def test_what_is_left_undecided_shows_the_number_that_was_seen() -> None:
    course = Course()
    course.see(700)
    reading = Reading("", 900, "900").undecided(course.rule, 900)
    alert = step(course.open, course.rule, "mx1", reading, course.now + MINUTE).alert
    assert alert is not None and alert.state is State.FIRING
    assert (alert.value, alert.start, alert.peak) == (900, 700, 900)


def test_nobody_can_say_that_it_was_bad_while_nobody_looked() -> None:
    """The bot was away for the night: two hiccups are not a night's fault."""
    course = Course(DEFERRED)
    course.see(9_000)
    assert course.see(700, SILENCE + DEFERRED.lasting + MINUTE) == []
    assert (course.open.since, course.open.start, course.open.peak) == (course.now, 700, 700)
    assert course.see_for(14 * MINUTE, 700) == []
    assert course.see(700) == [Event.FIRED]


def test_what_must_keep_still_begins_to_count_anew_when_it_need_not_any_more() -> None:
    course = Course(DEFERRED)
    course.see(9_000, still=True)
    for _ in range(60):
        assert course.see(700, still=True) == []
    assert course.see_for(14 * MINUTE, 800) == []
    assert course.see(800) == [Event.FIRED]
    assert (course.open.since, course.open.start, course.open.peak) == (course.now - 15 * MINUTE, 700, 800)
    assert course.open.track == (700,) + 15 * (800,)


def test_what_fires_already_goes_on_while_it_must_keep_still_without_a_reminder_or_a_mention() -> None:
    course = Course()
    course.see(700)
    assert course.see(700, 25 * HOUR, still=True) == []
    assert course.see(20_000, still=True) == [Event.WORSE]
    assert course.mentions == 0
    assert course.see(100, still=True) == [Event.RESOLVED]


def test_what_only_flapped_keeps_its_card_and_what_people_said() -> None:
    course = Course()
    course.see(20_000)
    course.alert = replace(course.open, id=7, card=3)
    course.acknowledge()
    course.see(100)
    assert course.see(30_000, AT_ONCE.again - MINUTE) == [Event.AGAIN]
    alert = course.open
    assert (alert.id, alert.card, alert.times, alert.acknowledged_name) == (0, 3, 2, "Ana")
    assert (alert.start, alert.peak, alert.since) == (30_000, 30_000, course.now)
    assert course.mentions == 1, "who was called is not called again"


def test_what_fires_again_later_is_another_alert() -> None:
    course = Course()
    course.see(20_000)
    course.alert = replace(course.open, id=7, card=3)
    course.acknowledge()
    course.see(100)
    assert course.see(20_000, AT_ONCE.again) == [Event.FIRED]
    assert (course.open.card, course.open.times, course.open.acknowledged_at) == (None, 1, None)
    assert course.mentions == 2


def test_a_flap_that_came_to_nothing_does_not_make_the_alert_younger() -> None:
    course = Course(replace(DEFERRED, calm=timedelta(0)))
    course.see_for(16 * MINUTE, 700)
    course.see(100)
    ended = course.open
    course.see(700)
    course.see(100)
    assert course.alert == ended


def test_it_becomes_worse_once_and_never_better() -> None:
    course = Course()
    course.see(700)
    assert course.see(10_000) == [Event.WORSE]
    assert course.see(700) == [] and course.open.severity is Severity.CRITICAL
    assert course.see(12_000) == []
    assert course.mentions == 1


def test_how_bad_it_is_is_judged_when_it_fires() -> None:
    course = Course(DEFERRED)
    course.see(20_000)
    course.see_for(15 * MINUTE, 700)
    assert course.open.severity is Severity.WARNING and course.mentions == 0
    other = Course(DEFERRED)
    other.see_for(15 * MINUTE, 700)
    assert other.see(20_000) == [Event.FIRED]
    assert other.open.severity is Severity.CRITICAL and other.mentions == 1


def test_a_readings_own_severity_counts_be_it_less_or_more_than_the_rules() -> None:
    course = Course()
    assert course.see(700, severity=Severity.NOTICE) == [Event.FIRED]
    assert course.open.severity is Severity.NOTICE
    assert course.see(20_000, severity=Severity.NOTICE) == []
    assert course.see(700, severity=Severity.CRITICAL) == [Event.WORSE]
    assert course.mentions == 1


def test_a_reminder_comes_each_time_that_repeat_is_over() -> None:
    course = Course()
    course.see(700)
    assert course.see_for(75 * HOUR, 700, HOUR) == [Event.REMINDED] * 3
    assert Course(replace(AT_ONCE, repeat=None)).see_for(75 * HOUR, 700, HOUR) == [Event.FIRED]


def test_who_acknowledged_is_not_reminded_but_told_when_it_gets_worse() -> None:
    course = Course()
    course.see(700)
    course.acknowledge()
    assert course.see_for(75 * HOUR, 700, HOUR) == []
    assert course.see(20_000) == [Event.WORSE]
    assert course.mentions == 1


def test_while_it_is_snoozed_nobody_is_reminded_or_mentioned_and_afterwards_both_is_made_up_for() -> None:
    course = Course()
    course.see(700)
    course.snooze(8 * HOUR)
    assert course.see_for(4 * HOUR, 20_000, HOUR) == [Event.WORSE]
    assert course.see_for(3 * HOUR, 20_000, HOUR) == []
    assert course.mentions == 0
    assert course.see(20_000, HOUR) == [Event.REMINDED]
    assert course.mentions == 1
    assert course.see_for(20 * HOUR, 20_000, HOUR) == []


def test_what_becomes_critical_while_it_is_muted_calls_once_the_mute_is_over() -> None:
    course = Course(replace(AT_ONCE, repeat=None))
    course.see(700)
    assert course.see(20_000, still=True) == [Event.WORSE] and course.mentions == 0
    assert course.see(20_000, still=True) == []
    assert course.see(20_000) == [Event.REMINDED] and course.mentions == 1
    assert course.see_for(20 * HOUR, 20_000, HOUR) == []


def test_who_acknowledged_what_became_critical_while_it_was_muted_is_not_called() -> None:
    course = Course()
    course.see(700)
    course.see(20_000, still=True)
    course.acknowledge()
    assert course.see_for(20 * HOUR, 20_000, HOUR) == [] and course.mentions == 0


def test_a_snooze_that_is_over_reminds_even_where_the_rule_itself_never_does() -> None:
    course = Course(replace(AT_ONCE, repeat=None))
    course.see(700)
    course.snooze(HOUR)
    assert course.see(700, HOUR) == [Event.REMINDED]
    assert course.see_for(75 * HOUR, 700, HOUR) == []


def test_what_is_snoozed_until_it_changes_wakes_when_it_gets_much_worse() -> None:
    course = Course()
    course.see(800)
    course.snooze(FAR, snooze_limit(course.open, course.rule))
    assert course.see_for(75 * HOUR, 1200, HOUR) == []
    assert course.see(1201) == [Event.WOKEN]
    assert course.open.snoozed_until is None
    assert course.see(1201) == []


def test_what_is_snoozed_until_it_changes_wakes_when_it_becomes_critical_and_calls() -> None:
    course = Course()
    course.see(9000)
    course.snooze(FAR, snooze_limit(course.open, course.rule))
    assert course.see(10_000) == [Event.WOKEN, Event.WORSE]
    assert [each.mention for each in course.told] == [False, False, True]


@pytest.mark.parametrize(("value", "limit"), [(9, 6), (0, 0), (-3, -4)])
def test_how_far_a_small_value_may_sink_while_it_is_snoozed(value: float, limit: float) -> None:
    """A certificate that has run out already has fewer than no days left; that alone does not wake anybody."""
    course = Course(replace(AT_ONCE, fires=14, clears=15, critical=None, below=True))
    course.see(value)
    course.snooze(FAR, snooze_limit(course.open, course.rule))
    assert course.open.snoozed_at == limit
    assert course.see(value) == []
    assert course.see(limit - 1) == [Event.WOKEN]


def test_what_fires_again_while_it_is_snoozed_calls_nobody_before_the_snooze_is_over() -> None:
    course = Course()
    course.see(700)
    course.snooze(2 * HOUR)
    course.see(100)
    assert course.see(20_000) == [Event.AGAIN] and course.mentions == 0
    assert course.see(20_000, 2 * HOUR) == [Event.REMINDED] and course.mentions == 1


def test_the_card_is_brought_up_to_date_now_and_then_and_only_when_its_words_changed() -> None:
    course = Course(replace(AT_ONCE, calm=HOUR))
    course.see(700)
    shown = []
    for number in range(1, 21):
        course.see(700 + number)
        shown.append(course.last.refresh)
    assert shown.count(True) == 20 * MINUTE // REFRESH
    course.see(720, REFRESH)
    assert not course.last.refresh
    course.see(100, REFRESH)
    assert course.last.refresh, "a card tells that it gets better, too"


def test_a_good_reading_without_words_leaves_those_that_were_there() -> None:
    course = Course()
    course.see(700, text="700 deferred messages.")
    course.see(0, text="")
    assert course.told[-1].text == "700 deferred messages."


def test_what_is_remembered_of_the_past_stays_small_and_ends_with_now() -> None:
    course = Course()
    for number in range(1000):
        course.see(500 + number)
    assert TRACK <= len(course.open.track) < 2 * TRACK
    assert course.open.track[0] == 500 and course.open.track[-1] >= 1490
    assert list(course.open.track) == sorted(course.open.track)
    assert (course.open.value, course.open.seen_at) == (1499, course.now)

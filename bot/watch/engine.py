"""How an alert goes on from one reading to the next: `ok → pending → firing → ok`. Values in, values out.

A reading that is unknown changes nothing. What is bad has to be bad for a while, what is good again has to be good for
a while; in between it stays what it is. What fires again soon after it was over goes on as the same alert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.watch.model import Alert, Event, Reading, State, Transition
from bot.watch.rules import Judgement, Rule, Severity

REFRESH = timedelta(minutes=5)
"""How often the numbers of a card are brought up to date, if nothing else happens."""

SILENCE = timedelta(hours=2)
"""After so long without a known reading nobody can say that it was bad all the while; where a host is seldom looked at,
after two looks."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where an alert is now (None: there is none), what is to be told of it, and whether its card shows too old."""

    alert: Alert | None
    transitions: tuple[Transition, ...] = ()
    refresh: bool = False


def step(
    before: Alert | None,
    rule: Rule,
    host: str,
    reading: Reading,
    now: datetime,
    still: bool = False,
    silence: timedelta = SILENCE,
) -> Step:
    """One reading further. `before` is the newest alert of this identity, which may be over, or None.

    `still`: a rule that this one depends on fires, or somebody muted it, so nothing may begin to fire. `silence`: after
    so long without a known reading it may have been good in between.
    """
    if reading.value is None:
        return Step(before)
    judgement = rule.judge(reading.value)
    severity = reading.severity or rule.severity_of(reading.value)
    if before is None or before.state is State.OK:
        if judgement is not Judgement.BAD:
            return Step(before)
        begun = _begun(before, rule, host, reading, now)
        begun = replace(begun, severity=severity, start=reading.value, peak=reading.value)
        return _wait(_seen(begun, reading, rule, now), rule, now, still)
    alert = _seen(before, reading, rule, now)
    if before.state is State.PENDING:
        if judgement is not Judgement.BAD:
            return Step(_ended(alert, now))
        if _was_silent(before, rule, now, silence):
            alert = _anew(alert, now)
        return _wait(replace(alert, severity=severity), rule, now, still)
    if judgement is Judgement.GOOD:
        return _calm(alert, rule, now)
    return _go_on(replace(alert, good_since=None), severity, rule, now, still)


def _begun(earlier: Alert | None, rule: Rule, host: str, reading: Reading, now: datetime) -> Alert:
    """A pending alert. One that only flapped keeps the card of the earlier one, and what people said about that."""
    if earlier is None or earlier.ended_at is None or now - earlier.ended_at >= rule.again:
        return Alert(rule.name, host, reading.subject, State.PENDING, rule.severity, since=now)
    return replace(earlier, id=0, state=State.PENDING, since=now, fired_at=None, good_since=None, ended_at=None)


def _seen(alert: Alert, reading: Reading, rule: Rule, now: datetime) -> Alert:
    """With what this reading says. Words that a good reading lacks stay as they were."""
    assert reading.value is not None
    number = reading.value if reading.measured else reading.seen
    if number is None:
        alert = replace(alert, value=None)
    else:
        peak = number if rule.worse(number, alert.peak) else alert.peak
        alert = replace(alert.tracked(number), value=number, peak=peak)
    return replace(
        alert,
        seen_at=now,
        text=reading.text or alert.text,
        cause=reading.cause or alert.cause,
        selector=reading.selector or alert.selector,
    )


def _wait(alert: Alert, rule: Rule, now: datetime, still: bool) -> Step:
    """A pending alert that is bad: it fires once that has lasted. What has to keep still begins to count anew."""
    if still:
        return Step(_anew(alert, now))
    if now - alert.since < rule.lasting:
        return Step(alert)
    firing = replace(alert, state=State.FIRING, fired_at=now, times=alert.times + 1)
    return _told(firing, now, Event.AGAIN if alert.times else Event.FIRED, quiet=alert.snoozed(now))


def _anew(alert: Alert, now: datetime) -> Alert:
    """A pending alert that begins now, with the numbers of now."""
    value = alert.start if alert.value is None else alert.value
    return replace(alert, since=now, start=value, peak=value, track=alert.track[-1:])


def _calm(alert: Alert, rule: Rule, now: datetime) -> Step:
    """A firing alert that is good: it is over once that has lasted."""
    since = alert.good_since or now
    if now - since < rule.calm:
        return _shown(replace(alert, good_since=since), now)
    return _over(replace(alert, good_since=since), now)


def abandoned(alert: Alert, now: datetime, why: str) -> Step:
    """The end of a firing alert at which nobody looks any more: what was well of late may not be so by now."""
    return _over(replace(alert, good_since=None, text=why), now)


def _over(alert: Alert, now: datetime) -> Step:
    ended = replace(alert, state=State.OK, ended_at=now, told_at=now, told_text=alert.text)
    return Step(ended, (Transition(Event.RESOLVED, now, alert.severity, alert.text),))


def _ended(alert: Alert, now: datetime) -> Alert:
    """A pending alert that came to nothing: it never fired, and nobody is told."""
    return replace(alert, state=State.OK, ended_at=now)


def _go_on(alert: Alert, severity: Severity, rule: Rule, now: datetime, still: bool) -> Step:
    """A firing alert that fires on: worse, to be woken, to be reminded of, or just with other numbers."""
    events: list[Event] = []
    worse = severity > alert.severity
    if alert.snoozed(now) and alert.snoozed_at is not None and (worse or _is_beyond(alert, alert.snoozed_at, rule)):
        alert = replace(alert, snoozed_until=None, snoozed_at=None)
        events.append(Event.WOKEN)
    quiet = still or alert.snoozed(now)
    if worse:
        alert = replace(alert, severity=severity)
        events.append(Event.WORSE)
    elif not events and not quiet and _is_due(alert, rule, now):
        events.append(Event.REMINDED)
    return _told(alert, now, *events, quiet=quiet) if events else _shown(alert, now)


def _is_beyond(alert: Alert, limit: float, rule: Rule) -> bool:
    return alert.value is not None and rule.worse(alert.value, limit)


def _is_due(alert: Alert, rule: Rule, now: datetime) -> bool:
    """Whether it is time for a reminder: each `repeat`, after a snooze, and when nobody was to be called before."""
    if alert.acknowledged_at is not None or alert.reminded_at is None:
        return False
    woken = alert.snoozed_until is not None and alert.reminded_at < alert.snoozed_until
    uncalled = alert.severity is Severity.CRITICAL and alert.mentioned is not Severity.CRITICAL
    return woken or uncalled or (rule.repeat is not None and now - alert.reminded_at >= rule.repeat)


def _was_silent(before: Alert, rule: Rule, now: datetime, silence: timedelta) -> bool:
    """Whether too long ago was the last known reading, because the bot was away, say."""
    return before.seen_at is not None and now - before.seen_at > silence + rule.lasting


def _told(alert: Alert, now: datetime, *events: Event, quiet: bool = False) -> Step:
    """Tell this. A critical alert mentions whom the settings name the first time that it may."""
    mention = not quiet and alert.severity is Severity.CRITICAL and alert.mentioned is not Severity.CRITICAL
    mentioned = Severity.CRITICAL if mention else alert.mentioned
    told = replace(alert, mentioned=mentioned, reminded_at=now, told_at=now, told_text=alert.text)
    last = len(events) - 1
    transitions = tuple(
        Transition(event, now, alert.severity, alert.text, mention=mention and number == last)
        for number, event in enumerate(events)
    )
    return Step(told, transitions)


def _shown(alert: Alert, now: datetime) -> Step:
    """Whether the card has to be edited because of its numbers."""
    if alert.text == alert.told_text or (alert.told_at is not None and now - alert.told_at < REFRESH):
        return Step(alert)
    return Step(replace(alert, told_at=now, told_text=alert.text), refresh=True)


def snooze_limit(alert: Alert, rule: Rule) -> float:
    """The value that an alert snoozed until it changes may not go beyond: half as much again as the worst so far."""
    return alert.peak - abs(alert.peak) / 3 if rule.below else alert.peak + abs(alert.peak) / 2

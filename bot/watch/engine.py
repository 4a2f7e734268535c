"""How an alert goes on from one reading to the next: `ok → pending → firing → ok`. Values in, values out.

A reading that is unknown changes nothing. What is bad has to be bad for a while, what is good again has to be good for
a while; in between it stays what it is. What fires again soon after it was over goes on as the same alert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.watch.model import Alert, Event, Reading, State, Transition
from bot.watch.rules import Judgement, Rule, Severity

AGAIN = timedelta(minutes=30)
"""What was over for less than that and fires again is the same alert, with the same card: it only flapped."""

REFRESH = timedelta(minutes=5)
"""How often the numbers of a card are brought up to date, if nothing else happens."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where an alert is now (None: there is none), what is to be told of it, and whether its card shows too old."""

    alert: Alert | None
    transitions: tuple[Transition, ...] = ()
    refresh: bool = False


def step(before: Alert | None, rule: Rule, host: str, reading: Reading, now: datetime, still: bool = False) -> Step:
    """One reading further. `before` is the newest alert of this identity, which may be over, or None.

    `still`: a rule that this one depends on fires, or somebody muted it, so nothing may begin to fire.
    """
    if reading.value is None:
        return Step(before)
    judgement = rule.judge(reading.value)
    if before is None or before.state is State.OK:
        if judgement is not Judgement.BAD:
            return Step(before)
        return _worsen(_begun(before, rule, host, reading, now), rule, now, still)
    known = _seen(before, reading, reading.value, rule)
    if before.state is State.PENDING:
        if judgement is not Judgement.BAD:
            return Step(_ended(known, now))
        return _worsen(known, rule, now, still)
    if judgement is Judgement.GOOD:
        return _calm(known, rule, now)
    return _go_on(replace(known, good_since=None), rule, reading, now, still)


def _begun(earlier: Alert | None, rule: Rule, host: str, reading: Reading, now: datetime) -> Alert:
    """A pending alert. One that only flapped keeps the card of the earlier one, and what people said about that."""
    assert reading.value is not None
    severity = reading.severity or rule.severity_of(reading.value)
    fresh = Alert(rule.name, host, reading.subject, State.PENDING, severity, since=now, start=reading.value)
    if earlier is not None and earlier.ended_at is not None and now - earlier.ended_at < AGAIN:
        kept = replace(earlier, id=0, state=State.PENDING, since=now, fired_at=None, good_since=None, ended_at=None)
        fresh = replace(kept, severity=severity, start=reading.value)
    return _seen(replace(fresh, peak=reading.value), reading, reading.value, rule)


def _seen(alert: Alert, reading: Reading, value: float, rule: Rule) -> Alert:
    """With what this reading says. Words that a good reading lacks stay as they were."""
    peak = value if rule.worse(value, alert.peak) else alert.peak
    return replace(
        alert.tracked(value),
        value=value,
        peak=peak,
        text=reading.text or alert.text,
        cause=reading.cause or alert.cause,
        selector=reading.selector or alert.selector,
    )


def _worsen(alert: Alert, rule: Rule, now: datetime, still: bool) -> Step:
    """A pending alert that is bad: it fires once that has lasted. What has to keep still begins to count anew."""
    assert alert.value is not None
    if still:
        return Step(replace(alert, since=now))
    if now - alert.since < rule.lasting:
        return Step(alert)
    event = Event.AGAIN if alert.times else Event.FIRED
    severity = max(alert.severity, rule.severity_of(alert.value))
    mention = severity is Severity.CRITICAL and alert.mentioned is not Severity.CRITICAL and not alert.snoozed(now)
    firing = replace(
        alert,
        state=State.FIRING,
        severity=severity,
        fired_at=now,
        times=alert.times + 1,
        mentioned=severity if mention else alert.mentioned,
        reminded_at=now,
        told_at=now,
        told_text=alert.text,
    )
    return Step(firing, (Transition(event, now, severity, alert.text, mention=mention),))


def _calm(alert: Alert, rule: Rule, now: datetime) -> Step:
    """A firing alert that is good: it is over once that has lasted."""
    since = alert.good_since or now
    if now - since < rule.calm:
        return _shown(replace(alert, good_since=since), now)
    over = replace(alert, state=State.OK, good_since=since, ended_at=now, told_at=now, told_text=alert.text)
    return Step(over, (Transition(Event.RESOLVED, now, alert.severity, alert.text),))


def _ended(alert: Alert, now: datetime) -> Alert:
    """A pending alert that came to nothing: it never fired, and nobody is told."""
    return replace(alert, state=State.OK, ended_at=now)


def _go_on(alert: Alert, rule: Rule, reading: Reading, now: datetime, still: bool) -> Step:
    """A firing alert that fires on: worse, to be woken, to be reminded of, or just with other numbers."""
    assert alert.value is not None
    transitions: list[Transition] = []
    severity = max(alert.severity, reading.severity or rule.severity, rule.severity_of(alert.value))
    if _changed(alert, severity, rule, now):
        alert = replace(alert, snoozed_until=None, snoozed_at=None)
        transitions.append(Transition(Event.WOKEN, now, severity, alert.text))
    quiet = still or alert.snoozed(now)
    if severity > alert.severity:
        mention = severity is Severity.CRITICAL and alert.mentioned is not Severity.CRITICAL and not quiet
        alert = replace(alert, severity=severity, mentioned=severity if mention else alert.mentioned, reminded_at=now)
        transitions.append(Transition(Event.WORSE, now, severity, alert.text, mention=mention))
    elif _is_due(alert, rule, now) and not quiet:
        alert = replace(alert, reminded_at=now)
        transitions.append(Transition(Event.REMINDED, now, alert.severity, alert.text))
    if not transitions:
        return _shown(alert, now)
    return Step(replace(alert, told_at=now, told_text=alert.text), tuple(transitions))


def _changed(alert: Alert, severity: Severity, rule: Rule, now: datetime) -> bool:
    """Whether an alert that was snoozed until it changes has changed."""
    if alert.snoozed_at is None or not alert.snoozed(now) or alert.value is None:
        return False
    return severity > alert.severity or rule.worse(alert.value, alert.snoozed_at)


def _is_due(alert: Alert, rule: Rule, now: datetime) -> bool:
    if rule.repeat is None or alert.acknowledged_at is not None:
        return False
    return alert.reminded_at is None or now - alert.reminded_at >= rule.repeat


def _shown(alert: Alert, now: datetime) -> Step:
    """Whether the card has to be edited because of its numbers."""
    if alert.text == alert.told_text or (alert.told_at is not None and now - alert.told_at < REFRESH):
        return Step(alert)
    return Step(replace(alert, told_at=now, told_text=alert.text), refresh=True)


def snooze_limit(alert: Alert, rule: Rule) -> float:
    """The value that an alert snoozed until it changes may not go beyond: half as much again as now."""
    worst = alert.peak if alert.value is None or rule.worse(alert.peak, alert.value) else alert.value
    return worst / 1.5 if rule.below else worst * 1.5

"""What people say of alerts that fire: acknowledge, snooze, and taking that back. Values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.actors import Actor
from bot.text import duration
from bot.watch.engine import snooze_limit
from bot.watch.model import Alert, Event
from bot.watch.rules import Rule

FAR = timedelta(days=3650)
"""How long a snooze lasts that lasts until the alert changes."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to all that fires on a card: by its verb in the audit chain, and the event that the thread tells.

    `change` is the alert afterwards, None where there is nothing to do; `nothing` says so, when that goes for all of
    them. `text` is what the event says of the alerts as they were.
    """

    verb: str
    event: Event
    change: Callable[[Alert, Rule | None], Alert | None]
    text: Callable[[Sequence[Alert]], str]
    nothing: Callable[[Sequence[Alert]], str]


def acknowledge(by: Actor, now: datetime) -> Deed:
    def change(alert: Alert, _: Rule | None) -> Alert | None:
        if alert.acknowledged_at is not None:
            return None
        return replace(alert, acknowledged_at=now, acknowledged_by=by.id, acknowledged_name=by.name)

    def already(alerts: Sequence[Alert]) -> str:
        return f"{alerts[0].acknowledged_name} has acknowledged it already."

    return Deed("acknowledge", Event.ACKNOWLEDGED, change, lambda _: "", already)


def unacknowledge() -> Deed:
    """The text is who had acknowledged it."""

    def change(alert: Alert, _: Rule | None) -> Alert | None:
        if alert.acknowledged_at is None:
            return None
        return replace(alert, acknowledged_at=None, acknowledged_by="", acknowledged_name="")

    def who(alerts: Sequence[Alert]) -> str:
        return next(alert.acknowledged_name for alert in alerts if alert.acknowledged_at is not None)

    return Deed("unacknowledge", Event.UNACKNOWLEDGED, change, who, lambda _: "Nobody has acknowledged it.")


def snooze(lasting: timedelta | None, by: Actor, now: datetime) -> Deed:
    """`lasting` None: until it changes. The text is how long, and what snooze it takes the place of."""

    def change(alert: Alert, rule: Rule | None) -> Alert:
        limit = snooze_limit(alert, rule) if lasting is None and rule else None
        until = now + (FAR if lasting is None else lasting)
        return replace(alert, snoozed_until=until, snoozed_at=limit, snoozed_by=by.id, snoozed_name=by.name)

    def text(alerts: Sequence[Alert]) -> str:
        former = longest(alerts, now)
        return f"{_how_long(lasting)} (in place of {_left(former, now)})" if former else _how_long(lasting)

    return Deed("snooze", Event.SNOOZED, change, text, lambda _: "")


def unsnooze(now: datetime) -> Deed:
    """The text is the snooze that is over by it."""

    def change(alert: Alert, _: Rule | None) -> Alert | None:
        # Not now, at which a snooze that is over by itself reminds: whoever ends one looks at the alert as it is.
        return replace(alert, snoozed_until=None, snoozed_at=None) if alert.snoozed(now) else None

    def text(alerts: Sequence[Alert]) -> str:
        former = longest(alerts, now)
        return _left(former, now) if former else ""

    return Deed("unsnooze", Event.UNSNOOZED, change, text, lambda _: "It is not snoozed.")


def longest(alerts: Sequence[Alert], now: datetime) -> Alert | None:
    """The one that is snoozed for the longest; None where none is."""
    snoozed = [(alert.snoozed_until, alert.id, alert) for alert in alerts if alert.snoozed_until and alert.snoozed(now)]
    return max(snoozed)[2] if snoozed else None


def _how_long(lasting: timedelta | None) -> str:
    if lasting is None:
        return "until it changes"
    return (
        f"for {lasting.total_seconds():.0f} s" if lasting.seconds % 60 else f"for {duration(lasting.total_seconds())}"
    )


def _left(alert: Alert, now: datetime) -> str:
    """`ben's snooze, which had 7 h 59 min to go`."""
    if alert.snoozed_at is not None or alert.snoozed_until is None:
        return f"{alert.snoozed_name}'s snooze, which was until it changes"
    return f"{alert.snoozed_name}'s snooze, which had {duration((alert.snoozed_until - now).total_seconds())} to go"

"""An alert's card: what is wrong, where, since when and how badly, what is likely behind it, and what helps.

Several alerts of one host share a card: the worst leads, the others have a line each.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.text import duration, plural
from bot.watch.model import Alert, State
from bot.watch.rows import AlertCard
from bot.watch.rules import Rule
from bot.watch.sparks import spark
from handlers.blocks.alert_buttons import buttons
from handlers.blocks.alert_words import (
    ABANDONED,
    ITSELF,
    OVER,
    SIGNS,
    Known,
    number,
    said_of,
    snoozed_until,
    well_again,
    worst,
)
from handlers.blocks.kit import Card, Element, actions, card, context
from handlers.blocks.rich import Line, bold, bullets, code, person, rich, say, words

SPARK = 24


def alert_card(shown: AlertCard, known: Known, revision: str) -> Card:
    """The card as its alerts are now; it has at least one. Without one that still fires it is a record."""
    lead, *others = shown.alerts
    where = shown.host or ITSELF
    return card(
        _told(where, lead, others, known, _begun(lead, shown)),
        say([f"{_sign(lead)} ", bold(f"{where}: {known.title(lead)}", 400)], _second(lead, shown, known)),
        rich(bullets(*_body(lead, shown, known))),
        rich(bullets(*[_other(each, known) for each in others])) if others else None,
        last=[
            actions(f"alert:{shown.id}:{revision}", buttons(shown, known)) if shown.firing else None,
            context(f"Alert {shown.id} · as it was at {known.at(known.now)}"),
        ],
    )


def _sign(alert: Alert) -> str:
    if alert.state is State.FIRING:
        return SIGNS[alert.severity]
    return ABANDONED if alert.abandoned else OVER


def _told(where: str, lead: Alert, others: Sequence[Alert], known: Known, begun: datetime) -> str:
    """The notification: all of it in one text."""
    title, text = known.title(lead), known.shown(lead.text)
    if lead.state is not State.FIRING:
        lasted = _lasted(lead, known, begun)
        if lead.abandoned:
            return f"No longer watched: {where}: {title}. {text} That was {lasted}"
        return f"Over: {where}: {title}. {lasted}"
    also = f" And {plural(len(others), 'other alert')} on this card." if others else ""
    cause = f" {known.shown(lead.cause)}" if lead.cause else ""
    return f"{lead.severity.label.capitalize()}: {where}: {title}. {text}{cause}{_said(lead, known)}{also}"


def _said(alert: Alert, known: Known) -> str:
    """What people have said about an alert, for those who only hear of it."""
    parts = [f"Acknowledged by {alert.acknowledged_name}."] if alert.acknowledged_at else []
    parts += [f"Snoozed {snoozed_until(alert, known.zone)}."] if alert.snoozed(known.now) else []
    return "".join(f" {part}" for part in parts)


def _second(alert: Alert, shown: AlertCard, known: Known) -> Line:
    """The second line: what people have said of it, so that nobody sees to it twice, and the numbers in words."""
    if alert.state is not State.FIRING:
        lasted = _lasted(alert, known, _begun(alert, shown))
        told = f"{known.shown(alert.text)} That was {lasted}" if alert.abandoned else f"Over, {lasted}"
        return [words(told, 500), *_ended_line(alert)]
    return [*said_of(alert, known), words(known.shown(alert.text) if alert.text else "No more is known of it.", 500)]


def _begun(alert: Alert, shown: AlertCard) -> datetime:
    """When it began; for what came and went, the first time."""
    return shown.opened_at if alert.times > 1 else alert.since


def _lasted(alert: Alert, known: Known, begun: datetime | None = None) -> str:
    if alert.ended_at is None:
        return "at a time that is not known."
    lasted = duration((alert.ended_at - (begun or alert.since)).total_seconds())
    return f"{lasted} after it began, at {known.at(alert.ended_at)}."


def _ended_line(alert: Alert) -> list[str | Element]:
    return [" Acknowledged by ", person(alert.acknowledged_by), "."] if alert.acknowledged_at else []


def _body(alert: Alert, shown: AlertCard, known: Known) -> list[Line]:
    """How badly, for how long, how often, and why."""
    rule = known.rules.get(alert.rule)
    firing = alert.state is State.FIRING
    lines: list[Line] = []
    if firing:
        label = alert.severity.label.capitalize()
        age = duration((known.now - alert.since).total_seconds())
        lines.append(f"{label}, since {known.at(alert.since)} ({age})")
    else:
        lines.append(f"It began {known.at(_begun(alert, shown))}, and was {alert.severity.label}")
    if rule and (numbers := _numbers(alert, rule)):
        lines.append([numbers, "  ", code(spark(alert.track, SPARK))] if len(alert.track) > 1 else numbers)
    if alert.times > 1:
        lines.append(f"It has fired {alert.times} times: it {'comes and goes' if firing else 'came and went'}")
    if good := well_again(alert, known):
        lines.append(good)
    if alert.cause:
        lines.append([bold("Likely cause: "), words(known.shown(alert.cause), 400)])
    return lines


def _numbers(alert: Alert, rule: Rule) -> str:
    """`Now 92, at the start 55, at its worst 95 (% of the queue)`; empty for what has no number."""
    if rule.yes_or_no:
        return ""
    is_known = alert.state is State.FIRING and alert.value is not None
    now = f"Now {number(alert.value or 0)}, at" if is_known else "At"
    return f"{now} the start {number(alert.start)}, at its worst {number(alert.peak)} ({rule.unit})"


def _other(alert: Alert, known: Known) -> Line:
    title = bold(known.title(alert), 300)
    if alert.state is not State.FIRING:
        at_worst = worst(alert, known.rules.get(alert.rule))
        how = f"no longer watched. {known.shown(alert.text)} That was" if alert.abandoned else "over,"
        return [f"{_sign(alert)} ", title, ": ", words(f"{how} {_lasted(alert, known)} {at_worst}".rstrip(), 500)]
    return [f"{_sign(alert)} ", title, ": ", *said_of(alert, known), words(known.shown(alert.text), 300)]

"""What happened to an alert, told in the thread of its card: one short sentence with the numbers of then."""

from collections.abc import Callable, Mapping, Sequence

from bot.text import duration
from bot.watch.model import Alert, Event, Transition
from bot.watch.rules import Rule
from handlers.blocks.alert_words import ABANDONED, ITSELF, OVER, SIGNS, Known, worst
from handlers.blocks.kit import Card, card
from handlers.blocks.rich import bold, joined, person, say, words

Around = tuple[str, str]
"""What comes before the alert's title, and what after it."""


def transition(said: Transition, alert: Alert, known: Known, mention: Sequence[str]) -> Card:
    """`mention` has whom the settings name, user IDs and user groups; they are in it only if the transition says so."""
    where, title = alert.host or ITSELF, known.title(alert)
    ended = ABANDONED if alert.abandoned else OVER
    sign = ended if said.event is Event.RESOLVED else SIGNS[said.severity]
    before, after = TELLS[said.event](said, alert, known.rules.get(alert.rule))
    after = known.shown(after)
    whom = [*joined([person(each) for each in mention]), " "] if said.mention and mention else []
    if said.event in BY_SOMEBODY:
        return card(f"{where}: {title}: {after}", say([words(after, 500)]))
    told = f"{before}{where}: {title}. {after}".strip()
    return card(told, say([*whom, f"{sign} {before}".rstrip() + " ", bold(title, 300), f". {after}".rstrip()]))


def _fired(said: Transition, _: Alert, __: Rule | None) -> Around:
    return f"{said.severity.label.capitalize()}: ", said.text


def _again(said: Transition, alert: Alert, _: Rule | None) -> Around:
    often = f" It has fired {alert.times} times." if alert.times > 1 else ""
    return f"{said.severity.label.capitalize()} again: ", f"{said.text}{often}"


def _worse(said: Transition, _: Alert, __: Rule | None) -> Around:
    return f"Worse, {said.severity.label} now: ", said.text


def _reminded(said: Transition, alert: Alert, _: Rule | None) -> Around:
    lasts = duration((said.at - alert.since).total_seconds())
    return f"Still, for {lasts}: ", f"{said.text} Nobody has acknowledged it."


def _woken(said: Transition, _: Alert, __: Rule | None) -> Around:
    return "Worse than when it was snoozed, so the snooze is over: ", said.text


def _resolved(said: Transition, alert: Alert, rule: Rule | None) -> Around:
    lasted = duration((said.at - alert.since).total_seconds())
    if alert.abandoned:
        return "No longer watched: ", f"{said.text} That was {lasted} after it began. {worst(alert, rule)}".rstrip()
    return "Over: ", f"{lasted} after it began. {worst(alert, rule)}".rstrip()


def _acknowledged(said: Transition, _: Alert, __: Rule | None) -> Around:
    return "", f"{said.by} acknowledged it. There are no more reminders."


def _snoozed(said: Transition, _: Alert, __: Rule | None) -> Around:
    return "", f"{said.by} snoozed it {said.text}. Until then nobody is reminded or mentioned."


def _unacknowledged(said: Transition, _: Alert, __: Rule | None) -> Around:
    return "", f"{said.by} took back that {said.text} looks after it: nobody does now."


def _unsnoozed(said: Transition, _: Alert, __: Rule | None) -> Around:
    return "", f"{said.by} ended {said.text}."


TELLS: Mapping[Event, Callable[[Transition, Alert, Rule | None], Around]] = {
    Event.FIRED: _fired,
    Event.AGAIN: _again,
    Event.WORSE: _worse,
    Event.REMINDED: _reminded,
    Event.ACKNOWLEDGED: _acknowledged,
    Event.SNOOZED: _snoozed,
    Event.UNACKNOWLEDGED: _unacknowledged,
    Event.UNSNOOZED: _unsnoozed,
    Event.WOKEN: _woken,
    Event.RESOLVED: _resolved,
}
BY_SOMEBODY = (Event.ACKNOWLEDGED, Event.SNOOZED, Event.UNACKNOWLEDGED, Event.UNSNOOZED)
"""What somebody did to all alerts of the card at once; so no title is told."""

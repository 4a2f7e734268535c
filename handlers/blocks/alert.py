"""An alert's card: what is wrong, where, since when and how badly, what is likely behind it, and what helps.

Several alerts of one host share a card: the worst leads, the others have a line each.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.text import Addresses, clock, duration, plural, shown_text
from bot.watch.model import Alert, State
from bot.watch.rows import AlertCard, Mute
from bot.watch.rules import Rule, Severity
from bot.watch.sparks import spark
from handlers.blocks.kit import Card, Element, actions, button, card, confirm, context, packed, select
from handlers.blocks.rich import Line, bold, bullets, code, person, rich, say, words
from handlers.blocks.status import flush_dialog

SIGNS = {Severity.NOTICE: "🔵", Severity.WARNING: "🟡", Severity.CRITICAL: "🔴"}
OVER = "🟢"
ITSELF = "This bot"
"""What is said in place of a mail host's name in what concerns the bot itself."""
SPARK = 24
YES_OR_NO = frozenset(("down", "broken", "listed", "failing"))
"""Units of what is so or is not: there is no number to tell."""

SNOOZES: Mapping[str, tuple[str, timedelta | None]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "8h": ("8 hours", timedelta(hours=8)),
    "3d": ("3 days", timedelta(days=3)),
    "changes": ("Until it changes", None),
}
"""What a snooze can be, by the word that is typed for it: how it is called, and how long it lasts."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a card is drawn with: the host's rules, the mutes in force, the time, and how addresses are shown."""

    rules: Mapping[str, Rule]
    mutes: Sequence[Mute]
    now: datetime
    addresses: Addresses

    def title(self, alert: Alert) -> str:
        """`One sender has most of a growing queue`; with the subject, unless the alert's text names it."""
        rule = self.rules.get(alert.rule)
        title = rule.title if rule else alert.rule
        named = alert.subject and alert.subject not in alert.text
        return self.shown(f"{title}: {alert.subject}" if named else title)

    def shown(self, text: str) -> str:
        return shown_text(text, self.addresses)

    def mute(self, alert: Alert) -> Mute | None:
        """The mute over this alert that lasts the longest."""
        found = [mute for mute in self.mutes if mute.covers(alert.rule, alert.host)]
        return max(found, key=lambda mute: mute.until, default=None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody who presses a button had seen: the newest alert on the card, and how bad the worst was."""

    newest: int
    severity: int

    @classmethod
    def of(cls, shown: AlertCard) -> "Seen":
        return cls(max(each.id for each in shown.firing), max(int(each.severity) for each in shown.firing))

    def covers(self, now: "Seen") -> bool:
        return self.newest >= now.newest and self.severity >= now.severity


def fingerprint(selector: str) -> str:
    """What a button remembers of a selector: the messages in a channel hold no whole address."""
    return hashlib.sha256(selector.encode("utf-8", "surrogatepass")).hexdigest()[:12]


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
            actions(f"alert:{shown.id}:{revision}", _buttons(shown, known)) if shown.firing else None,
            context(f"Alert {shown.id} · as it was at {clock(known.now.timestamp())}"),
        ],
    )


# Words ----------------------------------------------------------------------------------------------------------------


def _sign(alert: Alert) -> str:
    return SIGNS[alert.severity] if alert.state is State.FIRING else OVER


def _told(where: str, lead: Alert, others: Sequence[Alert], known: Known, begun: datetime) -> str:
    """The notification: all of it in one text."""
    title, text = known.title(lead), known.shown(lead.text)
    if lead.state is not State.FIRING:
        return f"Over: {where}: {title}. {_lasted(lead, begun)}"
    also = f" And {plural(len(others), 'other alert')} on this card." if others else ""
    cause = f" {known.shown(lead.cause)}" if lead.cause else ""
    return f"{lead.severity.label.capitalize()}: {where}: {title}. {text}{cause}{_said(lead, known)}{also}"


def _said(alert: Alert, known: Known) -> str:
    """What people have said about an alert, for those who only hear of it."""
    parts = [f"Acknowledged by {alert.acknowledged_name}."] if alert.acknowledged_at else []
    parts += [f"Snoozed {snoozed_until(alert)}."] if alert.snoozed(known.now) else []
    return "".join(f" {part}" for part in parts)


def _second(alert: Alert, shown: AlertCard, known: Known) -> Line:
    """The second line: what people have said of it, so that nobody sees to it twice, and the numbers in words."""
    if alert.state is not State.FIRING:
        return [f"Over, {_lasted(alert, _begun(alert, shown))}", *_ended_line(alert)]
    return [*said_of(alert, known), words(known.shown(alert.text) if alert.text else "No more is known of it.", 500)]


def said_of(alert: Alert, known: Known) -> list[str | Element]:
    """`Acknowledged by @ana. Snoozed until … by @ben. Muted until … by @cleo. `, as far as it is so."""
    line: list[str | Element] = []
    if alert.acknowledged_at:
        line += ["Acknowledged by ", person(alert.acknowledged_by), ". "]
    if alert.snoozed(known.now):
        line += [f"Snoozed {snoozed_until(alert)} by ", person(alert.snoozed_by), ". "]
    if mute := known.mute(alert):
        line += [f"Muted until {clock(mute.until.timestamp())} by ", person(mute.by), ". "]
    return line


def snoozed_until(alert: Alert) -> str:
    """`until it changes`, `until 2026-01-31 08:05 UTC`."""
    if alert.snoozed_at is not None or alert.snoozed_until is None:
        return "until it changes"
    return f"until {clock(alert.snoozed_until.timestamp())}"


def _begun(alert: Alert, shown: AlertCard) -> datetime:
    """When it began; for what came and went, the first time."""
    return shown.opened_at if alert.times > 1 else alert.since


def _lasted(alert: Alert, begun: datetime | None = None) -> str:
    if alert.ended_at is None:
        return "at a time that is not known."
    lasted = duration((alert.ended_at - (begun or alert.since)).total_seconds())
    return f"{lasted} after it began, at {clock(alert.ended_at.timestamp())}."


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
        lines.append(f"{label}, since {clock(alert.since.timestamp())} ({age})")
    else:
        lines.append(f"It began {clock(_begun(alert, shown).timestamp())}, and was {alert.severity.label}")
    if rule and (numbers := _numbers(alert, rule)):
        lines.append([numbers, "  ", code(spark(alert.track, SPARK))] if len(alert.track) > 1 else numbers)
    if alert.times > 1:
        lines.append(f"It has fired {alert.times} times: it {'comes and goes' if firing else 'came and went'}")
    if firing and alert.good_since and rule:
        calm = duration(rule.calm.total_seconds())
        lines.append(f"Well again since {clock(alert.good_since.timestamp())}; over once that has lasted {calm}")
    if alert.cause:
        lines.append([bold("Likely cause: "), words(known.shown(alert.cause), 400)])
    return lines


def _numbers(alert: Alert, rule: Rule) -> str:
    """`Now 92, at the start 55, at its worst 95 (% of the queue)`; empty for what has no number."""
    if rule.unit in YES_OR_NO or alert.value is None:
        return ""
    now = f"Now {number(alert.value)}, at" if alert.state is State.FIRING else "At"
    return f"{now} the start {number(alert.start)}, at its worst {number(alert.peak)} ({rule.unit})"


def worst(alert: Alert, rule: Rule | None) -> str:
    """`At its worst 95 (% of the queue).`; empty for what has no number."""
    return f"At its worst {number(alert.peak)} ({rule.unit})." if rule and rule.unit not in YES_OR_NO else ""


def number(value: float) -> str:
    """As exact as a person needs it: `1,234`, `5.2`."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}"


def _other(alert: Alert, known: Known) -> Line:
    title = bold(known.title(alert), 300)
    if alert.state is not State.FIRING:
        at_worst = worst(alert, known.rules.get(alert.rule))
        return [f"{OVER} ", title, f": over, {_lasted(alert)} {at_worst}".rstrip()]
    return [f"{_sign(alert)} ", title, ": ", *said_of(alert, known), words(known.shown(alert.text), 300)]


# What can be pressed --------------------------------------------------------------------------------------------------

LABELS: Mapping[str, str] = {
    "queue": "Show queue",
    "hold": "Hold all of {}",
    "check": "Run check",
    "status": "Status",
    "trash": "Trash",
    "flush": "Flush",
}
"""What a rule's `shows` can name, in the order of the buttons; each is `alert.NAME`."""


def _buttons(shown: AlertCard, known: Known) -> list[Element]:
    made = [_help(name, shown, known) for name in LABELS] if shown.host else []
    seen = Seen.of(shown)
    value = packed(shown.id, seen.newest, seen.severity)
    if any(alert.acknowledged_at is None for alert in shown.firing):
        made.append(button("Acknowledge", "alert.acknowledge", value))
    options = [(label, packed(shown.id, seen.newest, seen.severity, name)) for name, (label, _) in SNOOZES.items()]
    made.append(select("Snooze …", "alert.snooze", options))
    return [each for each in made if each]


def _help(name: str, shown: AlertCard, known: Known) -> Element | None:
    """The button of this name for the worst alert whose rule has it."""
    for alert in shown.firing:
        rule = known.rules.get(alert.rule)
        if rule is None or name not in rule.shows or (name == "hold" and not alert.selector):
            continue
        value = packed(shown.id, alert.id, fingerprint(alert.selector))
        selector = known.shown(alert.selector)
        return button(LABELS[name].format(selector), f"alert.{name}", value, confirm=_dialog(name, selector, shown))
    return None


def _dialog(name: str, selector: str, shown: AlertCard) -> Element | None:
    if name == "flush":
        return flush_dialog(shown.host)
    if name == "hold":
        text = "It stays in the queue, neither delivered nor sent back. The answer counts it and has an undo."
        return confirm(f"Hold all of {selector} on {shown.host}?"[:100], text, "Hold")
    return None

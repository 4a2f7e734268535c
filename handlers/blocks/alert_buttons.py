"""What can be pressed on an alert's card, and what a button remembers of the card that it stood on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.watch.rows import AlertCard
from handlers.blocks.alert_words import Known
from handlers.blocks.kit import Element, button, confirm, packed, select
from handlers.blocks.status import flush_dialog

SNOOZES: Mapping[str, tuple[str, timedelta | None]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "8h": ("8 hours", timedelta(hours=8)),
    "3d": ("3 days", timedelta(days=3)),
    "changes": ("Until it changes", None),
}
"""What a snooze can be, by the word that is typed for it: how it is called, and how long it lasts."""

END = "end"
"""What stands in a button's place of those words when it ends the snooze that there is."""

LABELS: Mapping[str, str] = {
    "queue": "Show queue",
    "hold": "Hold all of {}",
    "check": "Run check",
    "status": "Status",
    "trash": "Trash",
    "flush": "Flush",
}
"""What a rule's `shows` can name, in the order of the buttons; each is `alert.NAME`."""


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


def buttons(shown: AlertCard, known: Known) -> list[Element]:
    """What helps with the worst alert that has it, then what people say of them all. Something on the card fires."""
    made = [_help(name, shown, known) for name in LABELS] if shown.host else []
    seen = Seen.of(shown)
    value = packed(shown.id, seen.newest, seen.severity)
    if any(alert.acknowledged_at is None for alert in shown.firing):
        made.append(button("Acknowledge", "alert.acknowledge", value))
    choices = [(label, name) for name, (label, _) in SNOOZES.items()]
    choices += [("End the snooze", END)] if any(alert.snoozed(known.now) for alert in shown.firing) else []
    options = [(label, packed(shown.id, seen.newest, seen.severity, name)) for label, name in choices]
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

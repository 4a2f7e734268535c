"""What is said of an alert wherever one is shown: its sign, its title, who looks after it, how bad it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.text import Addresses, clock, duration, shown_text
from bot.watch.model import Alert, State
from bot.watch.rows import Mute
from bot.watch.rules import Rule, Severity
from handlers.blocks.kit import Element
from handlers.blocks.rich import person

SIGNS = {Severity.NOTICE: "🔵", Severity.WARNING: "🟡", Severity.CRITICAL: "🔴"}
OVER, ABANDONED = "🟢", "⚪"
"""The signs of what is over, and of what nobody looks at any more."""
ITSELF = "This bot"
"""What is said in place of a mail host's name in what concerns the bot itself."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a card is drawn with: the host's rules, the mutes in force, the time, how addresses are shown, and the time
    zone that times are told in."""

    rules: Mapping[str, Rule]
    mutes: Sequence[Mute]
    now: datetime
    addresses: Addresses
    zone: str = "UTC"

    def title(self, alert: Alert) -> str:
        """`One sender has most of a growing queue`; with the subject, unless the alert's text names it."""
        rule = self.rules.get(alert.rule)
        title = rule.title if rule else alert.rule
        named = alert.subject and alert.subject not in alert.text
        return self.shown(f"{title}: {alert.subject}" if named else title)

    def at(self, moment: datetime) -> str:
        """`2026-01-31 09:05 CET`."""
        return clock(moment.timestamp(), self.zone)

    def shown(self, text: str) -> str:
        return shown_text(text, self.addresses)

    def mute(self, alert: Alert) -> Mute | None:
        """The mute over this alert that lasts the longest."""
        found = [mute for mute in self.mutes if mute.covers(alert.rule, alert.host)]
        return max(found, key=lambda mute: mute.until, default=None)


def said_of(alert: Alert, known: Known) -> list[str | Element]:
    """`Acknowledged by @ana. Snoozed until … by @ben. Muted until … by @cleo. `, as far as it is so."""
    line: list[str | Element] = []
    if alert.acknowledged_at:
        line += ["Acknowledged by ", person(alert.acknowledged_by), ". "]
    if alert.snoozed(known.now):
        line += [f"Snoozed {snoozed_until(alert, known.zone)} by ", person(alert.snoozed_by), ". "]
    if mute := known.mute(alert):
        line += [f"Muted until {known.at(mute.until)} by ", person(mute.by), ". "]
    return line


def well_again(alert: Alert, known: Known) -> str:
    """`Well again since …; over once that has lasted 10 min`; empty where that is not so."""
    rule = known.rules.get(alert.rule)
    if alert.state is not State.FIRING or alert.good_since is None or rule is None:
        return ""
    calm = duration(rule.calm.total_seconds())
    return f"Well again since {known.at(alert.good_since)}; over once that has lasted {calm}"


def snoozed_until(alert: Alert, zone: str) -> str:
    """`until it changes`, `until 2026-01-31 09:05 CET`."""
    if alert.snoozed_at is not None or alert.snoozed_until is None:
        return "until it changes"
    return f"until {clock(alert.snoozed_until.timestamp(), zone)}"


def worst(alert: Alert, rule: Rule | None) -> str:
    """`At its worst 95 (% of the queue).`; empty for what has no number."""
    return f"At its worst {number(alert.peak)} ({rule.unit})." if rule and not rule.yes_or_no else ""


def number(value: float) -> str:
    """As exact as a person needs it: `1,234`, `5.2`."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}"

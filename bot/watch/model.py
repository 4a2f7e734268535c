"""Readings, alerts and what happens to them: values without a database and without Slack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.watch.rules import Rule, Severity

TRACK = 48
"""So many former values an alert remembers, to draw them; at twice as many every second one is forgotten."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule sees of one subject (`""`: the host as a whole) at one moment; a `value` of None is unknown.

    `text` says the value in words, `cause` in one line what is likely behind it. `selector` picks the mail that it is
    about, as somebody would type it. `severity` where it is not the rule's own, as for a blocklist's weight. Subject,
    text and cause may hold hostile text and addresses: front ends make them presentable (bot/text.py). Not `measured`:
    the value is only what it is judged by; the number that somebody saw is `seen`, if there is one.
    """

    subject: str
    value: float | None
    text: str = ""
    cause: str = ""
    selector: str = ""
    severity: Severity | None = None
    measured: bool = True
    seen: float | None = None

    def undecided(self, rule: Rule, seen: float | None = None) -> Reading:
        """The same with a value that neither begins an alert nor ends one; `seen` is the number to show, if any is."""
        return replace(self, value=(rule.fires + rule.clears) / 2, measured=False, seen=seen)


class State(StrEnum):
    """`ok` is an alert that is over."""

    PENDING = "pending"
    FIRING = "firing"
    OK = "ok"


class Event(StrEnum):
    """What a transition tells. The first and the last change the state too."""

    FIRED = "fired"
    AGAIN = "again"
    WORSE = "worse"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    UNACKNOWLEDGED = "unacknowledged"
    UNSNOOZED = "unsnoozed"
    WOKEN = "woken"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, one row. `id` is 0 until it is kept; its identity is (rule, host, subject), of which one is open.

    `since` is when it became bad, `good_since` since when it is good again (None where it is over: nobody saw that,
    as nobody looks any more, and `text` says why). `value` is how it was at `seen_at`, when it was known last (None:
    not as a number); `start` and `peak` are values, `track` the former ones. `card` is the card that shows it, from
    its first firing on. `times` counts the firings, those of alerts included that it goes on for. `snoozed_until` may
    be far away, for "until it changes": then `snoozed_at` is the value that it may not go beyond.
    """

    rule: str
    host: str
    subject: str
    state: State
    severity: Severity
    since: datetime
    id: int = 0
    card: int | None = None
    fired_at: datetime | None = None
    good_since: datetime | None = None
    ended_at: datetime | None = None
    seen_at: datetime | None = None
    value: float | None = None
    start: float = 0
    peak: float = 0
    text: str = ""
    cause: str = ""
    selector: str = ""
    track: tuple[float, ...] = ()
    times: int = 0
    mentioned: Severity | None = None
    told_at: datetime | None = None
    told_text: str = ""
    reminded_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_name: str = ""
    snoozed_until: datetime | None = None
    snoozed_at: float | None = None
    snoozed_by: str = ""
    snoozed_name: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.rule, self.host, self.subject)

    @property
    def abandoned(self) -> bool:
        """It ended because nobody looks any more: how it is now is not known."""
        return self.state is State.OK and self.good_since is None

    def snoozed(self, now: datetime) -> bool:
        return self.snoozed_until is not None and now < self.snoozed_until

    def tracked(self, value: float) -> Alert:
        """With one more former value."""
        track = (*self.track, value)
        return replace(self, track=track[::2] if len(track) >= 2 * TRACK else track)


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened to an alert, told in its card's thread; it never changes. `by` is who did it, if anybody.

    `mention`: whom the settings name is mentioned.
    """

    event: Event
    at: datetime
    severity: Severity
    text: str = ""
    by: str = ""
    mention: bool = False
    id: int = 0
    alert: int = 0

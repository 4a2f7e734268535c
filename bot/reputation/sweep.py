"""What blocklists said of addresses and domains: listed, not listed, or unknown with its cause; what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.reputation.codes import Code, ListCause, Weight
from bot.reputation.subjects import Subject
from bot.reputation.zones import Zone

State = Literal["listed", "not_listed", "unknown"]

MATTERS = Weight.MEDIUM
"""From this weight on it has to be known whether a list has the address."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One list's word on one subject. `seconds` is how long it took.

    Listed: `codes` are the meanings, `answers` the addresses that came, `reason` the list's own text (hostile; empty
    where it gives none), `since` when it was first seen here, where that was before now. Unknown: `cause`, and `detail`
    for an admin.
    """

    zone: Zone
    subject: Subject
    state: State
    seconds: float
    codes: tuple[Code, ...] = ()
    answers: tuple[str, ...] = ()
    reason: str = ""
    since: datetime | None = None
    cause: ListCause | None = None
    detail: str = ""

    @property
    def harms(self) -> bool:
        return self.state == "listed" and not self.zone.allow

    @property
    def weight(self) -> Weight:
        """Of the listing: that of its gravest code. Of anything else: the list's."""
        return max((code.weight for code in self.codes), default=self.zone.weight)

    @property
    def policy(self) -> bool:
        """Listed only because its provider says that no mail server belongs there."""
        return bool(self.codes) and all(code.policy for code in self.codes)


@dataclass(frozen=True, slots=True)
class Silence:
    """Lists that could not say, for the same reason; `subjects` are those that it concerns, none if it is all."""

    cause: ListCause
    detail: str
    zones: tuple[Zone, ...]
    subjects: tuple[Subject, ...] = ()

    @property
    def matters(self) -> bool:
        return any(zone.weight >= MATTERS and not zone.allow for zone in self.zones)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many lists were `asked`, and `answered` for every subject; `blocklists` of these list who is bad."""

    asked: int
    answered: int
    blocklists: int
    silent: tuple[Silence, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look at all lists. `left_out`: those that were not asked, each says why. `servers`: the resolver's."""

    subjects: tuple[Subject, ...]
    verdicts: tuple[Verdict, ...]
    left_out: tuple[Zone, ...]
    servers: tuple[str, ...]
    seconds: float

    def of(self, subject: Subject) -> Sweep:
        """What there is of this subject alone."""
        verdicts = tuple(verdict for verdict in self.verdicts if verdict.subject == subject)
        return Sweep((subject,), verdicts, self.left_out, self.servers, self.seconds)

    @property
    def listings(self) -> tuple[Verdict, ...]:
        """The gravest first."""
        return tuple(sorted((each for each in self.verdicts if each.harms), key=lambda each: -each.weight))

    @property
    def recommendations(self) -> tuple[Verdict, ...]:
        """Lists of good senders that have it."""
        return tuple(each for each in self.verdicts if each.state == "listed" and each.zone.allow)

    @property
    def in_the_dark(self) -> tuple[Subject, ...]:
        """Those of whom no blocklist said anything."""
        told = {each.subject for each in self.verdicts if each.state != "unknown" and not each.zone.allow}
        return tuple(subject for subject in self.subjects if subject not in told)

    @property
    def coverage(self) -> Coverage:
        unknown = [verdict for verdict in self.verdicts if verdict.state == "unknown"]
        asked = {verdict.zone.id: verdict.zone for verdict in self.verdicts}
        answered = [asked[each] for each in asked.keys() - {verdict.zone.id for verdict in unknown}]
        blocklists = sum(not zone.allow for zone in answered)
        return Coverage(len(asked), len(answered), blocklists, self._silent(unknown))

    def _silent(self, unknown: Sequence[Verdict]) -> tuple[Silence, ...]:
        """By cause and words, in the order of the lists; lists of little weight apart from those that matter."""
        together: dict[tuple[object, ...], list[Verdict]] = {}
        for each in unknown:
            key = (each.cause, each.detail, each.zone.weight >= MATTERS and not each.zone.allow)
            together.setdefault(key, []).append(each)
        return tuple(self._silence(verdicts) for verdicts in together.values())

    def _silence(self, verdicts: Sequence[Verdict]) -> Silence:
        zones = {verdict.zone.id: verdict.zone for verdict in verdicts}
        asked = {each.subject for each in self.verdicts if each.zone.id in zones}
        concerned = dict.fromkeys(verdict.subject for verdict in verdicts)
        cause = verdicts[0].cause or "malformed"
        return Silence(
            cause, verdicts[0].detail, tuple(zones.values()), () if asked == set(concerned) else tuple(concerned)
        )

    @property
    def exit_status(self) -> int:
        """As monitoring plugins have it: 2 for a listing of high weight or more, 1 of low or medium, else 3 when a list
        that matters could not say, or none could; 0."""
        worst = max((verdict.weight for verdict in self.listings), default=Weight.INFO)
        if worst >= Weight.HIGH:
            return 2
        if worst >= Weight.LOW:
            return 1
        return 3 if self.in_the_dark or any(silence.matters for silence in self.coverage.silent) else 0

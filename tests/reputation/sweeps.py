"""Sweeps for tests of what is made of them: lists of each weight, and one listing, silence or praise at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.reputation.codes import Code, Weight, pattern
from bot.reputation.subjects import Subject, subject
from bot.reputation.sweep import Sweep, Verdict
from bot.reputation.zones import Zone
from tests.reputation.lists import table, zones

US = subject("192.0.2.25")
SINCE = datetime(2026, 2, 1, 8, 5, tzinfo=UTC)


def zone(weight: str = "high", **members: Any) -> Zone:
    """A list called after its weight, unless it is given a name."""
    given = {"name": f"{weight.capitalize()} List", "zone": f"{weight}.example", "weight": weight, **members}
    (made,) = zones(table(given.pop("zone"), **given))
    return replace(made, id=made.zone)


def hit(of: Zone, who: Subject = US, **members: Any) -> Verdict:
    return Verdict(of, who, "listed", 0.1, **{"codes": of.codes[:1], "answers": ("127.0.0.2",), **members})


def clean(of: Zone, who: Subject = US) -> Verdict:
    return Verdict(of, who, "not_listed", 0.1)


def silent(of: Zone, who: Subject = US, cause: Any = "timeout", detail: str = "no answer within 2 s") -> Verdict:
    return Verdict(of, who, "unknown", 2.0, cause=cause, detail=detail)


def sweep(*verdicts: Verdict, left_out: tuple[Zone, ...] = ()) -> Sweep:
    subjects = tuple(dict.fromkeys(verdict.subject for verdict in verdicts))
    return Sweep(subjects, verdicts, left_out, ("127.0.0.1",), 2.0)


POLICY = Code(pattern("127.0.0.10"), "no mail server belongs there", Weight.HIGH, policy=True)

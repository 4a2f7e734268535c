"""The DNS tree walk: which DMARC record applies to a domain, and what its Organizational Domain is (RFC 9989 §4.10)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cached_property

from bot.reputation.answers import Answer, Result, Unknown
from bot.reputation.dmarc_record import DmarcRecord, is_record, nearly, read
from bot.reputation.records import plain
from bot.reputation.resolver import Resolver

MOST_QUERIES = 8
"""Of a longer name only the last seven labels are walked, after the name itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was found at `_dmarc.` below one name of the walk."""

    name: str
    result: Result

    @property
    def texts(self) -> tuple[str, ...]:
        """Those of its TXT records that are DMARC records; with more than one of them all are discarded."""
        return tuple(text for text in self._values if is_record(text))

    @property
    def nearly(self) -> tuple[str, ...]:
        return nearly(self._values)

    @property
    def record(self) -> DmarcRecord | None:
        return read(self.texts[0]) if len(self.texts) == 1 else None

    @property
    def _values(self) -> tuple[str, ...]:
        return self.result.values if isinstance(self.result, Answer) else ()


@dataclass(frozen=True)
class Walk:
    """The steps from a domain towards the root, to the first record that says `psd=y` or `psd=n`, that one included."""

    domain: str
    steps: tuple[Step, ...]

    @property
    def first(self) -> Step:
        return self.steps[0]

    @cached_property
    def unknown(self) -> Unknown | None:
        """Why the Organizational Domain is not known; None: it is."""
        return next((step.result for step in self.steps if isinstance(step.result, Unknown)), None)

    @cached_property
    def organizational(self) -> str:
        """The Organizational Domain (§4.10.2); only where nothing is `unknown`."""
        found = [(step.name, step.record) for step in self.steps if step.record]
        for name, record in found:
            if record.psd == "n":
                return name
            if record.psd == "y" and name != self.domain:
                return self._below(name)
        return found[-1][0] if found else self.domain

    @cached_property
    def policy(self) -> Step | None:
        """Where the record that applies was found (§4.10.1): at the domain, its Organizational Domain, or above that at
        a Public Suffix Domain; only where nothing is `unknown`, or where the domain has one itself."""
        if self.first.record:
            return self.first
        wanted = self.organizational
        for step in self.steps:
            if step.record and (step.name == wanted or step.record.psd == "y"):
                return step
        return None

    def _below(self, parent: str) -> str:
        return ".".join(self.domain.split(".")[-(parent.count(".") + 2) :])


def names(domain: str) -> tuple[str, ...]:
    """The names whose `_dmarc` is asked for, in order: at most eight."""
    labels = domain.split(".")
    start = 1 if len(labels) < MOST_QUERIES else len(labels) - (MOST_QUERIES - 1)
    return (domain, *(".".join(labels[at:]) for at in range(start, len(labels))))


async def walk(resolver: Resolver, domain: str) -> Walk:
    """All questions at once, since nearly every walk needs them all; what lies beyond its end is not looked at."""
    domain = plain(domain)
    asked = names(domain)
    results = await asyncio.gather(*(resolver.ask(f"_dmarc.{name}", "TXT") for name in asked))
    steps = []
    for name, result in zip(asked, results, strict=True):
        steps.append(Step(name, result))
        record = steps[-1].record
        if record and record.psd in ("y", "n"):
            break
    return Walk(domain, tuple(steps))

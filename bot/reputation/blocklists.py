"""Asks blocklists (RFC 5782) about addresses and domains, and believes only those whose test entries behave.

A list is asked for its own two test entries with every look; the resolver remembers them for as long as the list says.
Whoever is listed is held against a name made at random, which no list has: one that has it lists the world.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from itertools import groupby

from bot.reputation.answers import Absent, Answer, Kind, Result, Unknown
from bot.reputation.codes import Code, Trouble, read
from bot.reputation.resolver import Resolver
from bot.reputation.selfcheck import SelfCheck
from bot.reputation.sightings import Sightings
from bot.reputation.subjects import Subject, SubjectKind, reversed_address
from bot.reputation.sweep import Sweep, Verdict
from bot.reputation.zones import Zone

DEADLINE = 15.0
"""Seconds for one look: a dead list is known for one after two of a question's time-outs."""

AT_ONCE = 4
"""Questions under way at one list, so that dead lists together leave the resolver places for the others."""

LONGEST_REASON = 500


class Blocklists:
    """`zones` as zones.load() gives them; those that are left out are not asked. Nothing is sent before look().

    `selfcheck`, if there is one, looks first whether the resolver invents answers; then nothing of it is believed.
    `sightings`, if there are any, know since when listings are seen.
    """

    def __init__(
        self,
        resolver: Resolver,
        zones: Sequence[Zone],
        selfcheck: SelfCheck | None = None,
        sightings: Sightings | None = None,
    ) -> None:
        self.zones = tuple(zones)
        self.selfcheck = selfcheck
        self._resolver = resolver
        self._sightings = sightings

    async def try_resolver(self, limit: float = DEADLINE / 2) -> None:
        """Have no answer of a resolver believed that invents them; `limit` in seconds. For whoever asks it first."""
        if self.selfcheck:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self.selfcheck.findings()

    async def look(self, subjects: Sequence[Subject], deadline: float = DEADLINE) -> Sweep:
        """What each list says of each subject of its kinds; what is not known after `deadline` seconds is unknown.

        A domain without a registrable part (a public suffix) is not asked of lists that want one.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        subjects = tuple(dict.fromkeys(subjects))
        inquiries = [
            Inquiry(self._resolver, zone, kind, [each for each in of_kind if each.labels(zone.domains)])
            for kind, of_kind in _by_kind(subjects)
            for zone in self.zones
            if kind in zone.kinds and not zone.left_out
        ]
        if inquiries:
            await self.try_resolver(deadline / 2)
        tasks = [asyncio.create_task(inquiry.run()) for inquiry in inquiries if inquiry.subjects]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=began + deadline - clock())
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        too_late = Trouble("timeout", f"no answer within {deadline:g} s")
        verdicts = [verdict for inquiry in inquiries for verdict in inquiry.verdicts(too_late, deadline)]
        left_out = tuple(
            zone for zone in self.zones if zone.left_out and {each.kind for each in subjects} & {*zone.kinds}
        )
        sweep = Sweep(subjects, tuple(verdicts), left_out, self._resolver.servers, clock() - began)
        return await self._sightings.dated(sweep) if self._sightings else sweep


class Inquiry:
    """One list and the subjects of one kind. What is known is kept as it comes, so it may be stopped at any time."""

    def __init__(self, resolver: Resolver, zone: Zone, kind: SubjectKind, subjects: Sequence[Subject]) -> None:
        self.subjects = subjects
        self._resolver = resolver
        self._zone = zone
        self._kind = kind
        self._places = asyncio.Semaphore(AT_ONCE)
        self._known: dict[Subject, Verdict] = {}
        self._control: asyncio.Task[Trouble | None] | None = None

    def verdicts(self, otherwise: Trouble, seconds: float) -> list[Verdict]:
        """One for each subject; of those that are not known yet, `otherwise`."""
        return [self._known.get(each) or self._unknown(each, otherwise, seconds) for each in self.subjects]

    async def run(self) -> None:
        """Ask for the test entries and for all subjects at once. A list that fails its test has no say in anything."""
        self._began = asyncio.get_running_loop().time()
        entries = [asyncio.create_task(self._ask(each[self._kind], "A")) for each in self._zone.test_entries]
        testing = asyncio.create_task(self._test(*entries))
        asking = [asyncio.create_task(self._one(each, testing)) for each in self.subjects]
        try:
            if trouble := await testing:
                # What came by then is the list's own word on the subject, and tells more.
                for each in self.subjects:
                    self._known.setdefault(each, self._unknown(each, trouble, self._seconds))
                return
            await asyncio.gather(*asking)
        finally:
            tasks = [*entries, testing, *asking, *([self._control] if self._control else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, subject: Subject, testing: asyncio.Task[Trouble | None]) -> None:
        result = await self._ask(subject.labels(self._zone.domains), "A")
        found = self._read(result)
        if isinstance(found, Trouble):
            self._known[subject] = self._unknown(subject, found, self._seconds)
        elif not await asyncio.shield(testing):
            if found:
                await self._listed(subject, found, result.values if isinstance(result, Answer) else ())
            else:
                self._known[subject] = Verdict(self._zone, subject, "not_listed", self._seconds)

    async def _listed(self, subject: Subject, codes: tuple[Code, ...], answers: tuple[str, ...]) -> None:
        if self._control is None:
            self._control = asyncio.create_task(self._at_random())
        if trouble := await asyncio.shield(self._control):
            self._known[subject] = self._unknown(subject, trouble, self._seconds)
            return
        self._known[subject] = Verdict(self._zone, subject, "listed", self._seconds, codes, answers)
        words = await self._ask(subject.labels(self._zone.domains), "TXT")
        if isinstance(words, Answer):
            reason = self._zone.masked(" / ".join(sorted(words.values)))[:LONGEST_REASON]
            self._known[subject] = Verdict(self._zone, subject, "listed", self._seconds, codes, answers, reason)

    async def _test(self, *entries: asyncio.Task[Result]) -> Trouble | None:
        """What is wrong with the list, by its two test entries (RFC 5782 §5)."""
        zone = self._zone
        listed, unlisted = await asyncio.gather(*entries)
        if trouble := self._absent(unlisted, "its entry for tests that must not be there"):
            return trouble
        if isinstance(listed, Absent):
            return Trouble("broken_zone", "it does not list its own test entry, so its data are gone")
        if isinstance(listed, Answer) and zone.sample and all(_fits(zone, value) for value in listed.values):
            return None
        found = self._read(listed)
        return found if isinstance(found, Trouble) else None

    async def _at_random(self) -> Trouble | None:
        """What is wrong when a name is listed that nobody can have listed."""
        return self._absent(await self._ask(made_at_random(self._kind), "A"), "a name made at random")

    def _absent(self, result: Result, what: str) -> Trouble | None:
        """The trouble, unless the result is an absence."""
        found = self._read(result)
        if isinstance(found, Trouble) and found.cause != "unknown_code":
            return found
        return None if isinstance(result, Absent) else Trouble("broken_zone", f"it lists {what}, so it lists the world")

    def _read(self, result: Result) -> tuple[Code, ...] | Trouble:
        match result:
            case Unknown():
                return Trouble(result.cause, result.detail or result.cause)
            case Absent():
                return ()
            case Answer():
                return read(self._zone.codes, self._zone.errors, result.values)

    async def _ask(self, labels: str, kind: Kind) -> Result:
        async with self._places:
            result = await self._resolver.ask(self._zone.question(labels), kind, zone=self._zone.zone)
        return replace(result, detail=self._zone.masked(result.detail)) if isinstance(result, Unknown) else result

    def _unknown(self, subject: Subject, trouble: Trouble, seconds: float) -> Verdict:
        return Verdict(self._zone, subject, "unknown", seconds, cause=trouble.cause, detail=trouble.detail)

    @property
    def _seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._began


def made_at_random(kind: SubjectKind) -> str:
    """Labels of an address in 127.0.0.0/8 outside the test entries, or of a domain that nobody can register."""
    if kind == "domain":
        return f"{secrets.token_hex(10)}.invalid"
    inside = f"127.{64 + secrets.randbelow(128)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
    return reversed_address(ip_address(inside if kind == "ip4" else f"::ffff:{inside}"))


def _fits(zone: Zone, value: str) -> bool:
    return zone.sample is not None and zone.sample.fits(tuple(ip_address(value).packed))


def _by_kind(subjects: Sequence[Subject]) -> list[tuple[SubjectKind, list[Subject]]]:
    ordered = sorted(subjects, key=lambda subject: subject.kind)
    return [(kind, list(group)) for kind, group in groupby(ordered, key=lambda subject: subject.kind)]

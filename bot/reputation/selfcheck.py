"""Whether the resolver can be believed: it must know what exists, deny what does not, and be served by blocklists.

Codes: resolver.ok resolver.rewrites resolver.refused resolver.gone resolver.resolves_nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.reputation.answers import Absent, Answer, Result, Unknown
from bot.reputation.codes import Octets, Trouble, read
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import line
from bot.reputation.resolver import Resolver
from bot.reputation.zones import Zone
from bot.text import listed

PARENTS = ("com", "net", "org")
"""Domains that exist, below which a name made at random does not."""

PUBLIC: Octets = (127, 255, 255, 254)
"""What Spamhaus, and those who follow it, answer to resolvers that they do not serve."""

KEPT = 600.0
"""Seconds that a result is good for, unless a server did not answer."""

SETTING = "DNS_SERVERS in the bot's settings"
OWN = f"run a resolver of your own (unbound, say) on this machine, and name it in {SETTING}"


@dataclass(frozen=True, slots=True)
class _Word:
    """What one server said: of domains that exist, of names that do not, of lists' test entries."""

    server: str
    real: tuple[tuple[str, Result], ...]
    invented: tuple[tuple[str, Result], ...]
    lists: tuple[tuple[Zone, Result], ...]


class SelfCheck:
    """One resolver, looked at now and then; all its servers at once. Nothing is sent before findings()."""

    def __init__(
        self,
        resolver: Resolver,
        zones: Sequence[Zone] = (),
        parents: Sequence[str] = PARENTS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._zones = tuple(
            zone for zone in zones if not zone.left_out and any(error.pattern.fits(PUBLIC) for error in zone.errors)
        )
        self._parents = tuple(parents)
        self._now = now
        self._lock = asyncio.Lock()
        self._inventing: set[str] = set()
        self._kept: tuple[float, tuple[Finding, ...]] | None = None

    async def findings(self) -> tuple[Finding, ...]:
        """One for each thing that is wrong with a server, or one for each server that is well.

        The resolver is told which servers invent answers: it believes none of theirs from then on.
        """
        async with self._lock:
            if self._kept and self._now() - self._kept[0] < KEPT:
                return self._kept[1]
            words = await asyncio.gather(*(self._hear(server) for server in self._resolver.servers))
            # Silence clears nobody.
            self._inventing = {
                word.server
                for word in words
                if _inventions(word) or (word.server in self._inventing and not _speaks(word))
            }
            self._resolver.distrust(self._inventing)
            others = len(words) > 1 and any(_speaks(word) for word in words)
            found = tuple(finding for word in words for finding in _judge(word, others))
            if all(map(_speaks, words)):
                self._kept = (self._now(), found)
            return found

    async def _hear(self, server: str) -> _Word:
        names = [f"{_at_random()}.{parent}" for parent in self._parents]
        names.append(f"www.{names[0]}")  # some invent answers only for what looks like a web server
        entries = [(zone, zone.question(next(iter(zone.listed.values())))) for zone in self._zones]
        ask = self._resolver.ask_server
        real, invented, lists = await asyncio.gather(
            asyncio.gather(*(ask(server, parent, "SOA") for parent in self._parents)),
            asyncio.gather(*(ask(server, name, "A") for name in names)),
            asyncio.gather(*(ask(server, name, "A") for _, name in entries)),
        )
        return _Word(
            server,
            tuple(zip(self._parents, real, strict=True)),
            tuple(zip(names, invented, strict=True)),
            tuple((zone, result) for (zone, _), result in zip(entries, lists, strict=True)),
        )


def _at_random() -> str:
    return f"maildesk-{secrets.token_hex(8)}"


def _inventions(word: _Word) -> tuple[str, ...]:
    """Answers for names that nobody has, as evidence."""
    lines: list[str] = []
    for name, result in word.invented:
        match result:
            case Answer():
                lines += [line(name, "A", value) for value in result.values]
            case Unknown("rewritten"):
                lines.append(f"{name} A: {result.detail}")
    return tuple(lines)


def _speaks(word: _Word) -> bool:
    """Any word of it, on what exists or what does not."""
    return any(not isinstance(result, Unknown) or result.cause == "rewritten" for _, result in _both(word))


def _both(word: _Word) -> tuple[tuple[str, Result], ...]:
    return (*word.real, *word.invented)


def _judge(word: _Word, others: bool) -> tuple[Finding, ...]:
    """`others`: whether another server does answer, so that questions have somewhere to go."""
    if not _inventions(word) and not any(isinstance(result, Answer) for _, result in word.real):
        return (_mute(word, others),)
    found = [each for each in (_rewrites(word), _refused(word)) if each]
    return tuple(found) or (_well(word),)


def _mute(word: _Word, others: bool) -> Finding:
    """Gone, or there and of no use. Without another server nothing at all can be known, which is no fault of mail's."""
    causes = {result.cause for _, result in _both(word) if isinstance(result, Unknown)}
    gone = not _speaks(word) and causes <= {"timeout", "unreachable"}
    details = dict.fromkeys(result.detail for _, result in _both(word) if isinstance(result, Unknown))
    denied = [f"{name} SOA: no such name" for name, result in word.real if isinstance(result, Absent)]
    meanwhile = (
        "The other name servers are asked instead" if others else "No check that needs the DNS can tell anything"
    )
    if gone:
        text = f"The resolver {word.server} does not answer. {meanwhile}."
        advice = f"See that it runs and can be reached, or name another: {SETTING}."
    else:
        text = f"The resolver {word.server} answers, but resolves nothing. {meanwhile}."
        advice = f"See that it serves this machine and can itself reach the root servers, or name another: {SETTING}."
    return Finding(
        "dns",
        Severity.WARNING if others else Severity.UNKNOWN,
        "resolver.gone" if gone else "resolver.resolves_nothing",
        word.server,
        text,
        (*details, *denied),
        "RFC 1035 §7",
        advice,
    )


def _rewrites(word: _Word) -> Finding | None:
    inventions = _inventions(word)
    if not inventions:
        return None
    return Finding(
        "dns",
        Severity.PROBLEM,
        "resolver.rewrites",
        word.server,
        f"The resolver {word.server} invents answers for names that do not exist, so none of its answers is believed.",
        inventions,
        "RFC 2308 §2.1; RFC 8914 §4.5",
        f"Have that switched off, or {OWN}.",
    )


def _refused(word: _Word) -> Finding | None:
    troubles = [
        (zone, trouble)
        for zone, result in word.lists
        if isinstance(result, Answer)
        and isinstance(trouble := read(zone.codes, zone.errors, result.values), Trouble)
        and trouble.cause == "refused"
    ]
    if not troubles:
        return None
    names = listed(tuple(dict.fromkeys(zone.operator or zone.name for zone, _ in troubles)))
    return Finding(
        "dns",
        Severity.WARNING,
        "resolver.refused",
        word.server,
        f"{names} refused the resolver {word.server}, so it is not known who is listed there.",
        tuple(f"{zone.name}: {trouble.detail}" for zone, trouble in troubles),
        "https://www.spamhaus.org/faqs/dnsbl-usage/",
        f"Public resolvers and those of many clouds are refused: {OWN}; or get a key for lists that give one.",
    )


def _well(word: _Word) -> Finding:
    return Finding(
        "dns",
        Severity.OK,
        "resolver.ok",
        word.server,
        f"The resolver {word.server} knows what exists and invents nothing.",
        tuple(f"{name} A: no such name" for name, result in word.invented if isinstance(result, Absent)),
        "RFC 2308 §2.1",
    )

"""SPF evaluation (RFC 7208), as a receiver does it, with all questions asked by our resolver."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, cast

from spftrace import BaseResolver, Limits

from bot.reputation.answers import Absent, Answer, Cause, Kind, Unknown
from bot.reputation.resolver import Resolver
from bot.reputation.spf_explanation import ExplainingEvaluator

Verdict = Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"]

TIME_LIMIT = 20.0
"""Seconds for one evaluation; receivers give up too (§4.6.4)."""

RECEIVER = "unknown"
"""The macro r, where no receiver is known (§7.3)."""


@dataclass(frozen=True, slots=True)
class SpfResult:
    """`lookups` and `voids` are counted beyond the limits of §4.6.4, up to the term that decided; `record` is the text
    that was evaluated. `explanation`: why, for an error; the domain's own words (exp=) for a fail, which are hostile.
    `cause`: why there was no answer, for a temperror."""

    result: Verdict
    lookups: int
    voids: int
    record: str = ""
    explanation: str = ""
    cause: Cause | None = None


class _Asking(BaseResolver):
    """One evaluation's way to the DNS; keeps what had no answer."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.unanswered: list[Unknown] = []

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        result = await self._resolver.ask(name, cast(Kind, rtype))
        match result:
            case Answer():
                # The null MX (RFC 7505) names no host whose addresses could be asked for.
                exchanges = [exchange.exchange for exchange in result.exchanges if exchange.exchange]
                return "NOERROR", exchanges or list(result.values)
            case Absent():
                return "NOERROR" if result.exists else "NXDOMAIN", []
            case Unknown():
                self.unanswered.append(result)
                return "TIMEOUT" if result.cause == "timeout" else "SERVFAIL", []


async def evaluate(resolver: Resolver, address: str, mail_from: str, helo: str) -> SpfResult:
    """What receivers make of mail with this envelope sender. Raises ValueError for what is no address."""
    ip_address(address)
    asking = _Asking(resolver)
    limits = Limits(time_limit=TIME_LIMIT, audit=True, prefetch=True)
    traced = await ExplainingEvaluator(asking, limits, receiver=RECEIVER).evaluate(address, mail_from, helo)
    events = traced.trace.events
    reasons = [str(event.data["reason"]) for event in events if event.kind == "exit"]
    records = [str(event.data["policy"]) for event in events if event.kind == "policy_parsed"]
    unanswered = asking.unanswered[0] if traced.result == "temperror" and asking.unanswered else None
    detail = unanswered.detail if unanswered else ""
    return SpfResult(
        cast(Verdict, traced.result),
        traced.dns_terms_used,
        traced.void_lookups_used,
        records[0] if records else "",
        detail or traced.explanation or (reasons[0] if reasons else ""),
        (unanswered.cause if unanswered else "timeout") if traced.result == "temperror" else None,
    )

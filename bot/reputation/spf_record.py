"""The SPF of a sending domain: its record, what it costs receivers, and whether the host's addresses pass (RFC 7208).

Codes: spf.ok spf.none spf.several spf.syntax spf.too_many_lookups spf.many_lookups spf.too_many_voids spf.anyone
spf.no_all spf.neutral_all spf.ptr spf.long spf.permerror spf.pass spf.not_passed spf.unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from bot.reputation.answers import Answer, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import NEXT, absent, plain, txt, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.spf import SpfResult, evaluate
from bot.reputation.spf_terms import SpfRecord, SyntaxMistake, nearly, passing, read, records
from bot.text import plural

SOURCE = "RFC 7208"

MOST_LOOKUPS, MANY_LOOKUPS = 10, 9
"""Terms that make receivers ask the DNS: above the first they give up (§4.6.4); from the second it is nearly so."""
MOST_VOIDS = 2
"""Lookups that find nothing (§4.6.4)."""
LONG = 450
"""Octets; what is longer may not fit in a DNS answer by UDP (§3.4)."""

STRANGER = "240.0.0.1"
"""An address that no host has (RFC 1112 §4), so evaluation goes through the whole record: it tells what the record
costs at the worst, and if it passes, so does everybody."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What all findings of one domain share."""

    domain: str
    addresses: tuple[IPv4Address | IPv6Address, ...]
    texts: tuple[str, ...]

    def finding(
        self,
        severity: Severity,
        result: str,
        text: str,
        section: str,
        advice: str = "",
        publish: str = "",
        *,
        subject: str = "",
    ) -> Finding:
        return Finding(
            "auth",
            severity,
            f"spf.{result}",
            subject or self.domain,
            text,
            tuple(txt(self.domain, shown) for shown in self.texts),
            f"{SOURCE} {section}",
            advice,
            (txt(self.domain, publish),) if publish else (),
        )


async def check(resolver: Resolver, domain: str, addresses: Sequence[str], helo: str = "") -> tuple[Finding, ...]:
    """The domain's SPF record, evaluated for each of the addresses that the host sends from.

    Raises ValueError for what is no IP address.
    """
    domain = plain(domain)
    sending = tuple(ip_address(address) for address in addresses)
    result = await resolver.ask(domain, "TXT")
    if isinstance(result, Unknown):
        return (unknown("auth", "spf.unknown", domain, f"which SPF record {domain} has", result, f"{SOURCE} §4.4"),)
    texts = result.values if isinstance(result, Answer) else ()
    case = _Case(domain, sending, records(texts))
    if not case.texts:
        evidence = tuple(txt(domain, text) for text in nearly(texts)) or (
            absent(domain, "TXT", result) if not isinstance(result, Answer) else f"{domain} TXT: no SPF record",
        )
        return (_none(domain, sending, evidence),)
    if len(case.texts) > 1:
        text = f"{domain} has {len(case.texts)} SPF records, so receivers use none of them (permerror)."
        advice = "Publish one record with the terms of all."
        merged = passing(case.texts, sending)
        return (case.finding(Severity.PROBLEM, "several", text, "§3.2, §4.5", advice, merged),)
    try:
        record = read(case.texts[0])
    except SyntaxMistake as mistake:
        text = f"The SPF record of {domain} can't be read, so receivers do not use it (permerror): {mistake}."
        advice = "Mend or remove the term."
        return (case.finding(Severity.PROBLEM, "syntax", text, "§4.6, §12", advice),)
    return await _evaluated(resolver, case, record, helo or domain)


async def _evaluated(resolver: Resolver, case: _Case, record: SpfRecord, helo: str) -> tuple[Finding, ...]:
    sender = f"postmaster@{case.domain}"
    stranger, *results = await asyncio.gather(
        evaluate(resolver, STRANGER, sender, helo),
        *(evaluate(resolver, str(address), sender, helo) for address in case.addresses),
    )
    found = [*_costs(case, [stranger, *results]), *_wording(case, record, stranger)]
    explained = any(finding.severity is Severity.PROBLEM for finding in found)
    verdicts = [
        finding
        for address, result in zip(case.addresses, results, strict=True)
        if (finding := _verdict(case, address, result, explained))
    ]
    if broken := next((result for result in (stranger, *results) if result.result == "permerror"), None):
        verdicts = [verdict for verdict in verdicts if verdict.severity is not Severity.PROBLEM]
        if not explained:
            text = f"The SPF record of {case.domain} fails while it is evaluated (permerror): {_why(broken)}."
            advice = "Mend or remove the term that it names; until then receivers use none of the record."
            found.append(case.finding(Severity.PROBLEM, "permerror", text, "§2.6.7, §5.2", advice))
    if stranger.result == "temperror" and not any(verdict.severity is Severity.UNKNOWN for verdict in verdicts):
        found.append(_not_evaluated(case, case.domain, stranger))
    if not found and stranger.result != "temperror":
        text = f"The SPF record of {case.domain} is well, and costs receivers {plural(stranger.lookups, 'lookup')}."
        found.append(case.finding(Severity.OK, "ok", text, "§4.6.4"))
    return (*found, *verdicts)


def _costs(case: _Case, results: Sequence[SpfResult]) -> list[Finding]:
    lookups = max(result.lookups for result in results)
    voids = max(result.voids for result in results)
    found = []
    if lookups > MOST_LOOKUPS:
        text = (
            f"The SPF record of {case.domain} needs {lookups} DNS lookups;"
            f" receivers stop at {MOST_LOOKUPS} (permerror)."
        )
        advice = (
            "Remove the includes of services that no longer send for the domain, or give each service"
            " a subdomain of its own; a, mx and include of your own hosts can be written as ip4 and ip6."
        )
        found.append(case.finding(Severity.PROBLEM, "too_many_lookups", text, "§4.6.4", advice))
    elif lookups >= MANY_LOOKUPS:
        text = f"The SPF record of {case.domain} needs {lookups} of the {MOST_LOOKUPS} DNS lookups that receivers make."
        advice = "A provider that adds one to the record that you include breaks yours: remove an include in time."
        found.append(case.finding(Severity.WARNING, "many_lookups", text, "§4.6.4", advice))
    if voids > MOST_VOIDS:
        text = (
            f"{voids} lookups of the SPF record of {case.domain} find nothing;"
            f" receivers stop after {MOST_VOIDS} of them (permerror)."
        )
        advice = "Remove the terms that name hosts or domains which no longer exist."
        found.append(case.finding(Severity.PROBLEM, "too_many_voids", text, "§4.6.4", advice))
    return found


def _wording(case: _Case, record: SpfRecord, stranger: SpfResult) -> list[Finding]:
    found = []
    better = passing([record.text], case.addresses, without=record.ptr)
    if stranger.result == "pass" or record.all == "+":
        text = f"The SPF record of {case.domain} lets any host in the world send for it."
        advice = "Name the hosts that send for it, and end in ~all; look for +all, and for a huge ip4 or include."
        found.append(case.finding(Severity.PROBLEM, "anyone", text, "§5.1, §11.4", advice, better))
    elif record.all == "?":
        text = f"The SPF record of {case.domain} ends in ?all: it says nothing of hosts that it does not name."
        advice = "End it in ~all, and later in -all."
        found.append(case.finding(Severity.WARNING, "neutral_all", text, "§5.1, §8.2", advice, better))
    elif not record.all and not record.redirects:
        text = f"The SPF record of {case.domain} has no all: it says nothing of hosts that it does not name."
        advice = "End it in ~all, and later in -all."
        found.append(case.finding(Severity.WARNING, "no_all", text, "§4.7, §5.1", advice, better))
    if record.ptr:
        text = f"The SPF record of {case.domain} uses ptr, which is slow, and which receivers may skip."
        advice = "Replace ptr by the addresses: ip4 and ip6."
        found.append(case.finding(Severity.WARNING, "ptr", text, "§5.5", advice, better))
    if len(record.text) > LONG:
        text = f"The SPF record of {case.domain} is {len(record.text)} octets long: its answer may not fit in UDP."
        advice = f"Keep it under {LONG}: put a part into a record of its own and include that."
        found.append(case.finding(Severity.WARNING, "long", text, "§3.4", advice))
    return found


def _verdict(case: _Case, address: IPv4Address | IPv6Address, result: SpfResult, explained: bool) -> Finding | None:
    """What receivers make of mail from one address; None: the findings of the record say it."""
    subject = subject_of(case.domain, str(address))
    if result.result == "temperror":
        return _not_evaluated(case, subject, result)
    if result.result == "pass":
        text = f"Mail from {address} passes the SPF of {case.domain}."
        return case.finding(Severity.OK, "pass", text, "§2.6.3", subject=subject)
    if result.result == "permerror" and explained:
        return None
    text = f"Mail from {address} does not pass the SPF of {case.domain}: {result.result}."
    advice = f"Add ip{address.version}:{address} to the record, if that host may send for the domain."
    better = passing(case.texts, case.addresses)
    return case.finding(Severity.PROBLEM, "not_passed", text, "§2.6, §8", advice, better, subject=subject)


def subject_of(domain: str, address: str) -> str:
    """The subject of a finding about one address and one domain."""
    return f"{plain(domain)} from {address}"


def _not_evaluated(case: _Case, subject: str, result: SpfResult) -> Finding:
    text = f"It could not be found out what the SPF of {case.domain} says ({subject}): {_why(result)}."
    advice = NEXT[result.cause] if result.cause else NEXT["servfail"]
    return case.finding(Severity.UNKNOWN, "unknown", text, "§2.6.6", advice, subject=subject)


def _why(result: SpfResult) -> str:
    return (result.explanation or str(result.cause or result.result)).rstrip(".")


def _none(domain: str, addresses: Sequence[IPv4Address | IPv6Address], evidence: tuple[str, ...]) -> Finding:
    text = f"{domain} has no SPF record, so no receiver can tell that its mail comes from its hosts."
    advice = "Publish one; add the services that send for the domain, and later let it end in -all."
    publish = (txt(domain, passing((), addresses)),)
    return Finding(
        "auth",
        Severity.PROBLEM,
        "spf.none",
        domain,
        text,
        evidence,
        f"{SOURCE} §4.5; https://support.google.com/a/answer/81126",
        advice,
        publish,
    )

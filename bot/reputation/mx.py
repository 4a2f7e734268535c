"""Where replies and bounces to a sending domain go: its MX records (RFC 5321 §5.1, RFC 2181 §10.3, RFC 7505).

Codes: mx.ok mx.none mx.implicit mx.null mx.null_mixed mx.cname mx.no_address mx.single mx.unknown.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import ip_address

from bot.reputation.answers import Absent, Answer, Exchange, Result, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import line, plain, seen, unknown
from bot.reputation.resolver import Resolver
from bot.text import listed, plural

MX_SOURCE = "RFC 5321 §5.1"
NULL_SOURCE = "RFC 7505 §3, §4.2"
CNAME_SOURCE = "RFC 2181 §10.3; RFC 5321 §5.1"

MOST_TARGETS = 20
"""Hosts of one domain that are looked up; the rest of a longer list is not."""


@dataclass(frozen=True, slots=True)
class Target:
    """One host of an MX record, and what its address records are."""

    name: str
    ipv4: Result
    ipv6: Result

    @property
    def alias_of(self) -> str:
        """The name at the end of its CNAME records; empty: it has none."""
        ends = {result.name for result in (self.ipv4, self.ipv6) if not isinstance(result, Unknown)} - {self.name}
        return min(ends, default="")

    @property
    def addresses(self) -> int:
        return sum(len(result.values) for result in (self.ipv4, self.ipv6) if isinstance(result, Answer))

    @property
    def most_of_a_kind(self) -> int:
        return max((len(result.values) for result in (self.ipv4, self.ipv6) if isinstance(result, Answer)), default=0)

    @property
    def unknown(self) -> Unknown | None:
        """Why it is not known whether it has an address; None: it is known."""
        if self.addresses:
            return None
        return next((result for result in (self.ipv4, self.ipv6) if isinstance(result, Unknown)), None)


async def check(resolver: Resolver, domain: str, fqdn: str = "") -> tuple[Finding, ...]:
    """The MX records of one sending domain; `fqdn` names the host to propose where there is none."""
    domain, fqdn = plain(domain), plain(fqdn)
    result = await resolver.ask(domain, "MX")
    if isinstance(result, Unknown):
        return (unknown("dns", "mx.unknown", domain, f"which hosts take mail for {domain}", result, MX_SOURCE),)
    if isinstance(result, Absent) or not result.exchanges:
        return await _without(resolver, domain, fqdn)
    exchanges = sorted(result.exchanges)
    evidence = tuple(_record(domain, exchange) for exchange in exchanges)
    if any(not exchange.exchange for exchange in exchanges):
        return (_null(domain, exchanges, evidence, fqdn),)
    names = list(dict.fromkeys(exchange.exchange for exchange in exchanges))
    targets = await asyncio.gather(*(_target(resolver, name) for name in names[:MOST_TARGETS]))
    found = [finding for target in targets if (finding := _judge(domain, target, evidence))]
    if found:
        return tuple(found)
    if len(targets) == 1 and targets[0].most_of_a_kind == 1:
        text = f"{domain} has a single host that takes its mail, {names[0]}: while it is away, senders have to wait."
        advice = "A second host with a higher preference helps only if it knows the same recipients; else leave it so."
        return (Finding("dns", Severity.WARNING, "mx.single", domain, text, evidence, MX_SOURCE, advice),)
    text = f"{plural(len(names), 'host takes', 'hosts take')} mail for {domain}: {listed(names[:5])}."
    return (Finding("dns", Severity.OK, "mx.ok", domain, text, evidence, MX_SOURCE),)


async def _target(resolver: Resolver, name: str) -> Target:
    return Target(name, *await asyncio.gather(resolver.ask(name, "A"), resolver.ask(name, "AAAA")))


def _judge(domain: str, target: Target, evidence: tuple[str, ...]) -> Finding | None:
    """What is wrong with one host of a domain's MX records."""
    if target.alias_of:
        text = f"The MX record of {domain} names {target.name}, which is an alias (CNAME) of {target.alias_of}."
        advice = "Name the host itself: some senders refuse to deliver to an alias."
        evidence += (line(target.name, "CNAME", f"{target.alias_of}."),)
        publish = tuple(shown.replace(f" {target.name}.", f" {target.alias_of}.") for shown in evidence[:-1])
        return Finding("dns", Severity.PROBLEM, "mx.cname", domain, text, evidence, CNAME_SOURCE, advice, publish)
    if target.unknown:
        what = f"whether {target.name}, which takes mail for {domain}, has an address"
        return unknown("dns", "mx.unknown", domain, what, target.unknown, MX_SOURCE)
    if target.addresses:
        return None
    text = f"{target.name}, which the MX record of {domain} names, has no address: mail can't be delivered to it."
    advice = f"Publish an A record for {target.name}, or name another host."
    if _is_address(target.name):
        advice = "An MX record takes a name, not an address: publish a name for that address, and name it here."
    evidence += seen(target.name, target.ipv4, "A") + seen(target.name, target.ipv6, "AAAA")
    return Finding("dns", Severity.PROBLEM, "mx.no_address", domain, text, evidence, MX_SOURCE, advice)


async def _without(resolver: Resolver, domain: str, fqdn: str) -> tuple[Finding, ...]:
    """No MX record: mail goes to the domain's own address (the implicit MX), or nowhere."""
    own = await _target(resolver, domain)
    evidence: tuple[str, ...] = (f"{domain} MX: no such record",)
    publish = (line(domain, "MX", f"10 {fqdn}."),) if fqdn else ()
    if own.unknown:
        what = f"whether {domain}, which has no MX record, has an address"
        return (unknown("dns", "mx.unknown", domain, what, own.unknown, MX_SOURCE),)
    if own.addresses:
        text = f"{domain} has no MX record, so mail for it goes to its own address."
        advice = "If that host takes no mail for the domain, publish an MX record."
        evidence += seen(domain, own.ipv4, "A") + seen(domain, own.ipv6, "AAAA")
        return (Finding("dns", Severity.INFO, "mx.implicit", domain, text, evidence, MX_SOURCE, advice, publish),)
    text = f"{domain} has neither an MX record nor an address: replies and bounces to it can't be delivered."
    advice = "Publish an MX record; many receivers refuse mail from a domain that can't get any."
    return (Finding("dns", Severity.PROBLEM, "mx.none", domain, text, evidence, MX_SOURCE, advice, publish),)


def _null(domain: str, exchanges: list[Exchange], evidence: tuple[str, ...], fqdn: str) -> Finding:
    publish: tuple[str, ...] = (line(domain, "MX", f"10 {fqdn}."),) if fqdn else ()
    if len(exchanges) > 1:
        text = f"{domain} says that it takes no mail (null MX), and names hosts that do: senders may believe either."
        publish = tuple(_record(domain, exchange) for exchange in exchanges if exchange.exchange)
        advice = "Remove the record “0 .”: it must stand alone."
        return Finding("dns", Severity.PROBLEM, "mx.null_mixed", domain, text, evidence, NULL_SOURCE, advice, publish)
    text = f"{domain} sends mail but says that it takes none (null MX): receivers may refuse what it sends."
    advice = "Publish an MX record that names a host, or send from a domain that takes replies."
    return Finding("dns", Severity.PROBLEM, "mx.null", domain, text, evidence, NULL_SOURCE, advice, publish)


def _record(domain: str, exchange: Exchange) -> str:
    return line(domain, "MX", f"{exchange.preference} {exchange.exchange}.")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

"""Who a mail host says it is: the PTR record of each address that it sends from, and the addresses of its full name.

Codes: ptr.ok ptr.missing ptr.no_forward ptr.several ptr.generic ptr.helo ptr.unknown;
fqdn.ok fqdn.unqualified fqdn.no_address fqdn.other_address fqdn.unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from bot.reputation.answers import Absent, Answer, Result, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.generic import is_generic
from bot.reputation.records import absent, line, plain, seen, unknown
from bot.reputation.resolver import Resolver
from bot.text import listed

PTR_SOURCE = "Gmail 5.7.25; RFC 8601 §3 (iprev)"
HELO_SOURCE = "RFC 5321 §4.1.1.1, §4.1.4"
FQDN_SOURCE = "RFC 5321 §2.3.5, §4.1.1.1; Gmail 5.7.25"

MOST_NAMES = 10
"""PTR names of one address that are looked up; receivers look at no more either (RFC 7208 §4.6.4)."""

AT_THE_PROVIDER = (
    "The PTR record is set by whoever gives you the address (the provider's control panel, or a ticket),"
    " not in the zone of your domain."
)


async def check(resolver: Resolver, fqdn: str, addresses: Sequence[str], helo: str = "") -> tuple[Finding, ...]:
    """The host's full name and each address that it sends from; `helo` is what it says in EHLO, if not that name.

    Raises ValueError for what is no IP address.
    """
    sending = [ip_address(address) for address in addresses]
    name = plain(fqdn)
    of_name, *of_addresses = await asyncio.gather(
        check_fqdn(resolver, name, sending),
        *(check_ptr(resolver, address, name, plain(helo) or name) for address in sending),
    )
    return (*of_name, *(finding for found in of_addresses for finding in found))


async def check_ptr(
    resolver: Resolver, address: IPv4Address | IPv6Address, fqdn: str, helo: str
) -> tuple[Finding, ...]:
    """Forward-confirmed reverse DNS of one address."""
    reverse = address.reverse_pointer
    wanted = _wanted(address, fqdn)
    result = await resolver.ask(reverse, "PTR")
    if isinstance(result, Unknown):
        what = f"whether {address} has a PTR record"
        return (unknown("dns", "ptr.unknown", str(address), what, result, PTR_SOURCE),)
    if isinstance(result, Absent) or not result.values:
        evidence = (absent(reverse, "PTR", result) if isinstance(result, Absent) else f"{reverse} PTR: empty",)
        text = f"{address} has no PTR record, so Gmail and many others refuse mail from it."
        advice = f"Ask the provider of the address for the PTR {fqdn}. {AT_THE_PROVIDER}"
        return (_ptr(Severity.PROBLEM, "missing", address, text, evidence, advice, wanted[:1]),)
    return await _named(resolver, address, result, fqdn, helo)


async def _named(
    resolver: Resolver, address: IPv4Address | IPv6Address, reverse: Answer, fqdn: str, helo: str
) -> tuple[Finding, ...]:
    names = reverse.values
    kind = _kind(address)
    forward = await asyncio.gather(*(resolver.ask(name, kind) for name in names[:MOST_NAMES]))
    evidence = tuple(line(address.reverse_pointer, "PTR", f"{name}.") for name in names)
    evidence += tuple(shown for name, result in zip(names, forward, strict=False) for shown in seen(name, result, kind))
    confirmed = [name for name, result in zip(names, forward, strict=False) if address in _addresses(result)]
    if not confirmed:
        for result in forward:
            if isinstance(result, Unknown):
                what = f"whether a PTR name of {address} leads back to it"
                return (unknown("dns", "ptr.unknown", str(address), what, result, PTR_SOURCE),)
        whose = f"name, {names[0]}," if len(names) == 1 else f"{len(names)} names"
        text = f"The PTR {whose} of {address} {'does' if len(names) == 1 else 'do'} not lead back to that address."
        advice = (
            f"Ask the provider of the address for the PTR {fqdn}, and let {fqdn} have {address} as its {kind} record."
            f" {AT_THE_PROVIDER}"
        )
        return (_ptr(Severity.PROBLEM, "no_forward", address, text, evidence, advice, _wanted(address, fqdn)),)
    return _oddities(address, names, confirmed, evidence, fqdn, helo)


def _oddities(
    address: IPv4Address | IPv6Address,
    names: Sequence[str],
    confirmed: Sequence[str],
    evidence: tuple[str, ...],
    fqdn: str,
    helo: str,
) -> tuple[Finding, ...]:
    """What is odd about a PTR that is confirmed; else that it is well."""
    found = []
    publish = _wanted(address, fqdn)[:1]
    if len(names) > 1:
        text = f"{address} has {len(names)} PTR records; receivers pick one of them by chance."
        advice = f"Ask the provider of the address to keep one, {fqdn}. {AT_THE_PROVIDER}"
        found.append(_ptr(Severity.WARNING, "several", address, text, evidence, advice, publish))
    if generic := [name for name in confirmed if is_generic(name, address)]:
        text = f"The PTR name of {address}, {generic[0]}, looks like that of a dynamic address, and is scored as one."
        advice = f"Ask the provider of the address for the PTR {fqdn}. {AT_THE_PROVIDER}"
        found.append(_ptr(Severity.WARNING, "generic", address, text, evidence, advice, publish))
    elif helo not in names:
        text = f"The host says {helo} in EHLO, but the PTR name of {address} is {listed(list(names[:3]))}."
        advice = (
            f"Let them be the same: ask the provider of the address for the PTR {helo},"
            f" or set myhostname (or smtp_helo_name) to {confirmed[0]}. {AT_THE_PROVIDER}"
        )
        asked = _wanted(address, helo)[:1]
        found.append(_ptr(Severity.WARNING, "helo", address, text, evidence, advice, asked, HELO_SOURCE))
    if found:
        return tuple(found)
    text = f"The PTR name of {address} is {confirmed[0]}, which leads back to it."
    return (_ptr(Severity.OK, "ok", address, text, evidence),)


async def check_fqdn(
    resolver: Resolver, fqdn: str, addresses: Sequence[IPv4Address | IPv6Address]
) -> tuple[Finding, ...]:
    """The A and AAAA records of the host's name: each address that it sends from must be among them."""
    if "." not in fqdn or fqdn.endswith(".localdomain"):
        text = f"The mail host's name, {fqdn or '(empty)'}, is not a full one, so nobody can look it up."
        advice = "Set myhostname in main.cf to a name that is in the DNS, such as mail.example.org."
        return (Finding("dns", Severity.PROBLEM, "fqdn.unqualified", fqdn, text, (), FQDN_SOURCE, advice),)
    ipv4, ipv6 = await asyncio.gather(resolver.ask(fqdn, "A"), resolver.ask(fqdn, "AAAA"))
    evidence = (*seen(fqdn, ipv4, "A"), *seen(fqdn, ipv6, "AAAA"))
    has = _addresses(ipv4) | _addresses(ipv6)
    missing = [address for address in addresses if address not in has]
    # With no address to send from, one of either kind shows that the name exists.
    matters = {_kind(address) for address in missing} or (set() if has else {"A", "AAAA"})
    for kind, result in (("A", ipv4), ("AAAA", ipv6)):
        if kind in matters and isinstance(result, Unknown):
            what = f"which addresses {fqdn} has"
            return (unknown("dns", "fqdn.unknown", fqdn, what, result, FQDN_SOURCE),)
    publish = tuple(line(fqdn, _kind(address), str(address)) for address in missing)
    if not has:
        text = f"{fqdn}, the name of the mail host, has no address: neither an A nor an AAAA record."
        advice = "Publish the address that the host sends from under its name."
        return (
            Finding("dns", Severity.PROBLEM, "fqdn.no_address", fqdn, text, evidence, FQDN_SOURCE, advice, publish),
        )
    if missing:
        text = f"The host sends from {listed([str(address) for address in missing])}, which is no address of {fqdn}."
        advice = f"Publish it under {fqdn}, or let the host send from an address of its name (smtp_bind_address)."
        return (
            Finding("dns", Severity.PROBLEM, "fqdn.other_address", fqdn, text, evidence, FQDN_SOURCE, advice, publish),
        )
    text = f"{fqdn} leads to {listed([str(address) for address in addresses] or sorted(map(str, has)))}."
    return (Finding("dns", Severity.OK, "fqdn.ok", fqdn, text, evidence, FQDN_SOURCE),)


def _ptr(
    severity: Severity,
    result: str,
    address: IPv4Address | IPv6Address,
    text: str,
    evidence: tuple[str, ...],
    advice: str = "",
    publish: tuple[str, ...] = (),
    source: str = PTR_SOURCE,
) -> Finding:
    return Finding("dns", severity, f"ptr.{result}", str(address), text, evidence, source, advice, publish)


def _wanted(address: IPv4Address | IPv6Address, name: str) -> tuple[str, str]:
    """The PTR record to ask for, and the address record that confirms it."""
    return line(address.reverse_pointer, "PTR", f"{name}."), line(name, _kind(address), str(address))


def _addresses(result: Result) -> set[IPv4Address | IPv6Address]:
    return {ip_address(value) for value in result.values} if isinstance(result, Answer) else set()


def _kind(address: IPv4Address | IPv6Address) -> Literal["A", "AAAA"]:
    return "A" if isinstance(address, IPv4Address) else "AAAA"

"""How a mail host sends: under which name, from which addresses, for which domains, or through somebody else.

Settings come first, then Postfix's own parameters, then the DNS. IPv4 and IPv6 are looked for apart.

Codes: sending.ok sending.through sending.private sending.maps sending.unknown.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from bot.agent.protocol import SigningKey
from bot.errors import HostError
from bot.mailhost.host import MailHost
from bot.reputation.answers import Answer, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import plain, seen, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.subjects import INSIDE
from bot.settings import HostSettings
from bot.text import listed

SOURCE = "postconf(5): myhostname, mydomain, smtp_bind_address, relayhost; transport(5)"
SETTING = "addresses of [hosts.NAME] in the file that MAILDESK_CONFIG names"

FAMILIES: tuple[tuple[int, Literal["A", "AAAA"], str], ...] = (
    (4, "A", "smtp_bind_address"),
    (6, "AAAA", "smtp_bind_address6"),
)

Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sending:
    """How one mail host sends: from these addresses under this name, or through somebody else.

    `fqdn` is how it greets; empty: not known. `addresses` are public, IPv4 first; none: not known, or not applicable.
    `domains` are those that it sends for, `selectors` the DKIM selectors that the settings name. `through` is the host
    or transport that all mail leaves through; empty: directly. `signing` are the selectors that the host's files name.
    """

    fqdn: str
    addresses: tuple[str, ...]
    domains: tuple[str, ...]
    selectors: tuple[str, ...]
    through: str
    findings: tuple[Finding, ...]
    signing: tuple[SigningKey, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """Addresses of one family, or of both; how they are known; and what stood in the way."""

    addresses: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


async def sending(host: MailHost, settings: HostSettings, resolver: Resolver) -> Sending:
    """Never raises for a host that is away: what neither settings, Postfix nor the DNS tell is sending.unknown."""
    try:
        known = await host.info()
        parameters, catch_all, signing, trouble = known.parameters, known.catch_all, known.signing, ""
    except HostError as error:
        parameters, catch_all, signing, trouble = {}, None, (), str(error)
    fqdn = plain(settings.fqdn or parameters.get("smtp_helo_name", "") or parameters.get("myhostname", ""))
    domains = tuple(map(plain, settings.domains)) or _domains(parameters, fqdn)
    through, why = _through(parameters, catch_all or "")
    if through:
        text = f"{host.name} sends through {through}, not to the receivers themselves."
        found = Finding("dns", Severity.INFO, "sending.through", host.name, text, (why,), SOURCE)
        return Sending(fqdn, (), domains, settings.selectors, through, (found,), signing)
    addressed = await _addresses(settings, parameters, fqdn, resolver)
    findings = (*(_maps(host, parameters) if catch_all is None else ()), *addressed.findings)
    addresses, evidence = addressed.addresses, addressed.evidence
    if trouble or not (addresses and domains):
        missing = [name for name, known in (("address", addresses), ("sending domain", domains)) if not known]
        why = trouble or f"neither the settings nor Postfix and the DNS tell a public {' or a '.join(missing)}"
        findings = (_unknown(host, why, evidence), *findings)
    else:
        text = f"{host.name} sends as {fqdn or 'an unknown name'} from {listed(addresses)} for {listed(domains)}."
        findings = (Finding("dns", Severity.OK, "sending.ok", host.name, text, evidence, SOURCE), *findings)
    return Sending(fqdn, addresses, domains, settings.selectors, "", findings, signing)


def _domains(parameters: Parameters, fqdn: str) -> tuple[str, ...]:
    """What Postfix adds to bare addresses (myorigin), unless that is the host itself, or a file as with Debian; else
    mydomain."""
    origin, domain = (plain(parameters.get(name, "")) for name in ("myorigin", "mydomain"))
    if "." in origin and not origin.startswith("/") and origin not in (fqdn, plain(parameters.get("myhostname", ""))):
        return (origin,)
    return (domain,) if "." in domain else ()


def _through(parameters: Parameters, catch_all: str) -> tuple[str, str]:
    """The host or transport that all mail leaves through, and what says so; empty: to the receivers themselves.

    What transport_maps have for `*` comes before a next hop in default_transport, and that before relayhost
    (transport(5), postconf(5)).
    """
    transport, _, hop = catch_all.strip().partition(":")
    if hop:
        return catch_all, f"transport_maps have for *: {catch_all}"
    if transport:
        return "", ""  # Without a next hop mail goes to the recipient's own domain, past what follows here.
    transport = parameters.get("default_transport", "").strip()
    if transport.partition(":")[2]:
        return transport, f"default_transport = {transport}"
    relay = parameters.get("relayhost", "").strip()
    return relay, f"relayhost = {relay}"


def _maps(host: MailHost, parameters: Parameters) -> tuple[Finding, ...]:
    """Of tables of transports that were not, or not all, read."""
    maps = parameters.get("transport_maps", "").strip()
    if not maps:
        return ()
    text = f"{host.name} has tables for where mail goes that could not be read: they may send it elsewhere."
    advice = (
        f"If they have a line for `*`, mail leaves through that host, and the checks here say nothing of it: {maps}."
    )
    evidence = (f"transport_maps = {maps}",)
    return (Finding("dns", Severity.INFO, "sending.maps", host.name, text, evidence, "transport(5)", advice),)


async def _addresses(settings: HostSettings, parameters: Parameters, fqdn: str, resolver: Resolver) -> _Found:
    if settings.addresses:
        ordered = sorted(dict.fromkeys(settings.addresses), key=lambda each: ip_address(each).version)
        return _Found(tuple(ordered), tuple(f"settings: {address}" for address in ordered))
    protocols = set(re.split(r"[,\s]+", parameters.get("inet_protocols", "").strip())) - {""}
    spoken = [each for each in FAMILIES if not protocols or protocols & {"all", f"ipv{each[0]}"}]
    found = await asyncio.gather(*(_of_family(*family, parameters, fqdn, resolver) for family in spoken))
    return _Found(
        tuple(address for each in found for address in each.addresses),
        tuple(line for each in found for line in each.evidence),
        tuple(finding for each in found for finding in each.findings),
    )


async def _of_family(
    version: int, kind: Literal["A", "AAAA"], parameter: str, parameters: Parameters, fqdn: str, resolver: Resolver
) -> _Found:
    """What the smtp client binds to; where that is nothing, or not seen from outside, what the name leads to."""
    bound, evidence = _bound(version, parameter, parameters)
    if any(map(_is_public, bound)):
        return _Found(tuple(bound), evidence)
    if not fqdn:
        return _Found((), evidence)
    result = await resolver.ask(fqdn, kind)
    evidence += seen(fqdn, result, kind)
    if isinstance(result, Unknown):
        what = f"whether {fqdn} has an IPv{version} address"
        return _Found((), evidence, (unknown("dns", "sending.unknown", fqdn, what, result, SOURCE),))
    values = result.values if isinstance(result, Answer) else ()
    public = tuple(filter(_is_public, values))
    inside = [address for address in (*bound, *values) if not _is_public(address)]
    if public or not inside:
        return _Found(public, evidence)
    text = (
        f"{fqdn} sends by IPv{version} from {listed(inside)}, which is translated on the way (NAT): others see another."
    )
    advice = f"Give the address that others see: {SETTING}; or publish it as the {kind} record of {fqdn}."
    private = Finding("dns", Severity.INFO, "sending.private", fqdn, text, evidence, "RFC 1918, RFC 4193", advice)
    return _Found((), evidence, (private,))


def _bound(version: int, parameter: str, parameters: Parameters) -> tuple[list[str], tuple[str, ...]]:
    """The address that the smtp client sends from; inet_interfaces counts where it names just one that is no loopback
    (postconf(5), smtp_bind_address)."""
    for name in (parameter, "inet_interfaces"):
        given = [each.strip("[]") for each in re.split(r"[,\s]+", parameters.get(name, "").strip())]
        addresses = [address for each in given if (address := _address(each)) and address.version == version]
        outside = [str(address) for address in addresses if not address.is_loopback and not address.is_unspecified]
        if len(outside) == 1:
            return outside, (f"{name} = {parameters[name].strip()}",)
    return [], ()


def _unknown(host: MailHost, why: str, evidence: Sequence[str] = ()) -> Finding:
    text = f"It could not be found out how {host.name} sends: {why.rstrip('.')}."
    advice = "Let the mail host be reached, or tell it in the settings: fqdn, addresses and domains of [hosts.NAME]."
    return Finding(
        "dns", Severity.UNKNOWN, "sending.unknown", host.name, text, tuple(evidence) or (why,), SOURCE, advice
    )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_public(text: str) -> bool:
    address = _address(text)
    return address is not None and not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or any(address in network for network in INSIDE)
    )

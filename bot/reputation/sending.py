"""How a mail host sends: under which name, from which addresses, for which domains, or through somebody else.

Codes: sending.ok sending.through sending.private sending.unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from bot.errors import HostError
from bot.mailhost.host import MailHost
from bot.reputation.answers import Answer
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import plain, seen
from bot.reputation.resolver import Resolver
from bot.reputation.subjects import INSIDE
from bot.settings import HostSettings
from bot.text import listed

SOURCE = "postconf(5): myhostname, mydomain, smtp_bind_address, relayhost"


@dataclass(frozen=True, slots=True)
class Sending:
    """How one mail host sends: from these addresses under this name, or through somebody else."""

    fqdn: str
    addresses: tuple[str, ...]
    domains: tuple[str, ...]
    selectors: tuple[str, ...]
    through: str
    findings: tuple[Finding, ...]


async def sending(host: MailHost, settings: HostSettings, resolver: Resolver) -> Sending:
    """The settings, else Postfix's own parameters and the DNS; what neither tells is sending.unknown."""
    try:
        parameters, trouble = (await host.info()).parameters, ""
    except HostError as error:
        parameters, trouble = {}, str(error)
    fqdn = plain(settings.fqdn or parameters.get("myhostname", ""))
    own = plain(parameters.get("mydomain", ""))
    domains = tuple(map(plain, settings.domains)) or ((own,) if "." in own else ())
    through = parameters.get("relayhost", "").strip()
    if through:
        text = f"{host.name} sends through {through}, not to the receivers themselves."
        found = Finding("dns", Severity.INFO, "sending.through", host.name, text, (f"relayhost = {through}",), SOURCE)
        return Sending(fqdn, (), domains, settings.selectors, through, (found,))
    addresses, evidence = await _addresses(settings, parameters, fqdn, resolver)
    if trouble or not (addresses and domains):
        missing = [name for name, known in (("address", addresses), ("sending domain", domains)) if not known]
        why = trouble or f"neither the settings nor Postfix and the DNS tell a public {' or a '.join(missing)}"
        return Sending(fqdn, addresses, domains, settings.selectors, "", (_unknown(host, why, evidence),))
    text = f"{host.name} sends as {fqdn} from {listed(addresses)} for {listed(domains)}."
    found = Finding("dns", Severity.OK, "sending.ok", host.name, text, evidence, SOURCE)
    return Sending(fqdn, addresses, domains, settings.selectors, "", (found,))


async def _addresses(
    settings: HostSettings, parameters: Mapping[str, str], fqdn: str, resolver: Resolver
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The public ones, and how they are known."""
    if settings.addresses:
        return settings.addresses, tuple(f"settings: {address}" for address in settings.addresses)
    bound = {name: parameters.get(name, "").strip() for name in ("smtp_bind_address", "smtp_bind_address6")}
    evidence = tuple(f"{name} = {address}" for name, address in bound.items() if address)
    given = tuple(address for address in bound.values() if address and _is_public(address))
    if given or not fqdn:
        return given, evidence
    ipv4, ipv6 = await asyncio.gather(resolver.ask(fqdn, "A"), resolver.ask(fqdn, "AAAA"))
    of_name = [value for result in (ipv4, ipv6) if isinstance(result, Answer) for value in result.values]
    evidence += (*seen(fqdn, ipv4, "A"), *seen(fqdn, ipv6, "AAAA"))
    return tuple(address for address in of_name if _is_public(address)), evidence


def _unknown(host: MailHost, why: str, evidence: tuple[str, ...] = ()) -> Finding:
    text = f"It could not be found out how {host.name} sends: {why.rstrip('.')}."
    advice = "Let the mail host be reached, or tell it in the settings: fqdn, addresses and domains of [hosts.NAME]."
    return Finding("dns", Severity.UNKNOWN, "sending.unknown", host.name, text, evidence or (why,), SOURCE, advice)


def _is_public(address: str) -> bool:
    try:
        given = ip_address(address)
    except ValueError:
        return False
    return not (given.is_loopback or given.is_link_local or any(given in network for network in INSIDE))

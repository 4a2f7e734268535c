"""How a mail host sends: under which name, from which addresses, for which domains, or through somebody else.

Codes: sending.ok sending.through sending.private sending.unknown.
"""

from __future__ import annotations

import asyncio
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


async def sending(host: MailHost, settings: HostSettings, resolver: Resolver) -> Sending:  # noqa: ARG001
    """What Postfix's own parameters and the DNS say of it; a host that is away gives sending.unknown."""
    try:
        parameters = (await host.info()).parameters
    except HostError as error:
        return Sending("", (), (), (), "", (_unknown(host, str(error)),))
    fqdn, domain = plain(parameters.get("myhostname", "")), plain(parameters.get("mydomain", ""))
    domains = (domain,) if "." in domain else ()
    through = parameters.get("relayhost", "").strip()
    if through:
        text = f"{host.name} sends through {through}, not to the receivers themselves."
        found = Finding("dns", Severity.INFO, "sending.through", host.name, text, (f"relayhost = {through}",), SOURCE)
        return Sending(fqdn, (), domains, (), through, (found,))
    bound = [parameters.get(name, "").strip() for name in ("smtp_bind_address", "smtp_bind_address6")]
    given = tuple(address for address in bound if address)
    ipv4, ipv6 = await asyncio.gather(resolver.ask(fqdn, "A"), resolver.ask(fqdn, "AAAA"))
    evidence = (
        *(f"smtp_bind_address = {address}" for address in given),
        *seen(fqdn, ipv4, "A"),
        *seen(fqdn, ipv6, "AAAA"),
    )
    of_name = tuple(value for result in (ipv4, ipv6) if isinstance(result, Answer) for value in result.values)
    addresses = tuple(address for address in given or of_name if _is_public(address))
    if not addresses:
        what = f"Neither its settings nor the name {fqdn} tell a public address"
        return Sending(fqdn, (), domains, (), "", (_unknown(host, what, evidence),))
    text = f"{host.name} sends as {fqdn} from {listed(addresses)}."
    found = Finding("dns", Severity.OK, "sending.ok", host.name, text, evidence, SOURCE)
    return Sending(fqdn, addresses, domains, (), "", (found,))


def _unknown(host: MailHost, why: str, evidence: tuple[str, ...] = ()) -> Finding:
    text = f"It could not be found out how {host.name} sends: {why.rstrip('.')}."
    advice = "See that the mail host can be reached, and that its name has the address that it sends from."
    return Finding("dns", Severity.UNKNOWN, "sending.unknown", host.name, text, evidence or (why,), SOURCE, advice)


def _is_public(address: str) -> bool:
    given = ip_address(address)
    return not (given.is_loopback or given.is_link_local or any(given in network for network in INSIDE))

"""The hosts that take mail for a domain, and their addresses: whom the checks of TLS talk to (RFC 5321 §5.1)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.reputation.answers import Absent, Answer, Result, Unknown
from bot.reputation.resolver import Resolver

MOST = 5
"""Hosts of one domain that are looked at, the preferred ones first."""

MOST_ADDRESSES = 4
"""Addresses of one host that are looked at."""


@dataclass(frozen=True, slots=True)
class Server:
    """One host; IPv4 first. `unknown` is why its addresses are not all known; `authentic`: DNSSEC says them."""

    name: str
    addresses: tuple[str, ...]
    unknown: Unknown | None = None
    authentic: bool = False


@dataclass(frozen=True, slots=True)
class Servers:
    """`left_out` are the names of hosts beyond MOST; `unknown` is why it is not known which hosts there are.

    `authentic`: DNSSEC says which hosts there are, or that there is no MX record (RFC 7672 §2.2.1).
    """

    hosts: tuple[Server, ...] = ()
    left_out: tuple[str, ...] = ()
    unknown: Unknown | None = None
    authentic: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (*(host.name for host in self.hosts), *self.left_out)


async def servers(resolver: Resolver, domain: str) -> Servers:
    """The hosts of a domain's MX records, or the domain itself where it has none and an address; none: no mail."""
    result = await resolver.ask(domain, "MX")
    if isinstance(result, Unknown):
        return Servers(unknown=result)
    if isinstance(result, Absent) or not result.exchanges:
        own = await _server(resolver, domain)
        if not own.addresses:
            return Servers(unknown=own.unknown)
        return Servers((own,), authentic=result.authentic)
    names = list(dict.fromkeys(each.exchange for each in sorted(result.exchanges) if each.exchange))
    hosts = await asyncio.gather(*(_server(resolver, name) for name in names[:MOST]))
    return Servers(tuple(hosts), tuple(names[MOST:]), authentic=result.authentic)


async def _server(resolver: Resolver, name: str) -> Server:
    results = await asyncio.gather(resolver.ask(name, "A"), resolver.ask(name, "AAAA"))
    addresses = tuple(value for result in results for value in _values(result)[:MOST_ADDRESSES])
    unknown = next((result for result in results if isinstance(result, Unknown)), None)
    authentic = all(not isinstance(result, Unknown) and result.authentic for result in results)
    return Server(name, addresses, unknown, authentic)


def _values(result: Result) -> tuple[str, ...]:
    return result.values if isinstance(result, Answer) else ()

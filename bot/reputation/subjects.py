"""What a blocklist is asked about, an address or a domain, and the name that it is asked by (RFC 5782 §2, §3)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from publicsuffixlist import PublicSuffixList

from bot.errors import UserError

SubjectKind = Literal["ip4", "ip6", "domain"]
DomainForm = Literal["registrable", "host"]

_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?!\d+\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")

INSIDE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
"""Networks that are never seen from outside (RFC 1918, RFC 6598, RFC 4193)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An address in its usual spelling, or a domain in A-labels, in lower case and without the last dot."""

    kind: SubjectKind
    text: str

    def __str__(self) -> str:
        return self.text

    def labels(self, form: DomainForm) -> str:
        """What stands in front of the zone: reversed octets or nibbles (and no `ip6.arpa`), or the domain.

        Empty where there is nothing to ask: a public suffix has no registrable domain.
        """
        if self.kind == "domain":
            return self.text if form == "host" else registrable(self.text)
        return reversed_address(ipaddress.ip_address(self.text))


def subject(text: str) -> Subject:
    """What a person typed. Raises UserError for what is neither, and for an address that no list can know."""
    given = text.strip().lower().strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return Subject("domain", _domain(given.rpartition("@")[2], text))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or any(address in network for network in INSIDE)
    ):
        raise UserError(
            f"{address} is an address for the inside, which no blocklist knows, so nothing was asked. "
            "Give the address that other mail servers see."
        )
    return Subject("ip4" if address.version == 4 else "ip6", str(address))


def _domain(given: str, text: str) -> str:
    try:
        name = given.encode("idna").decode()
    except UnicodeError:
        name = ""
    # The longest zone has to fit behind it in the 255 octets of a name.
    if len(name) > 190 or not _DOMAIN.match(name):
        raise UserError(
            f"“{text[:100]}” is neither an address nor a domain, so nothing was asked. "
            "An example of each: 192.0.2.25, 2001:db8::25, example.org."
        )
    return name


def reversed_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """`2.0.0.127`, or 32 nibbles with dots between them."""
    return address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def registrable(domain: str) -> str:
    """`example.co.uk` of `mail.example.co.uk`; empty for a public suffix."""
    return _suffixes().privatesuffix(domain) or ""


@cache
def _suffixes() -> PublicSuffixList:
    # Lists know nothing of suffixes that companies registered for their customers: these share one listing.
    return PublicSuffixList(only_icann=True)

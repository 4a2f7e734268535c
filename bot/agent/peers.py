"""Whom `probe` may connect to: addresses of the public Internet, and what root's agent.ini adds to them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, Tuple, Union

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]
Endpoint = Tuple[str, int]

PORTS = (25, 443)
"""SMTP, and HTTPS to compare with. No request can name another port."""

UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out to the public Internet (RFC 4291 §2.4, IANA's registry)."""

EMBEDDING = (ip_network("2002::/16"), ip_network("2001::/32"))
"""What of it hides an IPv4 address, perhaps a private one (6to4, Teredo)."""


class Peers(NamedTuple):
    """`networks` are allowed beside public addresses. `road` leads one address and port to another on loopback."""

    networks: Tuple[Network, ...] = ()
    road: Tuple[Tuple[Endpoint, Endpoint], ...] = ()

    def allows(self, address: str, port: int) -> bool:
        """Whether a connection may be made there; `address` as str(ip_address()) writes it."""
        if port not in PORTS:
            return False
        given = ip_address(address)
        known = any(given in network for network in self.networks if network.version == given.version)
        return known or (address, port) in dict(self.road) or _is_public(given)

    def endpoint(self, address: str, port: int) -> Endpoint:
        return dict(self.road).get((address, port), (address, port))


def read(networks: str, road: str) -> Peers:
    """`127.0.0.0/8 ::1/128` and `192.0.2.1:25=127.0.0.1:4025 …`. Raises ValueError, which names the mistake."""
    return Peers(
        tuple(ip_network(text) for text in networks.split()),
        tuple(_way(text) for text in road.split()),
    )


def _way(text: str) -> Tuple[Endpoint, Endpoint]:
    wanted, equals, instead = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not of the form 192.0.2.1:25=127.0.0.1:4025")
    start, end = _endpoint(wanted), _endpoint(instead)
    if start[1] not in PORTS:
        raise ValueError(f"{text!r} begins at a port that is never connected to")
    if not ip_address(end[0]).is_loopback:
        raise ValueError(f"{text!r} leads to {end[0]}, which is not a loopback address")
    return start, end


def _endpoint(text: str) -> Endpoint:
    address, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} has no port")
    return str(ip_address(address[1:-1] if address[:1] == "[" and address[-1:] == "]" else address)), int(port)


def _is_public(address: Address) -> bool:
    # What is "global" has changed between releases of Python, and some multicast addresses are.
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return True
    return address in UNICAST and not any(address in network for network in EMBEDDING)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback


def plain(address: str) -> str:
    """The one way to write an address. Raises ValueError for what is none; a zone (`%eth0`) is refused with it."""
    if "%" in address:
        raise ValueError(f"{address!r} names an interface")
    return str(ip_address(address))

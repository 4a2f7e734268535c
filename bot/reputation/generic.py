"""Does a PTR name look like one that a provider gave to a whole range of addresses?

Receivers take such names for dynamic addresses, whatever they are. There is no standard for it: these are the two signs
that their filters share, the address within the name and the words of access networks.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

WORDS = frozenset(
    re.findall(
        r"\w+",
        "adsl broadband cable client clients cust customer customers dhcp dial dialin dialup dsl dyn dynamic dynamicip"
        " ftth pool pools ppp pppoe residential unassigned unknown vdsl wireless xdsl",
    )
)
"""Parts of a name, between dots, hyphens and digits, that say “not a mail server”."""

_SEPARATORS = re.compile(r"[^a-z0-9]+")
_DIGITS = re.compile(r"\d+")


def is_generic(name: str, address: IPv4Address | IPv6Address) -> bool:
    """Whether `name` is made of `address`, or of an access network's words; its last two labels do not count."""
    labels = name.lower().split(".")[:-2]
    if any(word in WORDS for label in labels for word in re.split(r"[^a-z]+", label)):
        return True
    own = ".".join(labels)
    return _spells_ipv4(own, address) if isinstance(address, IPv4Address) else _spells_ipv6(own, address)


def _spells_ipv4(own: str, address: IPv4Address) -> bool:
    octets = [str(octet) for octet in address.packed]
    numbers = [str(int(digits)) for digits in _DIGITS.findall(own)]
    for wanted in (octets[:3], octets[1:], octets[:0:-1], octets[2::-1]):
        if any(numbers[at : at + 3] == wanted for at in range(len(numbers) - 2)):
            return True
    padded = "".join(f"{octet:03}" for octet in address.packed)
    return address.packed.hex() in own or padded in own


def _spells_ipv6(own: str, address: IPv6Address) -> bool:
    nibbles = address.packed.hex()
    squeezed = _SEPARATORS.sub("", own)
    groups = [group.lstrip("0") or "0" for group in address.exploded.split(":")]
    pieces = [piece.lstrip("0") or "0" for piece in _SEPARATORS.split(own) if piece]
    tails = (nibbles[16:], nibbles[::-1][:16])
    return any(tail in squeezed for tail in tails) or any(
        pieces[at : at + 4] == groups[4:] for at in range(len(pieces) - 3)
    )

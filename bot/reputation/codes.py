"""What a blocklist's answers mean: a set of codes or bits, by zone, and the answers that are no listing (RFC 5782 §2).

An answer is read as a whole: one error in it, and it says nothing of the address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from bot.reputation.answers import Cause

Octets = tuple[int, ...]

_RANGE = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?\Z")


class Weight(IntEnum):
    """How much a listing matters to those who receive mail; dnsbl.toml says what each means."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Pattern:
    """`127.0.0.2`, `127.0.0.2-21`, `127.0.*.2`; or one bit of the last number, of an answer in 127.0.0.0/24."""

    text: str
    ranges: tuple[tuple[int, int], ...] = ()
    bit: int = 0

    def fits(self, octets: Octets) -> bool:
        if self.bit:
            return octets[:3] == (127, 0, 0) and bool(octets[3] & self.bit)
        return all(low <= octet <= high for octet, (low, high) in zip(octets, self.ranges, strict=True))


@dataclass(frozen=True, slots=True)
class Code:
    """One meaning of an answer. `policy`: a provider's rule about its addresses, and no sign of abuse."""

    pattern: Pattern
    meaning: str
    weight: Weight = Weight.INFO
    policy: bool = False


ListCause = Cause | Literal["broken_zone", "unknown_code"]
"""Why a list's answer is unknown. Beside a question's own causes: `broken_zone`, the list lists what no list does, or
not even its own test entry; `unknown_code`, it answered with what our table has no meaning for. `refused` is also what
a list itself says by an error code."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer that says nothing of what was asked; `detail` is for an admin."""

    cause: ListCause
    detail: str


EVERYWHERE = (
    Code(Pattern("127.255.255.*", ((127, 127), (255, 255), (255, 255), (0, 255))), "an error report of the list"),
    Code(Pattern("127.0.0.1", ((127, 127), (0, 0), (0, 0), (1, 1))), "which is how lists say that they refuse"),
)
"""Errors with every list (Spamhaus' use of 127.255.255.0/24, which others follow; RFC 5782 §2.1 for 127.0.0.1)."""


def pattern(text: str) -> Pattern:
    """Raises ValueError, which says what is wrong, for what is none, or lies outside 127.0.0.0/8."""
    parts = text.split(".")
    ranges = [_range(part) for part in parts]
    if len(ranges) != 4 or None in ranges or ranges[0] != (127, 127):
        raise ValueError(f"{text!r} is not an answer such as 127.0.0.2, 127.0.0.2-21 or 127.0.*.2")
    return Pattern(text, tuple(each for each in ranges if each))


def bit(text: str) -> Pattern:
    """Raises ValueError for what is not one bit of an octet."""
    if text not in ("1", "2", "4", "8", "16", "32", "64", "128"):
        raise ValueError(f"{text!r} is not a bit: 1, 2, 4, 8, 16, 32, 64 or 128")
    return Pattern(text, bit=int(text))


def _range(part: str) -> tuple[int, int] | None:
    if part == "*":
        return (0, 255)
    match = _RANGE.match(part)
    if not match:
        return None
    low, high = int(match[1]), int(match[2] or match[1])
    return (low, high) if low <= high <= 255 else None


def read(codes: Sequence[Code], errors: Sequence[Code], answers: Iterable[str]) -> tuple[Code, ...] | Trouble:
    """The meanings of an answer's addresses, in the order of `codes`; or why it is no listing.

    An address beside others that has no meaning here does not undo theirs; alone it proves nothing.
    """
    values = sorted(set(answers))
    numbers = [tuple(ipaddress.IPv4Address(value).packed) for value in values]
    for value, octets in zip(values, numbers, strict=True):
        if octets[0] != 127:
            return Trouble("broken_zone", f"it answered {value}, and a list's answers lie in 127.0.0.0/8")
    for value, octets in zip(values, numbers, strict=True):
        for error in (*errors, *EVERYWHERE):
            if error.pattern.fits(octets):
                return Trouble("refused", f"{error.meaning} ({value})")
    found = tuple(code for code in codes if any(code.pattern.fits(octets) for octets in numbers))
    return found or Trouble("unknown_code", f"it answered {', '.join(values)}, which has no meaning known here")

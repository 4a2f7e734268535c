"""How a DNS question ends: an answer, a proven absence, or unknown with its cause. There is no fourth way.

Names are lower case, without the last dot, as they are asked and as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TLSA", "TXT"]

Cause = Literal["timeout", "servfail", "refused", "unreachable", "malformed", "bogus", "rewritten", "limited"]
"""Why a question has no answer. `timeout`: no server answered in time; `servfail`, `refused`: the resolver's own words
(RFC 1035 §4.1.1); `unreachable`: no server could be reached; `malformed`: what came could not be read; `bogus`: DNSSEC
validation failed (RFC 8914 codes, where the resolver tells); `rewritten`: this resolver invents answers for names that
do not exist, so an answer proves nothing; `limited`: asked too often here, and not sent."""


class Exchange(NamedTuple):
    """An MX record (RFC 1035 §3.3.9); an `exchange` of "" is the null MX (RFC 7505)."""

    preference: int
    exchange: str


class Tlsa(NamedTuple):
    """A TLSA record (RFC 6698 §2.1); `data` is lower-case hexadecimal."""

    usage: int
    selector: int
    matching: int
    data: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`values` in the order of the answer: addresses and names as text; a TXT record's strings joined without blanks,
    undecodable octets as \\xNN. MX and TLSA come in `exchanges` and `certificates` instead.

    `name` is the name at the end of the CNAME chain; `ttl` is in seconds, the least along the chain; `authentic` is the
    AD flag: the resolver validated it (DNSSEC).
    """

    name: str
    ttl: float
    values: tuple[str, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    certificates: tuple[Tlsa, ...] = ()
    authentic: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """Proven: no such name (`exists` false, NXDOMAIN), or no record of that kind there (NODATA); RFC 2308.

    `ttl`, in seconds, is how long that may be believed.
    """

    name: str
    ttl: float
    exists: bool = False
    authentic: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """`detail` says it for an admin: which server, after how long."""

    cause: Cause
    detail: str = ""


Result = Answer | Absent | Unknown

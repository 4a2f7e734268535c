"""DNS records as people write them, seen or to be published; and the finding of a question without an answer."""

from __future__ import annotations

from typing import Literal

from bot.reputation.answers import Absent, Answer, Cause, Kind, Result, Unknown
from bot.reputation.findings import Finding, Part, Severity

STRING = 255
"""Octets that one string of a TXT record holds (RFC 1035 §3.3); a record is as many strings as it needs."""

NEXT: dict[Cause, str] = {
    "timeout": "Ask again; if it goes on, look whether the name servers of the zone and the resolver can be reached.",
    "servfail": "Ask again; if it goes on, the name servers of the zone are broken, or out of reach for the resolver.",
    "refused": "Have the bot ask a resolver that serves it: DNS_SERVERS in its settings.",
    "unreachable": "Look whether the resolver runs and can be reached, and whether DNS_SERVERS names it.",
    "malformed": "Look at the name and at its name servers: what they sent is no DNS answer to this question.",
    "bogus": "Renew the zone's signatures, or mend the DS record at its parent: who validates sees none of it.",
    "rewritten": "Have the bot ask a resolver that invents no answers: DNS_SERVERS in its settings.",
    "limited": "Ask again later: the bot asked this zone as often as it may.",
}


def plain(name: str) -> str:
    """A name as answers have it: lower case, in A-labels (RFC 5890 §2.3.2.1), without the last dot."""
    name = name.strip().rstrip(".").lower()
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name  # the resolver says that it can't be one


def line(name: str, kind: Kind, value: str) -> str:
    """One record in the notation of a zone file (RFC 1035 §5.1), without its TTL."""
    return f"{name}. IN {kind} {value}"


def txt(name: str, text: str) -> str:
    """A TXT record, cut into strings that fit."""
    octets = text.encode()
    cuts = [octets[at : at + STRING] for at in range(0, len(octets), STRING)] or [b""]
    return line(name, "TXT", " ".join(f'"{_escaped(cut)}"' for cut in cuts))


def _escaped(octets: bytes) -> str:
    return "".join(
        f"\\{chr(octet)}" if octet in b'"\\' else chr(octet) if 32 <= octet < 127 else f"\\{octet:03}"
        for octet in octets
    )


def absent(name: str, kind: Kind, result: Absent) -> str:
    """What is not there, as evidence: `_dmarc.good.test TXT: no such name`."""
    by_cname = f" (CNAME to {result.name})" if result.name != name else ""
    return f"{name} {kind}{by_cname}: {'no such record' if result.exists else 'no such name'}"


def seen(name: str, result: Result, kind: Literal["A", "AAAA"]) -> tuple[str, ...]:
    """What the question for a name's addresses brought, whichever way it ended."""
    match result:
        case Answer():
            return tuple(line(name, kind, value) for value in result.values)
        case Absent():
            return (absent(name, kind, result),)
        case Unknown():
            return (f"{name} {kind}: {result.cause}",)


def unknown(part: Part, code: str, subject: str, what: str, result: Unknown, source: str = "") -> Finding:
    """A question that ended without an answer. `what` could not be found out: `whether … has a PTR record`."""
    return Finding(
        part,
        Severity.UNKNOWN,
        code,
        subject,
        f"It could not be found out {what}: {result.detail or result.cause}.",
        (f"{result.cause}: {result.detail}" if result.detail else result.cause,),
        source,
        NEXT[result.cause],
    )

"""The one place that asks the DNS; every question ends as an answer, a proven absence, or unknown with its cause."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from bot.nameservers import NameServer, name_server, of_the_system
from bot.reputation.answers import Absent, Answer, Cause, Exchange, Kind, Result, Tlsa, Unknown
from bot.reputation.cache import Cache
from bot.reputation.flights import Flights
from bot.reputation.pace import Pace
from bot.reputation.transport import Garbled, by_tcp, by_udp, is_truncated

logger = logging.getLogger(__name__)

PAYLOAD = 1232
"""Octets of a reply by UDP that no path cuts into fragments (DNS flag day 2020; RFC 9715 §3.2)."""

OPT = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, PAYLOAD, 0, 0)
"""The pseudo-record of EDNS, version 0, that says so (RFC 6891 §6.1.2)."""

PER_ZONE = 20.0
"""Questions a second for one blocklist zone, unless it is told otherwise."""

PATIENCE = 60.0
"""Seconds that a question waits for its turn at a zone."""

AGAIN = 0.8
"""Seconds without an answer after which a question is sent again: what is lost by UDP is told by nobody."""

LONGEST_WORDS = 200
"""Characters of a server's own explanation that are passed on."""

BOGUS = frozenset(range(6, 13))
"""Extended errors (RFC 8914 §4.7–4.13) of a zone whose signatures do not hold."""

INVENTED = frozenset({4, 15, 16, 17})
"""Extended errors of what is the resolver's policy, not the zone's word: forged, blocked, censored, filtered."""

TELLING: tuple[Cause, ...] = ("bogus", "rewritten", "refused", "servfail", "malformed", "unreachable", "timeout")
"""Which cause is told when several servers failed differently."""


class Resolver:
    """Questions to recursive name servers, the next one as soon as one fails or is slow, each twice if need be.

    `servers`: as `bot.nameservers.name_server` reads them; none: the system's. `timeout`, in seconds, is for one
    question from when it is first sent; it waits as long as need be for one of `in_flight` places, and up to `patience`
    for its turn among the `per_zone` questions a second of its zone. Nothing is sent before the first question.
    Raises ValueError for servers that can't be read.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        timeout: float = 5.0,
        in_flight: int = 64,
        per_zone: float = PER_ZONE,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = tuple(dict.fromkeys(map(name_server, servers))) or of_the_system()
        self.servers = tuple(map(str, self._servers))
        self._timeout = timeout
        self._patience = patience
        self._places = asyncio.Semaphore(in_flight)
        self._pace = Pace(per_zone, now)
        self._now = now
        self._cache = Cache(now=now)
        self._flights: Flights[Result] = Flights()
        self._distrusted: frozenset[str] = frozenset()

    async def ask(self, name: str, kind: Kind, *, zone: str = "") -> Result:
        """What the DNS says; `zone` is the blocklist whose questions per second are counted, none for all others.

        A name with other letters than ASCII is asked in its A-label form (RFC 5891 §4); backslashes escape as in master
        files (RFC 1035 §5.1). What can't be a name (an empty or too long label, more than 255 octets) is not asked:
        Unknown("malformed"), since a name that a record holds is no mistake of the caller's.
        """
        try:
            asked = _name(name)
        except (dns.exception.DNSException, UnicodeError) as error:
            return Unknown("malformed", f"{name[:LONGEST_WORDS]!r} can't be a name in the DNS: {_reason(error)}")
        key = (_text(asked), kind)
        if known := self._cache.get(*key):
            return known
        return await self._flights.join(key, lambda: self._in_turn(asked, kind, zone))

    async def ask_server(self, server: str, name: str, kind: Kind) -> Result:
        """What one of `servers` says, trusted or not; asked once, whatever is known already, and not kept."""
        asked = _name(name)
        async with self._places:
            end = asyncio.get_running_loop().time() + self._timeout
            return await self._attempt(name_server(server), _Question(asked, kind), end)

    def distrust(self, servers: Collection[str]) -> None:
        """Those of `servers` that invent answers. Whatever they say is Unknown("rewritten") from now on, and what may
        have come from them is forgotten; the others are asked as before. Said anew, it holds for these alone."""
        if newly := frozenset(servers) - self._distrusted:
            logger.warning("no answer of %s is believed: it invents answers", ", ".join(sorted(newly)))
            self._cache = Cache(now=self._now)
        self._distrusted = frozenset(servers)

    async def _in_turn(self, asked: dns.name.Name, kind: Kind, zone: str) -> Result:
        if zone:
            wait = self._pace.turn(zone, self._patience)
            if wait is None:
                return Unknown("limited", f"too many questions wait for {zone}: not asked within {self._patience:g} s")
            await asyncio.sleep(wait)
        async with self._places:
            cache = self._cache
            result = await self._send(_Question(asked, kind))
        if not isinstance(result, Unknown):
            cache.put(_text(asked), kind, result)
        return result

    async def _send(self, question: _Question) -> Result:
        """The first reply that is one. A slow server is not given up while others are tried: it may just be looking."""
        end = asyncio.get_running_loop().time() + self._timeout
        step = min(AGAIN, self._timeout / (2 * len(self._servers)))
        coming = [*self._servers, *self._servers]
        failed: dict[NameServer, Unknown] = {}
        attempts: dict[asyncio.Task[Result], NameServer] = {}
        try:
            while len(failed) < len(self._servers) and (coming or attempts):
                if coming:
                    server = coming.pop(0)
                    if server in failed:
                        continue
                    attempts[asyncio.create_task(self._attempt(server, question, end))] = server
                done, _ = await asyncio.wait(
                    attempts, timeout=step if coming else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    server, result = attempts.pop(task), task.result()
                    if str(server) in self._distrusted and not isinstance(result, Unknown):
                        result = Unknown("rewritten", f"{server} invents answers for names that do not exist")
                    if not isinstance(result, Unknown):
                        return result
                    failed[server] = result
            return _together(list(failed.values()))
        finally:
            for task in attempts:
                task.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)

    async def _attempt(self, server: NameServer, question: _Question, end: float) -> Result:
        query = question.wire()
        try:
            reply = await by_udp(server, query, end)
            if is_truncated(reply):
                reply = await by_tcp(server, query, end)
        except TimeoutError:
            return Unknown("timeout", f"{server} did not answer within {self._timeout:g} s")
        except Garbled:
            return Unknown("malformed", f"{server} sent something that is no answer to the question")
        except OSError as error:
            return Unknown("unreachable", f"{server} can't be reached: {error.strerror or error}")
        return read(reply, question.name, question.kind, str(server))


class _Question:
    """A query with recursion, EDNS (RFC 6891) and the wish to hear of validation (AD, RFC 6840 §5.7)."""

    def __init__(self, name: dns.name.Name, kind: Kind) -> None:
        self.name = name
        self.kind = kind
        # By hand: one look at blocklists asks hundreds of them, and a third of its time went into dnspython's renderer.
        question = (name.to_wire() or b"") + struct.pack("!HH", dns.rdatatype.from_text(kind), dns.rdataclass.IN)
        self._rest = struct.pack("!5H", dns.flags.RD | dns.flags.AD, 1, 0, 0, 1) + question + OPT

    def wire(self) -> bytes:
        """With an ID that nobody can guess (RFC 5452 §9.2)."""
        return os.urandom(2) + self._rest


def read(reply: bytes, name: dns.name.Name, kind: Kind, server: str) -> Result:
    """What a reply says to the question for `name` and `kind`; `server` is its sender, for the details."""
    garbled = Unknown("malformed", f"{server} sent something that is no answer to the question")
    try:
        message = dns.message.from_wire(reply)
        return _read(message, name, kind, server) if isinstance(message, dns.message.QueryMessage) else garbled
    except (dns.exception.DNSException, ValueError):
        return garbled


def _read(message: dns.message.QueryMessage, name: dns.name.Name, kind: Kind, server: str) -> Result:
    errors = {int(option.code): option.text or "" for option in message.extended_errors()}
    words = _words(errors)
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        cause: Cause = "refused" if rcode == dns.rcode.REFUSED else "bogus" if BOGUS & errors.keys() else "servfail"
        return Unknown(cause, f"{server} said {dns.rcode.to_text(rcode)}{words}")
    if INVENTED & errors.keys():
        return Unknown("rewritten", f"{server} answered by a policy of its own{words}")
    question = message.question
    if len(question) != 1 or question[0].name != name or question[0].rdtype != dns.rdatatype.from_text(kind):
        return Unknown("malformed", f"{server} answered another question")
    authentic = bool(message.flags & dns.flags.AD)
    end = _text(name)
    if message.answer:  # for most absences the chaining would be a fifth of the work, for nothing
        chain = message.resolve_chaining()
        end = _text(chain.canonical_name)
        if chain.answer is not None:
            return _answer(end, float(chain.minimum_ttl), list(chain.answer), authentic)
    proof = next((rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA), None)
    if rcode == dns.rcode.NOERROR and not proof and not message.flags & dns.flags.RA:
        return Unknown("refused", f"{server} does not look names up for others: it gave no answer, only a referral")
    # Without an SOA record nothing says how long an absence holds (RFC 2308 §5).
    held = [proof.ttl, proof[0].minimum, *(rrset.ttl for rrset in message.answer)] if proof else [0]
    return Absent(end, float(min(held)), exists=rcode == dns.rcode.NOERROR, authentic=authentic)


def _answer(name: str, ttl: float, records: list[Any], authentic: bool) -> Answer:
    match records[0].rdtype:
        case dns.rdatatype.MX:
            exchanges = tuple(Exchange(record.preference, _text(record.exchange)) for record in records)
            return Answer(name, ttl, exchanges=exchanges, authentic=authentic)
        case dns.rdatatype.TLSA:
            certificates = tuple(
                Tlsa(record.usage, record.selector, record.mtype, record.cert.hex()) for record in records
            )
            return Answer(name, ttl, certificates=certificates, authentic=authentic)
        case dns.rdatatype.TXT:
            values = tuple(b"".join(record.strings).decode(errors="backslashreplace") for record in records)
        case dns.rdatatype.A | dns.rdatatype.AAAA:
            values = tuple(record.address for record in records)
        case dns.rdatatype.SOA:
            values = tuple(record.to_text().lower() for record in records)
        case _:
            values = tuple(_text(record.target) for record in records)
    return Answer(name, ttl, values, authentic=authentic)


def _words(errors: dict[int, str]) -> str:
    """The resolver's own explanation (RFC 8914), where it gives one: names of the codes, and its words."""
    parts = []
    for code, text in errors.items():
        known = code in dns.edns.EDECode.__members__.values()
        meaning = dns.edns.EDECode(code).name.replace("_", " ").lower() if known else f"extended error {code}"
        parts.append(f"{meaning}: {text}" if text else meaning)
    return f" ({'; '.join(parts)[:LONGEST_WORDS]})" if parts else ""


def _together(failures: list[Unknown]) -> Unknown:
    """The most telling cause; what each server said."""
    cause = min((failure.cause for failure in failures), key=TELLING.index)
    return Unknown(cause, "; ".join(dict.fromkeys(failure.detail for failure in failures)))


def _name(text: str) -> dns.name.Name:
    name = dns.name.from_text(text, origin=dns.name.root, idna_codec=dns.name.IDNA_2008_UTS_46)
    if name == dns.name.root:
        raise dns.name.EmptyLabel
    return name.canonicalize()


def _text(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.canonicalize().to_text(omit_final_dot=True)


def _reason(error: Exception) -> str:
    return str(error).rstrip(".").lower() or type(error).__name__

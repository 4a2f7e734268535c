"""A name server that does what name servers should not do: a real one, over UDP and TCP, told how to answer each name.

It runs in a thread of its own, so that it serves tests whatever loop they have. Use it as the resolver itself, or as
the server of a zone behind `tests.dns.world`'s unbound.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

EVERY_KIND = ("*",)
LONGEST_CHAIN = 20


class Question(NamedTuple):
    """One that came; `by` is udp or tcp."""

    name: str
    kind: str
    by: str


@dataclass(frozen=True, slots=True)
class Manner:
    """How a name is answered. `records`: kind to texts as in a zone file; a CNAME is followed, as resolvers do.

    `after`: seconds before the answer. `silent`: kinds that get none. `truncated`: over UDP only the TC bit; over TCP
    then `over_tcp` (answer, close or silent). `octets`: these after ID and flags, instead of an answer; `raw`: these
    alone. `extended`: an extended error's code and text (RFC 8914). `minimum`: of the SOA record of an absence;
    None for none. `recursive`: the RA bit; `authentic`: the AD bit.
    """

    records: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rcode: str = "NOERROR"
    ttl: int = 60
    after: float = 0.0
    silent: Collection[str] = ()
    truncated: bool = False
    over_tcp: str = "answer"
    octets: bytes | None = None
    raw: bytes | None = None
    extended: tuple[int, str] | None = None
    minimum: int | None = 30
    recursive: bool = True
    authentic: bool = False


SILENT = Manner(silent=EVERY_KIND)
NO_SUCH_NAME = Manner(rcode="NXDOMAIN")


class MisbehavingServer(asyncio.DatagramProtocol):
    """One server on 127.0.0.1; a name that nothing was said about is REFUSED. `asked`: what came, in order."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.port = 0
        self._exact: dict[dns.name.Name, Manner] = {}
        self._below: dict[dns.name.Name, Manner] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="misbehaving name server", daemon=True)

    @property
    def address(self) -> str:
        """As `bot.nameservers.name_server` reads it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def at(self, name: str, manner: Manner) -> None:
        """This name only."""
        self._exact[dns.name.from_text(name)] = manner

    def below(self, zone: str, manner: Manner) -> None:
        """This name and all below it that nothing nearer was said about; "." for all."""
        self._below[dns.name.from_text(zone)] = manner

    def forget(self) -> None:
        self.asked.clear()
        self._exact.clear()
        self._below.clear()

    def questions(self, name: str, kind: str) -> int:
        """How often this was asked, by UDP and TCP together."""
        return sum((question.name, question.kind) == (name, kind) for question in list(self.asked))

    async def _listen(self) -> None:
        while True:
            transport, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
            self._udp = transport
            self.port = transport.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
                return
            except OSError:  # another has this port by TCP
                transport.close()
                self.port = 0

    async def _end(self) -> None:
        self._udp.close()
        self._tcp.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply, after = self._reply(data, "udp")
        if reply is not None:
            self._loop.call_later(after, self._udp.sendto, reply, addr)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                reply, after = self._reply(query, "tcp")
                if reply is None:
                    await reader.read()  # until the other end gives up
                    return
                await asyncio.sleep(after)
                if not reply:
                    return
                writer.write(len(reply).to_bytes(2) + reply)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # a stream's task that is cancelled is told of on standard error
        finally:
            writer.close()

    def _reply(self, data: bytes, by: str) -> tuple[bytes | None, float]:
        """None for silence, nothing for a connection that is to be closed; and the seconds before it."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None, 0.0
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append(Question(name.to_text(omit_final_dot=True).lower(), kind, by))
        manner, zone = self._manner(name)
        if kind in manner.silent or "*" in manner.silent or (by == "tcp" and manner.over_tcp == "silent"):
            return None, 0.0
        if manner.raw is not None:
            return manner.raw, manner.after
        if manner.octets is not None:
            return data[:2] + b"\x81\x80" + manner.octets, manner.after
        if by == "tcp" and manner.over_tcp == "close":
            return b"", manner.after
        reply = self._message(query, name, kind, manner, zone)
        if manner.truncated and by == "udp":
            reply.flags |= dns.flags.TC
            reply.answer.clear()
        return reply.to_wire(), manner.after

    def _message(
        self, query: dns.message.Message, name: dns.name.Name, kind: str, manner: Manner, zone: dns.name.Name
    ) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=manner.recursive)
        reply.flags |= dns.flags.AA | (dns.flags.AD if manner.authentic else 0)
        for _ in range(LONGEST_CHAIN):
            alias = manner.records.get("CNAME")
            if not alias or kind == "CNAME":
                break
            reply.answer.append(dns.rrset.from_text(name, manner.ttl, "IN", "CNAME", *alias))
            name = dns.name.from_text(alias[0])
            manner, zone = self._manner(name)
        found = manner.records.get(kind)
        reply.set_rcode(dns.rcode.from_text(manner.rcode))
        if found:
            reply.answer.append(dns.rrset.from_text(name, manner.ttl, "IN", kind, *found))
        elif manner.rcode in ("NOERROR", "NXDOMAIN") and manner.minimum is not None:
            soa = f"ns.invalid. admin.invalid. 1 3600 600 86400 {manner.minimum}"
            reply.authority.append(dns.rrset.from_text(zone, 3600, "IN", "SOA", soa))
        if manner.extended:
            code, text = manner.extended
            reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode(code), text)])
        return reply

    def _manner(self, name: dns.name.Name) -> tuple[Manner, dns.name.Name]:
        """What was said about this name, or about the nearest above it; and where that was."""
        if name in self._exact:
            return self._exact[name], name
        above = name
        while True:
            if above in self._below:
                return self._below[above], above
            if above == dns.name.root:
                return Manner(rcode="REFUSED"), above
            above = above.parent()

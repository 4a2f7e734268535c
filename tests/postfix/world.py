"""The outside world of a test, on loopback alone: one name server (RFC 1035) and mail servers for invented domains."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.postfix.remote import ACCEPT, Behaviour, Delivery, RemoteDomain

T = TypeVar("T")


class World:
    """A loopback /16 of its own (127.N.0.0) with a name server at 127.N.0.53 and a mail server per domain.

    It runs in a thread, so tests may call it from anywhere. Domains that it does not know do not exist (NXDOMAIN).
    Raises OSError when no such network is free, or the ports (53, 25) may not be bound (they need root).
    """

    def __init__(self) -> None:
        self._names, self.net = _free_net()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="outside world", daemon=True)
        self._domains: dict[str, RemoteDomain] = {}
        self._deliveries: list[Delivery] = []
        self._addresses = 0
        self._hosts = 9
        self._thread.start()
        self._run(self._open())

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def resolver(self) -> str:
        return f"{self.net}.0.53"

    def own_address(self) -> str:
        """An address of this world that nobody else uses: for the mail host under test."""
        self._hosts += 1
        return f"{self.net}.0.{self._hosts}"

    def domain(self, name: str, behaviour: Behaviour = ACCEPT) -> None:
        """Create a domain, or change how it behaves from now on."""
        self._run(self._behave(name, behaviour))

    def delivered(self, *, message_id: str | None = None, recipient: str | None = None) -> list[Delivery]:
        """Every acceptance so far, in order; the same message twice means that it was delivered twice."""
        return [
            delivery
            for delivery in list(self._deliveries)
            if message_id in (None, delivery.message_id) and recipient in (None, delivery.recipient)
        ]

    def connections(self, name: str) -> int:
        """How often the domain's mail server was connected to."""
        return self._domains[name].connections

    def reset(self) -> None:
        """Forget all domains and deliveries."""
        self._run(self._forget())

    def close(self) -> None:
        self.reset()
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _open(self) -> None:
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: _NameServer(self), sock=self._names)

    async def _close(self) -> None:
        self._transport.close()
        await asyncio.sleep(0)

    async def _behave(self, name: str, behaviour: Behaviour) -> None:
        if name not in self._domains:
            self._addresses += 1
            address = f"{self.net}.{1 + self._addresses // 250}.{1 + self._addresses % 250}"
            self._domains[name] = RemoteDomain(name, address, behaviour, self._deliveries.append)
        await self._domains[name].behave(behaviour)

    async def _forget(self) -> None:
        for domain in self._domains.values():
            await domain.close()
        self._domains.clear()
        self._deliveries.clear()

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """What the name server says: MX and A of known domains, no data for other types, else NXDOMAIN."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        owner = question.name.to_text(omit_final_dot=True).lower()
        domain = self._domains.get(owner) or self._domains.get(owner.removeprefix("mx."))
        if domain is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif not domain.behaviour.resolves:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif question.rdtype == dns.rdatatype.MX and owner in self._domains:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "MX", f"10 mx.{domain.name}."))
        elif question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", domain.address))
        return response


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, world: World) -> None:
        self._world = world

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, client: tuple[str | Any, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return  # not a question: a name server stays silent
        self._transport.sendto(self._world.answer(query).to_wire(), client)


def _free_net() -> tuple[socket.socket, str]:
    """Claim a free 127.N by binding its name server's port; pytest-xdist's workers and other runs take other ones."""
    start = os.getpid() % 150
    for offset in range(150):
        net = f"127.{50 + (start + offset) % 150}"
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            names.bind((f"{net}.0.53", 53))
        except PermissionError:
            names.close()
            raise
        except OSError:
            names.close()
        else:
            names.setblocking(False)
            return names, net
    raise OSError("No loopback network 127.50 to 127.199 is free for the outside world of the tests.")

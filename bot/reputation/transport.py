"""A DNS message to a name server and the reply, as octets: UDP (RFC 1035 §4.2.1) and TCP (RFC 7766)."""

from __future__ import annotations

import asyncio

from bot.nameservers import NameServer

HEADER = 12
QR, TC = 0x80, 0x02
"""Bits of the third octet: it is a reply; it was cut off."""


class Garbled(Exception):
    """Something came, but no reply to what was asked."""


class _Exchange(asyncio.DatagramProtocol):
    """One question from a port of its own. What does not carry its ID is passed over: anybody can send that."""

    def __init__(self, query: bytes) -> None:
        self._query = query
        self.strays = 0
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        if not is_reply(data, self._query):
            self.strays += 1
        elif not self.reply.done():
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)


def is_reply(data: bytes, query: bytes) -> bool:
    return len(data) >= HEADER and data[:2] == query[:2] and bool(data[2] & QR)


def is_truncated(reply: bytes) -> bool:
    return bool(reply[2] & TC)


async def by_udp(server: NameServer, query: bytes, end: float) -> bytes:
    """The reply. Raises TimeoutError at `end` (the loop's clock), Garbled then if only strays came, OSError when the
    server can't be reached: nothing listens there, no route."""
    # The socket is connected, so that the kernel drops what others send and tells of ICMP errors (udp(7)).
    transport, exchange = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Exchange(query), remote_addr=server
    )
    try:
        transport.sendto(query)
        async with asyncio.timeout_at(end):
            return await exchange.reply
    except TimeoutError:
        if exchange.strays:
            raise Garbled from None
        raise
    finally:
        transport.close()


async def by_tcp(server: NameServer, query: bytes, end: float) -> bytes:
    """As by UDP; Garbled also when the connection ends before the reply does."""
    async with asyncio.timeout_at(end):
        reader, writer = await asyncio.open_connection(*server)
        try:
            writer.write(len(query).to_bytes(2) + query)
            length = int.from_bytes(await reader.readexactly(2))
            reply = await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            raise Garbled from None
        finally:
            writer.transport.abort()
    if not is_reply(reply, query):
        raise Garbled
    return reply

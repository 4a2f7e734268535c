"""A mail server that does what a test wants of it: greets slowly, talks rubbish, never ends a line, takes anything.

It really listens and really answers, in a thread of its own, on 127.0.0.1 and a port of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.smtp.certificates import Shown


@dataclass(frozen=True, slots=True)
class Manners:
    """`greeting` after `after` seconds (None: never one); `hello` are the lines after the first of the EHLO reply.

    `replies` are further answers, by the beginning of the command in capitals. `raw` is written as it is, and over and
    over when `endless`. `tls` is what it shows after STARTTLS, which it then offers; `broken_tls`: it offers it and
    then says something else.
    """

    greeting: str | None = "220 mx.peer.test ESMTP"
    after: float = 0.0
    hello: tuple[str, ...] = ()
    replies: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    endless: bool = False
    tls: Shown | None = None
    broken_tls: bool = False


DEFAULTS = {
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "554 5.7.1 Relay access denied",
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
    "DATA": "354 go ahead",
}


class Peer:
    """Listens while it is entered. `heard`: every line that came, of all connections; `uids`: who connected."""

    def __init__(self, manners: Manners = Manners(), host: str = "127.0.0.1", port: int = 0) -> None:
        self.manners = manners
        self.host, self.port = host, port
        self.heard: list[str] = []
        self.uids: list[int] = []
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp peer", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Peer:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def endpoint(self) -> tuple[str, int]:
        return self.host, self.port

    async def _open(self) -> int:
        self._server = await asyncio.start_server(self._meet, self.host, self.port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
        if self._tasks:
            # Whoever has hung up is heard to the end.
            await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.uids.append(_uid(writer.get_extra_info("peername")[1], self.port))
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        manners = self.manners
        await asyncio.sleep(manners.after)
        while manners.raw:
            writer.write(manners.raw)
            await writer.drain()
            if not manners.endless:
                await reader.read()
                return
        if manners.greeting is None:
            await reader.read()
            return
        writer.write(f"{manners.greeting}\r\n".encode())
        encrypted = False
        while line := (await reader.readline()).decode(errors="replace").strip():
            self.heard.append(line)
            verb = line.upper()
            if verb == "STARTTLS":
                writer.write(b"220 2.0.0 Ready\r\n")
                if manners.broken_tls:
                    writer.write(b"no TLS here\r\n")
                    continue
                assert manners.tls
                await writer.start_tls(_context(manners.tls))
                encrypted = True
                continue
            writer.write(f"{self._reply(verb, encrypted)}\r\n".encode())
            if verb == "QUIT":
                await writer.drain()
                return

    def _reply(self, verb: str, encrypted: bool) -> str:
        for start, reply in self.manners.replies.items():
            if verb.startswith(start):
                return reply
        if verb.startswith("EHLO"):
            offers = ("STARTTLS",) if (self.manners.tls or self.manners.broken_tls) and not encrypted else ()
            lines = ["mx.peer.test", *self.manners.hello, *offers]
            return "\r\n".join(f"250{'-' if each is not lines[-1] else ' '}{each}" for each in lines)
        return next((reply for start, reply in DEFAULTS.items() if verb.startswith(start)), "502 5.5.2 Unknown")


def nobody() -> tuple[str, int]:
    """Where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address, port = free.getsockname()
    return str(address), int(port)


@contextmanager
def dropping() -> Iterator[tuple[str, int]]:
    """Where packets are dropped: its queue of connections is full (listen(2)), and nobody takes any."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [stack.enter_context(socket.socket()) for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        threading.Event().wait(0.1)
        yield full.getsockname()


def _context(shown: Shown) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.chain, shown.key)
    return context


def _uid(port: int, to: int) -> int:
    """Whose the socket is that is connected from this port to that one (proc(5), `net/tcp`); -1: there is none."""
    ends = f":{port:04X}", f":{to:04X}"
    for _ in range(100):  # a line can be missed while others come and go
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if (fields[1][-5:], fields[2][-5:]) == ends:
                return int(fields[7])
    return -1

"""A mail server on loopback that takes mail for its own domains alone, with STARTTLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import contextlib
import re
import socketserver
import ssl
import threading
from collections.abc import Collection

from bot.demo.started import Started

LOOPBACK = "127.0.0.1"
PATIENCE = 20.0
"""Seconds for the next command."""
LONGEST = 2048
"""Octets of a line; longer ones end the session."""

_ADDRESS = re.compile(r"(?:FROM|TO):\s*<([^<>]*)>", re.IGNORECASE)


class MailServer(Started):
    """`name` is what it calls itself; `domains` are those that it takes mail for; without `tls` there is no STARTTLS.

    Messages are not taken, only talked of: DATA is refused. Nothing listens before `start()`.
    """

    def __init__(self, name: str, domains: Collection[str] = (), tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.domains = frozenset(domain.lower() for domain in domains)
        self.tls = tls
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1, once it runs."""
        assert self._server is not None
        return self._server.socket.getsockname()[1]  # type: ignore[no-any-return]

    def start(self) -> None:
        """Listen on a free port. Raises OSError when there is none."""
        self._server = _Server((LOOPBACK, 0), _Session)
        self._server.host = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=f"demo mail server {self.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # a session that says nothing does not hold up the end
    request_queue_size = 64
    host: MailServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up in the middle is no error of the server's."""


class _Session(socketserver.StreamRequestHandler):
    server: _Server
    timeout = PATIENCE

    def handle(self) -> None:
        self._secure = self._greeted = self._sender = False
        self._say(220, f"{self.server.host.name} ESMTP")
        while line := self.rfile.readline(LONGEST + 1):
            if len(line) > LONGEST:
                self._say(500, "5.5.2 Line too long")
                return
            words = line.decode(errors="replace").rstrip("\r\n")
            verb, _, rest = words.partition(" ")
            if not self._answer(verb.upper(), rest.strip()):
                return

    def _answer(self, verb: str, rest: str) -> bool:
        """Whether the session goes on."""
        match verb:
            case "EHLO" | "HELO":
                self._greeted = True
                self._hello(verb)
            case "STARTTLS" if self._offers_tls():
                self._say(220, "2.0.0 Ready to start TLS")
                return self._to_tls()
            case "MAIL" if self._greeted and _ADDRESS.match(rest):
                self._sender = True
                self._say(250, "2.1.0 Ok")
            case "RCPT" if self._sender and (found := _ADDRESS.match(rest)):
                self._recipient(found[1])
            case "RSET" | "NOOP":
                self._sender = self._sender and verb == "NOOP"
                self._say(250, "2.0.0 Ok")
            case "QUIT":
                self._say(221, "2.0.0 Bye")
                return False
            case "MAIL" | "RCPT" | "DATA":
                self._say(503, "5.5.1 That comes later, or not at all")
            case _:
                self._say(502, "5.5.2 Command not known")
        return True

    def _offers_tls(self) -> bool:
        return self.server.host.tls is not None and not self._secure

    def _hello(self, verb: str) -> None:
        names = [self.server.host.name]
        if verb == "EHLO":
            names += ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", *(["STARTTLS"] if self._offers_tls() else [])]
        for name in names[:-1]:
            self.wfile.write(f"250-{name}\r\n".encode())
        self._say(250, names[-1])

    def _to_tls(self) -> bool:
        assert self.server.host.tls is not None
        try:
            # What was sent before the handshake is thrown away with the old files (RFC 3207 §4.2).
            self.connection = self.server.host.tls.wrap_socket(self.request, server_side=True)
        except (OSError, ValueError):
            return False
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self._secure, self._greeted, self._sender = True, False, False
        return True

    def _recipient(self, address: str) -> None:
        domain = address.rpartition("@")[2].lower()
        if domain in self.server.host.domains:
            self._say(250, "2.1.5 Ok")
        else:
            self._say(554, f"5.7.1 <{address[:256]}>: Relay access denied")

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        with contextlib.suppress(OSError):
            self.connection.close()

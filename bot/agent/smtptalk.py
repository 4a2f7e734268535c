"""One SMTP conversation with a stranger, as far as STARTTLS and no further (RFC 5321, RFC 3207): no mail is begun.

What comes back is hostile: it is cut by octets and lines, and control characters and the like become `?`.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import List, Optional, Tuple

from bot.agent.peers import Endpoint
from bot.agent.probed import Peer

CONNECTING = 10.0
"""Seconds for a connection; what drops packets silently costs no more."""

MAX_REPLY = 8 * 1024
"""Octets of one reply, over all its lines (RFC 5321 §4.5.3.1.5 allows 512 a line)."""

MAX_LINES = 50
MAX_SHOWN = 200


class BrokenOff(Exception):
    """The peer said something that is no SMTP reply, or nothing; the text says it."""


def connect(peer: Peer, endpoint: Endpoint, bind: str, end: float) -> "Tuple[Peer, Optional[socket.socket]]":
    """A connection from `bind` (empty: from wherever the system chooses); None, and `outcome` says why, where there is
    none. `end` is a moment of time.monotonic()."""
    begun = time.monotonic()
    family = socket.AF_INET6 if ":" in endpoint[0] else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        if bind:
            connection.bind((bind, 0))
    except OSError as error:
        connection.close()
        return peer._replace(outcome="failed", detail=f"nothing can leave from {bind} ({error.strerror})"), None
    try:
        connection.settimeout(max(0.01, min(CONNECTING, end - begun)))
        connection.connect(endpoint)
        local = str(connection.getsockname()[0])
        return peer._replace(outcome="connected", seconds=round(time.monotonic() - begun, 2), local=local), connection
    except socket.timeout:
        outcome, detail = "timeout", f"no answer within {time.monotonic() - begun:.0f} s"
    except ConnectionRefusedError as error:
        outcome, detail = "refused", error.strerror or ""
    except OSError as error:
        # ETIMEDOUT is the kernel's own patience with an address that does not answer.
        timed_out = isinstance(error, TimeoutError)
        outcome, detail = "timeout" if timed_out else "unreachable", error.strerror or str(error)
    connection.close()
    return peer._replace(outcome=outcome, detail=detail, seconds=round(time.monotonic() - begun, 2)), None


def talk(peer: Peer, connection: socket.socket, helo: str, end: float) -> Peer:
    """Greeting, EHLO, STARTTLS where it is offered, QUIT; `detail` says where it broke off. Closes the connection."""
    line = _Line(connection, end)
    try:
        begun = time.monotonic()
        code, greeting = line.reply()
        peer = peer._replace(banner=greeting[0], seconds=round(peer.seconds + time.monotonic() - begun, 2))
        if code == 220:
            code, hello = line.command(f"EHLO {helo}")
            peer = peer._replace(hello=tuple(hello))
            if code == 250:
                peer = _starttls(peer, line, hello)
        line.say("QUIT")
    except BrokenOff as broken:
        peer = peer._replace(detail=str(broken))
    except socket.timeout:
        peer = peer._replace(detail="it said nothing more in time")
    except OSError as error:
        # An SSLError's own text names OpenSSL's source file too.
        said = getattr(error, "reason", None) or error.strerror or str(error)
        peer = peer._replace(detail=f"the connection broke off: {plain_text(str(said))}")
    finally:
        line.close()
    return peer


def _starttls(peer: Peer, line: "_Line", hello: List[str]) -> Peer:
    offered = any(each[4:].strip().upper() == "STARTTLS" for each in hello[1:])
    if not offered:
        return peer._replace(starttls=False)
    code, answer = line.command("STARTTLS")
    if code != 220:
        return peer._replace(starttls=True, detail=f"STARTTLS was refused: {answer[0]}")
    return peer._replace(starttls=True, tls=line.encrypt())


class _Line:
    """One connection, read a reply at a time, until `end`."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        self._connection = connection
        self._end = end
        self._waiting = b""

    def command(self, text: str) -> Tuple[int, List[str]]:
        self.say(text)
        return self.reply()

    def say(self, text: str) -> None:
        self._hurry()
        self._connection.sendall(f"{text}\r\n".encode("ascii"))

    def reply(self) -> Tuple[int, List[str]]:
        """Its code, and its lines made plain. Raises BrokenOff for what is none (RFC 5321 §4.2.1)."""
        lines: List[str] = []
        octets = 0
        while len(lines) < MAX_LINES:
            raw = self._read_line(MAX_REPLY - octets)
            octets += len(raw)
            shown = plain_text(raw.rstrip(b"\r\n").decode("latin-1"))
            if not (raw[:3].isdigit() and raw[3:4] in (b" ", b"-", b"\r", b"\n")):
                raise BrokenOff(f"it said what is no SMTP reply: {shown!r}")
            lines.append(shown)
            if raw[3:4] != b"-":
                return int(raw[:3]), lines
        raise BrokenOff(f"its reply has more than {MAX_LINES} lines")

    def _read_line(self, most: int) -> bytes:
        while b"\n" not in self._waiting:
            if len(self._waiting) >= most:
                raise BrokenOff(f"its reply is longer than {MAX_REPLY} octets")
            self._hurry()
            data = self._connection.recv(4096)
            if not data:
                said = plain_text(self._waiting.decode("latin-1"))
                raise BrokenOff(f"it hung up in the middle of {said!r}" if said else "it hung up without a word")
            self._waiting += data
        line, _, self._waiting = self._waiting.partition(b"\n")
        if len(line) >= most:
            raise BrokenOff(f"its reply is longer than {MAX_REPLY} octets")
        return line + b"\n"

    def encrypt(self) -> str:
        """The version of TLS that was agreed on. Nobody's certificate is judged: that is not what is asked here."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._hurry()
        self._waiting = b""
        encrypted = context.wrap_socket(self._connection)
        self._connection = encrypted
        return encrypted.version() or ""

    def close(self) -> None:
        self._connection.close()

    def _hurry(self) -> None:
        """Each step has what is left of the time, so that a peer that trickles gains nothing by it."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise BrokenOff("it did not finish in time")
        self._connection.settimeout(left)


def plain_text(text: str) -> str:
    """Cut, and with nothing in it but printable ASCII, as Postfix shows a remote server's text."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:MAX_SHOWN])

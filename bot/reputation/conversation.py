"""One SMTP conversation from the bot's machine with a mail server: what it said, how far it got (RFC 5321, RFC 3207).

No mail is sent: DATA is never said, every transaction is reset, and it ends with QUIT. What comes back is hostile: it
is cut by octets and lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

MAX_REPLY = 8 * 1024
"""Octets of one reply, over all its lines (RFC 5321 §4.5.3.1.5 allows 512 a line)."""

MAX_LINES = 50

NAME = "[127.0.0.1]"
"""What is said in EHLO when the bot's own address can't be told."""

Stage = Literal["connect", "greeting", "hello", "starttls", "handshake", "end"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code, and its lines without the code; () and 0 when there was none.

    `to_sender`: to MAIL, which was refused, so that RCPT was not said.
    """

    code: int = 0
    lines: tuple[str, ...] = ()
    to_sender: bool = False

    @property
    def shown(self) -> str:
        return f"{self.code} {' '.join(self.lines[:3])}".strip() if self.code else "no reply"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Where and why a conversation ended early. `kind`: nobody answered in time, the connection was refused, could not
    be made, broke off, or what came is no SMTP; `untrusted` is a certificate that was not believed, with OpenSSL's
    number for the reason (X509_STORE_CTX_get_error(3))."""

    stage: Stage
    kind: Literal["timeout", "refused", "unreachable", "broken", "rubbish", "untrusted"]
    detail: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """How far it got. `delay` is until the greeting, in seconds; `local` and `remote` are both ends' addresses.

    `hello` is the reply before TLS, `encrypted` the one under it; `tls` the version, `chain` the certificates as DER,
    the server's own first; `relayed` are the replies to each RCPT (see Recipient).
    """

    delay: float = 0.0
    local: str = ""
    remote: str = ""
    greeting: Reply = Reply()
    hello: Reply = Reply()
    offered: bool | None = None
    starttls: Reply = Reply()
    tls: str = ""
    chain: tuple[bytes, ...] = ()
    encrypted: Reply = Reply()
    relayed: tuple[Reply, ...] = ()
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A transaction that goes as far as RCPT and is reset then."""

    sender: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to talk of: `context` after STARTTLS (None: in plain), for the server's `name`; then the recipients."""

    name: str
    context: ssl.SSLContext | None
    recipients: Sequence[Recipient] = ()


async def talk(endpoint: tuple[str, int], wanted: Wanted, patience: float) -> Talk:
    """Never raises for what the peer does; `patience` is in seconds, for all of it."""
    line = _Line()
    try:
        async with asyncio.timeout(patience):
            await _talk(line, endpoint, wanted)
    except TimeoutError:
        line.fails("timeout", f"no answer within {patience:g} s")
    except ssl.SSLCertVerificationError as error:
        line.fails("untrusted", error.verify_message, error.verify_code)
    except ssl.SSLError as error:
        line.fails("broken", (error.reason or str(error)).replace("_", " ").lower())
    except _Rubbish as error:
        line.fails("rubbish", str(error))
    except ConnectionRefusedError:
        line.fails("refused", "connection refused")
    except asyncio.IncompleteReadError:
        line.fails("broken", "the connection was closed")
    except OSError as error:
        kind: Literal["unreachable", "broken"] = "unreachable" if line.stage == "connect" else "broken"
        line.fails(kind, error.strerror or str(error))
    finally:
        line.close()
    return line.talk


def unverified(*, old: bool = False) -> ssl.SSLContext:
    """Believes any certificate; `old` speaks TLS 1.0 and 1.1 too, with whatever ciphers there are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if old:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@cache
def verified(authorities: str = "") -> ssl.SSLContext:
    """Believes what the system's authorities, or those in a PEM file, vouch for. Names are for the caller to judge."""
    # Reading the system's takes a tenth of a second in which the loop stands still, so it is done once.
    context = ssl.create_default_context(cafile=authorities or None)
    context.check_hostname = False
    return context


async def _talk(line: _Line, endpoint: tuple[str, int], wanted: Wanted) -> None:
    begun = asyncio.get_running_loop().time()
    await line.connect(endpoint)
    line.stage = "greeting"
    greeting = await line.reply()
    line.learn(greeting=greeting, delay=asyncio.get_running_loop().time() - begun)
    if greeting.code != 220:
        return await line.quit()
    line.stage = "hello"
    hello = await line.command(f"EHLO {line.name}")
    line.learn(hello=hello, offered=_offers(hello, "STARTTLS"))
    if hello.code != 250:
        return await line.quit()
    if wanted.context and line.talk.offered:
        line.stage = "starttls"
        answer = await line.command("STARTTLS")
        line.learn(starttls=answer)
        if answer.code == 220:
            line.stage = "handshake"
            await line.encrypt(wanted.context, wanted.name)
            line.stage = "end"
            line.learn(encrypted=await line.command(f"EHLO {line.name}"))
    line.stage = "end"
    for each in wanted.recipients:
        line.learn(relayed=(*line.talk.relayed, await _recipient(line, each)))
    return await line.quit()


async def _recipient(line: _Line, wanted: Recipient) -> Reply:
    """The reply to RCPT, or to MAIL where that was refused already; then the transaction is reset."""
    reply = await line.command(f"MAIL FROM:<{wanted.sender}>")
    if 200 <= reply.code < 300:
        reply = await line.command(f"RCPT TO:<{wanted.recipient}>")
    else:
        reply = replace(reply, to_sender=True)
    await line.command("RSET")
    return reply


def _offers(hello: Reply, extension: str) -> bool | None:
    """Whether a reply to EHLO has an extension (RFC 5321 §4.1.1.1); None: there was no EHLO."""
    if hello.code != 250:
        return None
    return any(text.upper().split()[:1] == [extension] for text in hello.lines[1:])


class _Rubbish(Exception):
    """What came is no SMTP reply; the text says what it is."""


class _Line:
    """One connection, and what was learnt over it so far."""

    def __init__(self) -> None:
        self.talk = Talk()
        self.stage: Stage = "connect"
        self.name = NAME
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    def learn(self, **facts: Any) -> None:
        self.talk = replace(self.talk, **facts)

    def fails(self, kind: Any, detail: str, number: int = 0) -> None:
        self.learn(trouble=Trouble(self.stage, kind, detail, number))

    async def connect(self, endpoint: tuple[str, int]) -> None:
        self._reader, self._writer = await asyncio.open_connection(*endpoint, limit=MAX_REPLY)
        local, remote = self._writer.get_extra_info("sockname")[0], self._writer.get_extra_info("peername")[0]
        self.name = f"[IPv6:{local}]" if ":" in local else f"[{local}]"
        self.learn(local=local, remote=remote)

    async def command(self, text: str) -> Reply:
        self._say(text)
        return await self.reply()

    async def reply(self) -> Reply:
        lines: list[str] = []
        octets = 0
        while len(lines) < MAX_LINES:
            try:
                raw = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                raise _Rubbish(f"a line of more than {MAX_REPLY} octets") from None
            octets += len(raw)
            text = raw.decode(errors="replace").rstrip("\r\n")
            if not (raw[:3].isdigit() and raw[3:4] in (b" ", b"-", b"\r", b"\n")):
                raise _Rubbish(f"“{text[:100]}”")
            lines.append(text[4:])
            if raw[3:4] != b"-":
                return Reply(int(raw[:3]), tuple(lines))
            if octets > MAX_REPLY:
                raise _Rubbish(f"a reply of more than {MAX_REPLY} octets")
        raise _Rubbish(f"a reply of more than {MAX_LINES} lines")

    async def encrypt(self, context: ssl.SSLContext, name: str) -> None:
        assert self._writer
        await self._writer.start_tls(context, server_hostname=name)
        session = self._writer.get_extra_info("ssl_object")
        self.learn(tls=session.version() or "", chain=_chain(session))

    async def quit(self) -> None:
        """What is said to it comes too late to matter."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, _Rubbish):
            await self.command("QUIT")

    def close(self) -> None:
        if self._writer:
            self._writer.transport.abort()

    def _say(self, text: str) -> None:
        assert self._writer
        self._writer.write(f"{text}\r\n".encode("ascii"))


def _chain(session: Any) -> tuple[bytes, ...]:
    """Every certificate that the server showed, its own first, believed or not."""
    if hasattr(session, "get_unverified_chain"):  # Python 3.13
        return tuple(session.get_unverified_chain() or ())
    # Before 3.13 only the object below the public one has it; its certificates turn into PEM, which is less than DER.
    shown = session._sslobj.get_unverified_chain() or ()
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in shown)

"""What a mail server of the outside world answers (RFC 5321, RFC 3463), and a small server that answers so."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A remote domain's answers, one per step of the conversation; lines of a longer reply are joined by `\\n`.

    `listening` false refuses the connection; `silent` accepts it and says nothing until the behaviour changes;
    `resolves` false makes the domain's name server answer SERVFAIL.
    """

    name: str
    greeting: str = "220 mx ESMTP"
    mail: str = "250 2.1.0 Ok"
    rcpt: str = "250 2.1.5 Ok"
    end_of_data: str = "250 2.0.0 Ok: queued"
    listening: bool = True
    silent: bool = False
    resolves: bool = True


ACCEPT = Behaviour("accept")
GREYLIST = Behaviour("greylist", rcpt="450 4.7.1 Greylisted, please try again in 300 seconds")
RATE_LIMITED = Behaviour(
    "rate limited",
    end_of_data=(
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n"
        "421-4.7.28 from your IP address. To protect our users from spam, mail sent from\n"
        "421-4.7.28 your IP address has been temporarily rate limited. For more\n"
        "421-4.7.28 information, go to\n"
        "421 4.7.28 https://support.google.com/mail/?p=UnsolicitedRateLimitError d9443c01a7336 - gsmtp"
    ),
)
MAILBOX_FULL = Behaviour("mailbox full", rcpt="452 4.2.2 The email account that you tried to reach is over quota")
BLOCKLISTED = Behaviour(
    "blocklisted",
    rcpt="550 5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.example.org",
)
REFUSE = Behaviour("refuse", listening=False)
HANG = Behaviour("hang", silent=True)
DNS_BROKEN = Behaviour("dns broken", listening=False, resolves=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message accepted for one recipient; `at` in seconds since the epoch."""

    domain: str
    sender: str
    recipient: str
    headers: Message = field(compare=False)
    at: float

    @property
    def message_id(self) -> str:
        return str(self.headers["Message-ID"] or "").strip()


class RemoteDomain:
    """One domain of the outside world: an address, a behaviour that can change, an SMTP server on port 25."""

    def __init__(self, name: str, address: str, behaviour: Behaviour, deliver: Callable[[Delivery], None]) -> None:
        self.name = name
        self.address = address
        self.behaviour = behaviour
        self.connections = 0
        self._deliver = deliver
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def behave(self, behaviour: Behaviour) -> None:
        """Answer differently from now on; silent sessions wake up and go on by the new behaviour."""
        self.behaviour = behaviour
        self._changed.set()
        self._changed = asyncio.Event()
        if behaviour.listening and self._server is None:
            self._server = await asyncio.start_server(self._session, self.address, 25)
        elif not behaviour.listening and self._server is not None:
            await self._stop_listening()

    async def close(self) -> None:
        if self._server is not None:
            await self._stop_listening()

    async def _stop_listening(self) -> None:
        assert self._server is not None
        self._server.close()
        self._server = None
        # A connection that was just accepted has no session yet, and would be left open.
        await asyncio.sleep(0.05)
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        self.connections += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side hung up, or this server stops; neither is worth a word
        finally:
            self._sessions.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def reply(text: str) -> bool:
            """Send a reply; false when it ends the conversation (421, or a refusal in the greeting)."""
            writer.write(text.replace("\n", "\r\n").encode() + b"\r\n")
            await writer.drain()
            return not text.startswith("421")

        while self.behaviour.silent:
            await self._changed.wait()
        going_on = await reply(self.behaviour.greeting) and self.behaviour.greeting.startswith("2")
        sender, recipients = "", list[str]()
        while going_on and (line := await reader.readline()):
            verb = line.strip().upper()
            if verb.startswith((b"EHLO", b"HELO")):
                going_on = await reply(f"250 mx.{self.name}")
            elif verb.startswith(b"MAIL FROM:"):
                sender, recipients = _address(line), []
                going_on = await reply(self.behaviour.mail)
            elif verb.startswith(b"RCPT TO:"):
                if self.behaviour.rcpt.startswith("2"):
                    recipients.append(_address(line))
                going_on = await reply(self.behaviour.rcpt)
            elif verb == b"DATA" and recipients:
                await reply("354 End data with <CR><LF>.<CR><LF>")
                content = await reader.readuntil(b"\r\n.\r\n")
                answer = self.behaviour.end_of_data
                if answer.startswith("2"):
                    self._accept(sender, recipients, content)
                going_on = await reply(answer)
            elif verb == b"DATA":
                going_on = await reply("554 5.5.1 No valid recipients")
            elif verb == b"QUIT":
                await reply("221 2.0.0 Bye")
                going_on = False
            else:
                going_on = await reply("250 2.0.0 Ok")

    def _accept(self, sender: str, recipients: list[str], content: bytes) -> None:
        headers = BytesHeaderParser().parsebytes(content)
        for recipient in recipients:
            self._deliver(Delivery(self.name, sender, recipient, headers, time.time()))


def _address(line: bytes) -> str:
    """The path of a MAIL or RCPT command, without its brackets and parameters."""
    found = re.search(rb"<(.*)>", line)
    return found[1].decode(errors="replace") if found else ""

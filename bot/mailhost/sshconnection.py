"""One ssh connection to a mail host (RFC 4253, 4254): made when it is needed, kept, and made anew when it is dead."""

import asyncio
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from bot.errors import HostUnreachable
from bot.hostsettings import HostSettings
from bot.mailhost.sshtrust import (
    NotTrusted,
    Visitor,
    fingerprint,
    kinds,
    known_as,
    known_hosts,
    private_key,
    refusal,
)

SESSIONS = 6
"""Agents of one host at once; others wait. sshd's own limit is MaxSessions, 10 unless it is changed."""

COMMAND = "maildesk-agent"
"""What is asked for, as sshd logs it. What runs is the forced command, whatever the bot asks for."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds for which a host that could not be reached is left alone, after the first failure, the second, and so on."""

LOG = "On the mail host: journalctl -u ssh"

FULL = 0.25
"""Seconds until a host that takes no further session is asked for one again."""

Session = tuple[asyncssh.SSHWriter[bytes], asyncssh.SSHReader[bytes], asyncssh.SSHReader[bytes]]
"""Standard input, output and error of what runs there."""

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # Its INFO has some lines for each session.


class Connection:
    """Connects as the settings say, and in no other way: neither ~/.ssh/config, nor an ssh agent, nor a password.

    `settings.timeout` is how long connecting and logging in may take, and how long the host may be silent, in seconds.
    """

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(SESSIONS)
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sessions: Counter[asyncssh.SSHClientConnection] = Counter()
        """How many agents are listened to over each connection; more than one where one is left."""
        self._visitor = Visitor()
        self._failures = 0
        self._failed_at = 0.0
        self._why = self._mend = ""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """An agent's three streams. Raises HostUnreachable where none could be started: nothing was asked then."""
        async with self._places:
            connection, (stdin, stdout, stderr) = await self._start()
            self._sessions[connection] += 1
            try:
                yield stdin, stdout, stderr
            finally:
                stdin.channel.abort()
                self._sessions[connection] -= 1
                self._end_if_left(connection)

    async def close(self) -> None:
        """End the connection. (A change on the mail host finishes there all the same.)"""
        kept, self._connection = self._connection, None
        for connection in {*self._sessions, *([kept] if kept else [])}:
            connection.abort()
            await connection.wait_closed()

    async def _start(self) -> tuple[asyncssh.SSHClientConnection, Session]:
        end = time.monotonic() + self._settings.timeout
        anew = True
        while True:
            connection = await self._kept()
            limit = asyncio.timeout(self._settings.timeout)
            try:
                async with limit:
                    return connection, await connection.open_session(COMMAND, encoding=None)
            except asyncssh.ChannelOpenError as error:
                # Too many at once, for its MaxSessions: some of them are agents that nobody here waits for any more.
                if time.monotonic() > end:
                    raise self._unreachable(
                        f"sshd there takes no further session ({error.reason}): look at MaxSessions in its "
                        "sshd_config. Nothing was asked of it.",
                        f"On the mail host: in sshd_config, MaxSessions of {SESSIONS} or more; systemctl reload ssh",
                    ) from None
                await asyncio.sleep(FULL)
            except (asyncssh.Error, OSError) as error:
                if limit.expired():  # A TimeoutError is an OSError.
                    self._leave(connection)
                    raise self._unreachable(
                        f"{self._settings.address} has not answered for {self._settings.timeout:g} s, so the "
                        "connection was given up. Nothing was asked of it.",
                        LOG,
                    ) from None
                self._drop(connection)
                if not anew:
                    raise self._unreachable(f"{_said(error)}. Nothing was asked of it.", LOG) from None
                anew = False  # The connection that was kept had died since; one that is new tells for sure.

    async def _kept(self) -> asyncssh.SSHClientConnection:
        """The connection, made by whoever needs it first."""
        async with self._opening:
            if self._connection is None or self._visitor.lost:
                self._connection = None
                self._wait_for_its_turn()
                try:
                    self._connection = await self._connect()
                except HostUnreachable as error:
                    self._failures, self._failed_at = self._failures + 1, time.monotonic()
                    self._why, self._mend = error.text, error.mend
                    raise
                self._failures = 0
            return self._connection

    def _wait_for_its_turn(self) -> None:
        """A host that is away is not knocked at by every question. Raises HostUnreachable until it is its turn."""
        if not self._failures:
            return
        ago = time.monotonic() - self._failed_at
        pause = PAUSES[min(self._failures, len(PAUSES)) - 1]
        if ago < pause:
            raise self._unreachable(
                f"{self._why} (That was {ago:.0f} s ago; in {pause - ago:.0f} s it is tried again.)",
                self._mend,
            )

    async def _connect(self) -> asyncssh.SSHClientConnection:
        settings, self._visitor = self._settings, Visitor()
        visitor = self._visitor
        try:
            key, known = private_key(settings), known_hosts(settings)
            async with asyncio.timeout(settings.timeout):
                return await asyncssh.connect(
                    settings.address,
                    settings.port,
                    username=settings.user,
                    client_keys=[key],
                    known_hosts=known,
                    server_host_key_algs=kinds(settings, known),
                    client_factory=lambda: visitor,
                    config=None,
                    # Else the files of that name in ~/.ssh are believed too.
                    x509_trusted_certs=None,
                    x509_trusted_cert_paths=[],
                    agent_path=None,
                    agent_forwarding=False,
                    preferred_auth="publickey",
                    gss_host=None,
                    send_env=None,
                    compression_algs=["none"],
                    # Dead after `timeout` seconds in which nothing came, not even an answer to three questions.
                    keepalive_interval=settings.timeout / 4,
                    keepalive_count_max=3,
                )
        except NotTrusted as error:
            raise self._not_trusted(error) from None
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._not_trusted(refusal(settings, visitor, error)) from None
        except asyncssh.PermissionDenied:
            raise self._unreachable(
                f"{known_as(settings)} does not let {settings.user} in with the key {settings.key} "
                f"({fingerprint(key)}), so nothing was asked of it. Its public half has to be in authorized_keys: "
                f"maildesk agent install {settings.name}.",
                f"maildesk agent install {settings.name}; if the key is there, on the mail host: journalctl -u ssh",
            ) from None
        except TimeoutError:
            state = "took the connection but did not let the bot log in" if visitor.reached else "did not answer"
            raise self._unreachable(
                f"{known_as(settings)} {state} within {settings.timeout:g} s, so nothing was asked of it.",
                LOG if visitor.reached else self._knock(),
            ) from None
        except (asyncssh.Error, OSError) as error:
            what, mend = ("closed the connection", LOG) if visitor.reached else ("can't be connected to", self._knock())
            if isinstance(error, socket.gaierror):
                mend = f"getent hosts {settings.address}; or in the settings: the address of {settings.name}"
            raise self._unreachable(
                f"{known_as(settings)} {what}: {_said(error)}. Nothing was asked of it.", mend
            ) from None

    def _drop(self, connection: asyncssh.SSHClientConnection) -> None:
        """Give up a connection, unless somebody has made a new one already."""
        connection.abort()
        if self._connection is connection:
            self._connection = None

    def _leave(self, connection: asyncssh.SSHClientConnection) -> None:
        """Start nothing on it any more. Agents that are at work there are heard to their end, and it ends with them."""
        if self._connection is connection:
            self._connection = None
        self._end_if_left(connection)

    def _end_if_left(self, connection: asyncssh.SSHClientConnection) -> None:
        if not self._sessions[connection]:
            del self._sessions[connection]
            if self._connection is not connection:
                connection.abort()

    def _knock(self) -> str:
        """How an admin sees whether an sshd listens there, and lets this machine in."""
        return (
            f"ssh-keyscan -p {self._settings.port} {self._settings.address} (nothing: no sshd, another port, or a "
            "firewall). On the mail host: systemctl status ssh"
        )

    def _unreachable(self, text: str, mend: str) -> HostUnreachable:
        return HostUnreachable(self._settings.name, text, mend)

    def _not_trusted(self, error: NotTrusted) -> HostUnreachable:
        return self._unreachable(str(error), error.mend)


def _said(error: Exception) -> str:
    """What went wrong, in a few words; asyncio's own for a connection that failed would only repeat the address."""
    if isinstance(error, asyncssh.Error):
        return error.reason.rstrip(".") or type(error).__name__
    number = getattr(error, "errno", None)
    known = isinstance(error, OSError) and number and not isinstance(error, socket.gaierror)
    return os.strerror(number) if known and number else str(error) or type(error).__name__

"""Many mail hosts behind ssh in one process: servers of asyncssh's, with an agent's answers in memory behind them.

Some answer after a while, some take the connection and say nothing, and on some ports nobody listens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

import asyncssh

from bot.agent.protocol import Identity
from bot.hostsettings import HostSettings
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import link_to
from tests.approvals.fakehost import FakeAgent

USER = "maildesk"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a host of a fleet is like: after `delay` seconds it answers, or it hangs, or it refuses."""

    name: str
    count: int
    delay: float = 0.0
    hangs: bool = False
    refuses: bool = False


class Door(asyncssh.SSHServer):
    """Counts who came in."""

    def __init__(self, logged_in: Callable[[], None]) -> None:
        self.auth_completed = logged_in  # type: ignore[method-assign]


class Fleet:
    """Hosts named after their kind, `well0`, `well1` …; they are there inside `async with`.

    `logins` and `sessions` count, by name, the connections that were made to each, and the agents that ran there.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime], *kinds: Kind, timeout: float = 15.0) -> None:
        self._folder = folder
        self._now = now
        self._kinds = kinds
        self._timeout = timeout
        self._servers: list[asyncssh.SSHAcceptor | asyncio.Server] = []
        self._silent: list[asyncio.StreamWriter] = []
        self._settings: list[HostSettings] = []
        self.sessions: dict[str, int] = {}
        self.logins: dict[str, int] = {}

    @property
    def settings(self) -> tuple[HostSettings, ...]:
        return tuple(self._settings)

    def hosts(self, groups: Mapping[str, tuple[str, ...]] | None = None) -> MailHosts:
        """The bot's side of them, connected to none yet."""
        return MailHosts([MailHost(link_to(each)) for each in self._settings], groups)

    async def __aenter__(self) -> Fleet:
        key, host_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
        self._folder.mkdir(exist_ok=True)
        key.write_private_key(self._folder / "ssh.key")
        (self._folder / "ssh.key").chmod(0o600)
        trusted = asyncssh.import_authorized_keys(key.export_public_key().decode())
        known = []
        for kind in self._kinds:
            for number in range(kind.count):
                name = f"{kind.name}{number}"
                port = await self._open(name, kind, host_key, trusted)
                known.append(f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}")
                self._settings.append(
                    HostSettings(
                        name,
                        "ssh",
                        address="127.0.0.1",
                        port=port,
                        user=USER,
                        key=str(self._folder / "ssh.key"),
                        known_hosts=str(self._folder / "known_hosts"),
                        timeout=self._timeout,
                    )
                )
        (self._folder / "known_hosts").write_text("".join(known))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        for server in self._servers:
            server.close()
        for server in self._servers:
            await server.wait_closed()

    def let_go(self) -> None:
        """End the connections to those that hang; they refuse what comes next."""
        for writer in self._silent:
            writer.close()
        self._silent.clear()

    async def _open(self, name: str, kind: Kind, host_key: asyncssh.SSHKey, trusted: asyncssh.SSHAuthorizedKeys) -> int:
        """Its port."""
        if kind.hangs:
            server = await asyncio.start_server(self._say_nothing, "127.0.0.1", 0)
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])
        message = Identity("A00000", int(self._now().timestamp()) - 60, 1000, "ann@sender.test")
        agent = FakeAgent(self._now, [message], name)
        self.sessions[name] = self.logins[name] = 0

        async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
            self.sessions[name] += 1
            request = await process.stdin.read()
            await asyncio.sleep(kind.delay)
            async for event in agent.ask(request):
                process.stdout.write(json.dumps(event).encode() + b"\n")
            process.exit(0)

        def logged_in() -> None:
            self.logins[name] += 1

        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: Door(logged_in),
            server_host_keys=[host_key],
            authorized_client_keys=trusted,
            process_factory=answer,
            encoding=None,
            gss_host=None,
        )
        port = int(acceptor.get_port())
        if kind.refuses:
            acceptor.close()
            await acceptor.wait_closed()
        else:
            self._servers.append(acceptor)
        return port

    async def _say_nothing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._silent.append(writer)
        try:
            while await reader.read(1024):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()
            if writer in self._silent:
                self._silent.remove(writer)

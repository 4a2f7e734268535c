"""An sshd that keeps a connection, and is long in starting a further session there: what runs already is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from bot.errors import HostUnreachable
from bot.hostsettings import HostSettings
from bot.mailhost.host import MailHost
from bot.mailhost.link import link_to
from tests.mailhost.agents import DEPTH, HELD
from tests.postfix.waiting import eventually

Process = asyncssh.SSHServerProcess[bytes]


@dataclass
class Slow:
    """Starts what it is asked for while `open` is set; what runs answers when `done` is set."""

    folder: Path
    open: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    logins: int = 0
    lost: int = 0
    running: int = 0
    port: int = 0

    def host(self) -> MailHost:
        key, known = str(self.folder / "ssh.key"), str(self.folder / "known_hosts")
        here = HostSettings("mx1", "ssh", address="127.0.0.1", port=self.port, key=key, known_hosts=known, timeout=1.0)
        return MailHost(link_to(here))

    async def answer(self, process: Process) -> None:
        asked = await process.stdin.read()
        self.running += 1
        if b'"hold"' in asked:
            await self.done.wait()
        process.stdout.write((HELD if b'"hold"' in asked else DEPTH).encode() + b"\n")
        process.exit(0)


class Door(asyncssh.SSHServer):
    def __init__(self, slow: Slow) -> None:
        self._slow = slow

    def connection_lost(self, exc: Exception | None) -> None:
        self._slow.lost += 1

    def auth_completed(self) -> None:
        self._slow.logins += 1

    def session_requested(self) -> Awaitable[Process]:
        async def start() -> Process:
            await self._slow.open.wait()
            return Process(self._slow.answer, None, 3, False)

        return start()


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Slow]:
    key, host_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "ssh.key")
    (tmp_path / "ssh.key").chmod(0o600)
    made = Slow(tmp_path)
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Door(made),
        server_host_keys=[host_key],
        authorized_client_keys=asyncssh.import_authorized_keys(key.export_public_key().decode()),
        encoding=None,
        gss_host=None,
    )
    made.port = int(server.get_port())
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{made.port} {host_key.export_public_key().decode()}")
    yield made
    made.open.set()
    made.done.set()
    server.close()
    await server.wait_closed()


async def test_a_session_that_does_not_begin_takes_no_answer_away_from_those_that_run(slow: Slow) -> None:
    host = slow.host()
    slow.open.set()
    change = asyncio.create_task(host.hold(["ABCDEF"]))
    await eventually(lambda: slow.running == 1)
    slow.open.clear()
    with pytest.raises(HostUnreachable, match="has not answered for 1 s"):
        await host.depth()
    assert slow.lost == 0
    slow.open.set()
    assert (await host.depth()).taken_at == 1.0, "on a new connection"
    assert slow.logins == 2
    slow.done.set()
    assert (await change).result.counts == {"held": 1}
    await eventually(lambda: slow.lost == 1)  # The one that was left ended with the last agent that ran there.
    await host.close()


async def test_a_connection_over_which_nothing_runs_is_given_up_at_once(slow: Slow) -> None:
    host = slow.host()
    with pytest.raises(HostUnreachable, match="has not answered for 1 s"):
        await host.depth()
    await eventually(lambda: slow.lost == 1)
    await host.close()

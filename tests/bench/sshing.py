"""What ssh adds: to a summary that is made on the host, to the first question, and to a look at fifty hosts."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.console.workspace import Message, text_of
from bot.mailhost.asking import Link
from bot.mailhost.host import MailHost
from bot.mailhost.link import Event, link_to
from tests.ordinary_user import OrdinaryUser
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.waiting import eventually
from tests.slack.desk import OPAL, OPS, desk, utc
from tests.ssh.fleet import Fleet, Kind
from tests.ssh.server import PrivateSSHD

RUNS = 3
QUICK, SLOW = 0.5, 3.0
"""Seconds that most hosts of the fleet take for an answer, and one of them."""


async def rows(postfix: PrivatePostfix) -> tuple[tuple[str, str, str], ...]:
    """What, its figure, and its ceiling."""
    local = mail_host(postfix)
    async with _behind_ssh(postfix) as remote:
        first = await _seconds_of(remote.depth)
        later = min([await _seconds_of(remote.depth) for _ in range(RUNS)])
        here, there = [], []
        for _ in range(RUNS):
            here.append(await _seconds_of(lambda: local.list(limit=10)))
            there.append(await _seconds_of(lambda: remote.list(limit=10)))
    ratio = min(there) / min(here)
    return (
        ("summary of all messages over ssh and sudo, in times of the local one", f"{ratio:.2f} x", "1.05 x"),
        ("  the connection's set-up, which the first question alone pays", f"{(first - later) * 1000:.0f} ms", ""),
        ("  a question over the connection that is kept", f"{later * 1000:.0f} ms", ""),
    )


async def fleet() -> float:
    """When `/mail status` of 50 hosts was complete for those that answer, in times of what the slowest of them took.

    Five hang and five refuse; the connections are made anew.
    """
    kinds = (
        *(Kind("well", 39, delay=QUICK), Kind("slowest", 1, delay=SLOW)),
        *(Kind("hangs", 5, hangs=True), Kind("refuses", 5, refuses=True)),
    )
    with tempfile.TemporaryDirectory(prefix="maildesk-bench-") as folder:
        async with Fleet(Path(folder, "fleet"), utc, *kinds) as made:
            timed = [Timed(link_to(each)) for each in made.settings]
            async with desk([MailHost(link) for link in timed]) as ops:
                began = time.perf_counter()
                asked = asyncio.create_task(ops.type("/mail status"))
                await eventually(lambda: any(map(_complete, ops.workspace.messages(OPS, OPAL))), timeout=120)
                complete = time.perf_counter() - began
                made.let_go()
                await asked
    return complete / (max(link.answered for link in timed) - began)


class Timed:
    """A link that notes when it was answered last."""

    def __init__(self, link: Link) -> None:
        self.host = link.host
        self.answered = 0.0
        self._link = link

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        async for event in self._link.ask(request):
            yield event
        self.answered = time.perf_counter()

    async def close(self) -> None:
        await self._link.close()


def _complete(message: Message) -> bool:
    words = text_of(message)
    return words.startswith("45 mail hosts of 50 have answered") and "still being read" not in words


@asynccontextmanager
async def _behind_ssh(postfix: PrivatePostfix) -> AsyncIterator[MailHost]:
    """The same agent as an ordinary user reaches it: a real sshd, a forced command, sudo."""
    user = OrdinaryUser()
    command = " ".join(agent_argv(postfix))
    with tempfile.TemporaryDirectory(prefix="maildesk-bench-") as folder:
        sshd = PrivateSSHD(Path(folder), user)
        try:
            user.allow(f"{{user}} ALL=(root) NOPASSWD: {command}")
            sshd.authorize(f"sudo -n {command}")
            sshd.start()
            host = sshd.host()
            yield host
            await host.close()
        finally:
            sshd.close()
            user.close()


async def _seconds_of(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began

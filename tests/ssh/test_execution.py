"""A bot, a real sshd, a real Postfix: a deletion that is cut off in the middle ends as the agent's journal says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.approvals.model import State
from bot.mailhost.link import Event
from bot.mailhost.sshlink import SSHLink
from tests.approvals.world import Bot, World
from tests.installed import Installed
from tests.postfix.filling import fill, mixture
from tests.postfix.instance import PrivatePostfix
from tests.ssh.server import PrivateSSHD

pytestmark = [pytest.mark.real("postfix"), pytest.mark.real("sudo"), pytest.mark.real("sshd"), pytest.mark.takes(300)]

MESSAGES = 3_000
WHILE = 120.0
"""Seconds of this machine's own time for what the agent goes on with by itself."""


class Cut:
    """The ssh link; the connection under it is cut once, as soon as a deletion tells how far it is."""

    def __init__(self, sshd: PrivateSSHD) -> None:
        self.host = "mx1"
        self.deletions = 0
        self.cut = False
        self._sshd = sshd
        self._link = SSHLink(sshd.settings())

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        self.deletions += b'"delete"' in request
        async with aclosing(self._link.ask(request)) as answer:
            async for event in answer:
                if event["event"] == "progress" and self.deletions and not self.cut:
                    self.cut = True
                    self._sshd.cut()
                yield event

    async def close(self) -> None:
        await self._link.close()


@pytest.mark.parametrize("restarted", [False, True], ids=["the bot goes on", "the bot is started again"])
async def test_a_deletion_cut_in_the_middle_is_unknown_and_then_done_by_the_bots_own_asking(
    installed: Installed, sshd: PrivateSSHD, postfix: PrivatePostfix, tmp_path: Path, restarted: bool
) -> None:
    sshd.authorize(f"sudo -n {installed.agent}")
    fill(postfix, mixture(MESSAGES))
    world = World(tmp_path, link=(link := Cut(sshd)))
    world.clock.moment = datetime.now(UTC)  # The agent has a clock too, and a decision does not count for ever.
    async with world.bot() as bot:
        request = await bot.ask("all")
        cut_off = await bot.approve(request, typed=str(MESSAGES))
        assert (link.cut, cut_off.state) == (True, State.UNKNOWN)
        assert cut_off.result is not None and "the connection to 127.0.0.1 was cut" in cut_off.result.text
        if not restarted:
            await until_over(world, bot, request.id)
    async with world.bot() as bot:
        await until_over(world, bot, request.id)
        done = await bot.approvals.get(request.id)
        assert done.state is State.DONE and done.result is not None
        assert (done.result.counts, done.left_in_trash) == ({"deleted": MESSAGES}, MESSAGES)
        outcomes = await bot.approvals.outcomes(request.id)
        assert outcomes is not None and len({each.queue_id for each in outcomes}) == MESSAGES
    assert link.deletions > 1, "it was asked for again, by its key"
    assert postfix.count("deferred") == postfix.count("hold") == 0
    kept = postfix.queue_directory / "maildesk-trash" / request.key / "kept"
    assert len(list(kept.iterdir())) == MESSAGES, "each of them can be brought back"


async def until_over(world: World, bot: Bot, request: int) -> None:
    """Let the clock's jobs run, as often as it takes while the agent that nobody hears any more is still at it."""
    end = time.monotonic() + WHILE
    while not (await bot.approvals.get(request)).state.over:
        assert time.monotonic() < end
        world.clock.turn(timedelta(minutes=7))  # past each pause between two attempts
        await bot.tick()
        await asyncio.sleep(0.2)

"""The digest as people meet it: there once, with its picture, whatever Slack and the bots do meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.console.workspace import Message, Workspace, faults, text_of
from bot.console.workspace.faults import Fault
from handlers import OUTBOX
from tests.slack.board import Board, FastClock
from tests.slack.conftest import SmallHost
from tests.slack.desk import NOEL, OPAL, OPS, VIC, Desk, desk, host
from tests.watch.digesting import CLEAN, DKIM_OK, PASSES, SPAMCOP, Days

AWAY = ("auth.test", "chat.*", "conversations.*", "files.*", "upload")
HOUR = timedelta(hours=1)


class Turned(FastClock):
    """A fast clock that can also be put forward."""

    def __call__(self) -> datetime:
        return self.now()

    def turn(self, by: timedelta) -> None:
        self._start += by

    def to(self, hour: int) -> None:
        """The next time that it is so late."""
        now = self.now()
        today = now.replace(hour=hour, minute=0, second=5, microsecond=0)
        self.turn((today if today > now else today + timedelta(days=1)) - now)


@pytest.fixture
async def clock() -> Turned:
    return Turned()


@pytest.fixture
async def workspace(clock: Turned) -> AsyncIterator[Workspace]:
    async with Workspace(clock.now) as made:
        made.add_channel(OPS, "ops", [])
        yield made


async def process(workspace: Workspace, clock: Turned, folder: Path) -> Board:
    """A bot that has connected once, and whose store has a quiet day in it."""
    made = Board(workspace, clock, folder)
    made.renders = dict(OUTBOX)
    made.hosts = [host("mx1", folder / "missing.ini")]
    made.settings = {"digest_at": "14:00"}
    await made.begin()
    async with asyncio.timeout(60):
        while await made.services.alerts.home() is None:
            await clock.sleep(1)
    return made


async def fill(board: Board, clock: Turned, *findings: object) -> None:
    days = Days(board.services.store, clock)  # type: ignore[arg-type]
    # The clock runs fast: what is made a little later finds a queue that was just looked at.
    await days.queue(lambda _: 4, clock() - timedelta(days=1), until=clock() + 2 * HOUR)
    await days.report(*(findings or (CLEAN, DKIM_OK, PASSES)))  # type: ignore[arg-type]


def roots(workspace: Workspace) -> list[Message]:
    return [message for message in workspace.messages(OPS) if not message.thread_ts]


@pytest.mark.parametrize("fault", [faults.server_error(503), faults.no_answer(), faults.refused("internal_error")])
async def test_with_slack_away_for_two_hours_and_restarts_in_between_it_is_there_once(
    workspace: Workspace, clock: Turned, tmp_path: Path, fault: Fault
) -> None:
    board = await process(workspace, clock, tmp_path)
    try:
        clock.to(14)
        await fill(board, clock)
        render = OUTBOX["digest"]
        for method in AWAY:
            workspace.faults.add(method, fault)
        assert await board.services.digests.post_due()
        made = await render(board.services, "1")
        assert made is not None
        for _ in range(4):
            await clock.sleep(30)
            await board.kill()
            clock.turn(HOUR / 2)
            await board.begin()
            assert not await board.services.digests.post_due()
        workspace.faults.clear()
        await board.all_said(60)
        (root,) = roots(workspace)
        assert text_of(root).startswith("🟢 mx1 is well:")
        assert text_of(root) == text_of(made.blocks), "it shows what was true at its time"
        (thread,) = [message for message in workspace.messages(OPS) if message.thread_ts]
        assert thread.thread_ts == root.ts
        (picture,) = [block for block in thread.blocks if block["type"] == "image"]
        assert picture["alt_text"].startswith("Queue of mx1, ")
        assert workspace.file(picture["slack_file"]["id"]).content
    finally:
        await board.kill()


@pytest.mark.takes(240)
async def test_two_processes_on_one_store_post_one_a_day(workspace: Workspace, clock: Turned, tmp_path: Path) -> None:
    first, second = [await process(workspace, clock, tmp_path) for _ in range(2)]
    try:
        await fill(first, clock)
        for _ in range(96):
            await asyncio.gather(first.services.digests.post_due(), second.services.digests.post_due())
            clock.turn(HOUR / 2)
        for each in (first, second):
            await each.all_said(60)
        shown = [text_of(root) for root in roots(workspace)]
        assert len(shown) == 2, shown
        for text, day in zip(shown, ("Sunday 1 March 2026 14:", "Monday 2 March 2026 14:"), strict=True):
            assert day in text, shown
        assert len([message for message in workspace.messages(OPS) if message.thread_ts]) == 2
    finally:
        await first.kill()
        await second.kill()


async def test_one_that_was_missed_says_so(workspace: Workspace, clock: Turned, tmp_path: Path) -> None:
    board = await process(workspace, clock, tmp_path)
    try:
        await fill(board, clock)
        await board.kill()
        assert clock().hour < 14
        clock.to(17)
        await board.begin()
        assert await board.services.digests.post_due()
        await board.all_said(60)
        (root,) = roots(workspace)
        assert "It comes 3 h late: the bot was not running at its time." in text_of(root)
        assert text_of(root).startswith("⚪ mx1: nothing is known to be wrong, but its queue is not known for the last")
    finally:
        await board.kill()


@pytest.fixture
async def ops(small: SmallHost) -> AsyncIterator[Desk]:
    async with desk([host(small.name, small.ini), host("mx2", small.ini, small.name)]) as made:
        yield made


async def test_a_viewer_has_it_posted_now(ops: Desk) -> None:
    days = Days(ops.services.store, ops.services.now)  # type: ignore[arg-type]
    await days.queue(lambda _: 4, ops.services.now() - timedelta(days=1))
    await days.report(SPAMCOP, DKIM_OK, PASSES)
    both = await ops.type("/mail digest", VIC)
    assert text_of(both[0]).startswith("🟡 1 of 2 mail hosts needs somebody: mx1.")
    assert [message.thread_ts == both[0].ts for message in both] == [False, True, True]
    (one,) = await ops.type("/mail digest mx1", VIC)
    assert text_of(one).startswith("🟡 mx1: listed by SpamCop.")
    (picture,) = [block for block in one.blocks if block["type"] == "image"]
    assert (ops.workspace.file(picture["slack_file"]["id"]).content or b"").startswith(b"\x89PNG")
    assert f"Asked by {VIC}" in text_of(one)
    (week,) = await ops.type("/mail digest week mx1", VIC)
    assert "7 days up to" in text_of(week)
    yesterday = await ops.type("/mail digest mx2 yesterday", OPAL)
    assert text_of(yesterday[0]).startswith("⚪ mx2: nothing is known to be wrong, but nothing is known of its queue")


async def test_one_too_many_is_refused_politely_and_others_may_still(ops: Desk) -> None:
    for _ in range(3):
        await ops.type("/mail digest mx1", VIC)
    (answer,) = await ops.type("/mail digest mx1", VIC)
    assert answer.ephemeral_to == VIC
    assert re.match(
        "You have asked for 3 digests within 10 minutes, so no further one was made: they are in the channel. "
        r"The next can be made in \d+ min; /mail status looks at any time\.",
        text_of(answer),
    )
    assert len(roots(ops.workspace)) == 3
    await ops.type("/mail digest mx1", OPAL)
    assert len(roots(ops.workspace)) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "mx9",
            "“mx9” is nothing that a digest can be of, so none was made. It is of mx1 or mx2, or of all mail hosts,",
        ),
        ("tomorrow", "and of the last 24 hours, or of yesterday or a week, as in /mail digest week."),
        ("mx1 month", "“month” is nothing that a digest can be of, so none was made. It is of the last 24 hours, or"),
        ("week month", "“month week” is nothing that a digest can be of"),
    ],
)
async def test_what_it_can_not_be_of_is_said(ops: Desk, words: str, said: str) -> None:
    assert said in await ops.say(f"/mail digest {words}")


async def test_who_has_no_role_may_not(ops: Desk) -> None:
    (answer,) = await ops.type("/mail digest", NOEL)
    assert answer.ephemeral_to == NOEL
    assert not roots(ops.workspace), "nothing was posted"

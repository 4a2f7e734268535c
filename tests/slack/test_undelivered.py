"""What could not be posted is told in `/mail status`, and is there when somebody has mended it."""

from __future__ import annotations

import pytest

from bot.store.memory import remember
from bot.store.outbox import Told
from tests.slack.board import render_notice
from tests.slack.conftest import SmallHost
from tests.slack.desk import LOUNGE, Desk, host
from tests.slack.desk import desk as serving

FAR = "C0FAR"


async def notice(desk: Desk, name: str, channel: str) -> None:
    async with desk.services.store.transaction() as transaction:
        await remember(transaction, f"notice.{name}", 1, desk.services.now())
        await transaction.tell(Told(desk.workspace.team_id, channel, "notice", name))
    await desk.services.background.idle()


@pytest.fixture(autouse=True)
def notices(no_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.app.OUTBOX", {"notice": render_notice})


async def test_status_says_what_could_not_be_posted_until_it_is_mended(small: SmallHost) -> None:
    async with serving([host(small.name, small.ini)]) as ops:
        ops.workspace.add_channel(FAR, "far", [], bot=False)
        for name in ("one", "two"):
            await notice(ops, name, FAR)
        said = await ops.say("/mail status")
        assert "2 messages could not be posted: not_in_channel in C0FAR. Type /invite and the bot's name there." in said
        ops.workspace.add_channel(FAR, "far", [])
        for name in ("one", "two"):
            await notice(ops, name, FAR)
        assert len(ops.workspace.messages(FAR)) == 2
        assert "could not be posted" not in await ops.say("/mail status")


async def test_with_several_mail_hosts_the_overview_says_it_too(small: SmallHost) -> None:
    async with serving([host(small.name, small.ini), host("mx2", small.ini, small.name)]) as ops:
        ops.workspace.add_channel(FAR, "far", [], bot=False)
        await notice(ops, "one", FAR)
        assert "1 message could not be posted: not_in_channel in C0FAR." in await ops.say("/mail status")


async def test_what_is_told_is_there_when_the_work_is_done(small: SmallHost) -> None:
    async with serving([host(small.name, small.ini)]) as ops:
        await notice(ops, "one", LOUNGE)
        assert [message.text for message in ops.workspace.messages(LOUNGE)] == ["one is at 1"]

"""A connection that hears nothing any more is replaced, and what was told meanwhile is there once and current."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.console.workspace import Workspace, faults
from bot.services import Services
from bot.store.memory import remember
from bot.store.outbox import Told
from handlers.app import build_app, serve
from tests.slack.board import render_notice
from tests.slack.desk import OPAL, OPS, services

PING = 0.05
"""Seconds between pings, 200 times as fast as in production: a silence of 3 seconds is one of ten minutes."""


@pytest.fixture(autouse=True)
def fast_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.app.PING", PING)
    monkeypatch.setattr("handlers.app.DEAF", 6 * PING)


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with Workspace() as workspace:
        workspace.add_user(OPAL, "opal")
        workspace.add_channel(OPS, "ops", [OPAL])
        yield workspace


async def heard(workspace: Workspace) -> bool:
    return (await workspace.command(OPAL, OPS, "/mail help")).acked


async def heard_again(workspace: Workspace) -> None:
    """Return when a command is acknowledged. A connection that is just being replaced may lose one."""
    workspace.sockets.ack_seconds = 0.5
    async with asyncio.timeout(10):
        while not await heard(workspace):
            await workspace.quiet(PING)
            await workspace.connected()


class Serving:
    """The whole bot, stopped in order at the end of the block."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.services: Services = services(workspace, [], {}, folder=folder)
        self._stop = asyncio.Event()

    async def __aenter__(self) -> "Serving":
        await self.services.store.open()
        self._task = asyncio.create_task(serve(build_app(self.services), self.services, self._stop), name="serve")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task
        await self.services.store.close()


async def test_after_minutes_without_an_answer_to_a_ping_the_bot_is_there_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    async with Serving(workspace, tmp_path):
        await workspace.connected()
        assert await heard(workspace)
        workspace.sockets.deaf = workspace.sockets.mute = True
        await asyncio.sleep(60 * PING)
        workspace.sockets.deaf = workspace.sockets.mute = False
        opened = [call.method for call in workspace.calls].count("apps.connections.open")
        assert opened > 2
        await heard_again(workspace)
        assert workspace.sockets.connections == 1


async def test_the_bot_comes_back_even_when_the_sdk_has_stopped_to_look(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[AsyncSocketModeHandler] = []
    connect = AsyncSocketModeHandler.connect_async

    async def watched(handler: AsyncSocketModeHandler) -> None:
        made.append(handler)
        await connect(handler)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(AsyncSocketModeHandler, "connect_async", watched)
    async with Serving(workspace, tmp_path):
        await workspace.connected()
        assert await heard(workspace)
        monitor = made[0].client.current_session_monitor
        assert monitor is not None
        monitor.cancel()
        with caplog.at_level(logging.WARNING, "handlers.app"):
            workspace.sockets.drop()
            await workspace.wait(lambda: "has not answered a ping" in caplog.text, 10)
        await heard_again(workspace)


async def test_a_healthy_connection_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    async with Serving(workspace, tmp_path):
        await workspace.connected()
        await asyncio.sleep(30 * PING)
        assert [call.method for call in workspace.calls].count("apps.connections.open") == 1
        assert await heard(workspace)


async def test_cards_survive_bad_days_with_dropped_sockets_and_restarts_of_the_whole_bot(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.app.OUTBOX", {"notice": render_notice})
    monkeypatch.setattr("handlers.delivery.SETTLES", 0.1)
    bad_days = [faults.rate_limited(0), faults.reset(applied=True), faults.server_error(500, applied=True)]
    for number, fault in enumerate(bad_days, 1):
        workspace.faults.add("chat.*", fault, times=1, after=number)
        async with Serving(workspace, tmp_path) as serving:
            await workspace.connected()
            for name in ("one", "two"):
                async with serving.services.store.transaction() as transaction:
                    await remember(transaction, f"notice.{name}", number, serving.services.now())
                    await transaction.tell(Told(workspace.team_id, OPS, "notice", name))
                workspace.sockets.drop()
    async with Serving(workspace, tmp_path):
        await workspace.wait(lambda: {m.text for m in workspace.messages(OPS)} == {"one is at 3", "two is at 3"}, 20)
    assert len(workspace.messages(OPS)) == 2

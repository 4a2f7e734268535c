"""Connecting to Slack, and what the start says of the settings."""

import asyncio
import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.console.workspace import Workspace
from bot.errors import SettingsError
from handlers.app import build_app, serve
from tests.slack.conftest import SmallHost
from tests.slack.desk import OPAL, OPS, host, services
from tests.slack.desk import desk as serving


@pytest.mark.parametrize(
    ("setting", "token", "line"),
    [
        ("slack_bot_token", "xoxb-wrong", "Slack does not accept SLACK_BOT_TOKEN (invalid_auth)"),
        ("slack_app_token", "xapp-wrong", "Slack does not accept SLACK_APP_TOKEN (invalid_auth)"),
    ],
)
async def test_a_token_that_slack_refuses_stops_the_start_with_a_line(setting: str, token: str, line: str) -> None:
    async with Workspace() as workspace:
        made = services(workspace, [], {setting: SecretStr(token)})
        with pytest.raises(SettingsError) as raised:
            await serve(build_app(made), made, asyncio.Event())
        (problem,) = raised.value.problems
        assert problem.startswith(line)


@pytest.mark.parametrize("setting", ["slack_bot_token", "slack_app_token"])
async def test_without_a_token_nothing_starts(setting: str) -> None:
    async with Workspace() as workspace:
        made = services(workspace, [], {setting: None})
        with pytest.raises(SettingsError, match=setting.upper()):
            await serve(build_app(made), made, asyncio.Event())


async def test_the_start_logs_what_it_has_to_say(small: SmallHost, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "handlers"):
        async with serving([host("mx1", small.ini)], ops_channels=(OPS, "C0NONE")) as ops:
            await ops.workspace.wait(lambda: "C0NONE" in caplog.text)


async def test_a_dropped_connection_is_made_again(small: SmallHost) -> None:
    async with serving([host("mx1", small.ini)]) as ops:
        await ops.type("/mail help")
        await ops.workspace.sockets.disconnect("refresh_requested")
        await ops.workspace.wait(lambda: ops.workspace.calls[-1].method == "apps.connections.open")
        await ops.workspace.connected()
        assert "mx1 is well" in await ops.say("/mail status")


async def test_work_under_way_ends_before_the_bot_does(small: SmallHost, tmp_path: Path) -> None:
    async with Workspace() as workspace:
        workspace.add_user(OPAL, "opal")
        workspace.add_channel(OPS, "ops", [OPAL])
        made = services(workspace, [host("mx1", small.ini)], {}, folder=tmp_path)
        stop = asyncio.Event()
        async with made.store:
            running = asyncio.create_task(serve(build_app(made), made, stop))
            await workspace.connected()
            assert (await workspace.command(OPAL, OPS, "/mail hold all")).acked
            stop.set()
            await running
        assert small.count("deferred") == 0
        assert "put 15 messages on hold" in workspace.last(OPS).text

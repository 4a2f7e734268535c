"""Slack's bad days: each fault as a caller meets it, and what it leaves behind."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import Workspace, faults
from tests.console.app import OPS, client_of


async def test_a_rate_limit_says_how_long_to_wait_and_ends_after_its_count(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.add("chat.postMessage", faults.rate_limited(7), times=1)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=OPS, text="one")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"
    assert workspace.messages(OPS) == []
    await client.chat_postMessage(channel=OPS, text="two")
    assert [m.text for m in workspace.messages(OPS)] == ["two"]
    assert [(call.error, call.fault) for call in workspace.calls] == [("ratelimited", "rate_limited"), ("", "")]
    assert workspace.faults.met("chat.postMessage") == 1


async def test_a_server_error_may_have_done_its_work(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.faults.add("chat.postMessage", faults.server_error(502), times=1)
    workspace.faults.add("chat.postMessage", faults.server_error(503, applied=True), times=1)
    for text, status in (("lost", 502), ("kept", 503)):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=OPS, text=text)
        assert caught.value.response.status_code == status
    assert [m.text for m in workspace.messages(OPS)] == ["kept"]


async def test_no_answer_leaves_the_message_posted_and_the_caller_waiting(workspace: Workspace) -> None:
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, timeout=1)
    workspace.faults.add("chat.*", faults.no_answer(), times=1)
    with pytest.raises(asyncio.TimeoutError):
        await client.chat_postMessage(channel=OPS, text="was it posted?")
    assert [m.text for m in workspace.messages(OPS)] == ["was it posted?"]


async def test_what_slack_takes_late_is_there_after_its_caller_gave_up(workspace: Workspace) -> None:
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, timeout=1, retry_handlers=[])
    workspace.faults.add("chat.postMessage", faults.late(1.1), times=1)
    with pytest.raises(asyncio.TimeoutError):
        await client.chat_postMessage(channel=OPS, text="late")
    assert workspace.messages(OPS) == []
    assert (await workspace.wait_message(OPS, "late")).text == "late"
    workspace.faults.add("chat.postMessage", faults.late(60), times=1)
    with pytest.raises(asyncio.TimeoutError):
        await client.chat_postMessage(channel=OPS, text="too late")


@pytest.mark.parametrize("applied", [False, True])
async def test_a_reset_connection_is_a_connection_error(workspace: Workspace, applied: bool) -> None:
    client = client_of(workspace)
    client.retry_handlers.clear()
    workspace.faults.add("chat.postMessage", faults.reset(applied=applied), times=1)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=OPS, text="cut")
    assert len(workspace.messages(OPS)) == applied


async def test_a_free_plan_has_no_user_groups(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.add_usergroup("S0", "ops", ["login:ana"])
    assert (await client.usergroups_users_list(usergroup="S0"))["users"] == ["login:ana"]
    workspace.faults.add("usergroups.*", faults.refused("plan_upgrade_required"))
    for _ in range(2):
        with pytest.raises(SlackApiError, match="plan_upgrade_required"):
            await client.usergroups_users_list(usergroup="S0")
    workspace.faults.clear()
    await client.usergroups_list()


async def test_a_scope_that_was_not_granted_is_named(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.scopes.discard("users:read")
    with pytest.raises(SlackApiError) as caught:
        await client.users_info(user="login:ana")
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "users:read"
    assert "users:read" not in caught.value.response["provided"]
    headers = (await client.auth_test()).headers
    assert "chat:write" in headers["x-oauth-scopes"].split(",")


async def test_a_slow_answer_comes(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.faults.add("auth.test", faults.slow(0.1), times=1, after=1)
    times = []
    for _ in range(2):
        started = asyncio.get_running_loop().time()
        assert (await client.auth_test())["ok"]
        times.append(asyncio.get_running_loop().time() - started)
    assert times[0] < 0.1 <= times[1]


async def test_every_call_needs_its_own_token(workspace: Workspace) -> None:
    async with aiohttp.ClientSession() as session:

        async def error(method: str, token: str | None) -> str:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            async with session.post(workspace.api_url + method, headers=headers) as answer:
                return str((await answer.json()).get("error"))

        assert await error("auth.test", None) == "not_authed"
        assert await error("auth.test", "xoxb-guessed") == "invalid_auth"
        assert await error("auth.test", workspace.app_token) == "not_allowed_token_type"
        assert await error("apps.connections.open", workspace.bot_token) == "not_allowed_token_type"
        assert await error("no.such", workspace.bot_token) == "unknown_method"
    other = Workspace()
    assert not {other.bot_token, other.app_token} & {workspace.bot_token, workspace.app_token}

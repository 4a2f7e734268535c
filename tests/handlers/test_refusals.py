"""What a call that did not go through means: surely nothing happened, or not; somebody must mend it, or not."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import Workspace, faults
from handlers.refusals import RETRY_AFTER, Refusal, refusal, said

OPS = "C0OPS"


async def met(fault: faults.Fault) -> Refusal:
    """What a post in the local Slack means when it meets this fault."""
    async with Workspace() as workspace:
        workspace.add_channel(OPS, "ops", [])
        workspace.faults.add("chat.postMessage", fault)
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, timeout=1, retry_handlers=[])
        with pytest.raises((SlackApiError, aiohttp.ClientError, TimeoutError)) as caught:
            await client.chat_postMessage(channel=OPS, text="x")
        return refusal(caught.value)


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (faults.refused("not_in_channel"), Refusal("not_in_channel", sure=True, lasting=True)),
        (faults.refused("a_word_of_next_year"), Refusal("a_word_of_next_year", sure=True, lasting=True)),
        (faults.refused("internal_error"), Refusal("internal_error", sure=False, lasting=False)),
        (faults.rate_limited(7), Refusal("ratelimited", sure=True, lasting=False, retry_after=7.0)),
        (faults.refused("ratelimited"), Refusal("ratelimited", sure=True, lasting=False, retry_after=RETRY_AFTER)),
        (faults.server_error(503), Refusal("HTTP status 503", sure=False, lasting=False)),
        (faults.no_answer(), Refusal("no answer in time", sure=False, lasting=False)),
        (faults.reset(), Refusal("Server disconnected", sure=False, lasting=False)),
    ],
)
async def test_each_way_to_fail_is_told_apart(fault: faults.Fault, meaning: Refusal) -> None:
    assert await met(fault) == meaning


async def test_without_a_connection_surely_nothing_happened() -> None:
    async with Workspace() as workspace:
        address = workspace.api_url
    client = AsyncWebClient(base_url=address, timeout=1, retry_handlers=[])
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await client.chat_postMessage(channel=OPS, text="x")
    assert refusal(caught.value).sure
    assert not refusal(caught.value).lasting
    assert "Cannot connect" in said(caught.value)


async def test_what_in_a_message_was_refused_is_told() -> None:
    async with Workspace() as workspace:
        workspace.add_channel(OPS, "ops", [])
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])
        image = {"type": "image", "alt_text": "x", "slack_file": {"id": "F99999999"}}
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=OPS, text="x", blocks=[image])
    places = ("invalid slack file [json-pointer:/blocks/0/slack_file]",)
    assert refusal(caught.value) == Refusal("invalid_blocks", sure=True, lasting=True, places=places)

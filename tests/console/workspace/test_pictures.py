"""A picture in a message: uploaded without being shared, processed after a while, and strictly looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import Workspace, faults
from tests.console.app import OPS, client_of, people

PNG = b"\x89PNG\r\n\x1a\n and so on"


async def uploaded(client: AsyncWebClient, content: bytes = PNG) -> str:
    """The bytes are there; nothing is completed."""
    begun = await client.files_getUploadURLExternal(filename="day.png", length=len(content), alt_txt="a day")
    async with aiohttp.ClientSession() as session, session.post(begun["upload_url"], data=content) as answer:
        assert answer.status == 200
    return str(begun["file_id"])


async def completed(client: AsyncWebClient, content: bytes = PNG) -> str:
    name = await uploaded(client, content)
    await client.files_completeUploadExternal(files=[{"id": name, "title": "A day"}])
    return name


def image(name: str) -> dict[str, Any]:
    return {"type": "image", "alt_text": "a day", "slack_file": {"id": name}}


async def test_a_file_that_is_shared_nowhere_can_stand_in_a_message(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    name = await completed(client)
    await client.chat_postMessage(channel=OPS, text="x", blocks=[image(name)])
    assert workspace.last(OPS).blocks[0]["slack_file"] == {"id": name}
    (file,) = workspace.files
    assert (file.content, file.title, file.channels) == (PNG, "A day", [])


@pytest.mark.parametrize("content", [b"not an image", b"<svg/>"])
async def test_what_is_no_image_cannot(workspace: Workspace, client: AsyncWebClient, content: bytes) -> None:
    name = await completed(client, content)
    with pytest.raises(SlackApiError, match="invalid slack file"):
        await client.chat_postMessage(channel=OPS, text="x", blocks=[image(name)])


async def test_a_file_that_is_not_complete_is_refused_and_one_is_completed_once(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    name = await uploaded(client)
    with pytest.raises(SlackApiError, match="invalid slack file") as refused:
        await client.chat_postMessage(channel=OPS, text="x", blocks=[image(name)])
    assert refused.value.response["error"] == "invalid_blocks"
    assert refused.value.response["errors"] == ["invalid slack file [json-pointer:/blocks/0/slack_file]"]
    await client.files_completeUploadExternal(files=[{"id": name}])
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": name}])


async def test_a_file_is_processed_after_its_completion_was_answered() -> None:
    time = [datetime(2026, 3, 1, tzinfo=UTC)]
    async with Workspace(lambda: time[0]) as workspace:
        people(workspace)
        client = client_of(workspace)
        workspace.process_files_for(5)
        name = await completed(client)
        with pytest.raises(SlackApiError, match="invalid slack file"):
            await client.chat_postMessage(channel=OPS, text="x", blocks=[image(name)])
        time[0] += timedelta(seconds=5)
        await client.chat_postMessage(channel=OPS, text="x", blocks=[image(name)])


async def test_uploads_meet_faults_and_scopes_as_other_calls_do(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.faults.add("files.completeUploadExternal", faults.refused("file_uploads_disabled"), times=1)
    with pytest.raises(SlackApiError, match="file_uploads_disabled"):
        await completed(client)
    assert workspace.files == []
    workspace.scopes.discard("files:write")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await uploaded(client)

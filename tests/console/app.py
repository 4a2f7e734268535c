"""A small Bolt app on the local workspace, over a real WebSocket: what the console's tests talk to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import Workspace

ANA, BEN, OPS = "login:ana", "login:ben", "C0OPS"


def client_of(workspace: Workspace) -> AsyncWebClient:
    return AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str, label: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain(label), **more}


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


def people(workspace: Workspace) -> None:
    """Two people and the app in one channel."""
    workspace.add_user(ANA, "ana")
    workspace.add_user(BEN, "ben")
    workspace.add_channel(OPS, "ops", [ANA, BEN])


@asynccontextmanager
async def running(workspace: Workspace, register: Callable[[AsyncApp], None]) -> AsyncIterator[AsyncApp]:
    """A real AsyncApp, connected by Socket Mode, until the block ends."""
    app = AsyncApp(client=client_of(workspace))
    register(app)
    handler = AsyncSocketModeHandler(app, workspace.app_token, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await workspace.connected()
        yield app
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]

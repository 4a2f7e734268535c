"""The Bolt app, and its connection to Slack by Socket Mode."""

import asyncio
import logging
from contextlib import suppress

from aiohttp import ClientError
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SettingsError
from bot.services import Services
from handlers import register
from handlers.startup import socket_address, startup

logger = logging.getLogger(__name__)

TIMEOUT = 15
"""Seconds for one call of Slack's Web API."""

FINISH = 5
"""Seconds that work under way has when the bot is told to stop."""


def retry_handlers() -> list[AsyncRetryHandler]:
    """What is tried again, on purpose: left to itself the SDK gives up on a rate limit and on a server's error.

    A call that Slack took before its answer was lost is made twice; what that can double is a message.
    """
    return [
        AsyncConnectionErrorRetryHandler(max_retry_count=1),
        AsyncRateLimitErrorRetryHandler(max_retry_count=4),
        AsyncServerErrorRetryHandler(max_retry_count=2),
    ]


def build_app(services: Services) -> AsyncApp:
    """The app with all its listeners; nothing is connected yet. Raises SettingsError without a bot token."""
    token = services.settings.slack_bot_token
    if token is None:
        raise SettingsError(["SLACK_BOT_TOKEN is not set: the bot's token, from the app's page “OAuth & Permissions”."])
    client = AsyncWebClient(
        token=token.get_secret_value(),
        base_url=services.settings.slack_api_url,
        timeout=TIMEOUT,
        retry_handlers=retry_handlers(),
    )
    # Requests come over a socket that the bot opened itself, so there is no signature to verify.
    app = AsyncApp(
        client=client,
        request_verification_enabled=False,
        user_facing_authorize_error_message="Slack did not say who this bot is, so nothing was done. Try again.",
    )
    register(app, services)
    return app


async def serve(app: AsyncApp, services: Services, stop: asyncio.Event) -> None:
    """Answer Slack until `stop` is set; then disconnect, and give what is under way a moment to end.

    What the start has to say is logged. Raises SettingsError for a token that is not there or that Slack refuses.
    """
    token = services.settings.slack_app_token
    if token is None:
        raise SettingsError(["SLACK_APP_TOKEN is not set: the app-level token, with the scope connections:write."])
    address = await socket_address(app.client, token.get_secret_value())
    if address is None:
        logger.error("Slack can't be reached at %s; trying again until it can.", services.settings.slack_api_url)
    handler = AsyncSocketModeHandler(app, token.get_secret_value())
    handler.client.logger.addFilter(_in_one_line)
    handler.client.wss_uri = address
    connecting = asyncio.create_task(_connect(handler, app, services), name="connect")
    try:
        await stop.wait()
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await handler.close_async()  # type: ignore[no-untyped-call]
    with suppress(TimeoutError):
        async with asyncio.timeout(FINISH):
            await services.background.idle()


def _in_one_line(record: logging.LogRecord) -> bool:
    """The SDK logs a whole trace for each attempt while Slack is away; its last line says it all."""
    if record.exc_info and isinstance(record.exc_info[1], (OSError, TimeoutError, SlackClientError, ClientError)):
        record.msg, record.args, record.exc_info = f"Slack is away: {record.exc_info[1]}", (), None
    return True


async def _connect(handler: AsyncSocketModeHandler, app: AsyncApp, services: Services) -> None:
    await handler.connect_async()  # type: ignore[no-untyped-call]
    logger.info("connected to Slack")
    for line in await startup(app.client, services):
        logger.warning("%s", line)

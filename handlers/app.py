"""The Bolt app, and its connection to Slack by Socket Mode."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress

from aiohttp import ClientError
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bot.errors import SettingsError
from bot.services import Services
from handlers import OUTBOX, register
from handlers.blind import Blindness
from handlers.client import client_of, retry_handlers
from handlers.outbox import OutboxWorker
from handlers.refusals import said
from handlers.reply import SLACK_ERRORS
from handlers.startup import socket_address, startup

logger = logging.getLogger(__name__)

FINISH = 5
"""Seconds that work under way has when the bot is told to stop; and after it, what is just being posted."""

PING = 10.0
"""Seconds from one ping of the WebSocket to the next."""

DEAF = 60.0
"""Seconds without an answer to a ping after which the connection is given up; the SDK itself should after 40."""


def build_app(services: Services) -> AsyncApp:
    """The app with all its listeners; nothing is connected yet. Raises SettingsError without a bot token."""
    token = services.settings.slack_bot_token
    if token is None:
        raise SettingsError(["SLACK_BOT_TOKEN is not set: the bot's token, from the app's page “OAuth & Permissions”."])
    client = client_of(services, token.get_secret_value(), retry_handlers())
    # Requests come over a socket that the bot opened itself, so there is no signature to verify.
    app = AsyncApp(
        client=client,
        request_verification_enabled=False,
        user_facing_authorize_error_message="Slack did not say who this bot is, so nothing was done. Try again.",
    )
    register(app, services)
    return app


async def serve(app: AsyncApp, services: Services, stop: asyncio.Event, *, at_home: bool = True) -> None:
    """Answer Slack until `stop` is set; then disconnect, and give what is under way a moment to end.

    `at_home`: what the bot says on its own, it says in this workspace from now on.
    What the start has to say is logged. Raises SettingsError for a token that is not there or that Slack refuses.
    """
    token = services.settings.slack_app_token
    if token is None:
        raise SettingsError(["SLACK_APP_TOKEN is not set: the app-level token, with the scope connections:write."])
    address = await socket_address(app.client, token.get_secret_value())
    if address is None:
        logger.error("Slack can't be reached at %s; trying again until it can.", services.settings.slack_api_url)
    handler = AsyncSocketModeHandler(app, token.get_secret_value(), ping_interval=PING)
    handler.client.logger.addFilter(_in_one_line)
    handler.client.wss_uri = address
    # What was posted may have been taken though no answer came, so the outbox itself decides what is tried again.
    outbox = OutboxWorker(client_of(services, app.client.token or "", []), services, OUTBOX, at_home=at_home)
    posting = asyncio.create_task(outbox.run(), name="outbox")
    connecting = asyncio.create_task(_connect(handler, app, services), name="connect")
    telling = asyncio.create_task(_tell_blindness(app, services, at_home=at_home), name="tell when blind")
    try:
        with services.background.with_worker(outbox.idle):
            try:
                await stop.wait()
            finally:
                for task in (connecting, telling):
                    task.cancel()
                await asyncio.gather(connecting, telling, return_exceptions=True)
                await handler.close_async()  # type: ignore[no-untyped-call]
            await _within(FINISH, services.background.idle())
        outbox.stop()
        await _within(FINISH, posting)
    finally:
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)


async def _tell_blindness(app: AsyncApp, services: Services, *, at_home: bool) -> None:
    if at_home:
        # As for the outbox: after a lost answer it looks what became of the message, and so must not be repeated.
        await Blindness(client_of(services, app.client.token or "", []), services).run()


async def _within(seconds: float, work: Awaitable[None]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


def _in_one_line(record: logging.LogRecord) -> bool:
    """The SDK logs a whole trace for each attempt while Slack is away; its last line says it all."""
    if record.exc_info and isinstance(record.exc_info[1], (OSError, TimeoutError, SlackClientError, ClientError)):
        record.msg, record.args, record.exc_info = f"Slack is away: {record.exc_info[1]}", (), None
    return True


async def _connect(handler: AsyncSocketModeHandler, app: AsyncApp, services: Services) -> None:
    await handler.connect_async()  # type: ignore[no-untyped-call]
    logger.info("connected to Slack")
    watching = asyncio.create_task(_reconnect_when_deaf(handler.client, services), name="watch the connection")
    try:
        for line in await startup(app.client, services):
            logger.warning("%s", line)
        await watching
    finally:
        watching.cancel()


async def _reconnect_when_deaf(client: SocketModeClient, services: Services) -> None:
    """Connect anew when no ping has been answered for too long.

    The SDK watches that too, in a task of the connection, which may end with it; and it takes a connection on which no
    ping was ever answered for a good one.
    """
    answered, heard, tried = client.last_ping_pong_time, time.monotonic(), time.monotonic()
    while True:
        await asyncio.sleep(PING)
        now = time.monotonic()
        if client.last_ping_pong_time not in (None, answered):
            if now - heard >= DEAF:
                services.sampling.slack_was_deaf((now - heard) / 60)
            answered, heard, tried = client.last_ping_pong_time, now, now
        if now - tried < DEAF:
            continue
        logger.warning("Slack has not answered a ping for %.0f s; connecting anew", now - heard)
        # Said to be stale, it is replaced under the SDK's own lock, unless the SDK is just doing that.
        client.stale = True
        try:
            await client.connect_to_new_endpoint()
        except SLACK_ERRORS as error:
            logger.warning("Slack is away: %s", said(error))
        tried = time.monotonic()

"""What calls Slack's Web API, with its time limit, and what is tried again."""

from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services

TIMEOUT = 15
"""Seconds for one call of Slack's Web API."""


def retry_handlers() -> list[AsyncRetryHandler]:
    """What is tried again, on purpose: left to itself the SDK gives up on a rate limit and on a server's error.

    A call that Slack took before its answer was lost is made twice; what that can double is a message.
    """
    return [
        AsyncConnectionErrorRetryHandler(max_retry_count=1),
        AsyncRateLimitErrorRetryHandler(max_retry_count=4),
        AsyncServerErrorRetryHandler(max_retry_count=2),
    ]


def client_of(services: Services, token: str, retries: list[AsyncRetryHandler]) -> AsyncWebClient:
    """What calls with this token; nothing connects before its first call."""
    address = services.settings.slack_api_url
    return AsyncWebClient(token=token, base_url=address, timeout=TIMEOUT, retry_handlers=retries)

"""That the bot is blind, told in the ops channel: what can't be written into the store can't go through the outbox.

One message says so, with whom the settings name mentioned, and is edited once the store works again. What is known of
it is in the message's metadata alone: so a restart, or another bot on the same store, finds it and posts no second one.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.store.health import Trouble
from handlers.blocks.blind import seeing_again, unseeing
from handlers.blocks.kit import Card
from handlers.refusals import said
from handlers.reply import SLACK_ERRORS

logger = logging.getLogger(__name__)

EVENT = "maildesk_blind"
"""The `event_type` of the message's metadata; its payload is `{"over": …}`."""
EVERY = 15.0
PATIENCE = timedelta(minutes=3)
"""How long the store may fail before the channel hears of it: a database that is restarted takes a moment."""
LATELY = timedelta(days=7)
PAGE = 200


class Blindness:
    """`look()` brings the channel up to date with the store's health."""

    def __init__(self, client: AsyncWebClient, services: Services) -> None:
        self._client = client
        self._services = services
        self._channel = services.settings.ops_channels[0] if services.settings.ops_channels else ""
        self._known = False
        self._ts = ""
        self._since: datetime | None = None
        self._refused = ""

    async def run(self) -> None:
        """Look again and again, until somebody cancels it."""
        while self._channel:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
                self._refused = ""
            except SLACK_ERRORS as error:
                if said(error) != self._refused:
                    logger.warning("whether the bot is blind can't be told in %s: %s", self._channel, said(error))
                self._refused = said(error)

    async def look(self) -> None:
        """Raises one of SLACK_ERRORS: then it is to be done again."""
        trouble, now = self._services.store.health.trouble, self._services.now()
        if not self._known:
            await self._find()
        if trouble and not self._ts and now - trouble.since >= PATIENCE:
            await self._find()
            if not self._ts:
                await self._tell(trouble)
        elif trouble is None and self._ts:
            await self._take_back(now)

    async def _find(self) -> None:
        """The message of this bot that is not taken back, whoever posted it."""
        bot = (await self._client.auth_test())["user_id"]
        oldest = f"{(self._services.now() - LATELY).timestamp():.6f}"
        page = await self._client.conversations_history(
            channel=self._channel, oldest=oldest, limit=PAGE, include_all_metadata=True
        )
        open = [each for each in page["messages"] if each.get("user") == bot and _is_open(each)]
        self._known = True
        if open:
            self._ts = str(open[0]["ts"])
            self._since = datetime.fromtimestamp(float(self._ts), self._services.now().tzinfo)

    async def _tell(self, trouble: Trouble) -> None:
        settings = self._services.settings
        card = unseeing(trouble, settings.alert_mention, settings.timezone)
        posted = await self._client.chat_postMessage(
            channel=self._channel, **_content(card, over=False), unfurl_links=False, unfurl_media=False
        )
        self._ts, self._since = str(posted["ts"]), trouble.since

    async def _take_back(self, now: datetime) -> None:
        card = seeing_again(self._since or now, now, self._services.settings.timezone)
        await self._client.chat_update(channel=self._channel, ts=self._ts, **_content(card, over=True))
        self._ts, self._since = "", None


def _content(card: Card, *, over: bool) -> dict[str, Any]:
    metadata = {"event_type": EVENT, "event_payload": {"over": over}}
    return {"text": card.text, "blocks": list(card.blocks), "metadata": metadata}


def _is_open(message: dict[str, Any]) -> bool:
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == EVENT and not (metadata.get("event_payload") or {}).get("over")

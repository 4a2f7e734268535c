"""That the bot is blind, told in the ops channel: what can't be written into the store can't go through the outbox.

One message says so, with whom the settings name mentioned, and is edited once the store works again. What is known of
it is in the message's metadata alone: so a restart, or another bot on the same store, finds it and posts no second one.
While it is so, the metadata says each few minutes that it is: whoever can write takes back what another bot posted only
when that one says so no more.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import StoreError
from bot.services import Services
from bot.store.health import Trouble
from handlers.blocks.blind import seeing_again, unseeing
from handlers.blocks.kit import Card
from handlers.refusals import said
from handlers.reply import SLACK_ERRORS

logger = logging.getLogger(__name__)

EVENT = "maildesk_blind"
"""The `event_type` of the message's metadata; its payload is `{"over": …, "at": …}`, seconds since the epoch."""
EVERY = 15.0
PATIENCE = timedelta(minutes=3)
"""How long the store may fail before the channel hears of it: a database that is restarted takes a moment."""
AGAIN = timedelta(minutes=5)
"""How often it is said again, unseen, that it is so."""
ORPHANED = 3 * AGAIN
"""After so long without that nobody is there who could take the message back."""
LATELY = timedelta(days=7)
PAGE = 200
GONE = ("message_not_found", "cant_update_message", "edit_window_closed")
"""Slack's words for a message that can't be edited any more: somebody deleted it, say."""


class Blindness:
    """`look()` brings the channel up to date with the store's health."""

    def __init__(self, client: AsyncWebClient, services: Services) -> None:
        self._client = client
        self._services = services
        self._channel = services.settings.ops_channels[0] if services.settings.ops_channels else ""
        self._known = False
        self._ts = ""
        self._since: datetime | None = None
        self._said_at: datetime | None = None
        self._own = False
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
        if trouble and now - trouble.since >= PATIENCE:
            await self._say(trouble, now)
        elif trouble is None and self._ts and (self._own or await self._is_orphaned(now)):
            await self._take_back(now)

    async def _say(self, trouble: Trouble, now: datetime) -> None:
        """Say it, or say again that it is so. Who was blind, too, may say that it is over, whoever said it first."""
        if not self._ts:
            await self._find()
        if not self._ts:
            await self._tell(trouble)
        elif self._said_at is None or now - self._said_at >= AGAIN:
            await self._edit(unseeing(trouble, *self._how()), over=False)
            self._said_at = now
        self._own = True

    async def _is_orphaned(self, now: datetime) -> bool:
        """Whether whoever posted the message is gone, and the database can be written from here."""
        await self._find()
        if not self._ts or (self._said_at is not None and now - self._said_at < ORPHANED):
            return False
        with suppress(StoreError):
            await self._services.store.try_writing()
            return True
        return False

    async def _find(self) -> None:
        """The message of this bot that is not taken back, whoever posted it."""
        bot = (await self._client.auth_test())["user_id"]
        oldest = f"{(self._services.now() - LATELY).timestamp():.6f}"
        page = await self._client.conversations_history(
            channel=self._channel, oldest=oldest, limit=PAGE, include_all_metadata=True
        )
        open = [each for each in page["messages"] if each.get("user") == bot and _is_open(each)]
        self._known = True
        self._ts = str(open[0]["ts"]) if open else ""
        if open:
            posted = float(self._ts)
            self._since = self._moment(posted)
            self._said_at = self._moment(float(open[0]["metadata"]["event_payload"].get("at", posted)))

    async def _tell(self, trouble: Trouble) -> None:
        now = self._services.now()
        content = _content(unseeing(trouble, *self._how()), now, over=False)
        posted = await self._client.chat_postMessage(
            channel=self._channel, **content, unfurl_links=False, unfurl_media=False
        )
        self._ts, self._since, self._said_at = str(posted["ts"]), trouble.since, now

    async def _take_back(self, now: datetime) -> None:
        card = seeing_again(self._since or now, now, self._services.settings.timezone)
        await self._edit(card, over=True)
        self._ts, self._since, self._said_at, self._own = "", None, None, False

    async def _edit(self, card: Card, *, over: bool) -> None:
        """Edit the message, unless it is gone: who deleted it has read it."""
        content = _content(card, self._services.now(), over=over)
        try:
            await self._client.chat_update(channel=self._channel, ts=self._ts, **content)
        except SlackApiError as error:
            if said(error) not in GONE:
                raise
            logger.warning("the message in %s that the bot is blind can't be edited: %s", self._channel, said(error))

    def _how(self) -> tuple[Sequence[str], str]:
        return self._services.settings.alert_mention, self._services.settings.timezone

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self._services.now().tzinfo)


def _content(card: Card, now: datetime, *, over: bool) -> dict[str, Any]:
    metadata = {"event_type": EVENT, "event_payload": {"over": over, "at": int(now.timestamp())}}
    return {"text": card.text, "blocks": list(card.blocks), "metadata": metadata}


def _is_open(message: dict[str, Any]) -> bool:
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == EVENT and not (metadata.get("event_payload") or {}).get("over")

"""One card on its way to Slack: posted or edited, and looked for where an earlier attempt may have left it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from handlers.blocks.kit import Card
from handlers.refusals import Refusal, refusal
from handlers.reply import SLACK_ERRORS

EVENT = "maildesk"
"""The `event_type` of each message's metadata; its payload is `{"outbox": ID}`."""

SKEW = timedelta(minutes=10)
"""How far Slack's clock and ours may be apart: a message is looked for from so long before its row was made."""

PAGE = 200
POST, UPDATE, HISTORY, REPLIES = "chat.postMessage", "chat.update", "conversations.history", "conversations.replies"


class Addressed(Protocol):
    """What is needed of an outbox row: where its message goes. `parent_ts` is empty outside a thread."""

    @property
    def id(self) -> int: ...
    @property
    def channel(self) -> str: ...
    @property
    def parent_ts(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


class NotTaken(Exception):
    """Slack, or the way to it, did not say yes."""

    def __init__(self, method: str, refusal: Refusal) -> None:
        super().__init__(f"{method}: {refusal.code}")
        self.method = method
        self.refusal = refusal


class Held(Exception):
    """Slack has asked to leave this method alone until `until`; nothing was sent."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"held until {until:%H:%M:%S}")
        self.until = until


class Poster:
    """Slack's side of the outbox. Each method raises NotTaken or Held.

    The client is one without retry handlers: the SDK would post a second time whatever was taken without an answer.
    """

    def __init__(self, client: AsyncWebClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._held: dict[str, datetime] = {}
        self._opened: dict[str, str] = {}
        self.bot_user = ""

    async def workspace(self) -> str:
        """The team ID that the token belongs to."""
        answer = await self.ask("auth.test", self._client.auth_test)
        self.bot_user = str(answer["user_id"])
        return str(answer["team_id"])

    async def post(self, item: Addressed, card: Card) -> str:
        """Post it, and return its time stamp."""
        place = await self.place(item)
        answer = await self.ask(
            POST,
            lambda: self._client.chat_postMessage(
                channel=place,
                thread_ts=item.parent_ts or None,
                text=card.text,
                blocks=list(card.blocks),
                metadata={"event_type": EVENT, "event_payload": {"outbox": item.id}},
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        return str(answer["ts"])

    async def update(self, item: Addressed, ts: str, card: Card) -> None:
        """Edit the message; its metadata stays, since the call names none."""
        place = await self.place(item)
        await self.ask(
            UPDATE,
            lambda: self._client.chat_update(channel=place, ts=ts, text=card.text, blocks=list(card.blocks)),
        )

    async def find(self, item: Addressed) -> str:
        """The time stamp of the message that an earlier attempt left; empty when there is none."""
        place = await self.place(item)
        cursor = None
        while True:
            try:
                page = await self._page(item, place, cursor)
            except NotTaken as error:
                if error.refusal.code == "thread_not_found":
                    return ""
                raise
            for message in page["messages"]:
                if self._is_of(message, item):
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return ""

    def until(self, method: str) -> datetime | None:
        """Until when this method is to be left alone; None when it need not."""
        until = self._held.get(method)
        return until if until and until > self._now() else None

    async def ask(self, method: str, call: Callable[[], Awaitable[Any]]) -> Mapping[str, Any]:
        """What a call of this method answers."""
        if until := self.until(method):
            raise Held(until)
        try:
            answer = await call()
        except SLACK_ERRORS as error:
            told = refusal(error)
            if told.retry_after is not None:
                # Slack limits each method for the whole workspace, so other channels must wait as well.
                self._held[method] = self._now() + timedelta(seconds=told.retry_after)
            raise NotTaken(method, told) from error
        data: Mapping[str, Any] = answer.data
        return data

    @staticmethod
    def is_personal(item: Addressed) -> bool:
        """Whether it goes to one person's own conversation, whose history the bot has no scope to read."""
        return item.channel[:1] not in ("C", "G")

    async def place(self, item: Addressed) -> str:
        """The conversation's ID: a row may name a person, and only chat.postMessage takes one for a channel."""
        name = item.channel
        if name[:1] in ("C", "G", "D"):
            return name
        if name not in self._opened:
            answer = await self.ask("conversations.open", lambda: self._client.conversations_open(users=[name]))
            self._opened[name] = str(answer["channel"]["id"])
        return self._opened[name]

    async def _page(self, item: Addressed, place: str, cursor: str | None) -> Mapping[str, Any]:
        oldest = f"{(item.created_at - SKEW).timestamp():.6f}"
        if item.parent_ts:
            return await self.ask(
                REPLIES,
                lambda: self._client.conversations_replies(
                    channel=place,
                    ts=item.parent_ts,
                    oldest=oldest,
                    limit=PAGE,
                    cursor=cursor,
                    include_all_metadata=True,
                ),
            )
        return await self.ask(
            HISTORY,
            lambda: self._client.conversations_history(
                channel=place, oldest=oldest, limit=PAGE, cursor=cursor, include_all_metadata=True
            ),
        )

    def _is_of(self, message: Mapping[str, Any], item: Addressed) -> bool:
        # Any app may write any metadata, so it counts only on this bot's own messages.
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        mine = message.get("user") == self.bot_user
        return mine and metadata.get("event_type") == EVENT and payload.get("outbox") == item.id

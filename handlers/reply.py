"""Where the answers to one command or click go: to the person alone, or into the channel."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import ClientError
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from handlers.blocks.kit import Card
from handlers.blocks.notice import note, untold
from handlers.refusals import said

logger = logging.getLogger(__name__)

RESPONSES = 5
RESPONSE_SECONDS = 29 * 60
"""A response_url works five times within thirty minutes."""

BETWEEN_EDITS = 3.0
"""Seconds from one edit of a message to the next while work goes on: Slack takes about one a second per channel."""

SHOWN_AFTER = 1.0
NOTED_AFTER = 2.0
"""Work that ends within so many seconds shows nothing but its end."""

SLACK_ERRORS = (SlackClientError, ClientError, TimeoutError)


class Reply:
    """The ways to answer one interaction of one person. What Slack refuses is logged and told in another way."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        user: str,
        channel: str,
        response_url: str = "",
        clicked: str = "",
        alone: bool = False,
        home: Callable[[Card], Awaitable[None]] | None = None,
    ) -> None:
        """`clicked` is the time stamp of the message with the button; `alone` says that only the person sees it.

        `home` answers in the person's Home tab, which has no channel; None for whatever came from elsewhere.
        """
        self._client = client
        self._response_url = response_url
        self._responses = 0
        self._began = time.monotonic()
        self._in_place = False
        self.user = user
        self.channel = channel
        self.clicked = clicked
        self.alone = alone
        self._home = home

    async def privately(self, card: Card, *, in_place: bool = False) -> None:
        """Answer this person alone; `in_place` puts the answer where the message with the pressed button stands."""
        if await self._respond(card, in_place=in_place or self._in_place):
            return
        try:
            if self._home:
                await self._home(card)
            else:
                await self._client.chat_postEphemeral(
                    channel=self.channel,
                    user=self.user,
                    text=card.text,
                    blocks=list(card.blocks),
                )
        except SLACK_ERRORS as error:
            logger.error("an answer could not be given to %s in %s: %s", self.user, self.channel, error)

    async def publicly(self, card: Card) -> str:
        """Say it in the channel; the message's time stamp, or, where Slack refuses it, tell this person: empty."""
        try:
            posted = await self._client.chat_postMessage(
                channel=self.channel, text=card.text, blocks=list(card.blocks), unfurl_links=False, unfurl_media=False
            )
        except SLACK_ERRORS as error:
            logger.error("nothing could be said in %s: %s", self.channel, error)
            await self.privately(card)
            await self.privately(untold(said(error)))
            return ""
        return str(posted["ts"])

    async def edit(self, ts: str, card: Card) -> bool:
        """Change a message in the channel; whether Slack did."""
        try:
            await self._client.chat_update(channel=self.channel, ts=ts, text=card.text, blocks=list(card.blocks))
        except SLACK_ERRORS as error:
            logger.warning("message %s in %s could not be changed: %s", ts, self.channel, error)
            return False
        return True

    async def permalink(self, channel: str, ts: str) -> str | None:
        """The address of a message; empty where Slack does not give it, None where the message is there no more."""
        try:
            answer = await self._client.chat_getPermalink(channel=channel, message_ts=ts)
        except SLACK_ERRORS as error:
            logger.info("no permalink of message %s in %s: %s", ts, channel, error)
            return None if said(error) == "message_not_found" else ""
        return str(answer["permalink"])

    async def edit_clicked(self, card: Card) -> None:
        """Change the message whose button was pressed; where Slack refuses that, say it anew."""
        if self.alone:
            await self.privately(card, in_place=True)
        elif not await self.edit(self.clicked, card):
            await self.publicly(card)

    @asynccontextmanager
    async def patience(self, text: str) -> AsyncIterator[None]:
        """Tell the person what is being done, if it takes longer than a moment."""

        async def tell() -> None:
            # On a message of theirs alone the note takes its place; whatever comes next then takes the note's.
            self._in_place = self.alone
            await self.privately(note(text))

        later = _Later(NOTED_AFTER, tell)
        try:
            yield
        finally:
            await later.over()

    @asynccontextmanager
    async def live(
        self, card: Card, failed: Callable[[BaseException], Card], *, in_place: bool = False
    ) -> "AsyncIterator[Live]":
        """Work that the channel can watch: `card` is shown if it takes longer than a moment; Live.end() ends it.

        If the work fails, what was shown becomes `failed(error)`. With `in_place` all of it takes the place of the
        message whose button was pressed.
        """
        live = Live(self, card, in_place)
        try:
            yield live
        except BaseException as error:
            await live.fail(failed(error))
            raise

    async def _respond(self, card: Card, *, in_place: bool) -> bool:
        """Whether the response_url took the answer."""
        spent = self._responses >= RESPONSES or time.monotonic() - self._began > RESPONSE_SECONDS
        if not self._response_url or spent:
            return False
        self._responses += 1
        webhook = AsyncWebhookClient(
            self._response_url, timeout=self._client.timeout, retry_handlers=self._client.retry_handlers
        )
        try:
            answer = await webhook.send(
                text=card.text,
                blocks=list(card.blocks),
                response_type="ephemeral",
                replace_original=in_place,
                unfurl_links=False,
                unfurl_media=False,
            )
        except SLACK_ERRORS as error:
            logger.warning("a response_url did not work: %s", error)
            return False
        # What Slack refuses it sometimes answers with 200 and `{"ok":false,…}`; what it takes, with `ok` alone.
        taken = answer.status_code == 200 and not answer.body.lstrip().startswith("{")
        if not taken:
            logger.warning("a response_url did not work: %s %s", answer.status_code, answer.body[:200])
        return taken


class Live:
    """One message about one piece of work: said once, edited as it goes on, ended in place."""

    def __init__(self, reply: Reply, card: Card, in_place: bool) -> None:
        self._reply = reply
        self._in_place = in_place
        self._ts = ""
        self._shown = False
        self._edited = 0.0
        self._later = _Later(SHOWN_AFTER, lambda: self._put(card))

    async def show(self, card: Card) -> None:
        """Show how far it is, unless that was shown a moment ago."""
        # A message that one person alone sees changes through its response_url, which works five times.
        ts = self._ts or ("" if self._reply.alone or not self._in_place else self._reply.clicked)
        if self._shown and ts and time.monotonic() - self._edited >= BETWEEN_EDITS:
            self._edited = time.monotonic()
            await self._reply.edit(ts, card)

    async def tell(self, card: Card) -> None:
        """Show what is there by now, at once. How often that is, is the caller's to see to."""
        await self._later.over()
        await self._put(card)

    async def end(self, card: Card, *, quietly: bool = False) -> None:
        """Show how it ended; with `quietly` to the person alone, unless it was shown that it began."""
        await self._later.over()
        if quietly and not self._shown:
            await self._reply.privately(card)
        else:
            await self._put(card)

    async def fail(self, card: Card) -> None:
        """Show that it failed, to those who were shown that it began."""
        await self._later.over()
        if self._shown:
            await self._put(card)

    async def _put(self, card: Card) -> None:
        if self._in_place:
            await self._reply.edit_clicked(card)
        elif not self._ts or not await self._reply.edit(self._ts, card):
            self._ts = await self._reply.publicly(card)
        self._shown, self._edited = True, time.monotonic()


class _Later:
    """Does something after a while, unless it is over by then; what has begun is waited for."""

    def __init__(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._run(seconds, do), name="later")

    async def over(self) -> None:
        self._over.set()
        await self._task

    async def _run(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            await do()

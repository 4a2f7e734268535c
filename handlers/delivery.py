"""One outbox row to its end: found again if it was posted before, rendered as its subject is now, posted or edited.

Right before a post the row is marked as attempted. Whoever finds that mark later (after a time-out, a reset, a server's
error or the end of the process) looks the message up in the channel's history, by the outbox ID in its metadata, before
posting again. Where the history can't be read, nothing is posted: the row counts as failed, the admin is told, and it
is tried again now and then. A card that may be missing is mended by one scope; the same card twice can't be mended.
What goes to one person alone is posted again all the same: the bot may not read people's conversations (no im:history),
and for that person twice is better than never. It takes its time about it.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from bot.errors import MaildeskError, StoreError
from bot.services import Services
from bot.store.outbox import Item, Outbox
from handlers.blocks.kit import Card
from handlers.pictures import Pictures
from handlers.posting import HISTORY, POST, REPLIES, UPDATE, Held, NotTaken, Poster
from handlers.refusals import Refusal

logger = logging.getLogger(__name__)

Render = Callable[[Services, str], Awaitable[Card | None]]
"""The card of a subject as it is now, by the subject's ID; None when there is nothing (more) to show of it."""

SETTLES = 5.0
"""Seconds until what became of an unanswered post is looked up: Slack may still be at it."""
AGAIN = 60.0
"""The shortest pause before what one person may have been told is told again."""
LONGEST = 300.0
"""The longest pause between two attempts, in seconds."""


class NoCard(Exception):
    """The subject can't be rendered; the text says why, for the admin."""


class Delivery:
    """Takes claimed rows to their end: sent, later, failed or lost."""

    def __init__(
        self,
        services: Services,
        outbox: Outbox,
        poster: Poster,
        pictures: Pictures,
        renders: Mapping[str, Render],
        owner: str,
        jitter: Callable[[], float],
    ) -> None:
        """`renders` by kind. `owner` is who claimed the rows. `jitter` returns a number from 0 to 1."""
        self._services = services
        self._outbox = outbox
        self._poster = poster
        self._pictures = pictures
        self._renders = renders
        self._owner = owner
        self._jitter = jitter

    async def deliver(self, item: Item) -> float:
        """Put the row's card where it belongs; the seconds for which its channel is to be left alone then."""
        try:
            await self._put(item)
        except Held as error:
            await self._outbox.later(item, self._owner, error.until, "ratelimited")
        except NotTaken as error:
            if await self._pictures.is_waited_for(item, error.refusal):
                due = self._now() + timedelta(seconds=self.pause(item.attempts))
                await self._outbox.later(
                    item, self._owner, due, "its picture is not ready", absent=error.method == POST
                )
                return 0.0
            return await self._not_taken(item, error.method, error.refusal)
        except NoCard as error:
            await self._failed(item, str(error))
        return 0.0

    def pause(self, attempts: int) -> float:
        """Seconds until the next attempt: 1, 2, 4 … up to the longest, less a random part of up to a half."""
        return float(min(2.0 ** min(attempts, 16), LONGEST) * (1 - 0.5 * self._jitter()))

    async def _put(self, item: Item) -> None:
        ts = item.ts
        if not ts and item.attempted and not self._poster.is_personal(item):
            ts = await self._poster.find(item)
        card = await self._card(item)
        if card:
            card = await self._pictures.put_in(item, card)
        if card and ts:
            await self._poster.update(item, ts, card)
        elif card:
            # A person's own conversation is opened first: nothing may come between the mark and the post.
            await self._poster.place(item)
            if not await self._outbox.attempting(item, self._owner):
                logger.warning("%s %s was taken over by another worker", item.kind, item.subject)
                return
            ts = await self._poster.post(item, card)
        if not await self._outbox.sent(item, self._owner, ts, self._now()):
            logger.warning("%s %s was posted, and taken over by another worker meanwhile", item.kind, item.subject)
        if card:
            await self._pictures.posted(item, card)

    async def _card(self, item: Item) -> Card | None:
        render = self._renders.get(item.kind)
        if render is None:
            raise NoCard(f"this version of the bot knows no messages of the kind {item.kind}")
        try:
            return await render(self._services, item.subject)
        except StoreError:
            raise
        except MaildeskError as error:
            raise NoCard(f"{item.kind} {item.subject} can't be shown: {error}") from error
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("reference %s: %s %s can't be shown", reference, item.kind, item.subject)
            raise NoCard(f"{item.kind} {item.subject} can't be shown, reference {reference} in the log") from None

    async def _not_taken(self, item: Item, method: str, refusal: Refusal) -> float:
        """Record what Slack did not take; the seconds for which the channel is to be left alone."""
        # What surely was not posted need not be looked for.
        absent = method == POST and refusal.sure
        if method == UPDATE and refusal.code == "message_not_found":
            logger.warning("%s %s is gone from %s, and is posted anew", item.kind, item.subject, item.channel)
            await self._outbox.lost(item, self._owner, self._now())
            return 0.0
        if refusal.lasting:
            what = f"{method}: " if method in (HISTORY, REPLIES) else ""
            await self._failed(item, f"{what}{refusal.code} in {item.channel}", absent=absent)
            return 0.0
        seconds = self.pause(item.attempts)
        if refusal.retry_after is not None:
            seconds = refusal.retry_after + self._jitter()
        elif method == POST and not refusal.sure:
            seconds = max(seconds, AGAIN if self._poster.is_personal(item) else SETTLES)
        logger.warning(
            "%s %s in %s: %s %s; again in %.0f s", item.kind, item.subject, item.channel, method, refusal.code, seconds
        )
        due = self._now() + timedelta(seconds=seconds)
        await self._outbox.later(item, self._owner, due, refusal.code, absent=absent)
        # News of the same card makes it due at once, so the channel waits too.
        return SETTLES if method == POST and not refusal.sure else 0.0

    async def _failed(self, item: Item, error: str, *, absent: bool = False) -> None:
        logger.error("%s %s could not be posted: %s", item.kind, item.subject, error)
        await self._outbox.failed(item, self._owner, error, self._now(), absent=absent)

    def _now(self) -> datetime:
        return self._services.now()

"""The outbox's worker: claims what Slack must get and has it delivered, paced per channel, whatever Slack does."""

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import StoreError
from bot.services import Services
from bot.store.outbox import Item
from handlers.delivery import Delivery, Render
from handlers.pictures import Pictures
from handlers.posting import Held, NotTaken, Poster
from handlers.uploading import Uploads

logger = logging.getLogger(__name__)

BETWEEN = 1.0
"""Seconds from one message, or edit, to the next in the same channel: Slack takes about one a second."""
AT_ONCE = 8
"""How many channels are served at the same time."""
LEASE = timedelta(seconds=60)
"""How long a claimed row is this worker's alone: longer than Slack may take for one call (15 s)."""
RETRY_FAILED = timedelta(minutes=10)
"""How often lasting failures are tried again: somebody may have invited the bot, or reinstalled the app."""
LOOK = 30.0
"""Seconds after which the store is looked at in any case."""


class OutboxWorker:
    """The worker of one workspace, the one that its token belongs to. Several may share a store: claims decide."""

    def __init__(
        self,
        client: AsyncWebClient,
        services: Services,
        renders: Mapping[str, Render],
        *,
        at_home: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`client` has no retry handlers: the SDK would post anew whatever was taken without an answer.

        `renders` by kind. `at_home`: what the bot says on its own, it says in this workspace. `jitter` returns a number
        from 0 to 1.
        """
        self._services = services
        self._store = services.store
        self._at_home = at_home
        self._outbox = services.store.outbox
        self._now = services.now
        self._sleep = sleep
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._poster = Poster(client, services.now)
        pictures = Pictures(services, Uploads(client, self._poster))
        self._delivery = Delivery(services, self._outbox, self._poster, pictures, renders, self._owner, jitter)
        self._workspace = ""
        self._tries = 0
        self._retry_failed_at = services.now()
        self._free_at: dict[str, datetime] = {}
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._looking = False
        self._stopping = False
        self._running = False

    async def run(self) -> None:
        """Work until stop(); what is in hand then is finished first."""
        self._running = True
        listening = asyncio.create_task(self._listen(), name="outbox: listen")
        try:
            while not self._stopping:
                self._looking = True
                seconds = await self._round()
                self._looking = False
                self._has_moved()
                await self._rest(seconds)
            await asyncio.gather(*self._in_hand.values())
        finally:
            self._running = False
            self._has_moved()
            unfinished = [listening, *self._in_hand.values()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def stop(self) -> None:
        """Begin nothing more; run() returns when what is in hand is done."""
        self._stopping = True
        self._wake.set()

    async def idle(self) -> None:
        """Return when nothing is in hand and nothing is due; what waits for a further attempt is not waited for."""
        while self._running and not self._stopping:
            moved = self._moved
            # A row that is claimed and not in hand yet is neither due nor seen: so look that nobody looked meanwhile.
            if self._at_rest() and await self._nothing_due() and self._at_rest() and not moved.is_set():
                return
            await moved.wait()

    def _at_rest(self) -> bool:
        return not self._looking and not self._in_hand

    async def _round(self) -> float:
        """Begin all that can begin; the seconds until it is worth looking again, unless something happens before."""
        try:
            if not self._workspace:
                workspace = await self._poster.workspace()
                if self._at_home:
                    await self._services.alerts.move_in(workspace)
                    await self._services.alerts.end_strangers(self._services.hosts)
                self._workspace = workspace
            now = self._now()
            if now >= self._retry_failed_at:
                self._retry_failed_at = now + RETRY_FAILED
                await self._outbox.retry_failed(self._workspace, now)
            self._tries = 0
            while len(self._in_hand) < AT_ONCE and not self._stopping:
                item = await self._outbox.claim(self._workspace, self._owner, now, LEASE, busy=self._busy())
                if item is None:
                    return self._until(await self._outbox.next_due(self._workspace, now), now)
                self._begin(item)
            return LOOK
        except (NotTaken, Held) as error:
            logger.warning("Slack does not say which workspace this is, so nothing is posted yet: %s", error)
        except StoreError as error:
            logger.debug("the outbox: %s", error)  # the store tells it, once (bot/store/health.py)
        except Exception:
            # Whatever ails the store, the worker outlives it.
            logger.exception("the outbox could not be read")
        self._tries += 1
        return self._delivery.pause(self._tries)

    def _busy(self) -> frozenset[str]:
        """The channels in which something is in hand, or was said a moment ago."""
        now = self._now()
        self._free_at = {channel: at for channel, at in self._free_at.items() if at > now}
        return frozenset((*self._in_hand, *self._free_at))

    def _until(self, due: datetime | None, asked_at: datetime) -> float:
        """Seconds until a channel is free again, or the next row is due that was not when the store was asked."""
        moments = [at for channel, at in self._free_at.items() if channel not in self._in_hand]
        moments.append(self._retry_failed_at)
        if due and due > asked_at:
            moments.append(due)
        now = self._now()
        return max(0.0, min([LOOK, *((at - now).total_seconds() for at in moments)]))

    def _begin(self, item: Item) -> None:
        self._free_at[item.channel] = self._now() + timedelta(seconds=BETWEEN)
        task = asyncio.create_task(self._deliver(item), name=f"outbox: {item.kind} {item.subject}")
        self._in_hand[item.channel] = task
        task.add_done_callback(lambda _: self._ended(item.channel))

    async def _deliver(self, item: Item) -> None:
        try:
            quiet = await self._delivery.deliver(item)
        except StoreError as error:
            logger.warning("%s %s can't be settled in the store: %s", item.kind, item.subject, error)
            return
        except Exception:
            # The row stays claimed. When its lease is over it is taken up again, and its message looked for.
            logger.exception("%s %s could not be settled in the store", item.kind, item.subject)
            return
        if quiet:
            self._free_at[item.channel] = self._now() + timedelta(seconds=quiet)

    def _ended(self, channel: str) -> None:
        del self._in_hand[channel]
        self._wake.set()
        self._has_moved()

    def _has_moved(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _nothing_due(self) -> bool:
        if not self._workspace:
            return self._tries > 0
        now = self._now()
        due = await self._outbox.next_due(self._workspace, now)
        return due is None or due > now

    async def _listen(self) -> None:
        """Look at once when something was told in this process."""
        while True:
            await self._store.wait_told(LOOK)
            self._wake.set()

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until something happens."""
        waiting = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._wake.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        self._wake.clear()

"""Looking at the mail hosts, again and again: what was seen is kept, and told to the rules.

Of the bots that share a store one looks at each host in each turn. A host that is slow or away keeps no other waiting.
That the store fails is the store's to tell, once (bot/store/health.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from bot.errors import HostError, StoreError
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.store import samples, turns
from bot.store.database import Store
from bot.store.memory import forget, recall, remember
from bot.watch import depths, itself, listings
from bot.watch.alerts import Alerts
from bot.watch.depths import ACTIVE_LIMIT, Known

logger = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
LISTED_EVERY = timedelta(minutes=5)
"""How often the queue is listed; less often where that takes long: SPARED times as long at the least."""
SPARED = 20

PATIENCE = 30.0
"""Seconds for one look at the queue directories; what takes longer is no answer."""
LISTING_PATIENCE = 240.0

LATELY = timedelta(minutes=30)

T = TypeVar("T")


class Sampling:
    """Looks at `hosts` and tells `alerts`. `owner` is this process's name among the bots that share the store."""

    def __init__(self, store: Store, hosts: MailHosts, alerts: Alerts, now: Callable[[], datetime], owner: str) -> None:
        self._store = store
        self._hosts = hosts
        self._alerts = alerts
        self._now = now
        self._owner = owner
        self._active_limits: dict[str, int] = {}
        self._list_again: dict[str, datetime] = {}
        self._deaf = 0.0

    async def look(self) -> bool:
        """One look at the queue directories of each host (the clock's job, each minute).

        Whether the round is complete: every host was looked at, or known to give no answer, and all of it is kept.
        """
        done = await asyncio.gather(*(self._look_at(host) for host in self._hosts.values()), self._look_at_itself())
        return all(done) and await self._wake()

    async def list(self) -> None:
        """A listing of each host's queue, where it is time for one (the clock's job)."""
        await asyncio.gather(*(self._list_of(host) for host in self._hosts.values()))

    def slack_was_deaf(self, minutes: float) -> None:
        """Slack could not reach this bot for so long, and can again: the next look at itself says so."""
        self._deaf = max(self._deaf, minutes)

    async def prune(self) -> None:
        """Forget samples and summaries that are old."""
        async with self._store.transaction() as transaction:
            await samples.prune(transaction, self._now())

    async def _look_at(self, host: MailHost) -> bool:
        try:
            if not await self._my_turn(f"look at {host.name}", MINUTE):
                return True
            depth = await _answer(host.name, host.depth(), PATIENCE)
            if isinstance(depth, HostError):
                rule = self._alerts.rules.of(host.name)["unreachable"]
                await self._alerts.observe(host.name, depths.no_answer(await self._silent(host), depth.text, rule))
                return True
            known, taken = await self._known(host), depths.sample(depth, self._now().timestamp())
            async with self._store.transaction() as transaction:
                await samples.keep(transaction, host.name, taken)
                await forget(transaction, _silence(host))
            rules = self._alerts.rules.of(host.name)
            await self._alerts.observe(host.name, depths.readings(depth, taken, known, rules))
        except StoreError as error:
            logger.debug("a look at %s can't be kept: %s", host.name, error)
            return False
        return True

    async def _silent(self, host: MailHost) -> float:
        """Minutes since its first look in a row that failed, whichever bot looked. A row in which nobody looked for
        long is none: what the host was like meanwhile is not known."""
        now = self._now()
        async with self._store.transaction() as transaction:
            known = await recall(transaction.connection, _silence(host))
            first, last = map(datetime.fromisoformat, known or (now.isoformat(),) * 2)
            first = now if now - last > LATELY else first
            await remember(transaction, _silence(host), [first.isoformat(), now.isoformat()], now)
        return (now - first) / MINUTE

    async def _known(self, host: MailHost) -> Known:
        now = self._now()
        async with self._store.reading() as connection:
            lately = await samples.series(connection, host.name, samples.MINUTE, now - LATELY, now)
            usual = await samples.at_this_hour(connection, host.name, now)
        return Known(lately, usual, self._active_limits.get(host.name, ACTIVE_LIMIT))

    async def _list_of(self, host: MailHost) -> None:
        now = self._now()
        if now < self._list_again.get(host.name, now):
            return
        try:
            if not await self._my_turn(f"list {host.name}", LISTED_EVERY):
                return
            began = time.monotonic()
            question = host.list(listings.NOT_HELD, behind=listings.BEHIND)
            listing, info = await asyncio.gather(
                _answer(host.name, question, LISTING_PATIENCE), _answer(host.name, host.info(), LISTING_PATIENCE)
            )
            self._list_again[host.name] = now + SPARED * timedelta(seconds=time.monotonic() - began)
            if not isinstance(info, HostError):
                limit = info.parameters.get("qmgr_message_active_limit", "")
                self._active_limits[host.name] = int(limit) if limit.isdecimal() and int(limit) else ACTIVE_LIMIT
                await self._alerts.observe(host.name, listings.held(info))
            if isinstance(listing, HostError):
                logger.warning("the queue of %s was not listed: %s", host.name, listing.text)
                return
            if listing.complete:
                async with self._store.transaction() as transaction:
                    await samples.keep_summary(transaction, host.name, now, listings.summary(listing))
            grown = await self._grown(host, now)
            rules = self._alerts.rules.of(host.name)
            await self._alerts.observe(host.name, listings.readings(listing, grown, rules))
        except StoreError as error:
            logger.debug("a listing of %s can't be kept: %s", host.name, error)

    async def _grown(self, host: MailHost, now: datetime) -> int | None:
        async with self._store.reading() as connection:
            lately = await samples.series(connection, host.name, samples.MINUTE, now - LATELY, now + MINUTE)
        return depths.growth(lately[-1].queued, lately[-1].at, lately) if lately else None

    async def _look_at_itself(self) -> bool:
        deaf, self._deaf = self._deaf, 0.0
        try:
            await self._alerts.observe("", {**itself.store_space(self._store.database.file), **itself.deaf(deaf)})
        except StoreError as error:
            logger.debug("the bot's own look at itself can't be kept: %s", error)
            return False
        return True

    async def _wake(self) -> bool:
        """Of a host that is away, too, the card says when a snooze is over."""
        try:
            await self._alerts.wake()
        except StoreError as error:
            logger.debug("the cards of alerts can't be brought up to date: %s", error)
            return False
        return True

    async def _my_turn(self, job: str, every: timedelta) -> bool:
        async with self._store.transaction() as transaction:
            return await turns.take(transaction, job, every, self._owner, self._now())


def _silence(host: MailHost) -> str:
    """Under this is remembered when the first and the last look in a row failed."""
    return f"silent.{host.name}"


async def _answer(host: str, question: Awaitable[T], patience: float) -> T | HostError:
    try:
        async with asyncio.timeout(patience):
            return await question
    except HostError as error:
        return error
    except TimeoutError:
        return HostError(host, f"no answer within {patience:.0f} s.")

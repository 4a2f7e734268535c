"""Restores under way, in the store's memory: written down before the host is asked, struck out with what came of them.

One that was not renewed for the time of a lease is taken over by whichever bot looks next.
"""

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from bot.actors import Actor, Role
from bot.approvals import lease
from bot.approvals.model import Where
from bot.errors import StoreError
from bot.store import tables
from bot.store.database import Store
from bot.store.memory import forget, remember

logger = logging.getLogger(__name__)

OWNER = "restore."
"""What the keys of restores under way begin with, in the store's memory."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A restore that was begun: of which deletion, which messages (none named: all), by whom, and where from."""

    memory: str
    host: str
    key: str
    queue_ids: tuple[str, ...]
    by: Actor
    where: Where

    def value(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "key": self.key,
            "queue_ids": list(self.queue_ids),
            "by": [self.by.id, self.by.name, int(self.by.role)],
            "where": [self.where.workspace, self.where.channel],
        }


def _intent(memory: str, value: dict[str, Any]) -> Intent:
    id_, name, role = value["by"]
    ids = tuple(value["queue_ids"])
    return Intent(memory, value["host"], value["key"], ids, Actor(id_, name, Role(role)), Where(*value["where"]))


class Intents:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def begin(self, host: str, key: str, queue_ids: tuple[str, ...], by: Actor, where: Where) -> Intent:
        intent = Intent(f"{OWNER}{key}.{secrets.token_hex(4)}", host, key, queue_ids, by, where)
        async with self._store.transaction() as transaction:
            await remember(transaction, intent.memory, intent.value(), self._now())
        return intent

    async def under_way(self, key: str) -> bool:
        """Whether a bot on this store restores something of this deletion."""
        start = tables.memory.c.key.startswith(f"{OWNER}{key}.", autoescape=True)
        async with self._store.reading() as connection:
            return bool(await connection.scalar(select(func.count()).where(start)))

    async def lapsed(self) -> tuple[Intent, ...]:
        """Those that nobody works on any more."""
        memory = tables.memory.c
        lapsed = memory.key.startswith(OWNER, autoescape=True), memory.at <= self._now() - lease.LEASE
        async with self._store.reading() as connection:
            rows = (await connection.execute(select(memory.key, memory.value).where(*lapsed))).all()
        return tuple(_intent(key, json.loads(value)) for key, value in rows)

    async def still(self, intent: Intent) -> bool:
        """Somebody works on it; whether it is there still."""
        return await self._set(intent, self._now())

    async def lapse(self, intent: Intent) -> None:
        """The next sweep may ask again at once."""
        try:
            await self._set(intent, self._now() - lease.LEASE)
        except StoreError as error:
            logger.warning("the restore of %s is asked for again in a minute: %s", intent.key, error)

    async def take_over(self, intent: Intent) -> bool:
        """Whether this bot is the one that asks again."""
        memory, now = tables.memory, self._now()
        async with self._store.transaction() as transaction:
            taken = await transaction.connection.execute(
                update(memory).where(memory.c.key == intent.memory, memory.c.at <= now - lease.LEASE).values(at=now)
            )
        return taken.rowcount == 1

    async def strike_out(self, intent: Intent) -> None:
        async with self._store.transaction() as transaction:
            await forget(transaction, intent.memory)

    async def _set(self, intent: Intent, at: datetime) -> bool:
        memory = tables.memory
        async with self._store.transaction() as transaction:
            done = await transaction.connection.execute(
                update(memory).where(memory.c.key == intent.memory).values(at=at)
            )
        return done.rowcount == 1

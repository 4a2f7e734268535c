"""Requests to destroy mail: asked for, decided, expired. Each change of one is a conditional UPDATE, told once."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from bot.actors import Roster
from bot.agent.outcomes import Outcome
from bot.approvals import aging, manifest, records
from bot.approvals.asking import Asking
from bot.approvals.deciding import Deciding
from bot.approvals.model import Manifest, Request, State, Where
from bot.settings import Settings
from bot.store import tables
from bot.store.database import Store

__all__ = ["Approvals", "Where"]


class Approvals:
    """What a front end calls. The roles of people are read from the roster each time, never taken from the caller."""

    def __init__(self, store: Store, roster: Roster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        asking, deciding = Asking(store, roster, settings, now), Deciding(store, roster, now)
        self.ask, self.ask_purge = asking.ask, asking.ask_purge
        self.decide, self.requirement = deciding.decide, deciding.requirement

    async def get(self, request_id: int) -> Request:
        """Raises UserError when there is none."""
        async with self._store.reading() as connection:
            return await records.named(connection, request_id)

    async def by_key(self, key: str) -> Request | None:
        async with self._store.reading() as connection:
            return await records.by_key(connection, key)

    async def show(self, key: str) -> None:
        """Let Slack see the card of this request, if there is one, anew: what it shows beside it has changed."""
        request = await self.by_key(key)
        if request:
            async with self._store.transaction() as transaction:
                await transaction.tell(records.card(request))

    async def show_open(self, workspace: str) -> None:
        """Let Slack see what is open in this workspace anew: the messages of a local one end with its process."""
        for request in await self.open():
            if request.workspace == workspace:
                await self.show(request.key)

    async def card(self, request: Request) -> str:
        """Slack's time stamp of the request's card, in its channel; empty while it is not posted."""
        return await self._store.outbox.posted(records.card(request))

    async def open(self) -> tuple[Request, ...]:
        """Everything that is not over, the oldest first."""
        async with self._store.reading() as connection:
            return await records.find(connection, records.in_states(*(state for state in State if not state.over)))

    async def manifest(self, request_id: int) -> Manifest | None:
        """The list that the request is for; None when it is forgotten (after 30 days), and for a purge.

        Raises StoreError when it was changed in the database.
        """
        async with self._store.reading() as connection:
            request = await records.named(connection, request_id)
            lines = await connection.scalar(
                select(tables.manifests.c.lines).where(tables.manifests.c.request_id == request_id)
            )
        return None if lines is None else await asyncio.to_thread(manifest.unpacked, lines, request.digest)

    async def outcomes(self, request_id: int) -> tuple[Outcome, ...] | None:
        """What became of each message; None before the end, and when it is forgotten (after 30 days)."""
        async with self._store.reading() as connection:
            lines = await connection.scalar(
                select(tables.outcomes.c.lines).where(tables.outcomes.c.request_id == request_id)
            )
        return None if lines is None else await asyncio.to_thread(manifest.unpacked_outcomes, lines)

    async def expire_due(self) -> int:
        """End the pending requests whose time is over; how many."""
        return await aging.expire_due(self._store, self._now)

    async def forget_told(self) -> int:
        """Forget what Slack was told, over 30 days ago, of requests that can't change any more; how many messages."""
        return await aging.forget_told(self._store, self._now)

    async def forget_addresses(self) -> int:
        """Forget the lists and addresses of requests older than 30 days; how many requests.

        One that is not over keeps its list: it may be needed yet to finish it.
        """
        return await aging.forget_addresses(self._store, self._now)

"""Requests to destroy mail: asked for, decided, expired. Each change of one is a conditional UPDATE, told once."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from bot.actors import Actor, Roster
from bot.agent.protocol import Outcome
from bot.approvals import aging, manifest, records
from bot.approvals.asking import Asking
from bot.approvals.deciding import Deciding
from bot.approvals.model import Decision, Kind, Manifest, Request, State, Where
from bot.approvals.policy import Requirement
from bot.mailhost.host import MailHost
from bot.mailhost.selector import Selector
from bot.settings import Settings
from bot.store import tables
from bot.store.database import Store

__all__ = ["Approvals", "Where"]


class Approvals:
    """What a front end calls. The roles of people are read from the roster each time, never taken from the caller."""

    def __init__(self, store: Store, roster: Roster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._asking = Asking(store, roster, settings, now)
        self._deciding = Deciding(store, roster, now)

    async def ask(self, kind: Kind, host: MailHost, picked: Selector, by: Actor, where: Where) -> Request:
        """A pending request for exactly the messages that the selector picks now; its card is told.

        `kind` is DELETE, FINAL or EXPIRE. Raises NotAllowed for who may not ask; UserError when nothing matches, when
        nobody could approve it, or when MAX_OPEN requests of the person wait; HostError when the queue can't be read.
        """
        return await self._asking.ask(kind, host, picked, by, where)

    async def ask_purge(self, host: MailHost, key: str, by: Actor, where: Where) -> Request:
        """A pending request to destroy what the deletion `key` keeps in the trash. Raises as ask()."""
        return await self._asking.ask_purge(host, key, by, where)

    async def decide(
        self,
        request_id: int,
        revision: int | None,
        decision: Decision,
        by: Actor,
        typed: str = "",
        workspace: str = "",
    ) -> Request:
        """Settle a pending request; the request as it is then. The caller kicks the Executor.

        `revision` is that of the card that was clicked; None only where there is no card. Raises AlreadyDecided when
        somebody was faster or the time is over; NotAllowed (with `who` may); UserError for an old copy of the card and
        for a wrong number. Nothing was done then.
        """
        return await self._deciding.decide(request_id, revision, decision, by, typed, workspace)

    async def requirement(self, request: Request, by: Actor, decision: Decision) -> Requirement:
        """What this person would need for this decision now."""
        return await self._deciding.requirement(request, by, decision)

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

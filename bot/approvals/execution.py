"""Carries out what was decided, once, whatever is killed or unreachable meanwhile.

The agent runs a key once and reports it when it is asked again; so a request is asked for again, with its key and its
list, until an answer says how it ended. Who may ask is settled by a lease (claims.py), what an answer means by
carrying.py and endings.py. A request of which the agent can't know may end as *not begun* by our own clock; any other
one ends by the agent's word alone.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from bot.approvals import lease, records
from bot.approvals.carrying import Carrier
from bot.approvals.claims import Claim, Claims, free
from bot.approvals.endings import Again
from bot.approvals.model import Decision, Kind, State
from bot.approvals.settling import Settling
from bot.background import Background
from bot.errors import HostError, StoreError
from bot.mailhost.asking import Progress
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.record import CLOCK, entry
from bot.store import tables
from bot.store.database import Store

logger = logging.getLogger(__name__)

TOLD_EVERY = timedelta(seconds=2.5)
"""A card shows progress at most so often."""

HOSTS_EVERY = timedelta(minutes=10)
"""How often the mail hosts are asked what they have left unfinished."""


class Executor:
    """`owner` names this process among the bots on the store; so long (`ttl`) after a decision may it begin."""

    def __init__(
        self,
        store: Store,
        hosts: MailHosts,
        background: Background,
        now: Callable[[], datetime],
        owner: str,
        ttl: timedelta,
        renew: float = lease.RENEW,
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._background = background
        self._now = now
        self._renew = renew
        self._claims = Claims(store, now, owner, ttl)
        self._carrier = Carrier(store, hosts, now)
        self._settling = Settling(store, now, ttl)
        self._under_way: set[int] = set()
        # A host does one change at a time; waiting here costs it nothing, and a lease is not taken too early.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._hosts_due: datetime | None = None

    def kick(self, request_id: int) -> None:
        """Start carrying it out in the background, if nobody does yet. Safe to call again: the claim decides."""
        if request_id not in self._under_way:
            self._under_way.add(request_id)
            self._background.start(self._carry_out(request_id), f"request {request_id}")

    async def sweep(self) -> None:
        """Start what is decided and not being carried out by anybody (the clock's job, and once at start).

        Now and then also ask the mail hosts for what is unfinished there. Raises StoreError.
        """
        now = self._now()
        async with self._store.reading() as connection:
            due = (await connection.scalars(select(tables.requests.c.id).where(free(now)))).all()
        for request_id in due:
            self.kick(request_id)
        if self._hosts_due is None or now >= self._hosts_due:
            self._hosts_due = now + HOSTS_EVERY
            self._background.start(self._look_at_hosts(), "a look for unfinished changes")

    async def _carry_out(self, request_id: int) -> None:
        try:
            async with self._store.reading() as connection:
                request = await records.one(connection, request_id)
            if request is None or request.state.over or request.state is State.PENDING:
                return
            async with self._turns[request.host]:
                if claim := await self._claims.take(request_id):
                    await self._while_ours(claim)
        except StoreError as error:
            # The lease lapses, and the sweep asks the host again: the agent reports what it has done.
            logger.error("request %s is taken up again once the store answers: %s", request_id, error)
        finally:
            self._under_way.discard(request_id)

    async def _while_ours(self, claim: Claim) -> None:
        try:
            await self._ask(claim)
        except asyncio.CancelledError:
            # This bot stops; the host goes on, and whoever asks it next need not wait for the lease to lapse.
            await self._claims.give_back(claim)
            raise

    async def _ask(self, claim: Claim) -> None:
        key = claim.request.key
        async with lease.kept(lambda: self._claims.renew(claim), f"request {key}", self._renew):
            came_of_it = await self._carrier.carry_out(claim, self._progress(claim))
        if isinstance(came_of_it, Again):
            written = await self._settling.put_off(claim, came_of_it)
        else:
            written = await self._settling.end(claim, came_of_it)
        if not written:
            logger.info("what came of %s is written by another bot, which took it over", key)

    def _progress(self, claim: Claim) -> Progress:
        last = self._now()

        async def progress(done: int, total: int | None, text: str) -> None:
            nonlocal last
            now = self._now()
            if now - last < TOLD_EVERY:
                return
            last = now
            try:
                async with self._store.transaction() as transaction:
                    values = {"done": done, "total": total, "doing": text, "lease_until": now + lease.LEASE}
                    if shown := await records.change(transaction, claim.request.id, claim.ours, **values):
                        await transaction.tell(records.card(shown))
            except StoreError as error:
                # The host goes on, and so does listening to it: only the end must be written.
                logger.warning("the progress of %s was not written: %s", claim.request.key, error)

        return progress

    async def _look_at_hosts(self) -> None:
        """Take up again what ended without the agent's word, and lies unfinished on a mail host all the same."""
        for host in self._hosts.values():
            try:
                for key in (await host.info()).unfinished:
                    if not await self._reopen(host.name, key):
                        await self._finish(host, key)
            except (HostError, StoreError) as error:
                logger.info("%s was not asked for unfinished changes: %s", host.name, error)

    async def _finish(self, host: MailHost, key: str) -> None:
        """A deletion that ended with mail which could not be let go, being in delivery: ask the host to do that now."""
        async with self._store.reading() as connection:
            request = await records.by_key(connection, key)
        deletes = request and request.decision is Decision.APPROVE and request.kind in (Kind.DELETE, Kind.FINAL)
        if request and deletes and request.state.over and request.host.lower() == host.name.lower():
            async with self._turns[request.host]:
                await self._carrier.finish(host, request)

    async def _reopen(self, host: str, key: str) -> bool:
        """Whether there is a request for it that is not settled by the agent's word; it is taken up again."""
        columns = tables.requests.c
        async with self._store.transaction() as transaction:
            await transaction.alone()
            found = await records.find(
                transaction.connection,
                columns.key == key,
                func.lower(columns.host) == host.lower(),
                records.in_states(State.FAILED, State.NOT_BEGUN),
            )
            # What the agent itself said how it ended stays so; counts are its word.
            if not found or (found[0].result and found[0].result.counts):
                return False
            values = {"state": State.UNKNOWN.value, "attempted": True, "finished_at": None}
            request = await records.change(transaction, found[0].id, **values)
            if request is None:
                return False
            verb, now = records.verb(request, "begin"), self._now()
            await transaction.audit(entry(CLOCK, verb, request.host, request.key, {}, now, "found unfinished"))
            await transaction.tell(records.card(request))
        self.kick(request.id)
        return True

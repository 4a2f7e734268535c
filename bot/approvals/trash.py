"""Brings back what requests deleted, and keeps their records true to the mail hosts' trash folders.

A restore is written down before the host is asked for it, and struck out with what came of it. One whose answer never
came is asked for again: restored once is restored, whoever asks.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from bot.actors import Actor, Roster
from bot.agent.outcomes import Deletion, Outcome, Restored
from bot.approvals import endings, lease, records
from bot.approvals.intents import Intent, Intents
from bot.approvals.model import Decision, Kind, Person, Request, Restoration, State, Where
from bot.errors import AgentRefused, HostError, NotAllowed, OutcomeUnknown, UserError
from bot.mailhost.asking import Progress
from bot.mailhost.host import Change, MailHost
from bot.mailhost.hosts import MailHosts
from bot.record import CLOCK, entry
from bot.store import tables
from bot.store.database import Store, Transaction
from bot.store.memory import forget
from bot.text import clock

logger = logging.getLogger(__name__)

NOBODYS = "000000"
"""A queue ID that no message can have: its file would have the inode number 0."""

BY_OTHERS = "by_others"
"""What is counted as back because a restore begun elsewhere brought it: what became of each, only that one was told."""

BROUGHT_BACK = frozenset(
    {BY_OTHERS, "restored", "requeued", "on_hold", "past_lifetime", "force_expired", "in_delivery"}
)
"""The outcomes by which a message is in the queue again; outcomes.RESTORE_OUTCOMES says how."""

WRONG = ("failed", "in_queue", "on_hold", "not_in_trash")
"""What a record shows of single messages, the worst first; of those on hold, the ones that could not be released."""

STAYS = ("on_hold", "past_lifetime", "force_expired", "in_delivery")
"""The outcomes after which a message is back on hold; and of how many the record names the queue IDs, each."""
NAMED = 10


class Restores:
    def __init__(
        self,
        store: Store,
        hosts: MailHosts,
        roster: Roster,
        now: Callable[[], datetime],
        renew: float = lease.RENEW,
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._roster = roster
        self._now = now
        self._renew = renew
        self._intents = Intents(store, now)
        self._unfinished: dict[str, set[str]] = {}

    async def restore(
        self,
        host: MailHost | None,
        key: str,
        queue_ids: Sequence[str],
        by: Actor,
        where: Where,
        progress: Progress | None = None,
    ) -> Restoration:
        """Bring back what the deletion `key` keeps, or of it the messages with these queue IDs.

        The host is the one of the request with that key; `host` is needed for keys that this bot does not know.
        Raises NotAllowed, UserError, HostError (OutcomeUnknown: it is asked for again, and the card will say).
        """
        by = replace(by, role=self._roster.role(by.id))
        if not by.may("restore"):
            who = self._roster.who_may("restore")
            raise NotAllowed("Restoring is for operators and approvers. Nothing was restored.", who)
        host = await self._host(host, key)
        intent = await self._intents.begin(host.name, key, tuple(queue_ids), by, where)
        try:
            async with lease.kept(lambda: self._intents.still(intent), f"the restore of {key}", self._renew):
                change = await host.restore(key, queue_ids, progress=progress)
        except (OutcomeUnknown, asyncio.CancelledError):
            # The host may have begun: it is asked again, by whichever bot looks next if this one stops.
            await self._intents.lapse(intent)
            raise
        except HostError:
            # Nothing was changed, so there is nothing to ask about again.
            await self._intents.strike_out(intent)
            raise
        return await self._restored(intent, change.result.counts, change)

    async def sweep(self) -> None:
        """Ask again for restores whose answer never came (the clock's job, and once at start). Raises StoreError."""
        for intent in await self._intents.lapsed():
            host = self._hosts.get(intent.host)
            if host is not None and await self._intents.take_over(intent):
                await self._ask_again(host, intent)

    async def finish_begun(self) -> None:
        """Finish what restores of other bots had begun when they were cut short (the clock's job). Raises StoreError.

        What they had not begun with stays in the trash: how much of it was to come back, only they know.
        """
        for host in self._hosts.values():
            try:
                for deletion in await self._begun_elsewhere(host):
                    intent = await self._intents.begin(host.name, deletion.key, (NOBODYS,), CLOCK, Where("", ""))
                    await self._ask_again(host, intent)
            except HostError as error:
                logger.info("%s was not asked for restores that were cut short: %s", host.name, error)

    async def _begun_elsewhere(self, host: MailHost) -> list[Deletion]:
        unfinished = set((await host.info()).unfinished)
        # What is over here may only have mail to let go there, which the executor sees to: that has the first turn.
        again, self._unfinished[host.name] = unfinished & self._unfinished.get(host.name, set()), unfinished
        found = [each for each in (await host.trash()).deletions if each.key in unfinished] if unfinished else []
        return [
            each
            for each in found
            if (each.restored or (each.key in again and await self._is_done(host, each.key)))
            and not await self._intents.under_way(each.key)
        ]

    async def _is_done(self, host: MailHost, key: str) -> bool:
        """Whether the agent has said how this deletion ended: a restore must not end one that goes on."""
        async with self._store.reading() as connection:
            request = await records.by_key(connection, key)
        return bool(
            request
            and request.host.lower() == host.name.lower()
            and request.kind in (Kind.DELETE, Kind.FINAL)
            and (request.decision, request.state) == (Decision.APPROVE, State.DONE)
        )

    async def _ask_again(self, host: MailHost, intent: Intent) -> None:
        try:
            async with lease.kept(lambda: self._intents.still(intent), f"the restore of {intent.key}", self._renew):
                change = await host.restore(intent.key, intent.queue_ids)
                counts = await self._counts(host, intent, change)
        except asyncio.CancelledError:
            await self._intents.lapse(intent)
            raise
        except AgentRefused as error:
            logger.warning("the restore of %s is not asked for again: %s", intent.key, error)
            await self._intents.strike_out(intent)
        except HostError as error:
            logger.info("the restore of %s is asked for again later: %s", intent.key, error)
        else:
            await self._restored(intent, counts, change)

    async def purge_due(self, host: MailHost) -> int:
        """Destroy what is past its retention on this host, and bring the requests' records up to date; how many.

        Raises HostError, StoreError. What an answer that got lost would have said is seen in the trash the next time.
        """
        purged = await host.purge()
        now = self._now()
        if purged.messages:
            details = {"deletions": len(purged.keys), "messages": purged.messages, "bytes": purged.bytes}
            async with self._store.transaction() as transaction:
                await transaction.audit(entry(CLOCK, "purge", host.name, "past retention", details, now))
        await self.look(host)
        return purged.messages

    async def look(self, host: MailHost) -> None:
        """Bring the records of this host's deletions up to what its trash says. Raises HostError, StoreError."""
        columns = tables.requests.c
        known = select(columns.key).where(columns.host == host.name, columns.left_in_trash > 0)
        async with self._store.reading() as connection:
            keys = set((await connection.scalars(known)).all())
        if not keys:
            return
        for deletion in (await host.trash()).deletions:
            if deletion.key in keys and deletion.finished:
                gone = deletion.purged is not None and not deletion.kept
                async with self._store.transaction() as transaction:
                    await records.in_trash(transaction, deletion.key, deletion.kept, self._now() if gone else None)

    async def _host(self, host: MailHost | None, key: str) -> MailHost:
        """The host that has this deletion. Raises UserError when there can't be anything to restore."""
        async with self._store.reading() as connection:
            found = await records.find(connection, tables.requests.c.key == key)
        if not found:
            if host is None:
                raise UserError(
                    f"This bot knows no deletion {key}. /mail trash shows what can be restored; a mail host's name in "
                    "front of the key asks that host. Nothing was restored."
                )
            return host
        request = found[0]
        if host is not None and host.name.lower() != request.host.lower():
            raise UserError(f"{key} is a deletion on {request.host}, not on {host.name}. Nothing was restored.")
        if why := nothing_there(request):
            raise UserError(f"{why} Nothing was restored.")
        return self._hosts.named(request.host)

    async def _restored(self, intent: Intent, counts: Mapping[str, int], change: Change[Restored]) -> Restoration:
        """Write down what came of it, once: who strikes out the intent writes the record."""
        # Who asked for all that is kept asked for nothing that is not.
        counts = {each: n for each, n in counts.items() if intent.queue_ids or each != "not_in_trash"}
        async with self._store.transaction() as transaction:
            await transaction.alone()
            now = self._now()
            restoration = Restoration(
                Person(intent.by.id, intent.by.name),
                now,
                counts,
                _shown(change.outcomes, counts.get("not_in_trash", 0)),
                _stays(change.outcomes),
            )
            if not await forget(transaction, intent.memory):
                return await _recorded(transaction, intent) or restoration
            if set(counts) <= {"not_in_trash"}:
                # Nothing was done, which is nothing to record; but the card may have thought that there is something.
                await records.in_trash(transaction, intent.key, change.result.left, None)
                return restoration
            await transaction.audit(entry(intent.by, "restore", intent.host, intent.key, counts, now))
            for request in await records.find(transaction.connection, tables.requests.c.key == intent.key):
                shown = await records.change(
                    transaction,
                    request.id,
                    restorations=records.restorations_json((*request.restorations, restoration)),
                    left_in_trash=change.result.left,
                )
                if shown:
                    await transaction.tell(records.card(shown))
        return restoration

    async def _counts(self, host: MailHost, intent: Intent, change: Change[Restored]) -> Mapping[str, int]:
        """The counts of a restore that was asked for again: what the first try brought back is counted as restored.

        The agent says of that mail that it is not in the trash any more; how much there was, its journal knows.
        """
        counts = dict(change.result.counts)
        if not (missing := counts.get("not_in_trash", 0)) and intent.queue_ids:
            return counts
        deletions = (await host.trash()).deletions
        total = next((each.restored for each in deletions if each.key == intent.key), 0)
        async with self._store.reading() as connection:
            found = await records.find(connection, tables.requests.c.key == intent.key)
        known = sum(_brought_back(each.counts) for request in found for each in request.restorations)
        first = max(0, total - known - _brought_back(counts))
        if intent.by == CLOCK:
            return {BY_OTHERS: first} if first and found else {}
        if first:
            counts["restored"] = counts.get("restored", 0) + first
            counts["not_in_trash"] = max(0, missing - first)
        return {outcome: number for outcome, number in counts.items() if number}


async def _recorded(transaction: Transaction, intent: Intent) -> Restoration | None:
    """What another bot wrote down of this restore, having taken it over."""
    request = await records.by_key(transaction.connection, intent.key)
    theirs = [each for each in request.restorations if each.by.id == intent.by.id] if request else []
    return theirs[-1] if theirs else None


def nothing_there(request: Request) -> str:
    """Why a request can't have anything in the trash; empty if it can."""
    if not request.state.over:
        waits = request.state is State.PENDING
        return f"{request.key} {'waits for a decision' if waits else 'is being carried out'}: nothing is deleted yet."
    if request.kind is Kind.FINAL:
        return f"{request.key} was a final deletion: nothing is kept of it."
    if request.decision is Decision.HOLD and request.state is State.DONE:
        return f"{request.key} put the messages on hold and deleted none: release them instead."
    if request.kind is not Kind.DELETE or request.state is not State.DONE:
        return f"Nothing was deleted under {request.key}."
    if request.purged_at is not None:
        left = "what was left of it" if request.restorations else "what it deleted"
        at = clock(request.purged_at.timestamp())
        return f"{request.key} can't come back: {left} was destroyed for good, {at}."
    return ""


def _brought_back(counts: Mapping[str, int]) -> int:
    return sum(number for outcome, number in counts.items() if outcome in BROUGHT_BACK)


def _shown(outcomes: Sequence[Outcome], absent: int) -> tuple[Outcome, ...]:
    """`absent` are not in the trash and were never brought back; where that is not all of them, nobody knows which."""
    wrong = [each for each in outcomes if each.outcome in WRONG and (each.outcome != "on_hold" or each.detail)]
    if absent != sum(each.outcome == "not_in_trash" for each in wrong):
        wrong = [each for each in wrong if each.outcome != "not_in_trash"]
    return tuple(sorted(wrong, key=lambda each: WRONG.index(each.outcome))[: endings.SHOWN])


def _stays(outcomes: Sequence[Outcome]) -> dict[str, tuple[str, ...]]:
    found = {name: tuple(each.queue_id for each in outcomes if each.outcome == name)[:NAMED] for name in STAYS}
    return {name: queue_ids for name, queue_ids in found.items() if queue_ids}

"""Asking for a request: who may, for which messages exactly, and what the person who decides is shown of them."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actors import Actor, Role, Roster
from bot.agent.outcomes import Deletion
from bot.approvals import manifest, records
from bot.approvals.model import Kind, Manifest, Person, Policy, Preview, Request, State, Where
from bot.approvals.trash import nothing_there
from bot.errors import HostError, NotAllowed, UserError
from bot.mailhost.host import LETTERS, MailHost, Selected
from bot.mailhost.selector import Selector
from bot.record import entry
from bot.settings import Settings
from bot.store import tables
from bot.store.database import Store

MAX_OPEN = 10
"""So many requests of one person may wait for a decision at once."""

SAMPLE = 5
"""So many messages, the oldest, are shown of a request."""


class Asking:
    """`Approvals.ask()` and `ask_purge()` (bot/approvals/requests.py)."""

    def __init__(self, store: Store, roster: Roster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._store = store
        self._roster = roster
        self._settings = settings
        self._now = now

    async def ask(self, kind: Kind, host: MailHost, picked: Selector, by: Actor, where: Where) -> Request:
        """A pending request for exactly the messages that the selector picks now; its card is told.

        `kind` is DELETE, FINAL or EXPIRE. Raises NotAllowed for who may not ask; UserError when nothing matches, when
        nobody could approve it, or when MAX_OPEN requests of the person wait; HostError when the queue can't be read.
        """
        by = await self._asker(kind, by)
        selected, retention = await asyncio.gather(
            host.selected(picked.selection, limit=SAMPLE), _retention(host, kind)
        )
        if not selected.identities:
            raise UserError(f"{picked.picks_nothing(host.name)}, so nothing was asked for.")
        listed = await asyncio.to_thread(manifest.frozen, selected.identities)
        return await self._ask(kind, host, picked.text, _preview(selected, retention), by, where, listed)

    async def ask_purge(self, host: MailHost, key: str, by: Actor, where: Where) -> Request:
        """A pending request to destroy what the deletion `key` keeps in the trash. Raises as ask()."""
        by = await self._asker(Kind.PURGE, by)
        async with self._store.reading() as connection:
            known = await records.by_key(connection, key)
        if known and known.host.lower() != host.name.lower():
            raise UserError(f"{key} is a deletion on {known.host}, not on {host.name}. Nothing was asked for.")
        if known and (why := nothing_there(known)):
            raise UserError(f"{why} Nothing was asked for.")
        deletion = next((each for each in (await host.trash(key)).deletions if each.key == key), None)
        if deletion is None or not deletion.kept:
            raise UserError(
                f"The trash of {host.name} keeps nothing of {key}, so there is nothing to destroy. "
                "Nothing was asked for. /mail trash shows what it keeps."
            )
        if not deletion.finished:
            raise UserError(
                f"The deletion {key} on {host.name} is not finished yet. Nothing was asked for; ask again once it is."
            )
        return await self._ask(Kind.PURGE, host, key, _kept(deletion), by, where, target=known, target_key=key)

    async def _asker(self, kind: Kind, by: Actor) -> Actor:
        """The person with the role of the roster. Raises NotAllowed and UserError: asking would be in vain."""
        by = replace(by, role=self._roster.role(by.id))
        if not by.may(kind.verb):
            who = self._roster.who_may(kind.verb)
            raise NotAllowed("To ask for this takes an operator or approver. Nothing was asked for.", who)
        if self._roster.people(Role.APPROVER) == frozenset():
            raise UserError(
                "Nobody could approve this: the list of approvers is empty. Put somebody into APPROVERS and start the "
                "bot again. Nothing was asked for."
            )
        async with self._store.reading() as connection:
            await self._check_waiting(connection, by, MAX_OPEN - 1)
        return by

    async def _ask(
        self,
        kind: Kind,
        host: MailHost,
        selector: str,
        preview: Preview,
        by: Actor,
        where: Where,
        listed: Manifest | None = None,
        target: Request | None = None,
        target_key: str = "",
    ) -> Request:
        approvers = self._roster.people(Role.APPROVER)
        ttl = timedelta(minutes=self._settings.approval_ttl)
        lines = await asyncio.to_thread(manifest.packed, listed) if listed else b""
        async with self._store.transaction() as transaction:
            await transaction.alone()
            now = self._now()
            request = Request(
                id=0,
                key="",
                kind=kind,
                host=host.name,
                selector=selector,
                target_key=target_key,
                preview=preview,
                digest=listed.digest if listed else target.digest if target else "",
                policy=Policy(
                    self_max=self._settings.approval_self_max,
                    typed_over=self._settings.approval_typed_over,
                    ttl_seconds=int(ttl.total_seconds()),
                    approvers=None if approvers is None else len(approvers),
                ),
                workspace=where.workspace,
                channel=where.channel,
                asked_by=Person(by.id, by.name),
                asked_at=now,
                expires_at=now + ttl,
                state=State.PENDING,
                revision=1,
            )
            connection = transaction.connection
            inserted = await connection.execute(insert(tables.requests).values(records.row_of(request)))
            [request_id] = inserted.inserted_primary_key or (0,)
            request = replace(request, id=request_id, key=_key(request_id))
            await connection.execute(
                update(tables.requests).where(tables.requests.c.id == request_id).values(key=request.key)
            )
            if listed:
                await connection.execute(
                    insert(tables.manifests).values(request_id=request_id, lines=lines, created_at=now)
                )
            await self._check_waiting(connection, by, MAX_OPEN)
            details = {"messages": request.messages, "bytes": preview.bytes}
            subject = f"{request.key} of {target_key}" if target_key else request.key
            await transaction.audit(entry(by, records.verb(request, "ask"), host.name, subject, details, now))
            await records.tell(transaction, request)
        return request

    async def _check_waiting(self, connection: AsyncConnection, by: Actor, most: int) -> None:
        columns = tables.requests.c
        waiting = await connection.scalar(
            select(func.count()).where(
                columns.asked_by == by.id, records.in_states(State.PENDING), columns.expires_at > self._now()
            )
        )
        if waiting and waiting > most:
            raise UserError(
                f"{MAX_OPEN} of your requests wait for a decision already; cancel one of them, or have them decided, "
                "before you ask for more. /mail pending shows them. Nothing was asked for."
            )


def _key(request_id: int) -> str:
    """`57-k3qf`: the number of the request, and letters that make it unlike that of any other database's request."""
    return f"{request_id}-{''.join(secrets.choice(LETTERS) for _ in range(4))}"


async def _retention(host: MailHost, kind: Kind) -> int | None:
    """How long this host keeps deleted mail, in seconds; None where it does not say, or nothing will be kept."""
    try:
        return (await host.trash()).retention if kind is Kind.DELETE else None
    except HostError:
        return None


def _preview(selected: Selected, retention: int | None) -> Preview:
    """What is shown of the messages; the numbers are those of the list itself."""
    messages, summary = selected.identities, selected.listing.summary
    times = [message.arrival_time for message in messages]
    return Preview(
        messages=len(messages),
        bytes=sum(message.message_size for message in messages),
        oldest=min(times),
        newest=max(times),
        queues={name: queue.messages for name, queue in summary.queues.items() if queue.messages},
        senders=summary.senders,
        domains=summary.domains,
        reasons=summary.reasons,
        sample=selected.listing.page[:SAMPLE],
        retention=retention,
    )


def _kept(deletion: Deletion) -> Preview:
    return Preview(messages=deletion.kept, bytes=deletion.bytes)

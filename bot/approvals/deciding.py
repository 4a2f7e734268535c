"""Deciding on a request: the one transition out of `pending`, in one transaction with its audit row and its card."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actors import Actor, Role, Roster
from bot.approvals import policy, records
from bot.approvals.model import Decision, Request, State
from bot.approvals.policy import Requirement
from bot.errors import AlreadyDecided, NotAllowed, UserError
from bot.record import entry
from bot.store import tables
from bot.store.database import Store
from bot.text import clock


class Deciding:
    """`Approvals.decide()` and `requirement()` (bot/approvals/requests.py)."""

    def __init__(self, store: Store, roster: Roster, now: Callable[[], datetime]) -> None:
        self._store = store
        self._roster = roster
        self._now = now

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
        by = self._as_listed(by)
        async with self._store.transaction() as transaction:
            # Decisions stand in line: what is read from here on is still so when it is written.
            await transaction.alone()
            now = self._now()
            request = await records.named(transaction.connection, request_id)
            _check_copy(request, revision, workspace, now)
            required = await self._required(transaction.connection, request, by, decision, now)
            if not required.allowed:
                raise NotAllowed(required.why, self._who_may(decision, by))
            if required.typed and (problem := policy.number_problem(request, typed)):
                raise UserError(problem)
            named = policy.as_decided(request, by, decision)
            settled = await records.change(
                transaction,
                request_id,
                records.in_states(State.PENDING),
                tables.requests.c.expires_at > now,
                tables.requests.c.revision == request.revision,
                state=policy.BECOMES[named].value,
                decision=named.value,
                decided_by=by.id,
                decided_name=by.name,
                decided_at=now,
                typed=required.typed,
                alone=required.alone,
                only_approver=required.only_approver,
                finished_at=now if policy.BECOMES[named].over else None,
            )
            if settled is None:
                raise _too_late(await records.named(transaction.connection, request_id))
            details = {
                "messages": request.messages,
                "typed": required.typed,
                "alone": required.alone,
                "only_approver": required.only_approver,
            }
            await transaction.audit(
                entry(by, records.verb(request, named.value), request.host, request.key, details, now)
            )
            await records.tell(transaction, settled)
        return settled

    async def requirement(self, request: Request, by: Actor, decision: Decision) -> Requirement:
        """What this person would need for this decision now."""
        async with self._store.reading() as connection:
            return await self._required(connection, request, self._as_listed(by), decision, self._now())

    async def _required(
        self, connection: AsyncConnection, request: Request, by: Actor, decision: Decision, now: datetime
    ) -> Requirement:
        recently = await _confirmed_recently(connection, by.id, now)
        return policy.to_decide(request, by, decision, self._roster.people(Role.APPROVER), recently)

    def _as_listed(self, by: Actor) -> Actor:
        """The same person with the role that the roster gives now."""
        return replace(by, role=self._roster.role(by.id))

    def _who_may(self, decision: Decision, by: Actor) -> tuple[str, ...]:
        if decision is Decision.CANCEL:
            return ()
        verb = "hold" if decision is Decision.HOLD else "approve"
        return tuple(entry for entry in self._roster.who_may(verb) if entry != by.id)


async def _confirmed_recently(connection: AsyncConnection, person: str, now: datetime) -> int:
    """How many messages of their own requests this person confirmed lately, whatever came of it."""
    columns = tables.requests.c
    total = await connection.scalar(
        select(func.sum(columns.messages)).where(
            columns.decided_by == person,
            columns.decided_at > now - policy.OWN_RECENTLY,
            columns.decision == Decision.APPROVE.value,
            columns.alone,
        )
    )
    return int(total or 0)


def _check_copy(request: Request, revision: int | None, workspace: str, now: datetime) -> None:
    """Raises what is wrong with a click on this request, whoever clicked."""
    if (revision is not None or workspace) and workspace != request.workspace:
        raise NotAllowed("This request was made in another workspace, and is decided there. Nothing was done.")
    if request.state is not State.PENDING or request.expires_at <= now:
        raise _too_late(request)
    if revision is not None and revision != request.revision:
        raise UserError(
            f"This copy of the card of {request.key} is an old one. Look at the newest and decide there. "
            "Nothing was done."
        )


_DONE = {
    Decision.APPROVE: "approved",
    Decision.HOLD: "put on hold instead",
    Decision.DENY: "denied",
    Decision.CANCEL: "cancelled",
}


def _too_late(request: Request) -> AlreadyDecided:
    if request.decision and request.decided_by and request.decided_at:
        at = clock(request.decided_at.timestamp())
        what = f"{request.key} was already {_DONE[request.decision]} by {request.decided_by.name} at {at}."
        return AlreadyDecided(f"{what} Your click did nothing.")
    over = clock(request.expires_at.timestamp())
    return AlreadyDecided(f"The time for {request.key} was over at {over}. Nothing was done; ask for it again.")

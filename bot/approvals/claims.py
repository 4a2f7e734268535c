"""Who carries out a request: a conditional UPDATE takes the lease, and only its owner writes what came of it.

`attempted` is set before the agent is asked, and taken back only when it is certain that nothing was asked of it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from bot.approvals import lease, records
from bot.approvals.model import Request, State
from bot.record import CLOCK, entry
from bot.store import tables
from bot.store.database import Store

DECIDED = records.in_states(State.APPROVED, State.HELD)
BEGUN = records.in_states(State.EXECUTING, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is ours to carry out. `attempted`: the agent may have been asked for it before.

    `too_late`: it was not, and the time to begin, `not_after`, is over; so it must not be asked any more.
    """

    request: Request
    owner: str
    attempted: bool
    too_late: bool
    not_after: datetime

    @property
    def ours(self) -> ColumnElement[bool]:
        """A lease that lapsed is still ours as long as nobody else has taken it."""
        return tables.requests.c.lease_owner == self.owner


def free(now: datetime) -> ColumnElement[bool]:
    """Decided and not over, and nobody's at this moment."""
    columns = tables.requests.c
    return and_(
        or_(DECIDED, BEGUN),
        or_(columns.lease_until.is_(None), columns.lease_until <= now),
        or_(columns.next_try.is_(None), columns.next_try <= now),
    )


class Claims:
    """Takes leases for one bot: `process` names it among those that share the store, `ttl` is the time to begin."""

    def __init__(self, store: Store, now: Callable[[], datetime], process: str, ttl: timedelta) -> None:
        self._store = store
        self._now = now
        self._process = process
        self._ttl = ttl

    async def take(self, request_id: int) -> Claim | None:
        """Take the lease, if nobody has it; and begin, if nobody has."""
        async with self._store.transaction() as transaction:
            await transaction.alone()
            now, owner = self._now(), f"{self._process}/{secrets.token_hex(4)}"
            columns = tables.requests.c
            attempted = await transaction.connection.scalar(select(columns.attempted).where(columns.id == request_id))
            leased: dict[str, Any] = {"lease_owner": owner, "lease_until": now + lease.LEASE}
            request = await records.one(transaction.connection, request_id)
            if request is None or request.decided_at is None:
                return None
            not_after = request.decided_at + self._ttl
            # What may not begin any more is not asked for at all, unless the agent may know of it.
            too_late = not attempted and now > not_after
            leased["attempted"] = not too_late
            begun = await records.change(
                transaction, request_id, DECIDED, free(now), state=State.EXECUTING.value, **leased
            )
            if begun:
                details = {"messages": begun.messages}
                await transaction.audit(
                    entry(CLOCK, records.verb(begun, "begin"), begun.host, begun.key, details, now, "begun")
                )
                await records.tell(transaction, begun)
                return Claim(begun, owner, bool(attempted), too_late, not_after)
            taken = await transaction.connection.execute(
                update(tables.requests).where(columns.id == request_id, BEGUN, free(now)).values(**leased)
            )
            return Claim(request, owner, bool(attempted), too_late, not_after) if taken.rowcount == 1 else None

    async def give_back(self, claim: Claim) -> None:
        """Let another bot, or the next start of this one, go on with it at once."""
        async with self._store.transaction() as transaction:
            await transaction.connection.execute(
                update(tables.requests)
                .where(tables.requests.c.id == claim.request.id, BEGUN, claim.ours)
                .values(lease_owner=None, lease_until=None)
            )

    async def renew(self, claim: Claim) -> bool:
        """Renew the lease; whether it is still ours."""
        async with self._store.transaction() as transaction:
            renewed = await transaction.connection.execute(
                update(tables.requests)
                .where(tables.requests.c.id == claim.request.id, claim.ours)
                .values(lease_until=self._now() + lease.LEASE)
            )
        return renewed.rowcount == 1

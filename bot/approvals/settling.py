"""Writes down what came of a request that was carried out: its end, or that it is tried, or asked about, again."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert

from bot.approvals import manifest, records
from bot.approvals.claims import BEGUN, Claim
from bot.approvals.endings import Again, Ended
from bot.approvals.model import Kind, Result, State
from bot.record import CLOCK, entry
from bot.store import tables
from bot.store.database import Store

SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=5)
"""Between two tries: a quarter of the time since the decision, within these."""


class Settling:
    """Each write is for the owner of the lease alone, and says whether it was: else another bot has taken over."""

    def __init__(self, store: Store, now: Callable[[], datetime], ttl: timedelta) -> None:
        self._store = store
        self._now = now
        self._ttl = ttl

    async def put_off(self, claim: Claim, again: Again) -> bool:
        async with self._store.transaction() as transaction:
            await transaction.alone()
            now = self._now()
            before = await records.one(transaction.connection, claim.request.id)
            if before is None:
                return False
            next_try = now + min(max((now - claim.not_after + self._ttl) / 4, SOONEST), LATEST)
            if not again.attempted and now <= claim.not_after:
                next_try = min(next_try, claim.not_after + timedelta(seconds=1))
            waiting = again.state is State.EXECUTING
            values: dict[str, Any] = {
                "state": again.state.value,
                "attempted": again.attempted,
                "next_try": next_try,
                "lease_owner": None,
                "lease_until": None,
                "done": 0,
                "total": None,
                "doing": again.text if waiting else "",
                "result": None if waiting else records.as_json(Result({}, again.text)),
            }
            said = before.doing if waiting else before.result.text if before.result else ""
            request = await records.change(transaction, before.id, BEGUN, claim.ours, **values)
            if request is None:
                return False
            if request.state is not before.state:
                verb = records.verb(request, "end")
                await transaction.audit(entry(CLOCK, verb, request.host, request.key, {}, now, request.state.value))
            if request.state is not before.state or said != again.text:
                await transaction.tell(records.card(request))
            return True

    async def end(self, claim: Claim, ended: Ended) -> bool:
        lines = await asyncio.to_thread(manifest.packed_outcomes, ended.outcomes)
        async with self._store.transaction() as transaction:
            await transaction.alone()
            now = self._now()
            request = await records.change(
                transaction,
                claim.request.id,
                BEGUN,
                claim.ours,
                state=ended.state.value,
                result=records.as_json(ended.result),
                finished_at=now,
                lease_owner=None,
                lease_until=None,
                next_try=None,
                done=0,
                total=None,
                doing="",
                left_in_trash=ended.left_in_trash,
            )
            if request is None:
                return False
            if ended.outcomes:
                kept = tables.outcomes
                await transaction.connection.execute(delete(kept).where(kept.c.request_id == request.id))
                await transaction.connection.execute(
                    insert(kept).values(request_id=request.id, lines=lines, created_at=now)
                )
            if request.kind is Kind.PURGE and request.state is State.DONE:
                await records.in_trash(transaction, request.target_key, 0, now)
            verb = records.verb(request, "end")
            counts = ended.result.counts
            await transaction.audit(entry(CLOCK, verb, request.host, request.key, counts, now, request.state.value))
            await records.tell(transaction, request)
            return True

"""What time does to requests: one that nobody decided is over, and the addresses of old ones are forgotten."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from bot.approvals import records
from bot.approvals.model import State
from bot.record import CLOCK, entry
from bot.store import tables
from bot.store.database import Store

REMEMBERED = timedelta(days=30)
"""For so long the list of messages is kept, with its addresses; after that counts and digest stay."""


async def expire_due(store: Store, now: Callable[[], datetime]) -> int:
    """End the pending requests whose time is over; how many."""
    at, ended = now(), 0
    over = (records.in_states(State.PENDING), tables.requests.c.expires_at <= at)
    async with store.reading() as connection:
        due = (await connection.scalars(select(tables.requests.c.id).where(*over))).all()
    for request_id in due:
        async with store.transaction() as transaction:
            values = {"state": State.EXPIRED.value, "finished_at": at}
            if request := await records.change(transaction, request_id, *over, **values):
                ended += 1
                details = {"messages": request.messages}
                verb = records.verb(request, "expire")
                await transaction.audit(entry(CLOCK, verb, request.host, request.key, details, at, "expired"))
                await records.tell(transaction, request)
    return ended


async def forget_told(store: Store, now: Callable[[], datetime]) -> int:
    """Forget, 30 days after it was posted, what Slack was told of requests that can't change any more; how many."""
    columns = tables.requests.c
    async with store.reading() as connection:
        changing = ~records.in_states(*(state for state in State if state.over)) | (columns.left_in_trash > 0)
        still = (await connection.scalars(select(columns.id).where(changing))).all()
    kinds = (records.CARD, records.ENDING)
    return await store.outbox.forget_delivered(now() - REMEMBERED, kinds, [(records.CARD, str(id)) for id in still])


async def forget_addresses(store: Store, now: Callable[[], datetime]) -> int:
    """Forget the lists and addresses of requests older than 30 days; how many requests.

    One that is not over keeps its list: it may be needed yet to finish it.
    """
    before, forgotten = now() - REMEMBERED, 0
    async with store.reading() as connection:
        asked = select(tables.manifests.c.request_id).where(tables.manifests.c.created_at < before)
        ended = select(tables.outcomes.c.request_id).where(tables.outcomes.c.created_at < before)
        due = (await connection.scalars(asked.union(ended))).all()
    for request_id in due:
        async with store.transaction() as transaction:
            await transaction.alone()
            request = await records.named(transaction.connection, request_id)
            if not request.state.over:
                continue
            for kept in (tables.manifests, tables.outcomes):
                await transaction.connection.execute(delete(kept).where(kept.c.request_id == request_id))
            await transaction.connection.execute(
                update(tables.requests)
                .where(tables.requests.c.id == request_id)
                .values(records.without_addresses(request))
            )
            forgotten += 1
    return forgotten

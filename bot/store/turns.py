"""Work that comes again and again, every minute, say, and each time is done by one of the bots that share the store."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_

from bot.store.database import Transaction
from bot.store.tables import EPOCH, turns
from bot.store.upsert import insert_into


async def take(transaction: Transaction, job: str, every: timedelta, owner: str, now: datetime) -> bool:
    """Whether this turn of the job is the owner's; the first who asks gets it, once the transaction commits.

    Turns begin at whole multiples of `every` since the epoch. One that nobody took is not made up for. One taken in the
    future was taken by a clock that was set back since, and would else keep everybody out until then.
    """
    begins = EPOCH + (now - EPOCH) // every * every
    return await _take(transaction, job, owner, now, or_(turns.c.at < begins, turns.c.at >= begins + 2 * every))


async def take_after(transaction: Transaction, job: str, every: timedelta, owner: str, now: datetime) -> bool:
    """The same for turns that begin so long after the one before: one that comes late puts off the next."""
    free = or_(turns.c.at <= now - every, turns.c.at >= now + every)
    return await _take(transaction, job, owner, now, free)


async def _take(transaction: Transaction, job: str, owner: str, now: datetime, free: ColumnElement[bool]) -> bool:
    row = {"at": now, "owner": owner}
    taken = await transaction.connection.execute(
        insert_into(transaction.connection, turns)
        .values(job=job, **row)
        .on_conflict_do_update(index_elements=["job"], set_=row, where=free)
    )
    return taken.rowcount == 1

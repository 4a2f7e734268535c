"""Work of the clock that is done once per slot (an hour, a day), however many bots share the database."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from bot.store.database import Transaction
from bot.store.tables import claims
from bot.store.upsert import insert_into

KEPT = timedelta(days=30)
"""After that a claim is forgotten; no slot comes back so late."""


async def claim(transaction: Transaction, job: str, slot: str, owner: str, now: datetime) -> bool:
    """Whether this slot of the job is the owner's to do; the first who asks gets it, once the transaction commits."""
    inserted = await transaction.connection.execute(
        insert_into(transaction.connection, claims)
        .values(job=job, slot=slot, at=now, owner=owner)
        .on_conflict_do_nothing()
    )
    if inserted.rowcount != 1:
        return False
    await transaction.connection.execute(delete(claims).where(claims.c.job == job, claims.c.at < now - KEPT))
    return True

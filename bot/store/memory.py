"""Small things that outlive a restart: a JSON value under a key, `OWNER.…`, whose owner decides what it means."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import memory
from bot.store.upsert import insert_into

if TYPE_CHECKING:
    from bot.store.database import Transaction

RELEASED, PRESSED = "released.", "undone."
"""What undo buttons need (handlers/commands/undo.py): what was released, and who pressed one."""
PICTURE = "picture."
"""What is known of the files that cards show (handlers/pictures.py)."""
SIGHTED = "listing."
"""Since when addresses and domains are on blocklists (bot/reputation/sightings.py)."""
KEPT = timedelta(days=30)
"""For so long that is remembered, with its addresses."""


async def remember(transaction: "Transaction", key: str, value: Any, now: datetime) -> None:
    """Keep this value, in place of the one before. Raises TypeError for what JSON has no form of."""
    row = {"value": json.dumps(value), "at": now}
    await transaction.connection.execute(
        insert_into(transaction.connection, memory)
        .values(key=key, **row)
        .on_conflict_do_update(index_elements=["key"], set_=row)
    )


async def recall(connection: AsyncConnection, key: str) -> Any:
    """The value, or None when there is none."""
    found = await connection.scalar(select(memory.c.value).where(memory.c.key == key))
    return None if found is None else json.loads(found)


async def recall_all(connection: AsyncConnection, keys: Collection[str]) -> dict[str, Any]:
    """The values under those of these keys that have one."""
    found = await connection.execute(select(memory.c.key, memory.c.value).where(memory.c.key.in_(keys)))
    return {key: json.loads(value) for key, value in found}


async def forget(transaction: "Transaction", key: str) -> bool:
    """Whether there was one."""
    return (await transaction.connection.execute(delete(memory).where(memory.c.key == key))).rowcount == 1


async def forget_before(transaction: "Transaction", start: str, moment: datetime) -> int:
    """Forget the values under keys with this start that were kept before that moment; how many there were."""
    gone = await transaction.connection.execute(
        delete(memory).where(memory.c.key.startswith(start, autoescape=True), memory.c.at < moment)
    )
    return gone.rowcount


async def forget_releases(transaction: "Transaction", now: datetime) -> int:
    """Forget what undo buttons that nobody presses any more, old pictures, and listings that nobody looks at any more,
    needed; how many values there were."""
    starts = (RELEASED, PRESSED, PICTURE, SIGHTED)
    return sum([await forget_before(transaction, start, now - KEPT) for start in starts])

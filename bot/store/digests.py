"""Digests as they were made: what is posted later, or compared with, is what was true at their time.

What a digest says is JSON that its owner, bot/watch/digests.py, reads and writes.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Transaction
from bot.store.tables import claims, digests

CARD, DETAILS = "digest", "digest_host"
"""The outbox's kinds: the digest itself, by its number, and in its thread a mail host's details, by `NUMBER/HOST`."""


@dataclass(frozen=True, slots=True)
class Row:
    """`slot` is the local day of a daily one, and empty for one that somebody asked for (`asked_by`)."""

    id: int
    slot: str
    asked_by: str
    made_at: datetime
    content: Mapping[str, Any]


async def keep(transaction: Transaction, slot: str, asked_by: str, content: Mapping[str, Any], now: datetime) -> int:
    """Insert a digest; its number."""
    packed = zlib.compress(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
    values = {"slot": slot, "asked_by": asked_by, "made_at": now, "content": packed}
    return int(
        (await transaction.connection.execute(insert(digests).values(**values).returning(digests.c.id))).scalar_one()
    )


async def get(connection: AsyncConnection, number: int) -> Row | None:
    found = (await connection.execute(select(digests).where(digests.c.id == number))).mappings().first()
    return _row(found) if found else None


async def asked_since(connection: AsyncConnection, moment: datetime) -> list[tuple[str, datetime]]:
    """Who asked for one after that moment, and when; the first first."""
    asked = select(digests.c.asked_by, digests.c.made_at).where(digests.c.slot == "", digests.c.made_at > moment)
    found = await connection.execute(asked.order_by(digests.c.made_at, digests.c.id))
    return [(row.asked_by, row.made_at) for row in found]


async def daily_before(connection: AsyncConnection, moment: datetime) -> Row | None:
    """The newest daily one that is not newer than that moment."""
    daily = select(digests).where(digests.c.slot != "", digests.c.made_at <= moment)
    newest = daily.order_by(digests.c.made_at.desc(), digests.c.id.desc()).limit(1)
    found = (await connection.execute(newest)).mappings().first()
    return _row(found) if found else None


async def claimed(connection: AsyncConnection, job: str, slot: str) -> bool:
    """Whether some bot has claimed this slot of the job: to look is cheaper than to make a digest for nothing."""
    wanted = select(claims.c.slot).where(claims.c.job == job, claims.c.slot == slot)
    return (await connection.scalar(wanted)) is not None


async def prune(transaction: Transaction, before: datetime) -> int:
    """Forget those that were made before that moment; how many."""
    return (await transaction.connection.execute(delete(digests).where(digests.c.made_at < before))).rowcount


def _row(found: RowMapping) -> Row:
    content = json.loads(zlib.decompress(found["content"]))
    return Row(**{name: found[name] for name in Row.__slots__ if name != "content"}, content=content)

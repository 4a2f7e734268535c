"""What is claimed once per slot, and what outlives a restart; times come back as they were."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import exc, select

from bot.store import tables
from bot.store.claims import claim
from bot.store.database import Store
from bot.store.memory import forget, forget_before, recall, remember
from tests.store.subjects import KEY, LEASE, NOW, count


async def test_times_come_back_as_they_were_and_need_a_zone(store: Store) -> None:
    async with store.transaction() as transaction:
        assert await claim(transaction, "purge", "2026-03-01T09", "one", NOW)
        with pytest.raises(exc.StatementError, match="has no time zone"):
            await transaction.connection.execute(
                select(tables.claims).where(tables.claims.c.at < NOW.replace(tzinfo=None))
            )
    async with store.reading() as connection:
        assert await connection.scalar(select(tables.claims.c.at)) == NOW


async def test_a_slot_is_done_by_one(store: Store, url: str) -> None:
    async with Store(url, KEY) as other:

        async def ask(own: Store, owner: str) -> bool:
            async with own.transaction() as transaction:
                return await claim(transaction, "purge", "2026-03-01T09", owner, NOW)

        got = await asyncio.gather(*(ask(own, f"{n}") for n, own in enumerate((store, other, store, other))))
    assert sorted(got) == [False, False, False, True]


async def test_old_claims_are_forgotten(store: Store) -> None:
    for slot in range(40):
        async with store.transaction() as transaction:
            assert await claim(transaction, "purge", str(slot), "one", NOW.replace(day=1) + slot * 24 * 60 * LEASE)
    assert await count(store, "claims") == 31


async def test_what_is_remembered_outlives_a_restart_until_it_is_forgotten(store: Store, url: str) -> None:
    async with store.transaction() as transaction:
        await remember(transaction, "undo.1", {"ids": ["4f"]}, NOW)
        await remember(transaction, "undo.1", {"ids": ["4f", "5a"]}, NOW)
        await remember(transaction, "undo.2", [1], NOW + LEASE)
        await remember(transaction, "other.1", None, NOW)
    async with Store(url, KEY) as again:
        async with again.reading() as connection:
            assert await recall(connection, "undo.1") == {"ids": ["4f", "5a"]}
            assert await recall(connection, "undo.9") is None
        async with again.transaction() as transaction:
            assert await forget(transaction, "undo.9") is False
            assert await forget_before(transaction, "undo.", NOW + LEASE) == 1
            assert await recall(transaction.connection, "undo.1") is None
            assert await recall(transaction.connection, "undo.2") == [1]
            assert await forget(transaction, "undo.2") is True
            assert await forget_before(transaction, "undo%", NOW + LEASE) == 0

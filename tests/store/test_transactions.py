"""Transactions: all of it or nothing, writers in turn, readers of one moment."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import exc, func, select

from bot.errors import StoreError
from bot.store import tables
from bot.store.database import Store, Transaction
from bot.store.memory import remember
from tests.store.subjects import KEY, LEASE, NOW, TEAM, card, count, entry, tell, write


async def fill(transaction: Transaction) -> None:
    await transaction.audit(entry())
    await transaction.tell(card())
    await remember(transaction, "test.key", 1, NOW)


async def test_an_exception_undoes_everything(store: Store) -> None:
    async def fail() -> None:
        async with store.transaction() as transaction:
            await fill(transaction)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert [await count(store, name) for name in ("audit", "outbox")] == [0, 0]
    assert await store.outbox.claim(TEAM, "one", NOW, LEASE) is None
    async with store.transaction() as transaction:
        await fill(transaction)
    assert [await count(store, name) for name in ("audit", "outbox")] == [1, 1]


async def test_what_was_cancelled_is_undone_and_keeps_nobody_waiting(store: Store) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        async with store.transaction() as transaction:
            await fill(transaction)
            begun.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await begun.wait()
    hanging.cancel()
    with suppress(asyncio.CancelledError):
        await hanging
    await write(store, range(1, 2))
    assert [await count(store, name) for name in ("audit", "outbox")] == [1, 0]


@pytest.mark.parametrize("again", range(3))
async def test_whenever_a_writer_is_cancelled_it_keeps_nobody_waiting(store: Store, url: str, again: int) -> None:
    """In the middle of a statement or of the commit, too: it happened then wholly or not at all."""

    async def whole() -> None:
        async with store.transaction() as transaction:
            await fill(transaction)

    async with Store(url, KEY) as other:
        for number in range(20):
            writing = asyncio.create_task(whole())
            await asyncio.sleep(number * 0.0005)
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            async with asyncio.timeout(10):
                await write(other, range(1, 2))
        rows, told = await count(other, "audit"), await other.outbox.backlog(TEAM, NOW)
        async with other.reading() as connection:
            revision = await connection.scalar(select(tables.outbox.c.revision)) or 0
        assert (rows, told.waiting) == (20 + revision, min(revision, 1))
        assert await other.audit.verify() == ()


async def test_who_reads_sees_one_moment_and_does_not_wait_for_a_writer(store: Store) -> None:
    await write(store, range(1, 3))
    counted = select(func.count()).select_from(tables.audit)
    async with store.reading() as connection:
        before = (await connection.execute(counted)).scalar_one()
        await write(store, range(3, 5))
        assert (await connection.execute(counted)).scalar_one() == before == 2
    assert await count(store, "audit") == 4


async def test_who_only_reads_can_change_nothing(store: Store) -> None:
    async def write_there() -> None:
        async with store.reading() as connection:
            await connection.execute(tables.claims.insert().values(job="j", slot="s", at=NOW, owner="o"))

    with pytest.raises((StoreError, exc.DBAPIError), match=r"readonly|read-only|can't be written"):
        await write_there()
    await write(store, range(1, 2))


async def test_many_writers_at_once_all_get_their_turn(store: Store, url: str) -> None:
    async with Store(url, KEY) as other:
        await asyncio.gather(*(tell(own, card(str(number))) for number in range(30) for own in (store, other)))
    async with store.reading() as connection:
        revisions = (await connection.execute(select(tables.outbox.c.revision))).scalars().all()
    assert list(revisions) == [2] * 30


async def test_a_writer_waits_for_one_of_another_process(tmp_path: Path) -> None:
    """SQLite answers `database is locked` to who begins by reading and writes later; the store never does."""
    file = tmp_path / "maildesk.db"
    async with Store(f"sqlite:///{file}", KEY) as store:
        code = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE');"
            "print('begun', flush=True); sys.stdin.readline(); c.execute('COMMIT')"
        )
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, file, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert other.stdout and other.stdin
        assert await other.stdout.readline() == b"begun\n"
        writing = asyncio.create_task(write(store, range(1, 2)))
        done, _ = await asyncio.wait([writing], timeout=0.3)
        assert not done
        await other.communicate(b"\n")
        await writing
        assert (await store.audit.head()).seq == 1


async def test_a_transaction_inside_another_is_a_mistake_that_says_so(tmp_path: Path) -> None:
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY) as store, store.transaction():
        with pytest.raises(RuntimeError, match="inside another one"):
            await write(store, range(1, 2))


async def test_writing_is_tried_without_a_trace(store: Store) -> None:
    async with store.transaction() as transaction:
        await fill(transaction)
    await store.try_writing()
    assert [await count(store, name) for name in ("audit", "outbox", "memory")] == [1, 1, 2], "the key's mark is one"


@pytest.mark.real("postgresql")
async def test_a_database_that_only_reads_can_not_be_written(postgresql_url: str) -> None:
    async with Store(postgresql_url, KEY):
        pass
    apart = "&" if "?" in postgresql_url else "?"
    reading = Store(f"{postgresql_url}{apart}default_transaction_read_only=on", KEY)
    await reading.open(make=False)
    try:
        with pytest.raises(StoreError, match="read-only transaction"):
            await reading.try_writing()
    finally:
        await reading.close()

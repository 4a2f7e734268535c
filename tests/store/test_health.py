"""A database that takes no more, on a real disk: the log says so once, and that it is over once it really is."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.store.database import Store
from bot.store.memory import recall, remember
from tests.disks import Disk, disk, needs_root
from tests.store.subjects import KEY, NOW, refused
from tests.watch.bots import Clock

MEGABYTES = 2
BIG = "x" * 300_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path, MEGABYTES) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(small_disk: Disk, clock: Clock) -> AsyncIterator[Store]:
    async with Store(f"sqlite:///{small_disk.path}/maildesk.db", KEY, clock) as made:
        yield made


async def written(store: Store, value: str) -> bool:
    try:
        async with store.transaction() as transaction:
            await remember(transaction, "test.value", value, NOW)
    except StoreError:
        return False
    return True


async def nothing_written(store: Store) -> None:
    """As a job of the clock that finds nothing to do."""
    with suppress(StoreError):
        async with store.transaction():
            pass


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "bot.store.health"]


@needs_root
async def test_a_full_disk_is_told_once_and_what_writes_nothing_is_no_proof_that_it_is_over(
    store: Store, small_disk: Disk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    began = clock.now
    small_disk.fill()
    for _ in range(20):
        assert not await written(store, BIG)
        await nothing_written(store)
        clock.now += timedelta(minutes=1)
    trouble = store.health.trouble
    assert trouble and trouble.since == began
    assert trouble.text == (
        f"The database {small_disk.path}/maildesk.db can't be written: the disk is full. Nothing was changed; make "
        "room there."
    )
    assert [line.startswith(trouble.text) for line in said(caplog)] == [True]
    small_disk.make_room()
    assert await written(store, BIG)
    assert store.health.trouble is None
    assert said(caplog)[1:] == ["the database can be written again, after 20 min"]


@needs_root
async def test_a_disk_that_may_only_be_read_is_told_at_the_start(store: Store, small_disk: Disk) -> None:
    assert await written(store, "before")
    await store.close()
    small_disk.read_only(True)
    assert "can't be" in await refused(f"sqlite:///{small_disk.path}/maildesk.db")
    small_disk.read_only(False)
    await store.open()
    assert await written(store, "after") and store.health.trouble is None


async def test_a_lock_that_is_held_for_long_is_told_and_what_is_read_meanwhile_is_no_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.store.sqlite.BUSY", 0.1)
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY) as store:
        with closing(sqlite3.connect(tmp_path / "maildesk.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                assert not await written(store, "mine")
                async with store.reading() as connection:
                    assert await recall(connection, "test.value") is None
            assert store.health.trouble and "has been held by another writer" in store.health.trouble.text
            other.execute("COMMIT")
        assert await written(store, "mine") and store.health.trouble is None
    assert len(said(caplog)) == 2

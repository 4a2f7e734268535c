"""Who pressed an undo first, and what a release had released; both outlive a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.actors import Actor, Role
from bot.agent.protocol import Identity
from bot.errors import UserError
from bot.store.database import Store
from bot.store.memory import KEPT, PRESSED, forget_releases, remember
from handlers.blocks.request_record import Undone
from handlers.commands.undo import ABANDONED, first, released, remember_released, undone

NOW = datetime(2026, 1, 31, 10, tzinfo=UTC)
ANA, BOB = Actor("U0ANA", "ana", Role.OPERATOR), Actor("U0BOB", "bob", Role.OPERATOR)


def opened(folder: Path) -> Store:
    return Store(f"sqlite:///{folder}/maildesk.db", b"a key of more than 32 characters, for a test")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        yield store


async def pressed(store: Store, by: Actor = ANA, now: datetime = NOW, left: int = 0) -> None:
    async with first(store, "h-1", by, now) as press:
        press.moved, press.left = 57, left


@asynccontextmanager
async def refused(by: str) -> AsyncIterator[None]:
    with pytest.raises(UserError, match=f"pressed before, by {by}, 2026-01-31 10:00 UTC"):
        yield


async def test_only_the_first_press_counts(store: Store) -> None:
    async with first(store, "h-1", ANA, NOW), refused("ana"):
        await pressed(store, BOB)
    async with refused("ana"):
        await pressed(store, BOB, NOW + timedelta(days=1))


async def test_what_is_left_can_be_undone_by_another_press(store: Store) -> None:
    await pressed(store, left=5)
    assert await undone(store, "h-1") == Undone("U0ANA", NOW, 57, 5)
    with pytest.raises(ZeroDivisionError):
        async with first(store, "h-1", BOB, NOW):
            raise ZeroDivisionError
    assert await undone(store, "h-1") == Undone("U0ANA", NOW, 57, 5)
    async with first(store, "h-1", BOB, NOW) as press:
        press.moved = 5
        async with refused("bob"):
            await pressed(store)
    assert await undone(store, "h-1") == Undone("U0BOB", NOW, 62)


async def test_a_press_whose_work_failed_does_not_count(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with first(store, "h-1", ANA, NOW):
            raise ZeroDivisionError
    await pressed(store, BOB)


async def test_a_press_that_a_killed_bot_never_ended_counts_for_half_an_hour(store: Store) -> None:
    left = {"by": "U0ANA", "name": "ana", "at": NOW.isoformat(), "over": False, "busy": True, "moved": 0, "left": 0}
    async with store.transaction() as transaction:
        await remember(transaction, f"{PRESSED}h-1", left, NOW)
    async with refused("ana"):
        await pressed(store, BOB, NOW + timedelta(minutes=1))
    await pressed(store, BOB, NOW + ABANDONED)


async def test_what_was_released_is_remembered_by_identity_and_after_a_restart(tmp_path: Path) -> None:
    messages = (Identity("4VbXm8dz3kzJ1Q", 1, 2, "a@b.org"), "A1B2C3D4E5")
    async with opened(tmp_path) as store:
        key = await remember_released(store, messages, NOW)
    async with opened(tmp_path) as store:
        assert await released(store, key) == messages
        with pytest.raises(UserError, match="no longer knows"):
            await released(store, "r-00000000")


async def test_what_was_released_is_forgotten_with_its_addresses(store: Store) -> None:
    old = await remember_released(store, ["A1B2C3D4E5"], NOW)
    later = NOW + KEPT + timedelta(seconds=1)
    new = await remember_released(store, ["A1B2C3D4E6"], later)
    await pressed(store)
    async with store.transaction() as transaction:
        assert await forget_releases(transaction, later) == 2
    assert await released(store, new) == ("A1B2C3D4E6",)
    with pytest.raises(UserError, match="forgets them after 30 days"):
        await released(store, old)

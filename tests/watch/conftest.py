"""A store on each kind of database, and what watches on it, one morning."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.store.database import Store
from tests.approvals.world import Clock
from tests.store.conftest import url
from tests.store.subjects import KEY
from tests.watch.digesting import MORNING, TEAM, Days

__all__ = ["url"]


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.turn(MORNING - made())
    return made


@pytest.fixture
async def store(url: str, clock: Clock) -> AsyncIterator[Store]:
    async with Store(url, KEY, clock) as made:
        yield made


@pytest.fixture
async def days(store: Store, clock: Clock) -> Days:
    made = Days(store, clock)
    await made.alerts.move_in(TEAM)
    return made

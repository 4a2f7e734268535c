"""A world with one mail host and one store, and a bot in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.database import Store
from tests.approvals.world import KEY, Bot, Clock, World, copied


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that has the tables and nothing else."""
    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        async with Store(f"sqlite:///{folder}/maildesk.db", KEY, Clock()):
            pass

    asyncio.run(make())
    return folder


@pytest.fixture
def world(template: Path, tmp_path: Path) -> World:
    copied(template, tmp_path)
    world = World(tmp_path)
    world.queue(*range(10))
    return world


@pytest.fixture
async def bot(world: World) -> AsyncIterator[Bot]:
    async with world.bot() as bot:
        yield bot

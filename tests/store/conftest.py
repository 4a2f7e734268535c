"""A store on each kind of database: a SQLite file, and a database of the private PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.database import Store
from tests.store.migrated import lay_out
from tests.store.subjects import KEY, NOW

REAL = pytest.param("postgresql", marks=pytest.mark.real("postgresql"))


@pytest.fixture(params=["sqlite", REAL])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a fresh database that has the tables already."""
    if request.param == "sqlite":
        return lay_out(tmp_path)
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(params=["sqlite", REAL])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/maildesk.db"
    return str(request.getfixturevalue("empty_postgresql_url"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store whose clock stands still."""
    async with Store(url, KEY, lambda: NOW) as store:
        yield store

"""Fixtures with a real PostgreSQL, for any test below `tests/`; each needs `@pytest.mark.real("postgresql")`.

`postgresql` is kept running for the session; `postgresql_url` is the address of a fresh database of this test alone,
with Maildesk's tables in it, `empty_postgresql_url` that of one with nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bot.store.database import Store
from tests.postgresql.server import PrivatePostgreSQL, sweep


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PrivatePostgreSQL]:
    sweep()
    server = PrivatePostgreSQL()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PrivatePostgreSQL) -> str:
    """A database to copy: as a store leaves it that was opened once, but bound to no key."""
    name = postgresql.new_database()

    async def make() -> None:
        async with Store(postgresql.url(name), b"k" * 32):
            pass

    asyncio.run(make())
    postgresql.sql("DELETE FROM memory", name)
    return name


@pytest.fixture
def postgresql_url(postgresql: PrivatePostgreSQL, postgresql_template: str) -> Iterator[str]:
    name = postgresql.new_database(postgresql_template)
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture
def empty_postgresql_url(postgresql: PrivatePostgreSQL) -> Iterator[str]:
    name = postgresql.new_database()
    yield postgresql.url(name)
    postgresql.drop_database(name)

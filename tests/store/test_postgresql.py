"""What the admin is told when PostgreSQL can't be reached, or refuses; never with a password in it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from bot.errors import StoreError
from bot.store.database import Store
from tests.postgresql.server import PASSWORD, PrivatePostgreSQL
from tests.store.subjects import KEY, card, entry, refused, write

SECRET = "the-secret-password"


@pytest.mark.real("postgresql")
async def test_a_wrong_password_is_told_and_not_shown(postgresql: PrivatePostgreSQL, postgresql_url: str) -> None:
    said = await refused(postgresql_url.replace(PASSWORD, SECRET))
    assert said.endswith("refused the password in DATABASE_URL.")
    assert SECRET not in said


@pytest.mark.real("postgresql")
async def test_a_database_that_is_not_there_is_named(postgresql: PrivatePostgreSQL) -> None:
    said = await refused(postgresql.url("nowhere"))
    assert said == "The database nowhere does not exist on that server. Make it there: CREATE DATABASE …"


async def test_a_server_that_is_not_there_is_named() -> None:
    said = await refused(f"postgresql://maildesk:{SECRET}@127.0.0.1:1/maildesk")
    assert said.startswith("The database maildesk on 127.0.0.1 can't be reached (")
    assert SECRET not in said


@pytest.mark.parametrize("password", [f"{SECRET}/more", f"{SECRET}#more", f"{SECRET}?more"])
async def test_a_password_that_tears_the_address_apart_is_not_shown(password: str) -> None:
    said = await refused(f"postgresql://maildesk:{password}@127.0.0.1:1/maildesk")
    assert SECRET not in said


async def test_an_option_that_the_driver_does_not_take_is_one_line() -> None:
    said = await refused(f"postgresql://maildesk:{SECRET}@127.0.0.1:1/maildesk?sslmode=perhaps")
    assert "DATABASE_URL can't be read" in said
    assert SECRET not in said


@pytest.mark.real("postgresql")
async def test_a_connection_that_breaks_is_told_and_made_again(
    postgresql: PrivatePostgreSQL, postgresql_url: str
) -> None:
    async with Store(postgresql_url, KEY) as store:
        await write(store, range(1, 2))

        async def broken() -> None:
            async with store.transaction() as transaction:
                await transaction.audit(entry(2))
                name = await transaction.connection.scalar(text("SELECT current_database()"))
                await asyncio.to_thread(
                    postgresql.sql,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608
                    f"WHERE datname = '{name}' AND usename = 'maildesk'",
                )
                await transaction.tell(card())

        with pytest.raises(StoreError, match="closed the connection; nothing was written"):
            await broken()
        await write(store, range(3, 4))
        assert (await store.audit.head()).seq == 2

"""Migrations and tables say the same, and a database that is not ours, or not of this version, is left alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select

from bot.errors import StoreError
from bot.store import tables
from bot.store.database import Store
from bot.store.schema import VERSION_TABLE
from tests.store.subjects import KEY, card, sql, tell, write


async def inside(store: Store, look: Any) -> Any:
    async with store.reading() as connection:
        return await connection.run_sync(look)


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True}
    )
    return list(compare_metadata(context, tables.metadata))


def _conditions(index: Any) -> list[str]:
    return sorted(str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where"))


def details(connection: Connection) -> dict[str, Any]:
    """What compare_metadata does not look at: keys, their names, and the condition of an index."""
    known = inspect(connection)
    return {
        name: (
            known.get_pk_constraint(name),
            sorted(known.get_foreign_keys(name), key=str),
            sorted(known.get_unique_constraints(name), key=str),
            sorted((each["name"], each["column_names"], _conditions(each)) for each in known.get_indexes(name)),
        )
        for name in tables.metadata.tables
    }


async def test_the_migrations_make_exactly_the_tables(empty_url: str) -> None:
    async with Store(empty_url, KEY) as store:
        assert await inside(store, differences) == []
        migrated = await inside(store, details)
        async with store.transaction() as transaction:
            connection = transaction.connection
            await connection.run_sync(tables.metadata.drop_all)
            await connection.run_sync(tables.metadata.create_all)
        assert await inside(store, details) == migrated


async def test_a_number_of_a_request_or_a_card_is_never_given_again(empty_url: str) -> None:
    async with Store(empty_url, KEY) as store:
        await tell(store, card())
        await sql(store, "DELETE FROM outbox")
        await tell(store, card())
        async with store.reading() as connection:
            assert (await connection.execute(select(tables.outbox.c.id))).scalar_one() == 2


async def test_opening_again_changes_nothing(empty_url: str) -> None:
    for number in range(1, 4):
        async with Store(empty_url, KEY) as store:
            await write(store, range(number, number + 1))
            assert (await store.audit.head()).seq == number


async def test_two_bots_may_start_on_an_empty_database_at_once(empty_url: str) -> None:
    stores = [Store(empty_url, KEY) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(write(store, range(1, 2)) for store in stores))
    assert (await stores[0].audit.head()).seq == 4
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_maildesk_is_left_alone(store: Store, url: str) -> None:
    await sql(store, f"UPDATE {VERSION_TABLE} SET version_num = '9042'")  # noqa: S608
    with pytest.raises(
        StoreError, match=r"was last used by a newer Maildesk \(schema 9042; this one knows up to 0004\)"
    ):
        await Store(url, KEY).open()


async def test_tables_of_something_else_are_left_alone(store: Store, url: str) -> None:
    await sql(store, f"DROP TABLE {VERSION_TABLE}")
    with pytest.raises(StoreError, match=r"holds tables of something else, .*audit.*requests"):
        await Store(url, KEY).open()


async def test_a_start_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    def key(may_make: bool) -> bytes:
        assert may_make
        raise StoreError("no key today")

    with pytest.raises(StoreError, match="no key today"):
        await Store(empty_url, key).open()
    with pytest.raises(StoreError, match="is not up to date"):
        await Store(empty_url, KEY).open(make=False)
    async with Store(empty_url, KEY) as store:
        assert (await store.audit.head()).seq == 0

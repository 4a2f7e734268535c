"""What the store's tests write down, tell, and count; and the words of a database that can't be opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from bot.errors import StoreError
from bot.store import tables
from bot.store.audit import Entry
from bot.store.database import Store
from bot.store.outbox import Told
from tests.postgresql.server import PASSWORD

KEY = b"the key of the tests' audit chain"
NOW = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
LEASE = timedelta(seconds=60)
TEAM = "T0TEAM"


def entry(number: int = 1, **more: str) -> Entry:
    """The entry of this number; each is another."""
    values = {"actor": "U0ANA", "name": "Ana", "role": "approver", "verb": "delete.approve", **more}
    at = NOW + timedelta(seconds=number)
    return Entry(at, **values, host="mx1", subject=f"{number}-k3qf", outcome="approved", details={"messages": number})


def card(subject: str = "1", kind: str = "request", channel: str = "C0OPS", workspace: str = TEAM) -> Told:
    return Told(workspace, channel, kind, subject)


def under(subject: str = "1", parent: str = "1") -> Told:
    """A message in the thread of the request `parent`."""
    return Told(TEAM, "C0OPS", "request_ended", subject, ("request", parent))


async def tell(store: Store, *cards: Told) -> None:
    async with store.transaction() as transaction:
        for each in cards:
            await transaction.tell(each)


async def write(store: Store, numbers: range) -> None:
    """Append these entries, each in a transaction of its own."""
    for number in numbers:
        async with store.transaction() as transaction:
            await transaction.audit(entry(number))


async def sql(store: Store, *statements: str) -> None:
    """What somebody does to the database who goes round the bot."""
    async with store.transaction() as transaction:
        for statement in statements:
            await transaction.connection.execute(text(statement))


async def refused(url: str, make: bool = True) -> str:
    """The text for the admin, when this database can't be opened."""
    store = Store(url, KEY)
    with pytest.raises(StoreError) as raised:
        await store.open(make)
    assert not store.is_open
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


async def count(store: Store, table: str) -> int:
    async with store.reading() as connection:
        counted = select(func.count()).select_from(tables.metadata.tables[table])
        return (await connection.execute(counted)).scalar_one()

"""Transactions, and what the admin is told when a database is not as it should be."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import exc, func, select, text

from bot.errors import StoreError
from bot.store import tables
from bot.store.claims import claim
from bot.store.database import Store, Transaction
from bot.store.memory import forget, forget_before, recall, remember
from tests.postgresql.server import PASSWORD, PrivatePostgreSQL
from tests.store.subjects import KEY, LEASE, NOW, TEAM, card, entry, tell, write

SECRET = "the-secret-password"


async def refused(url: str, make: bool = True) -> str:
    """The text for the admin, when this database can't be opened."""
    store = Store(url, KEY)
    with pytest.raises(StoreError) as raised:
        await store.open(make)
    assert not store.is_open
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def folder(path: Path) -> list[Path]:
    return list(path.iterdir())


async def count(store: Store, table: str) -> int:
    async with store.reading() as connection:
        counted = select(func.count()).select_from(tables.metadata.tables[table])
        return (await connection.execute(counted)).scalar_one()


# Transactions


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


async def test_times_come_back_as_they_were_and_need_a_zone(store: Store) -> None:
    async with store.transaction() as transaction:
        assert await claim(transaction, "purge", "2026-03-01T09", "one", NOW)
        with pytest.raises(exc.StatementError, match="has no time zone"):
            await transaction.connection.execute(
                select(tables.claims).where(tables.claims.c.at < NOW.replace(tzinfo=None))
            )
    async with store.reading() as connection:
        assert await connection.scalar(select(tables.claims.c.at)) == NOW


async def test_a_slot_is_done_by_one(store: Store, url: str) -> None:
    async with Store(url, KEY) as other:

        async def ask(own: Store, owner: str) -> bool:
            async with own.transaction() as transaction:
                return await claim(transaction, "purge", "2026-03-01T09", owner, NOW)

        got = await asyncio.gather(*(ask(own, f"{n}") for n, own in enumerate((store, other, store, other))))
    assert sorted(got) == [False, False, False, True]


async def test_old_claims_are_forgotten(store: Store) -> None:
    for slot in range(40):
        async with store.transaction() as transaction:
            assert await claim(transaction, "purge", str(slot), "one", NOW.replace(day=1) + slot * 24 * 60 * LEASE)
    assert await count(store, "claims") == 31


async def test_what_is_remembered_outlives_a_restart_until_it_is_forgotten(store: Store, url: str) -> None:
    async with store.transaction() as transaction:
        await remember(transaction, "undo.1", {"ids": ["4f"]}, NOW)
        await remember(transaction, "undo.1", {"ids": ["4f", "5a"]}, NOW)
        await remember(transaction, "undo.2", [1], NOW + LEASE)
        await remember(transaction, "other.1", None, NOW)
    async with Store(url, KEY) as again:
        async with again.reading() as connection:
            assert await recall(connection, "undo.1") == {"ids": ["4f", "5a"]}
            assert await recall(connection, "undo.9") is None
        async with again.transaction() as transaction:
            assert await forget(transaction, "undo.9") is False
            assert await forget_before(transaction, "undo.", NOW + LEASE) == 1
            assert await recall(transaction.connection, "undo.1") is None
            assert await recall(transaction.connection, "undo.2") == [1]
            assert await forget(transaction, "undo.2") is True
            assert await forget_before(transaction, "undo%", NOW + LEASE) == 0


# What can be wrong with a SQLite file


@pytest.mark.parametrize(
    "url",
    [
        "",
        "maildesk.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///x?mode=ro",
        "mysql://u:the-secret-password@h/d",
        "postgresql://",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL is not the address of a database") as raised:
        Store(url, KEY)
    assert SECRET not in str(raised.value)


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "maildesk.db"
    async with Store(f"sqlite:///{file}", KEY) as store:
        await write(store, range(1, 2))
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder(tmp_path)} == {0o600}


async def test_a_relative_file_is_the_same_after_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("sqlite:///maildesk.db", KEY)
    monkeypatch.chdir("/")
    async with store:
        assert (tmp_path / "maildesk.db").exists()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    said = await refused(f"sqlite:///{tmp_path}/none/maildesk.db")
    assert said == (
        f"The database {tmp_path}/none/maildesk.db can't be made (No such file or directory). "
        "Its folder must exist and belong to the user the bot runs as."
    )


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "can't be opened" in await refused(f"sqlite:///{tmp_path}")


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, " * 100)
    said = await refused(f"sqlite:///{file}")
    assert (
        said
        == f"The database {file} is not a SQLite database. It was left as it is; name another file in DATABASE_URL."
    )
    assert file.read_text() == "not a database, " * 100


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who owns nothing, where the tests run as root."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.fixture
def closed_folder(open_folder: Path) -> Path:
    """A folder in which nobody may make a file."""
    open_folder.chmod(0o555)
    return open_folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can walk into."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("mode", [0o444, 0o000])
async def test_a_file_that_may_not_be_written_or_read(open_folder: Path, mode: int) -> None:
    file = open_folder / "maildesk.db"
    async with Store(f"sqlite:///{file}", KEY):
        pass
    file.chmod(mode)
    with nobody():
        said = await refused(f"sqlite:///{file}")
    assert "The user the bot runs as must be able to write the file and its folder." in said


async def test_a_folder_that_may_not_be_written(closed_folder: Path) -> None:
    with nobody():
        assert "can't be made (Permission denied)" in await refused(f"sqlite:///{closed_folder}/maildesk.db")


async def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "maildesk.db"
    async with Store(f"sqlite:///{file}", KEY) as store:
        await write(store, range(1, 100))
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    assert "is damaged" in await refused(f"sqlite:///{file}")


async def test_a_full_disk_is_told_as_such_and_nothing_is_written(tmp_path: Path) -> None:
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY) as store:

        async def too_much() -> None:
            async with store.transaction() as transaction:
                await transaction.audit(entry())
                await transaction.connection.execute(text("PRAGMA max_page_count = 30"))
                await remember(transaction, "test.big", "x" * 1_000_000, NOW)

        with pytest.raises(StoreError, match=r"the disk is full\. Nothing was changed"):
            await too_much()
        assert await count(store, "audit") == 0


async def test_nothing_is_made_where_only_a_look_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "maildesk.db"
    assert "does not exist" in await refused(f"sqlite:///{file}", make=False)
    assert not file.exists()
    sqlite3.connect(file).close()
    assert "is not up to date. Start the bot once" in await refused(f"sqlite:///{file}", make=False)
    assert file.read_bytes() == b""


# What can be wrong on the way to PostgreSQL


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

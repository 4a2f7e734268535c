"""What the admin is told of an address that is none, and of a SQLite file that is not as it should be."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.errors import StoreError
from bot.store.database import Store
from bot.store.memory import remember
from tests.postfix.instance import MEMORY, PREFIX, own
from tests.store.subjects import KEY, NOW, count, entry, refused, write

SECRET = "the-secret-password"


def folder(path: Path) -> list[Path]:
    return list(path.iterdir())


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
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=MEMORY) as name:
        own(Path(name))
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

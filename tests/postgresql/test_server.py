"""The private PostgreSQL itself: a database a test, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.store import tables
from tests.postfix.processes import identity
from tests.postgresql.server import PREFIX, PrivatePostgreSQL, sweep

pytestmark = pytest.mark.real("postgresql")


def test_each_test_has_a_database_of_its_own(
    postgresql: PrivatePostgreSQL, postgresql_url: str, empty_postgresql_url: str
) -> None:
    assert postgresql_url != empty_postgresql_url
    assert postgresql_url.startswith("postgresql://maildesk:")
    counting = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    names = [
        url.rpartition("/")[0].rpartition("?")[0].rpartition("/")[2] for url in (postgresql_url, empty_postgresql_url)
    ]
    ours = len(tables.metadata.tables) + 1  # and Alembic's own
    assert [postgresql.sql(counting, name) for name in names] == [str(ours), "0"]


def test_what_a_killed_run_left_is_stopped_and_removed() -> None:
    left = PrivatePostgreSQL()
    left.start()
    process = identity(str(os.getpid()))
    (left.root / "owner").write_text(process + "0")
    sweep()
    assert not left.root.exists()
    assert left.root.name.startswith(PREFIX)
    command = Path(f"/proc/{left.pid}/cmdline")  # empty while nobody has collected the ended process
    assert not command.exists() or command.read_bytes() == b""

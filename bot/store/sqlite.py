"""SQLite: how a file is made and opened, how its writers take turns, and what its errors mean."""

import asyncio
import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY = 30
"""Seconds that one writer waits for another."""

WRITE = ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE")
READ = ("PRAGMA query_only = ON", "BEGIN")

OWNER = "The user the bot runs as must be able to write the file and its folder."

MEANINGS = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database. It was left as it is; name another file in DATABASE_URL.",
    sqlite3.SQLITE_CANTOPEN: f"can't be opened. {OWNER}",
    sqlite3.SQLITE_READONLY: f"can't be written. {OWNER}",
    sqlite3.SQLITE_FULL: "can't be written: the disk is full. Nothing was changed; make room there.",
    sqlite3.SQLITE_BUSY: f"has been held by another writer for {BUSY} seconds; nothing was written. "
    "Does another program use the file?",
    sqlite3.SQLITE_CORRUPT: "is damaged (database disk image is malformed). Stop the bot and bring back a copy of it.",
    sqlite3.SQLITE_IOERR: "can't be read or written. Look at the disk.",
}
"""By SQLite's primary result code (sqlite.org/rescode.html)."""


async def prepare(file: Path, make: bool) -> None:
    """Make the file, for its owner's eyes only, since it will hold mail addresses, and try to open it.

    From its first use on it keeps a write-ahead log, so that readers and a writer don't wait for each other.
    Raises OSError when the file can't be made, sqlite3.Error when it can't be opened.
    """
    if make:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    end = time.monotonic() + BUSY
    while True:
        try:
            return await asyncio.to_thread(_try, file, "PRAGMA journal_mode = WAL" if make else "PRAGMA schema_version")
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself for another process that is just turning to the log.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        await asyncio.sleep(0.05)


def _try(file: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(file, timeout=BUSY, isolation_level=None)) as connection:
        connection.execute(statement)


class _Connection(sqlite3.Connection):
    """A connection that is rolled back when it is closed.

    A cursor whose task was cancelled can outlive the close, and SQLite keeps the lock of a transaction for as long.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


def engine(file: Path) -> AsyncEngine:
    """A new engine; nothing connects before its first use."""
    made = create_async_engine(f"sqlite+aiosqlite:///{file}", connect_args={"timeout": BUSY, "factory": _Connection})

    @event.listens_for(made.sync_engine, "connect")
    def connected(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; `begun` does
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")  # what is committed outlives a power cut
        cursor.close()

    @event.listens_for(made.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that reads first and writes later would be refused at once if another wrote in between, so
        # one that may write says so when it begins, and waits its turn there.
        begin = connection.get_execution_options().get("begin", WRITE)
        for statement in begin:
            connection.exec_driver_sql(statement)

    return made


def meaning(error: sqlite3.Error) -> str:
    """What happened, and what to do, to be read after the file's name."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return MEANINGS.get(code & 0xFF, f"refused the work: {error}")

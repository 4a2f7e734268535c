"""New SQLite databases without a migration for each: a copy of one that has the tables and nothing else."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from sqlalchemy import create_engine

from bot.store import schema
from bot.store.engine import Database


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "maildesk.db")
        engine = create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            schema.upgrade(connection, Database(f"sqlite:///{file}"), make=True)
        engine.dispose()
        return file.read_bytes()


def lay_out(folder: Path) -> str:
    """The address of a database in this folder, made unless it is there: a store finds nothing to migrate in it."""
    file = folder / "maildesk.db"
    if not file.exists():
        file.touch(0o600)
        file.write_bytes(_migrated())
    return f"sqlite:///{file}"

"""The key of the audit chain: from the settings, or from a file that is made once."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from bot.store import tables
from bot.store.engine import Database

SHORTEST = 32
"""Bytes that a key has at least."""

MARK = "audit.key"

AuditKey = Callable[[bool], bytes] | bytes
"""The key, or what brings it; that is told whether it may make a new one."""


def file_key(path: Path) -> Callable[[bool], bytes]:
    """Brings the key in this file; makes the file, for its owner alone to read, if it may and there is none.

    Raises StoreError.
    """

    def key(may_make: bool) -> bytes:
        if may_make:
            _make(path)
        try:
            found = path.read_bytes().strip()
        except FileNotFoundError:
            raise StoreError(
                f"The key of the audit chain is gone: there is no {path}, and the database was begun with it. "
                "Bring the file back from its copy (AUDIT_KEY_FILE says where it is looked for), or set "
                "AUDIT_KEY to what it held. Nothing was started."
            ) from None
        except OSError as error:
            raise StoreError(f"The key of the audit chain, {path}, can't be read ({error.strerror}).") from None
        if len(found) < SHORTEST:
            raise StoreError(
                f"The key of the audit chain, {path}, is too short: {len(found)} characters, {SHORTEST} are needed. "
                "Bring the file back from its copy."
            )
        return found

    return key


def _make(path: Path) -> None:
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"The key of the audit chain can't be made at {path} ({error.strerror}). "
            "Name another file in AUDIT_KEY_FILE, or set AUDIT_KEY."
        ) from None
    with os.fdopen(file, "w") as opened:
        opened.write(secrets.token_hex(32) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


async def check(connection: AsyncConnection, given: AuditKey, database: Database, now: datetime, make: bool) -> bytes:
    """The key, if it is the one that this database knows by its mark; the first key leaves its mark.

    Two bots at one database, each with a key of its own, would spoil the chain for each other; so would a new key for
    an old chain. Only a chain that is empty gets a new key, and only with `make`. Raises StoreError.
    """
    mark_of_it = select(tables.memory.c.value).where(tables.memory.c.key == MARK)
    known = (await connection.execute(mark_of_it)).scalar_one_or_none()
    rows = (await connection.execute(select(func.count()).select_from(tables.audit))).scalar_one()
    key = given if isinstance(given, bytes) else given(make and rows == 0 and known is None)
    if len(key) < SHORTEST:
        raise StoreError(f"AUDIT_KEY is too short: {len(key)} bytes, {SHORTEST} are needed.")
    mark = hmac.new(key, b"maildesk audit key", hashlib.sha256).hexdigest()
    if known is None and make:
        await connection.execute(tables.memory.insert().values(key=MARK, value=f'"{mark}"', at=now))
    elif known is not None and known != f'"{mark}"':
        raise database.error(
            "keeps its audit chain with another key than this one. Set AUDIT_KEY, or bring back the file that "
            "AUDIT_KEY_FILE names; bots that share a database share the key. Nothing was started."
            + ("" if rows else " (Nothing has been written with that key yet: a new database would do as well.)")
        )
    return key

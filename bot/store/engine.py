"""From DATABASE_URL to an engine: how each kind of database is opened, what it is called, and what its errors mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import StoreError
from bot.store import sqlite

CONNECT = 10
"""Seconds for a connection to PostgreSQL."""

MISTAKES = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
"""What the database says of a statement that is wrong: a defect of the program, which keeps its trace."""

UNREADABLE = "can't be opened: DATABASE_URL can't be read. In a password, write / as %2F, # as %23 and @ as %40."
"""The driver's own words of an address may quote it, and so are not repeated."""

POSTGRESQL = {
    "ClientConfigurationError": UNREADABLE,
    "InvalidPasswordError": "refused the password in DATABASE_URL.",
    "InvalidAuthorizationSpecificationError": "refused the user in DATABASE_URL.",
    "InvalidCatalogNameError": "does not exist on that server. Make it there: CREATE DATABASE …",
    "TooManyConnectionsError": "has no connection free. Raise max_connections there, or stop what holds them.",
    "CannotConnectNowError": "is just starting or stopping. Try again in a moment.",
    "InsufficientPrivilegeError": "does not let this user do that. Make it the owner: ALTER DATABASE … OWNER TO …",
}
"""What PostgreSQL's refusals mean, by the driver's name of each."""


class Database:
    """Which database it is. Nothing connects here. Raises StoreError for an address that is none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.file = _file(url)
        self.postgresql = self.file is None
        self.name = str(self.file) if self.file else _postgresql_name(url)

    def engine(self) -> AsyncEngine:
        """A new engine; nothing connects before its first use. Raises StoreError without the driver."""
        if self.file:
            return sqlite.engine(self.file)
        try:
            import asyncpg  # type: ignore[import-untyped]
        except ImportError:
            raise self.error(
                "needs a driver that is not installed. Install it with: pip install 'maildesk-bot[postgresql]'"
            ) from None

        async def connect() -> Any:
            # asyncpg reads the address as libpq does, sslmode, host and passfile included.
            return await asyncpg.connect(self._url, timeout=CONNECT)

        return create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True)

    async def prepare(self, make: bool) -> None:
        """Make the file of a new SQLite database; without `make`, raise StoreError when there is none."""
        if self.file is None:
            return
        try:
            if not make and not self.file.exists():
                raise self.error("does not exist. Is DATABASE_URL right, and this the folder the bot runs in?")
        except OSError as error:
            raise self.error(
                f"can't be looked at ({error.strerror}). The user the bot runs as must be able to enter its folder."
            ) from None
        try:
            await sqlite.prepare(self.file, make)
        except OSError as error:
            raise self.error(
                f"can't be made ({error.strerror}). Its folder must exist and belong to the user the bot runs as."
            ) from None
        except sqlite3.Error as error:
            raise self.error(sqlite.meaning(error)) from error

    def error(self, text: str) -> StoreError:
        """A StoreError that names this database, never with a password."""
        return StoreError(f"The database {self.name} {text}")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What can befall a database becomes a StoreError; a mistake of the program does not."""
        try:
            yield
        except exc.TimeoutError:
            raise self.error("has had no connection free for 30 seconds; nothing was written. Try again.") from None
        except MISTAKES as error:
            if error.connection_invalidated:
                raise self.error("closed the connection; nothing was written. Try again.") from error
            raise
        except exc.DBAPIError as error:
            raise self.error(_meaning(error)) from error

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """As `errors()`, for the moment of connecting, when the driver's own errors come through."""
        try:
            with self.errors():
                yield
        except OSError as error:  # TimeoutError too
            why = error.strerror or str(error) or f"no answer for {CONNECT} seconds"
            raise self.error(f"can't be reached ({why}). Is the server running, and the address right?") from None
        except ValueError:
            raise self.error(UNREADABLE) from None


def _file(url: str) -> Path | None:
    """The file of a SQLite address, absolute; None for a PostgreSQL one. Raises StoreError for any other."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite" and rest.startswith("/") and rest[1:] and "?" not in rest:
        return Path(rest[1:]).absolute()
    if separator and scheme == "postgresql" and rest:
        return None
    raise StoreError("DATABASE_URL is not the address of a database: sqlite:///FILE, or postgresql://…")


def _postgresql_name(url: str) -> str:
    """`NAME on HOST`, as far as the address says it; without user and password."""
    try:
        parts = urlsplit(url)
        name, host = parts.path.lstrip("/"), parts.hostname
        parts.port  # noqa: B018 (a password with an unescaped slash shows here, as a port that is no number)
    except ValueError:
        return "of DATABASE_URL"
    return f"{name or 'of DATABASE_URL'} on {host}" if host else name or "of DATABASE_URL"


async def only_reads(connection: AsyncConnection) -> None:
    """From here on this connection sees one moment of the database, and keeps no writer waiting."""
    if connection.dialect.name == "postgresql":
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    else:
        await connection.execution_options(begin=sqlite.READ)


def _meaning(error: exc.DBAPIError) -> str:
    if isinstance(error.orig, sqlite3.Error):
        return sqlite.meaning(error.orig)
    driver = type(getattr(error.orig, "__cause__", None)).__name__
    if driver in POSTGRESQL:
        return POSTGRESQL[driver]
    if error.connection_invalidated:
        return "closed the connection; nothing was written. Try again."
    said = str(error.orig).splitlines()
    return f"refused the work: {said[0] if said else type(error.orig).__name__}"

"""The store: one database, its write transactions, and what is written in them together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.errors import StoreError
from bot.store import outbox, schema
from bot.store.audit import AuditChain, Entry, append
from bot.store.engine import Database, only_reads
from bot.store.health import PROOF, Health
from bot.store.key import AuditKey, check
from bot.store.memory import forget, remember
from bot.store.outbox import Outbox, Told

ALONE = 0x6D61696C  # the number of the lock, in PostgreSQL's table of advisory locks


Connection = AsyncConnection
"""What `Store.reading()` hands out, for those who pass it on."""


def utc() -> datetime:
    return datetime.now(UTC)


class Transaction:
    """One write transaction, handed out by `Store.transaction()`: all of it happens, or nothing."""

    def __init__(self, connection: AsyncConnection, key: bytes, now: datetime) -> None:
        self.connection = connection
        self.told = False
        self._key = key
        self._now = now
        self._alone = False

    async def audit(self, entry: Entry) -> None:
        """Append to the audit chain."""
        await self.alone()
        await append(self.connection, self._key, entry)

    async def tell(self, card: Told) -> None:
        """Let Slack see the card's subject as it is after this transaction, once.

        Raises LookupError if the card belongs into the thread of one that was never told.
        """
        await self.alone()
        await outbox.tell(self.connection, card, self._now)
        self.told = True

    async def alone(self) -> None:
        """From here to the end no other transaction that asked for this writes.

        SQLite has one writer anyway. In PostgreSQL two that appended to the chain at once would both follow the same
        row, and two that told the same cards in another order would wait for each other.
        """
        if not self._alone and self.connection.dialect.name == "postgresql":
            await self.connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ALONE})
        self._alone = True


class Store:
    """SQLite or PostgreSQL, by `url`. `audit_key` is the key of the audit chain, or brings it (bot/store/key.py).

    `now` is the clock that tells when something was told. Raises StoreError for a URL that is none.
    """

    def __init__(self, url: str, audit_key: AuditKey, now: Callable[[], datetime] = utc) -> None:
        self.database = Database(url)
        self.outbox = Outbox(self)
        self.health = Health(now)
        self.audit = AuditChain(self)
        self.key = b""
        self._audit_key = audit_key
        self._now = now
        self._engine: AsyncEngine | None = None
        self._writer = asyncio.Lock()
        self._writing: asyncio.Task[object] | None = None
        self._told = asyncio.Event()

    async def open(self, make: bool = True) -> None:
        """Connect, bring the schema up to date, and read the key (or make it, while the chain is empty).

        Without `make` nothing is made and nothing changed: what is there must be there already.
        Raises StoreError with a text for the admin; then nothing is left open.
        """
        await self.database.prepare(make)
        self._engine = self.database.engine()
        try:
            async with self._begin(reads=not make) as connection:
                if make:
                    await Transaction(connection, b"", self._now()).alone()
                await connection.run_sync(schema.upgrade, self.database, make)
                self.key = await check(connection, self._audit_key, self.database, self._now(), make)
        except BaseException:
            await self.close()
            raise

    async def __aenter__(self) -> "Store":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_open(self) -> bool:
        return self._engine is not None

    async def close(self) -> None:
        """Let go of the database; what is under way must have ended."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A write transaction: committed at the end of the block, rolled back when that raises.

        Writers of one SQLite file take turns. Raises StoreError when the database fails; nothing was written then.
        """
        try:
            async with self._turn(), self._begin(reads=False) as connection:
                transaction = Transaction(connection, self.key, self._now())
                try:
                    yield transaction
                finally:
                    told = transaction.told
                if self.health.trouble:
                    await remember(transaction, PROOF, "", self._now())
        except StoreError as error:
            self.health.failed(error)
            raise
        self.health.wrote()
        if told:
            self._told.set()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database. Raises StoreError when the database fails."""
        try:
            async with self._begin(reads=True) as connection:
                yield connection
        except StoreError as error:
            self.health.failed(error)
            raise

    async def try_writing(self) -> None:
        """Write something, and take it back. Raises StoreError when the database can't be written."""
        async with self.transaction() as transaction:
            await remember(transaction, PROOF, "", self._now())
            await forget(transaction, PROOF)

    async def wait_told(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait until something was told by this store, `timeout` seconds at most; whether there was."""
        try:
            async with asyncio.timeout(timeout):
                await self._told.wait()
        except TimeoutError:
            return False
        self._told.clear()
        return True

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Inside this process writers of a SQLite file queue up in order; SQLite itself would make them poll."""
        if self.database.postgresql:
            yield
            return
        if self._writing is not None and self._writing is asyncio.current_task():
            raise RuntimeError("a transaction was begun inside another one of the same task")
        async with self._writer:
            self._writing = asyncio.current_task()
            try:
                yield
            finally:
                self._writing = None

    @asynccontextmanager
    async def _begin(self, reads: bool) -> AsyncIterator[AsyncConnection]:
        if self._engine is None:
            raise RuntimeError("the store is not open")
        async with AsyncExitStack() as stack:
            with self.database.connecting():
                connection = await stack.enter_async_context(self._engine.connect())
                if reads:
                    await only_reads(connection)
                begun = await connection.begin()
            with self.database.errors():
                yield connection
                await begun.commit()
            # Whatever ended the block by raising: closing the connection rolls back.

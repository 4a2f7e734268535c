"""A mail host, people, a clock that is turned by hand, and bots on one store, which can be killed and started again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actors import Actor, Role, Roster
from bot.agent.protocol import Identity
from bot.approvals import lease, records
from bot.approvals.execution import Executor
from bot.approvals.model import Decision, Kind, Request, Where
from bot.approvals.requests import Approvals
from bot.approvals.trash import Restores
from bot.background import Background
from bot.errors import StoreError
from bot.mailhost.asking import Link
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import Event
from bot.mailhost.selector import parse
from bot.settings import Settings
from bot.store.database import Store, Transaction
from tests.approvals.fakehost import GONE, FakeAgent

KEY = b"the key of the audit chain of these tests"
START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HERE = Where("T0TEAM", "C0OPS")

VIC, OPAL, OTTO = "U0VIC", "U0OPAL", "U0OTTO"
APRIL, ANTON, NOEL = "U0APRIL", "U0ANTON", "U0NOEL"
"""A viewer, two operators, two approvers, and somebody without a role."""

PAUSES, LATE = (2, 6, 30, 6), (31, 6, 6)
"""Minutes between looks of the clock: past a lease, the longest back-off, the time to begin, and a back-off again; or
past the time to begin before the first look."""


class Clock:
    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, by: timedelta) -> None:
        self.moment += by


def person(user: str) -> Actor:
    """Somebody as a front end hands them in: what it says of the role is not what counts."""
    return Actor(user, user.removeprefix("U0").lower(), Role.NONE)


def mail(number: int, size: int = 1000) -> Identity:
    return Identity(
        f"{0xA00000 + number:X}", int(START.timestamp()) - 3600 + number, size, f"s{number % 3}@example.org"
    )


class Killed(BaseException):
    """The bot is dead; whatever it still wants to do, it does not."""


class Life:
    """The life of one bot: it ends at its step number `ends_at`, and steps are counted from 0."""

    def __init__(self, ends_at: int | None = None) -> None:
        self.steps = 0
        self.ends_at = ends_at
        self.over = False

    def step(self) -> None:
        if self.over or self.steps == self.ends_at:
            self.over = True
            raise Killed
        self.steps += 1


class MortalStore(Store):
    """A store whose bot may be killed before a transaction, before its commit, and after it.

    The next `failures` transactions find the disk full.
    """

    life = Life()
    failures = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.life.step()
        async with super().transaction() as transaction:
            yield transaction
            if self.failures:
                self.failures -= 1
                raise StoreError("The disk is full.")
            self.life.step()
        self.life.step()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        self.life.step()
        async with super().reading() as connection:
            yield connection


class MortalLink:
    """A link whose bot may be killed before the agent is asked, and before its answer is heard."""

    def __init__(self, link: Link, life: Life) -> None:
        self.host = link.host
        self._link = link
        self._life = life

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        self._life.step()
        async for event in self._link.ask(request):
            yield event
        self._life.step()

    async def close(self) -> None:
        await self._link.close()


@dataclass
class Bot:
    """One bot process on the store."""

    life: Life
    store: Store
    hosts: MailHosts
    background: Background
    approvals: Approvals
    executor: Executor
    restores: Restores

    @property
    def host(self) -> MailHost:
        return self.hosts["mx1"]

    async def ask(self, words: str, by: str = OPAL, kind: Kind = Kind.DELETE) -> Request:
        return await self.approvals.ask(kind, self.host, parse(words), person(by), HERE)

    async def decide(
        self, request: Request, decision: Decision, by: str, typed: str = "", revision: int | None = None
    ) -> Request:
        """Decide and carry it out, as a front end does."""
        team = HERE.workspace if revision is not None else ""
        decided = await self.approvals.decide(request.id, revision, decision, person(by), typed, team)
        self.executor.kick(decided.id)
        await self.background.idle()
        return await self.approvals.get(decided.id)

    async def approve(self, request: Request, by: str = APRIL, typed: str = "") -> Request:
        return await self.decide(request, Decision.APPROVE, by, typed)

    async def tick(self) -> None:
        """What the clock's jobs do."""
        await self.approvals.expire_due()
        await self.executor.sweep()
        await self.restores.sweep()
        await self.restores.finish_begun()
        await self.background.idle()


@dataclass
class World:
    """What outlives a bot."""

    folder: Path
    url: str = ""
    clock: Clock = field(default_factory=Clock)
    values: dict[str, Any] = field(default_factory=dict)
    renew: float = lease.RENEW
    roster: Roster = field(default_factory=lambda: Roster((VIC,), (OPAL, OTTO), (APRIL, ANTON)))
    agent: FakeAgent = field(init=False)
    link: Link | None = None
    """The way to a real agent, where it is not `agent` that is asked."""

    def __post_init__(self) -> None:
        self.agent = FakeAgent(self.clock)
        self.url = self.url or f"sqlite:///{self.folder}/maildesk.db"

    def queue(self, *numbers: int) -> None:
        for number in numbers:
            self.agent.put(mail(number))

    @asynccontextmanager
    async def bot(self, life: Life | None = None) -> AsyncIterator[Bot]:
        """A bot from its start to its end, or until it is killed."""
        life = life or Life()
        settings = Settings(_env_file=None, **self.values)  # type: ignore[call-arg]
        store = MortalStore(self.url, KEY, self.clock)
        store.life = life
        hosts = MailHosts([MailHost(MortalLink(self.link or self.agent, life))])
        background, roster = Background(), self.roster
        async with store:
            try:
                yield Bot(
                    life,
                    store,
                    hosts,
                    background,
                    Approvals(store, roster, settings, self.clock),
                    Executor(
                        store,
                        hosts,
                        background,
                        self.clock,
                        f"bot-{id(store)}",
                        timedelta(minutes=settings.approval_ttl),
                        self.renew,
                    ),
                    Restores(store, hosts, roster, self.clock),
                )
            finally:
                await background.close()
                await hosts.close()

    async def in_the_end(self, late: bool = False) -> tuple[Request, ...]:
        """Every request after a new bot ran for a while on a host that answers.

        `late`: nobody looked before the time to begin was over, and the host was away once more then.
        """
        self.agent.ahead.clear()
        if late:
            self.agent.ahead.append(GONE)
        async with self.bot() as bot:
            for minutes in LATE if late else PAUSES:
                self.clock.turn(timedelta(minutes=minutes))
                await bot.tick()
            assert await bot.approvals.open() == ()
            return await everything(bot)


async def everything(bot: Bot) -> tuple[Request, ...]:
    async with bot.store.reading() as connection:
        return await records.find(connection)


def copied(template: Path, folder: Path) -> None:
    """Give this folder the database of another one."""
    for file in template.iterdir():
        shutil.copy(file, folder / file.name)

"""Reports that are kept: completed by another bot when theirs is gone, broken off when nobody waits, never doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.background import Background
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import link_to
from bot.reputation.findings import Finding, Part, Severity
from bot.reputation.report import NotAReport, Report, Scope
from bot.reputation.reports import RUNS, WANTED, Reports
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.settings import HostSettings
from bot.store import reports as kept
from bot.store.database import Store
from tests.reputation.hosts import tools
from tests.reputation.reports import STARTED, finding, report
from tests.store.migrated import lay_out
from tests.store.subjects import KEY

HOST = MailHost(link_to(HostSettings("mx1")), "mx1")


class Clock:
    def __init__(self) -> None:
        self.at = STARTED

    def now(self) -> datetime:
        return self.at


class Scripted(Checks):
    """Checks that end when they are told to; `begun` counts how often they were."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(tools(Resolver(["127.0.0.1:9"])), {}, clock.now)
        self.go = asyncio.Event()
        self.begun = 0
        self.found: tuple[Finding, ...] = ()

    async def watch(
        self,
        host: MailHost,
        scope: Scope = "all",
        *,
        leaving: Collection[Part] = (),
        first: float = 0,
        between: float = 0,
    ) -> AsyncGenerator[Report, None]:
        self.begun += 1
        found = replace(report(*self.found), host=host.name, scope=scope, left_out=tuple(leaving))
        yield replace(found, finished=None, ended=4)
        await self.go.wait()
        yield replace(found, findings=tuple(each for each in found.findings if each.part in found.parts))


class Bot:
    def __init__(self, store: Store, clock: Clock, owner: str, *hosts: MailHost) -> None:
        self.store, self.clock = store, clock
        self.checks, self.background = Scripted(clock), Background()
        self.reports = Reports(store, self.checks, MailHosts(hosts or [HOST]), self.background, clock.now, owner)

    async def begin(self, scope: Scope = "all", channel: str = "C1") -> bool:
        begun = await self.reports.begin(HOST, scope, "U1", "T1", channel)
        if begun:
            await self.told()
        return begun

    async def told(self) -> None:
        """Return when what is under way was told of."""
        await self.store.wait_told(30)

    async def end(self) -> None:
        self.checks.go.set()
        await self.background.idle()

    async def state(self, number: int = 1) -> str:
        async with self.store.reading() as connection:
            row = await kept.get(connection, number)
        return row.state if row else "none"

    async def get(self, number: int = 1) -> Report:
        found = await self.reports.get(number)
        assert found and found.asked_by == "U1"
        return found.report


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    clock = Clock()
    async with Store(lay_out(folder), KEY, clock.now) as store:
        yield store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_report_is_kept_and_told_as_it_grows(store: Store) -> None:
    bot = Bot(store, Clock(), "a")
    assert await bot.begin()
    assert (await bot.get()).ended == 4 and await bot.reports.latest("mx1") is None
    await bot.end()
    assert await bot.get() == await bot.reports.latest("mx1") == report()
    assert (await store.outbox.backlog("T1", STARTED)).waiting == 1, "one message, whatever happened"


async def test_one_of_a_kind_runs_at_a_time_in_a_channel(store: Store) -> None:
    bot = Bot(store, Clock(), "a")
    assert await bot.begin()
    assert not await bot.begin()
    assert await bot.begin("dns") and await bot.begin(channel="C2")
    await bot.end()
    assert await bot.begin()
    await bot.end()


async def test_a_report_of_a_bot_that_was_stopped_is_free_at_once(store: Store) -> None:
    clock = Clock()
    first, second = Bot(store, clock, "a"), Bot(store, clock, "b")
    await first.begin()
    await second.reports.sweep()
    assert second.checks.begun == 0, "its bot is there"
    await first.background.close()
    await asyncio.gather(second.reports.sweep(), second.reports.sweep())
    await second.end()
    assert second.checks.begun == 1
    assert await second.get() == report()


async def test_a_report_of_a_bot_that_was_killed_is_free_after_its_time(store: Store) -> None:
    clock = Clock()
    first, second = Bot(store, clock, "a"), Bot(store, clock, "b")
    await first.begin()
    clock.at += timedelta(seconds=61)
    await second.reports.sweep()
    await second.told()
    first.checks.go.set()
    await first.background.idle()
    assert (await second.get()).finished is None, "what the first one says comes too late"
    await second.end()
    assert await second.get() == report()


@pytest.mark.parametrize("why", ["nobody waits", "no such host", "it ends its bot"])
async def test_what_is_not_begun_again_ends_as_broken_off(store: Store, why: str) -> None:
    clock = Clock()
    first = Bot(store, clock, "a")
    await first.begin()
    await first.background.close()
    others = [MailHost(link_to(HostSettings("mx2")), "mx2")] if why == "no such host" else []
    last = Bot(store, clock, "b", *others)
    if why == "nobody waits":
        clock.at += WANTED + timedelta(seconds=1)
    for _ in range(RUNS - 1 if why == "it ends its bot" else 0):
        await last.reports.sweep()
        await last.told()
        await last.background.close()
    await last.reports.sweep()
    await last.background.idle()
    found = await last.get()
    assert await last.state() == "broken_off"
    assert found.broken_off and found.finished == clock.at and found.ended == 4
    assert await last.reports.latest("mx1") is None


async def test_what_another_version_kept_is_said_to_be_so_and_still_ends(store: Store) -> None:
    clock = Clock()
    bot = Bot(store, clock, "a")
    await bot.begin()
    async with store.transaction() as transaction:
        assert await kept.keep(transaction, 1, "a", {"v": 99}, clock.at)
    with pytest.raises(NotAReport):
        await bot.reports.get(1)
    clock.at += WANTED + timedelta(seconds=1)
    await Bot(store, clock, "b").reports.sweep()
    assert (await bot.get()).broken_off
    await bot.background.close()


async def test_old_reports_are_forgotten_but_not_the_last_one(store: Store) -> None:
    clock = Clock()
    bot = Bot(store, clock, "a")
    bot.checks.go.set()
    for scope in ("all", "dns", "all"):
        await bot.begin(scope)
        await bot.background.idle()
    clock.at += timedelta(days=31)
    assert await bot.reports.prune() == 2
    assert await bot.reports.get(1) is None and await bot.reports.latest("mx1") == report()


async def test_a_report_that_nobody_asked_for_is_kept_and_told_to_nobody(store: Store) -> None:
    bot = Bot(store, Clock(), "a")
    bot.checks.go.set()
    assert await bot.reports.watch(HOST) == await bot.reports.latest("mx1") == report()
    await bot.reports.sweep()
    assert bot.checks.begun == 1 and await bot.state() == "done"
    assert (await store.outbox.backlog("T1", STARTED)).waiting == 0
    found = await bot.reports.get(1)
    assert found and found.asked_by == ""


async def test_what_the_latest_left_out_is_from_the_last_one_that_looked_at_it(store: Store) -> None:
    bot = Bot(store, Clock(), "a")
    bot.checks.go.set()
    spf, old = (finding("spf.none", Severity.PROBLEM, subject=each) for each in ("new.test", "old.test"))
    tls = finding("tls.none", Severity.WARNING, part="tls")
    bot.checks.found = (old,)
    await bot.reports.watch(HOST, ["tls"])
    found = await bot.reports.latest("mx1")
    assert found and found.left_out == ("tls",) and old in found.findings, "nobody has looked at TLS yet"
    bot.checks.found = (old, tls)
    await bot.reports.watch(HOST)
    bot.checks.found = (spf,)
    await bot.reports.watch(HOST, ["tls"])
    found = await bot.reports.latest("mx1")
    assert found and found.left_out == () and {spf, tls} <= {*found.findings} and old not in found.findings
    assert found.verdict == "1 problem and 1 warning"


async def test_somebody_who_waits_for_a_report_is_seen_by_every_bot(store: Store) -> None:
    clock = Clock()
    first, second = Bot(store, clock, "a"), Bot(store, clock, "b")
    assert not await second.reports.under_way(HOST)
    await first.begin("dns")
    assert await second.reports.under_way(HOST)
    await first.end()
    assert not await second.reports.under_way(HOST)

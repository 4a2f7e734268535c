"""The clock's jobs run, each slot is claimed once, and stopping leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot import bootstrap, scheduler
from bot.approvals.model import Decision, Kind, State
from bot.errors import StoreError, UserError
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.selector import parse
from bot.scheduler import JOBS, Clock, Job
from bot.services import Services
from bot.settings import Settings
from bot.store import samples
from bot.store.memory import recall, remember
from bot.watch.heartbeat import beat
from tests.approvals import fakehost
from tests.approvals.fakehost import FakeAgent
from tests.approvals.world import APRIL, HERE, OPAL, mail, person
from tests.approvals.world import Clock as Time
from tests.store.migrated import lay_out


class Heartbeats:
    """A dead man's switch: what it heard, and what it answers with."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        self.url = SecretStr("")

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(request.path)
        return web.Response(status=self.status)


@pytest.fixture
async def heartbeats() -> AsyncIterator[Heartbeats]:
    made = Heartbeats()
    app = web.Application()
    app.router.add_get("/ping/secret", made.answer)
    async with TestServer(app) as server:
        made.url = SecretStr(str(server.make_url("/ping/secret")))
        yield made


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def agents(time: Time) -> list[FakeAgent]:
    return [FakeAgent(time, map(mail, range(5)), host) for host in ("mx1", "mx2")]


@pytest.fixture
async def services(tmp_path: Path, time: Time, agents: list[FakeAgent]) -> AsyncIterator[Services]:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        operators=(OPAL,),
        approvers=(APRIL,),
        database_url=lay_out(tmp_path),
        audit_key=SecretStr("the key of the audit chain of these tests"),
    )
    made = bootstrap.services(settings, MailHosts([MailHost(agent) for agent in agents]), time)
    async with made.store:
        yield made
        await made.background.close()
        await made.hosts.close()


async def test_a_clock_does_what_is_due_at_its_start(services: Services, agents: list[FakeAgent], time: Time) -> None:
    waiting = await services.approvals.ask(Kind.DELETE, services.hosts["mx1"], parse("all"), person(OPAL), HERE)
    time.turn(timedelta(minutes=10))
    approved = await services.approvals.ask(Kind.DELETE, services.hosts["mx2"], parse("all"), person(OPAL), HERE)
    await services.approvals.decide(approved.id, None, Decision.APPROVE, person(APRIL))
    time.turn(timedelta(minutes=20))
    clock = Clock(services)
    clock.start()
    async with asyncio.timeout(20):
        while await services.approvals.open():
            await services.store.wait_told(1)
    await clock.stop()
    assert (await services.approvals.get(waiting.id)).state is State.EXPIRED
    assert (await services.approvals.get(approved.id)).state is State.DONE
    assert agents[1].queue == {} and len(agents[0].queue) == 5


async def test_each_host_is_purged_once_an_hour_whoever_asks(
    services: Services, agents: list[FakeAgent], time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*(scheduler.purge(services) for _ in range(3)))
    assert [agent.asked for agent in agents] == [["purge"], ["purge"]]
    time.turn(timedelta(hours=1))
    agents[0].ahead.append(fakehost.GONE)
    await scheduler.purge(services)
    await scheduler.purge(services)
    assert [agent.asked for agent in agents] == [["purge"], ["purge", "purge"]]
    assert "the trash was not purged: mx1: the agent can't be started" in caplog.text


async def test_each_host_is_looked_at_once_a_minute_whoever_asks(services: Services, time: Time) -> None:
    for _ in range(3):
        await asyncio.gather(*(scheduler.look(services) for _ in range(2)))
        time.turn(timedelta(minutes=1))
    async with services.store.reading() as connection:
        for host in ("mx1", "mx2"):
            kept = await samples.series(connection, host, samples.MINUTE, time() - timedelta(hours=1), time())
            assert [(each.deferred, each.measured) for each in kept] == [(5, 1)] * 3


async def test_a_sign_of_life_is_given_once_all_that_was_seen_is_kept(
    services: Services, time: Time, heartbeats: Heartbeats, caplog: pytest.LogCaptureFixture
) -> None:
    watched = replace(services, settings=services.settings.model_copy(update={"heartbeat_url": heartbeats.url}))
    await scheduler.look(watched)
    assert heartbeats.heard == ["/ping/secret"]
    async with services.store.transaction() as transaction:
        await transaction.connection.exec_driver_sql("DROP TABLE samples")
    time.turn(timedelta(minutes=1))
    await scheduler.look(watched)
    assert heartbeats.heard == ["/ping/secret"], "a bot that can't keep what it sees is as good as dead"
    assert "no such table: samples (said once" in caplog.text


async def test_a_sign_of_life_that_nobody_takes_is_logged_without_its_address(
    heartbeats: Heartbeats, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeats.status = 500
    assert not await beat(heartbeats.url.get_secret_value())
    assert not await beat("http://127.0.0.1:9/ping/secret")
    assert "answered with 500" in caplog.text and "secret" not in caplog.text


async def test_addresses_are_forgotten_by_the_clock(services: Services, time: Time) -> None:
    request = await services.approvals.ask(Kind.DELETE, services.hosts["mx1"], parse("all"), person(OPAL), HERE)
    await services.approvals.decide(request.id, None, Decision.CANCEL, person(OPAL))
    async with services.store.transaction() as transaction:
        await remember(transaction, "released.r-1", ["A1B2C3D4E5"], time())
    time.turn(timedelta(days=31))
    await scheduler.forget(services)
    assert await services.approvals.manifest(request.id) is None
    async with services.store.reading() as connection:
        assert await recall(connection, "released.r-1") is None


async def test_what_can_not_be_forgotten_keeps_nothing_else_from_being(
    services: Services, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    async with services.store.transaction() as transaction:
        await remember(transaction, "released.r-1", ["A1B2C3D4E5"], time())
        await transaction.connection.exec_driver_sql("DROP TABLE mutes")
    time.turn(timedelta(days=31))
    await scheduler.forget(services)
    assert "old alerts were not forgotten; tried again tomorrow" in caplog.text
    async with services.store.reading() as connection:
        assert await recall(connection, "released.r-1") is None


async def test_a_job_that_fails_is_told_and_the_others_run(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    ran = asyncio.Event()

    async def fails(_: Services) -> None:
        raise UserError("Not now.")

    async def stores(_: Services) -> None:
        raise StoreError("The database is full.")

    async def breaks(_: Services) -> None:
        raise ZeroDivisionError

    async def works(_: Services) -> None:
        ran.set()

    hour = timedelta(hours=1)
    clock = Clock(
        services, tuple(Job(job.__name__, hour, job, at_start=True) for job in (fails, stores, breaks, works))
    )
    with caplog.at_level(logging.ERROR):
        clock.start()
        await asyncio.wait_for(ran.wait(), 20)
        await clock.stop()
    assert [record.getMessage() for record in caplog.records] == ["fails: Not now.", "breaks failed"], (
        "that the store fails is the store's to tell"
    )


async def test_a_job_in_its_middle_is_cancelled_and_waited_for(services: Services) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long(_: Services) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    clock = Clock(services, (Job("long", timedelta(hours=1), long, at_start=True),))
    clock.start()
    await asyncio.wait_for(begun.wait(), 20)
    await clock.stop()
    assert ended.is_set()
    await clock.stop()


def test_every_job_has_its_row() -> None:
    assert [(job.what.__name__, job.every) for job in JOBS] == [
        ("expire", timedelta(seconds=15)),
        ("carry_out", timedelta(seconds=30)),
        ("finish", timedelta(minutes=10)),
        ("complete", timedelta(seconds=30)),
        ("look", timedelta(minutes=1)),
        ("list_queues", timedelta(minutes=1)),
        ("check", timedelta(minutes=1)),
        ("digest", timedelta(minutes=1)),
        ("purge", timedelta(hours=1)),
        ("forget", timedelta(days=1)),
    ]

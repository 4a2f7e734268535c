"""A real Postfix, watched through the real agent in simulated time: whatever happens there becomes one alert."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import HostUnreachable
from bot.mailhost.asking import Link
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import Event
from bot.store import samples
from bot.store.database import Store
from bot.watch.alerts import Alerts
from bot.watch.model import Alert, State
from bot.watch.rules import Rules, Severity
from bot.watch.sampling import Sampling
from tests.approvals.world import Clock
from tests.postfix import instance
from tests.postfix.filling import Spooled, fill
from tests.postfix.instance import PrivatePostfix
from tests.postfix.world import World
from tests.slack.mail import emptied
from tests.slack.warm import WarmLink, warm_host
from tests.store.migrated import lay_out
from tests.store.subjects import KEY
from tests.watch.subjects import told

pytestmark = [pytest.mark.real("postfix"), pytest.mark.takes(240)]

MINUTE = timedelta(minutes=1)


class Cable:
    """A link that can be unplugged."""

    def __init__(self, link: Link) -> None:
        self.host = link.host
        self.plugged = True
        self._link = link

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        if not self.plugged:
            raise HostUnreachable(self.host, "ssh: connection refused.")
        async for event in self._link.ask(request):
            yield event

    async def close(self) -> None:
        await self._link.close()


class Watched:
    """One host that is looked at each minute, and its alerts."""

    def __init__(self, store: Store, cable: Cable, clock: Clock) -> None:
        self.store = store
        self.cable = cable
        self.alerts = Alerts(store, Rules(), "C1", clock)
        self.sampling = Sampling(store, MailHosts([MailHost(cable)]), self.alerts, clock, "bot")
        self._clock = clock

    async def minutes(self, number: int) -> None:
        for _ in range(number):
            self._clock.turn(MINUTE)
            await self.sampling.look()
            await self.sampling.list()

    async def firing(self) -> list[Alert]:
        return list(await self.alerts.firing())

    async def the_alert(self) -> Alert:
        (alert,) = await self.firing()
        return alert


@pytest.fixture
def cable(postfix: PrivatePostfix, tmp_path: Path) -> Iterator[Cable]:
    with warm_host(postfix, tmp_path):
        yield Cable(WarmLink("mx1", tmp_path / "agents"))


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk of its own, which can be filled. Postfix's sockets need short paths."""
    path = Path(tempfile.mkdtemp(prefix="maildesk-disk-", dir=instance.PARENT))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)
        path.rmdir()


@pytest.fixture
async def watched(cable: Cable, tmp_path: Path) -> AsyncIterator[Watched]:
    async with a_watched(cable, tmp_path) as made:
        yield made


@asynccontextmanager
async def a_watched(cable: Cable, tmp_path: Path) -> AsyncIterator[Watched]:
    """A host that was watched for a while, and is well."""
    clock = Clock()
    async with Store(lay_out(tmp_path), KEY, clock) as store:
        made = Watched(store, cable, clock)
        await made.alerts.move_in("T1")
        await made.minutes(20)
        assert await made.firing() == []
        yield made


def flood(postfix: PrivatePostfix, number: int) -> None:
    """Deferred mail that one login sent to many people."""
    now = time.time()
    fill(
        postfix,
        (
            Spooled(
                "info@shop.test",
                {f"{each}@d{each % 40}.test": "450 4.7.1 Greylisted, try again"},
                now - 60,
                attributes={"sasl_username": "info@shop.test", "client_address": "203.0.113.9"},
            )
            for each in range(number)
        ),
    )


async def test_a_flood_from_one_login_is_one_alert_that_names_it(watched: Watched, postfix: PrivatePostfix) -> None:
    for _ in range(6):
        flood(postfix, 500)
        await watched.minutes(5)
    alert = await watched.the_alert()
    assert alert.rule == "sender" and alert.state is State.FIRING
    assert "info@shop.test" in alert.cause and alert.selector == "login:info@shop.test"
    assert alert.text == f"info@shop.test has {postfix.count('deferred'):,} of 3,000 messages."
    async with watched.store.reading() as connection:
        latest = await samples.latest(connection, "mx1")
    assert latest and latest.deferred == postfix.count("deferred") == 3000
    await watched.minutes(20)
    assert (await watched.the_alert()).id == alert.id, "it neither ends nor begins anew while the queue stays"
    emptied(postfix)
    await watched.minutes(25)
    assert await watched.firing() == []
    tellings = await told(watched.store)
    assert [kind for kind, *_ in tellings].count("alert") == 1, "one card"
    assert [event for kind, _, event in tellings if kind == "transition"] == ["fired", "resolved"]


async def test_postfix_that_is_stopped_and_started_is_one_alert(watched: Watched, postfix: PrivatePostfix) -> None:
    postfix.stop()
    try:
        flood(postfix, 1500)
        await watched.minutes(30)
        alert = await watched.the_alert()
        assert alert.rule == "postfix_down" and alert.fired_at is not None
    finally:
        emptied(postfix)
        postfix.start()
    await watched.minutes(10)
    assert await watched.firing() == []
    assert [event for kind, _, event in await told(watched.store) if kind == "transition"] == ["fired", "resolved"]


async def test_a_host_that_is_away_is_one_alert_and_what_it_was_like_stays(
    watched: Watched, postfix: PrivatePostfix
) -> None:
    watched.cable.plugged = False
    await watched.minutes(2)
    assert await watched.firing() == []
    await watched.minutes(28)
    alert = await watched.the_alert()
    assert alert.rule == "unreachable" and "connection refused" in alert.text
    async with watched.store.reading() as connection:
        latest = await samples.latest(connection, "mx1")
    assert latest is not None, "the gap is a gap, and no row of zeros"
    watched.cable.plugged = True
    await watched.minutes(5)
    assert await watched.firing() == []
    async with watched.store.reading() as connection:
        found = await samples.latest(connection, "mx1")
    assert found and found.at - latest.at >= 5 * 60


async def test_a_full_disk_is_one_alert_with_what_is_free(
    disk: Path, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "PARENT", disk)
    with PrivatePostfix(world) as postfix, warm_host(postfix, tmp_path):
        postfix.start()
        async with a_watched(Cable(WarmLink("mx1", tmp_path / "agents")), tmp_path) as watched:
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(61 << 20))
            await watched.minutes(10)
            alert = await watched.the_alert()
            assert alert.rule == "disk" and alert.severity is Severity.CRITICAL
            assert re.match(r"[0-9.]+ MiB of 64 MiB are free \([0-4]\.[0-9] %\)\.", alert.text), alert.text
            ballast.unlink()
            await watched.minutes(10)
            assert await watched.firing() == []
            assert [event for _, _, event in await told(watched.store) if event] == ["fired", "resolved"]

"""A small demo mail host for each test, and the bot that serves it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo.host import DemoInstance
from bot.demo.mail import Mail
from bot.demo.programs import launcher
from bot.demo.story import Queued
from bot.demo.world import World
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.world import World as OutsideWorld
from tests.slack.deleting import Clock
from tests.slack.desk import Desk, desk, host
from tests.slack.mail import emptied
from tests.slack.nursery import Nursery

WORLD = World({"ok.test": "accepts", "dead.test": "broken names", "busy.test": "crawls"})
DEAD, FINE = 12, 3
HOUR = 3600


class SmallHost:
    """12 messages to a domain whose name servers are broken, 3 that the next flush delivers, 1 on hold."""

    def __init__(self, folder: Path, name: str = "mx1") -> None:
        self.name = name
        launcher.write(folder / "bin")
        self.instance = DemoInstance(folder / name, folder / "bin", WORLD, pace=1000, alive=False)
        now = time.time()
        later = now + 10 * HOUR
        self.instance.write()
        self.dead = self.instance.add(
            Queued(
                Mail("news@shop.test", (f"user{number}@dead.test",), "News", now - HOUR - number, size=1000 + number),
                next_attempt=later,
            )
            for number in range(DEAD)
        )
        self.fine = self.instance.add(
            Queued(
                Mail(f"jane{number}@home.test", ("bob@ok.test",), "Hello", now - 60, login="jane"),
                next_attempt=later,
                tried=False,
            )
            for number in range(FINE)
        )
        (self.held,) = self.instance.add(
            [Queued(Mail("old@home.test", ("bob@ok.test",), "Old", now - 60), queue="hold")]
        )
        self.ini = folder / "agent.ini"
        self.ini.write_text(
            f"[{name}]\nconfig_directory = {self.instance.config_directory}\ncommand_directory = {folder / 'bin'}\n"
        )
        self.ini.chmod(0o644)

    def queue(self) -> dict[str, str]:
        """What postqueue(1) says: the queue that each ID lies in."""
        lines = self.instance.run("postqueue", "-j").stdout.splitlines()
        return {entry["queue_id"]: entry["queue_name"] for entry in map(json.loads, lines)}

    def count(self, queue: str) -> int:
        return list(self.queue().values()).count(queue)

    def add(self, mail: Mail, queue: str = "deferred") -> str:
        (queue_id,) = self.instance.add([Queued(mail, queue=queue, next_attempt=time.time() + HOUR, tried=False)])
        return queue_id


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox's pace is tested where it is the subject (test_outbox.py)."""
    monkeypatch.setattr("handlers.outbox.BETWEEN", 0.0)


@pytest.fixture(autouse=True)
def all_the_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine too: that something takes long is shown only where a test wants to see it."""
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 3600.0)
    monkeypatch.setattr("handlers.reply.NOTED_AFTER", 3600.0)
    monkeypatch.setattr("handlers.commands.status.FIRST", 3600.0)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallHost]:
    made = SmallHost(tmp_path)
    made.instance.start()
    yield made
    made.instance.stop()


@pytest.fixture
async def ops(small: SmallHost, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """The bot that serves the small host; settings come by `parametrize("ops", [{…}], indirect=True)`."""
    settings: dict[str, Any] = getattr(request, "param", {})
    async with desk([host(small.name, small.ini)], **settings) as made:
        yield made


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Starts bots that can be killed (killing.py)."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def in_memory(world: OutsideWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePostfix]:
    """A private Postfix that runs and lies in memory, where forcing to disk takes no time; grey.test greylists."""
    monkeypatch.setattr("tests.postfix.instance.PARENT", Path("/dev/shm"))  # noqa: S108 - a folder of its own there
    with PrivatePostfix(world) as made:
        made.start()
        world.domain("grey.test", GREYLIST)
        # A queue manager that is only starting would take what is put into the active queue for its own.
        made.defer("first@sender.test", "first@grey.test")
        emptied(made)
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def later(small: SmallHost, clock: Clock) -> AsyncIterator[Desk]:
    """The bot that serves the small host, with a clock that can be put forward."""
    async with desk([host(small.name, small.ini)], clock) as made:
        yield made


@pytest.fixture
async def watched(small: SmallHost, clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """The bot that serves the small host and tells its alerts, with a clock that can be put forward."""
    async with desk([host(small.name, small.ini)], clock, **getattr(request, "param", {})) as made:
        await made.services.alerts.move_in(made.workspace.team_id)
        yield made


@pytest.fixture
def many(small: SmallHost) -> list[str]:
    return [small.add(Mail("bulk@shop.test", (f"u{number}@dead.test",), "Bulk", 1_700_000_000)) for number in range(25)]

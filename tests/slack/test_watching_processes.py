"""Bots that watch, each a process of its own, through a day on one store: whatever befalls them, each alert is one card
that is current, each transition, reminder and digest is told once, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import bootstrap
from bot.console.workspace import Message, Workspace, faults, text_of
from bot.console.workspace.faults import Fault
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.services import Services
from bot.settings import Settings
from bot.store import tables
from handlers import OUTBOX
from tests.conftest import SOAK
from tests.slack.desk import OPAL, OPS
from tests.slack.mortal import SharedClock
from tests.slack.nursery import Nursery
from tests.slack.storm import outbox_id
from tests.slack.watchman import AWAY, CORRUPT, DOWN, Mark, Weather

SEEDS = 30 if SOAK else 1
HOUR = timedelta(hours=1)
KILLS = 8
"""So many while Slack is there, and two in each outage."""
PATIENCE = 60.0

EVENTFUL = (*AWAY, *DOWN, *CORRUPT, DOWN[0] + 4, DOWN[0] + 8, 8)
"""The hours in which something begins, ends, or is reminded of, and that of the digest."""
QUIET = (0, 10, 20, 30, 40, 50) if SOAK else (0,)
DAY = [
    timedelta(hours=hour, minutes=minutes)
    for hour in range(24)
    for minutes in ((0, 10, 20, 30) if hour in EVENTFUL and not SOAK else QUIET)
]
"""The times at which the bots do the clock's jobs."""

OUTAGES = ((2, 4), (13, 15))
"""The hours in which Slack is away: the first for an alert that begins and ends meanwhile, the other for one that is
reminded of and ends.
"""
FAULTS = (
    faults.server_error(503, applied=True),
    faults.reset(),
    faults.server_error(503),
    faults.reset(applied=True),
    faults.refused("internal_error"),
)

EVENTS = {
    "unreachable": ["fired", "resolved"],
    "postfix_down": ["fired", "reminded", "reminded", "resolved"],
    "corrupt": ["fired", "resolved"],
}


class Watch:
    """A workspace, and the bots that watch one mail host for it: by number, their PIDs."""

    def __init__(self, workspace: Workspace, nursery: Nursery, folder: Path, url: str) -> None:
        self.workspace = workspace
        self.clock = SharedClock(folder / "clock")
        midnight = datetime.combine(self.clock().date() + timedelta(days=1), time(), UTC)
        self.clock.turn(midnight - self.clock())
        self.bots: dict[int, int] = {}
        self._nursery = nursery
        self._folder = folder
        self._began = midnight
        self._values: dict[str, Any] = {
            "slack_bot_token": workspace.bot_token,
            "slack_app_token": workspace.app_token,
            "slack_api_url": workspace.api_url,
            "ops_channels": [OPS],
            "operators": [OPAL],
            "alert_mention": [OPAL],
            "database_url": url,
            "audit_key": "the key of the audit chain of those who watch",
        }
        settings = Settings(_env_file=None, **self._values)  # type: ignore[call-arg]
        hosts = MailHosts([MailHost(Weather(self.clock, midnight))])
        self.services: Services = bootstrap.services(settings, hosts, self.clock)

    def start(self, number: int) -> None:
        self.bots[number] = self._nursery.start(
            {
                "life": "tests.slack.watchman",
                "settings": self._values,
                "began": self._began.isoformat(),
                "clock": str(self._folder / "clock"),
                "mark": str(self._folder / f"mark-{number}"),
                "log": str(self._folder / "log"),
            }
        )

    def kill(self, number: int) -> None:
        bot = self.bots.pop(number)
        os.kill(bot, signal.SIGKILL)
        assert self._nursery.wait(bot) == -signal.SIGKILL, self.log()

    def turn(self, to: timedelta) -> None:
        """Put the clock forward to this time of the day; a moment later than that, and never back."""
        self.clock.turn(max(self._began + to - self.clock(), timedelta(seconds=1)))

    async def done(self) -> None:
        """Every bot that lives has done what is to be done at this time."""
        marks = [Mark(self._folder / f"mark-{number}") for number in self.bots]
        async with asyncio.timeout(PATIENCE):
            while any(mark.get() != self.clock.ahead for mark in marks):  # noqa: ASYNC110 - it is another process that does
                await asyncio.sleep(0.01)

    async def taken_without_an_answer(self) -> bool:
        """Whether a message was posted whose bot waits for the answer; else there was nothing to post at this time."""
        before = len(self.workspace.calls)
        self.workspace.faults.add("chat.postMessage", faults.no_answer(), times=1)
        done = asyncio.ensure_future(self.done())
        while not (taken := any(call.fault for call in self.workspace.calls[before:])) and not done.done():
            await asyncio.wait([done], timeout=0.01)
        done.cancel()
        self.workspace.faults.clear()
        return taken

    def slack_goes(self, fault: Fault) -> None:
        """Slack is away until it comes back: no call is answered as it should be, and no socket is left."""
        for method in ("apps.connections.open", "auth.test", "chat.*", "conversations.*", "files.*", "upload"):
            self.workspace.faults.add(method, fault)
        self.workspace.sockets.drop()

    def slack_comes_back(self) -> None:
        assert SOAK or self.workspace.faults.met("chat.*"), "another seed is needed: nothing was to be told"
        self.workspace.faults.clear()

    async def waiting(self) -> int:
        """How many messages Slack does not have yet."""
        return (await self.services.store.outbox.backlog(self.workspace.team_id, self.clock())).waiting

    def log(self) -> str:
        log = self._folder / "log"
        return log.read_text()[-4000:] if log.exists() else ""

    async def check(self) -> None:
        """What is in the channel is what the store says, each once, and it says what happened on this day."""
        async with self.services.store.reading() as connection:
            events = (
                select(tables.alerts.c.rule, tables.transitions.c.event, tables.transitions.c.mention)
                .join(tables.alerts, tables.alerts.c.id == tables.transitions.c.alert)
                .order_by(tables.transitions.c.id)
            )
            happened = (await connection.execute(events)).all()
            rows = {row.id: row for row in await connection.execute(select(tables.outbox))}
            transitions = set((await connection.scalars(select(tables.transitions.c.id))).all())
        found = {rule: [row.event for row in happened if row.rule == rule] for rule in EVENTS}
        assert found == EVENTS and len(happened) == sum(map(len, EVENTS.values()))
        assert [row.rule for row in happened if row.mention] == ["unreachable", "postfix_down"]
        kinds = [row.kind for row in rows.values()]
        assert (kinds.count("alert"), kinds.count("digest")) == (len(EVENTS), 1)
        told = {int(row.subject) for row in rows.values() if row.kind == "transition"}
        assert told == transitions, "no transition is untold"
        messages = {outbox_id(message): message for message in self.workspace.messages(OPS)}
        assert len(messages) == len(self.workspace.messages(OPS)), "nothing is there twice"
        assert messages.keys() == rows.keys()
        for number, message in messages.items():
            row = rows[number]
            assert row.revision == row.sent_revision and row.failed_at is None
            assert message.thread_ts == (messages[row.parent].ts if row.parent else "")
            card = await OUTBOX[row.kind](self.services, row.subject)
            assert card is not None
            assert read(message) == re.sub(DRAWN, "", text_of(card.blocks)), row.subject


DRAWN = r"as it was at \S+ \S+"
"""When a card was drawn is the one thing in which one that is current may differ."""


def read(message: Message) -> str:
    blocks = tuple(block for block in message.blocks if block["type"] != "image")
    return re.sub(DRAWN, "", text_of(blocks))


@asynccontextmanager
async def watch(nursery: Nursery, folder: Path, url: str) -> AsyncIterator[Watch]:
    async with Workspace(SharedClock(folder / "clock"), ack_seconds=60.0) as workspace:
        workspace.add_user(OPAL, "opal")
        workspace.add_channel(OPS, "ops", [OPAL])
        made = Watch(workspace, nursery, folder, url)
        async with made.services.store:
            try:
                yield made
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"{error!r}\n{made.log()}") from error
            finally:
                for number in tuple(made.bots):
                    made.kill(number)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/maildesk.db"
    return str(request.getfixturevalue("empty_postgresql_url"))


@pytest.mark.takes(600)
async def test_two_on_one_store_tell_everything_of_a_day_once(nursery: Nursery, tmp_path: Path, url: str) -> None:
    async with watch(nursery, tmp_path, url) as made:
        made.start(1)
        made.start(2)
        for moment in DAY:
            made.turn(moment)
            await made.done()
        await made.check()


@pytest.mark.takes(600)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_one_that_is_killed_again_and_again_tells_everything_of_a_day_once(
    seed: int, nursery: Nursery, tmp_path: Path
) -> None:
    """Twice Slack is away for two hours, in which it is killed too."""
    chance = random.Random(seed)
    away = [[moment for moment in DAY if first <= moment / HOUR < last] for first, last in OUTAGES]
    back = [next(moment for moment in DAY if moment / HOUR >= last) for _, last in OUTAGES]
    outages = list(zip(away, back, chance.sample(FAULTS, 2) if seed else FAULTS[:2], strict=True))
    silent = {moment for each in away for moment in each}
    kills, taken = chance.sample([moment for moment in DAY if moment not in silent], KILLS), 0
    kills += [moment for each in away for moment in chance.sample(each[2:], 2)]
    async with watch(nursery, tmp_path, f"sqlite:///{tmp_path}/maildesk.db") as made:
        made.start(1)
        for moment in DAY:
            for hours, end, fault in outages:
                if moment == hours[0]:
                    made.slack_goes(fault)
                if moment == end:
                    assert SOAK or await made.waiting(), "another seed is needed: nothing waits"
                    made.slack_comes_back()
            made.turn(moment)
            if moment in kills:
                if moment.seconds // 60 % 60 and moment not in silent:
                    taken += await made.taken_without_an_answer()
                else:
                    await asyncio.sleep(chance.uniform(0, 0.15))
                made.kill(1)
                made.workspace.sockets.drop()
                made.start(1)
            await made.done()
        assert taken or SOAK, "another seed is needed: no kill came between a post and its answer"
        await made.check()

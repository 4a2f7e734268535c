"""A month of alerts in a minute: what is seen of two mail hosts, people, Slack's weather and restarts, as it happens.

The time is set by hand, and goes on by a second whenever the outbox's worker has nothing in hand and waits: so each
call of Slack is made at an exact time, and the pace of a channel can be told from those times.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select

from bot.actors import Actor, Role
from bot.console.workspace import Workspace, faults
from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.store import tables
from bot.watch.model import Alert, Reading, State
from bot.watch.rows import alert_of
from bot.watch.rules import Judgement
from handlers import OUTBOX
from handlers.outbox import OutboxWorker
from tests.approvals.fakehost import FakeAgent
from tests.slack.desk import OPAL, services

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
ANA = Actor(OPAL, "opal", Role.OPERATOR)
HOSTS = ("mx1", "mx2")
PATIENCE = 60.0

WEATHER = (
    faults.server_error(503),
    faults.server_error(503, applied=True),
    faults.reset(),
    faults.reset(applied=True),
    faults.rate_limited(30),
    faults.refused("internal_error"),
    faults.refused("not_in_channel"),
)
AWAY = (faults.reset(applied=True), faults.server_error(503, applied=True), faults.refused("internal_error"))
LOOKS: tuple[Mapping[str, float | None], ...] = (
    {"unreachable": 5},
    {"unreachable": 1},
    {"unreachable": 0, "postfix_down": 1, "deferred": 700, "corrupt": 0},
    {"unreachable": 0, "postfix_down": 0, "deferred": 700, "corrupt": 2},
    {"unreachable": 0, "postfix_down": 0, "deferred": 12_000, "corrupt": None},
    {"unreachable": 0, "postfix_down": 0, "deferred": 400, "corrupt": 0},
    {"unreachable": 0, "postfix_down": None, "deferred": None, "corrupt": None},
    *[{"unreachable": 0, "postfix_down": 0, "deferred": 3, "corrupt": 0}] * 4,
)
"""By rule, what is seen; the last, that all is well, is seen the most."""


class Hands:
    """A clock whose hands are moved, and those that wait for it."""

    def __init__(self) -> None:
        self.time = START
        self._waiting: dict[asyncio.Event, datetime] = {}

    def __call__(self) -> datetime:
        return self.time

    def move(self, to: datetime) -> None:
        self.time = max(self.time, to)
        for event, until in self._waiting.items():
            if until <= self.time:
                event.set()

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._waiting[event] = self.time + timedelta(seconds=seconds)
        try:
            await event.wait()
        finally:
            del self._waiting[event]

    @property
    def waited_for(self) -> bool:
        return bool(self._waiting)


class TimedClient(AsyncWebClient):
    """Writes down when it calls which method for which channel."""

    calls: dict[tuple[str, str], list[datetime]]
    now: Hands

    async def api_call(self, api_method: str, **given: Any) -> Any:
        values = given.get("json") or given.get("params") or given.get("data") or {}
        if "channel" in values:
            self.calls[values["channel"], "chat" if api_method.startswith("chat.") else api_method].append(self.now())
        return await super().api_call(api_method, **given)


class Month:
    """Whatever happens, in an order of chance; `check` and `look` hold it to what a watch has to be."""

    def __init__(self, workspace: Workspace, hands: Hands, folder: Path, chance: random.Random) -> None:
        self.workspace = workspace
        self.hands = hands
        self.chance = chance
        self.calls: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self.deeds: dict[str, int] = defaultdict(int)
        self._folder = folder
        self._good: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self._away_until = START

    async def begin(self) -> None:
        """A bot that was just started, on the store that is there."""
        hosts = [MailHost(FakeAgent(self.hands, (), host)) for host in HOSTS]
        self.services = services(self.workspace, hosts, {"alert_mention": (OPAL,)}, self.hands, self._folder)
        await self.services.store.open()
        client = TimedClient(self.workspace.bot_token, self.workspace.api_url, timeout=int(PATIENCE), retry_handlers=[])
        client.calls, client.now = self.calls, self.hands
        self.worker = OutboxWorker(
            client, self.services, OUTBOX, sleep=self.hands.sleep, jitter=random.Random(1).random
        )
        self._task = asyncio.create_task(self.worker.run(), name="worker")
        await self.settle()

    async def kill(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.services.store.close()

    async def settle(self) -> None:
        """Return when the bot rests and has nothing to tell now, or can't for minutes; the time goes on meanwhile.

        Nothing is in hand then, so whoever moves the hands on moves no call that has been begun.
        """
        end, outbox = self.hands() + 2 * MINUTE, self.services.store.outbox
        async with asyncio.timeout(PATIENCE):
            while True:
                await asyncio.sleep(0.001)
                if not self._rests():
                    continue
                due = await outbox.next_due(self.workspace.team_id, self.hands())
                if self._rests():
                    if due is None or due > self.hands() or self.hands() > end:
                        return
                    self.hands.move(self.hands() + SECOND)

    def _rests(self) -> bool:
        return self.hands.waited_for and not _in_hand()

    # What happens

    async def day(self) -> None:
        end = self.hands() + DAY
        while self.hands() < end:
            happens = self.chance.choices(
                (self.something_is_seen, self.people, self.weather, self.restart), (10, 4, 3, 1)
            )
            await happens[0]()
            if self.hands() >= self._away_until:
                self.workspace.faults.clear("auth.test")
                self.workspace.faults.clear("con*")

    async def something_is_seen(self) -> None:
        host, seen = self.chance.choice(HOSTS), self.chance.choice(LOOKS)
        every, times = self.chance.choice((MINUTE, 5 * MINUTE, 20 * MINUTE, 2 * HOUR)), self.chance.randint(1, 3)
        self.hands.move(self.hands() + self.chance.choice((1, 6, 12, 24)) * HOUR)
        for _ in range(times):
            self.hands.move(self.hands() + every)
            await self.look(host, seen)

    async def people(self) -> None:
        firing = [alert.card for alert in await self.services.alerts.firing() if alert.card]
        deed = self.chance.choice(("acknowledge", "snooze", "snooze", "mute"))
        with suppress(UserError):
            if deed == "mute":
                rule = self.chance.choice(("deferred", "unreachable", ""))
                await self.services.mutes.mute(rule, "mx1", self.chance.choice((HOUR, 6 * HOUR)), ANA)
            elif firing and deed == "acknowledge":
                await self.services.alerts.acknowledge(self.chance.choice(firing), ANA)
            elif firing:
                lasting = self.chance.choice((HOUR, 8 * HOUR, None))
                await self.services.alerts.snooze(self.chance.choice(firing), lasting, ANA)
            self.deeds[deed] += bool(firing)
        await self.settle()

    async def weather(self) -> None:
        """One or two calls fail, or for two hours all do."""
        if self.chance.random() < 0.8:
            method = self.chance.choice(("chat.postMessage", "chat.postMessage", "chat.update", "conversations.*"))
            self.workspace.faults.add(method, self.chance.choice(WEATHER), times=self.chance.randint(1, 2))
        elif self.hands() >= self._away_until:
            self._away_until = self.hands() + 2 * HOUR
            fault = self.chance.choice(AWAY)
            for pattern in ("auth.test", "con*"):
                self.workspace.faults.add(pattern, fault)
            self.workspace.faults.add("chat.*", fault, times=50)

    async def restart(self) -> None:
        """No start takes less than a second, so that the pace is kept from one process to the next."""
        await self.kill()
        self.hands.move(self.hands() + 2 * SECOND)
        await self.begin()

    # What has to hold

    async def look(self, host: str, seen: Mapping[str, float | None]) -> None:
        """One look at a host; nobody may be called for what is snoozed, and what was good for long enough is over."""
        now = self.hands()
        asleep = {alert.identity for alert in await self._alerts() if self._asleep(alert)}
        observed = {rule: [Reading("", value, "" if value is None else f"{value:g}")] for rule, value in seen.items()}
        await self.services.alerts.observe(host, observed)
        await self.services.alerts.wake()
        alerts = await self._alerts()
        self._count(host, seen, now)
        unended = [alert.identity for alert in alerts if alert.ended_at is None]
        assert len(unended) == len(set(unended)), "two open alerts of one identity"
        rules = self.services.alerts.rules
        for alert in alerts:
            if alert.state is State.FIRING and (good := self._good.get((alert.host, alert.rule))):
                calm = rules.of(alert.host)[alert.rule].calm
                assert good[1] - good[0] < calm, f"{alert.identity} was good for long enough"
        identities = {alert.id: alert.identity for alert in alerts}
        transitions = await self._rows("transitions")
        called = {identities[row["alert"]] for row in transitions if row["mention"] and row["at"] == now}
        assert not called & asleep, "somebody was called for what is snoozed"
        told = {row["subject"] for row in await self._rows("outbox") if row["kind"] == "transition"}
        assert told == {str(row["id"]) for row in transitions}, "a transition is untold"
        await self.settle()

    def _count(self, host: str, seen: Mapping[str, float | None], now: datetime) -> None:
        for name, value in seen.items():
            if value is None:
                continue
            if self.services.alerts.rules.of(host)[name].judge(value) is Judgement.GOOD:
                first, _ = self._good.get((host, name), (now, now))
                self._good[host, name] = (first, now)
            else:
                self._good.pop((host, name), None)

    def _asleep(self, alert: Alert) -> bool:
        """Whether it is snoozed for a time: what is snoozed until it changes is woken by that."""
        return alert.state is State.FIRING and alert.snoozed(self.hands()) and alert.snoozed_at is None

    async def _alerts(self) -> list[Alert]:
        return [alert_of({**row, "track": ()}) for row in await self._rows("alerts")]

    async def _rows(self, table: str) -> list[dict[str, Any]]:
        async with self.services.store.reading() as connection:
            found = await connection.execute(select(tables.metadata.tables[table]))
            return [dict(row) for row in found.mappings()]

    async def clears(self) -> None:
        """Slack is well again; what waits is told, or this raises TimeoutError."""
        self.workspace.faults.clear()
        outbox = self.services.store.outbox
        for _ in range(60):
            await self.services.alerts.wake()
            await self.settle()
            backlog = await outbox.backlog(self.workspace.team_id, self.hands())
            if not backlog.waiting and not backlog.failed:
                return
            self.hands.move(self.hands() + MINUTE)
        raise TimeoutError(f"not told within an hour: {backlog}")


def _in_hand() -> bool:
    """Whether the worker is just telling something: see how it names its tasks."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return any(name.startswith("outbox: ") and name != "outbox: listen" for name in names)

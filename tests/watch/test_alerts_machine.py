"""Alerts under whatever order of things: hosts and rules at fault, people, restarts, and a second bot."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.errors import UserError
from bot.watch.engine import REFRESH
from bot.watch.model import Alert, State
from bot.watch.rules import Judgement
from tests.store.subjects import TEAM
from tests.watch.bots import ANA, HOUR, MINUTE, RULES, Bot, Clock

HOSTS = st.sampled_from(["mx1", "mx2"])
WATCHED = ("unreachable", "deferred", "depth", "corrupt")
VALUES = {
    "unreachable": st.sampled_from([0.0, 1.0, 5.0]),
    "deferred": st.sampled_from([None, 0.0, 400.0, 700.0, 12_000.0]),
    "depth": st.sampled_from([None, 0.0, 1500.0, 3000.0, 60_000.0]),
    "corrupt": st.sampled_from([None, 0.0, 2.0]),
}
PAUSES = st.sampled_from([MINUTE, 5 * MINUTE, 20 * MINUTE, 6 * HOUR, 24 * HOUR])
_files = itertools.count(1)


class AlertsMachine(RuleBasedStateMachine):
    """Each run has a SQLite file of its own; a step is a minute to a day."""

    runner: asyncio.Runner
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.url = f"sqlite:///{self.folder}/{next(_files)}.db"
        self.bots: list[Bot] = []
        self.good: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self.deeds = 0
        self.looks = 0

    @initialize()
    def start(self) -> None:
        for _ in range(2):
            one = Bot(self.url, self.clock)
            self.runner.run(one.store.open())
            self.runner.run(one.alerts.move_in(TEAM))
            self.bots.append(one)

    def teardown(self) -> None:
        for one in self.bots:
            self.runner.run(one.store.close())

    # What is seen

    @rule(host=HOSTS, pause=PAUSES, times=st.integers(1, 4), both=st.booleans(), data=st.data())
    def look(self, host: str, pause: timedelta, times: int, both: bool, data: st.DataObject) -> None:
        """The same for some time; sometimes both bots see it at once."""
        away = data.draw(st.booleans())
        names = ("unreachable",) if away else WATCHED
        values = {name: 5.0 if away else data.draw(VALUES[name]) for name in names}
        for _ in range(times):
            self.clock.now += pause
            asleep = {alert.identity for alert in self.runner.run(self.bots[0].kept()) if self._asleep(alert)}
            self.runner.run(self._see(host, values, both))
            self._count(host, values)
            self.runner.run(self._nobody_was_called_for(asleep))

    async def _see(self, host: str, values: dict[str, float | None], both: bool) -> None:
        bots = self.bots if both else self.bots[:1]
        self.looks += len(bots)
        await asyncio.gather(*(one.see(host, timedelta(0), **values) for one in bots))

    def _asleep(self, alert: Alert) -> bool:
        """Whether it is snoozed for a time: until it changes is until it is told, too."""
        return alert.state is State.FIRING and alert.snoozed(self.clock.now) and alert.snoozed_at is None

    async def _nobody_was_called_for(self, asleep: set[tuple[str, str, str]]) -> None:
        identities = {alert.id: alert.identity for alert in await self.bots[0].kept()}
        now = [row for row in await self.bots[0].rows("transitions") if row["at"] == self.clock.now]
        assert not [row for row in now if row["mention"] and identities[row["alert"]] in asleep]

    def _count(self, host: str, values: dict[str, float | None]) -> None:
        for name, value in values.items():
            if value is None:
                continue
            if RULES.of(host)[name].judge(value) is Judgement.GOOD:
                first, _ = self.good.get((name, host), (self.clock.now, self.clock.now))
                self.good[name, host] = (first, self.clock.now)
            else:
                self.good.pop((name, host), None)

    # What people do, and what befalls the bots

    @rule(card=st.integers(1, 6), which=st.integers(0, 1))
    def acknowledge(self, card: int, which: int) -> None:
        with suppress(UserError):
            self.runner.run(self.bots[which].alerts.acknowledge(card, ANA))
            self.deeds += 1

    @rule(card=st.integers(1, 6), lasting=st.sampled_from([None, HOUR, 8 * HOUR]))
    def snooze(self, card: int, lasting: timedelta | None) -> None:
        with suppress(UserError):
            self.runner.run(self.bots[0].alerts.snooze(card, lasting, ANA))
            self.deeds += 1

    @rule(card=st.integers(1, 6), which=st.integers(0, 1), snooze=st.booleans())
    def take_back(self, card: int, which: int, snooze: bool) -> None:
        alerts = self.bots[which].alerts
        with suppress(UserError):
            self.runner.run((alerts.unsnooze if snooze else alerts.unacknowledge)(card, ANA))
            self.deeds += 1

    @rule(name=st.sampled_from(["", *WATCHED]), host=st.sampled_from(["", "mx1"]), lasting=PAUSES)
    def mute(self, name: str, host: str, lasting: timedelta) -> None:
        self.runner.run(self.bots[0].mutes.mute(name, host, lasting, ANA))

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        self.runner.run(self.bots[which].store.close())
        self.bots[which] = Bot(self.url, self.clock)
        self.runner.run(self.bots[which].store.open())
        self.runner.run(self.bots[which].alerts.move_in(TEAM))

    @rule()
    def mx2_is_watched_no_longer(self) -> None:
        self.runner.run(self.bots[0].alerts.end_strangers(["mx1"]))
        assert not [alert for alert in self.runner.run(self.bots[1].open()) if alert.host == "mx2"]

    # What holds all the time

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        if self.bots:
            self.runner.run(self._look_through())

    async def _look_through(self) -> None:
        one = self.bots[0]
        alerts = await one.kept()
        still_open = [alert.identity for alert in alerts if alert.ended_at is None]
        assert len(still_open) == len(set(still_open)), "two open alerts of one identity"
        for alert in alerts:
            self._one(alert)
        await self._told(one, {alert.id: alert for alert in alerts})

    def _one(self, alert: Alert) -> None:
        assert (alert.state is State.OK) is (alert.ended_at is not None)
        assert (alert.state is State.PENDING) is (alert.fired_at is None)
        if alert.state is State.FIRING:
            first, last = self.good.get((alert.rule, alert.host), (None, None))
            calm = RULES.of(alert.host)[alert.rule].calm
            assert first is None or last is None or last - first < calm, "it was good for long enough"

    async def _told(self, one: Bot, alerts: dict[int, Alert]) -> None:
        """Each transition once, in its card's thread; a card as often as something happened on it, and now and then."""
        transitions, told = await one.rows("transitions"), await one.told()
        assert {key[1] for key in told if key[0] == "transition"} == {str(row["id"]) for row in transitions}
        assert all(times == 1 for key, times in told.items() if key[0] == "transition")
        assert {key[1] for key in told if key[0] == "alert"} == {
            str(alert.card) for alert in alerts.values() if alert.card is not None
        }
        events: dict[int, list[str]] = {number: [] for number in alerts}
        for row in transitions:
            events[row["alert"]].append(row["event"])
        for number, alert in alerts.items():
            happened = events[number]
            assert [each in ("fired", "again") for each in happened] == [True, *[False] * (len(happened) - 1)][
                : len(happened)
            ]
            assert bool(happened) is (alert.fired_at is not None)
            assert happened.count("resolved") == (alert.state is State.OK)
        edits = sum(times for key, times in told.items() if key[0] == "alert")
        since = (self.clock.now - Clock().now) / REFRESH
        assert edits <= len(transitions) + min(self.looks, since + 1) * len(alerts)
        assert edits + len(transitions) <= max(1, (self.clock.now - Clock().now).total_seconds())


def test_whatever_happens_each_alert_is_open_once_told_once_and_over_when_it_is_over(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        machine = type("Machine", (AlertsMachine,), {"runner": runner, "folder": tmp_path})
        few = max(5, settings().max_examples // 20)
        run_state_machine_as_test(machine, settings=settings(max_examples=few, stateful_step_count=30))

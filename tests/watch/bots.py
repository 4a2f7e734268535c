"""Bots that watch: alerts on a store, with a clock that is set by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.actors import Actor, Role
from bot.store import tables
from bot.store.database import Store
from bot.watch.alerts import Alerts
from bot.watch.model import Alert, Reading, State
from bot.watch.mutes import Mutes
from bot.watch.observing import Observed
from bot.watch.rows import alert_of
from bot.watch.rules import Rules
from tests.store.subjects import KEY, NOW, TEAM

OPS = "C0OPS"
ANA = Actor("U0ANA", "Ana", Role.OPERATOR)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

# At once, so that a test needs no more readings than it is about.
RULES = Rules({name: {"lasting": "0m", "calm": "0m"} for name in ("deferred", "depth", "postfix_down", "growth")})


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


class Bot:
    """One bot on a store that it may share."""

    def __init__(self, url: str, clock: Clock, rules: Rules = RULES, channel: str = OPS) -> None:
        self.clock = clock
        self.store = Store(url, KEY, clock)
        self.alerts = Alerts(self.store, rules, channel, clock)
        self.mutes = Mutes(self.store, clock)

    async def see(self, host: str = "mx1", after: timedelta = MINUTE, **values: float | None) -> None:
        """One look at a host a while later, with a value of some rules."""
        self.clock.now += after
        await self.alerts.observe(host, looks(**values))

    async def rows(self, table: str) -> list[dict[str, Any]]:
        wanted = tables.metadata.tables[table]
        async with self.store.reading() as connection:
            found = await connection.execute(select(wanted).order_by(*wanted.primary_key.columns))
            return [dict(row) for row in found.mappings()]

    async def kept(self) -> list[Alert]:
        return [alert_of({**row, "track": json.loads(row["track"])}) for row in await self.rows("alerts")]

    async def events(self) -> list[str]:
        return [row["event"] for row in await self.rows("transitions")]

    async def told(self) -> dict[tuple[str, str], int]:
        """What the outbox holds, and how often that was told."""
        return {(row["kind"], row["subject"]): row["revision"] for row in await self.rows("outbox")}

    async def open(self) -> list[Alert]:
        return [alert for alert in await self.kept() if alert.state is not State.OK]


def looks(**values: float | None) -> Observed:
    return {rule: [Reading("", value, "" if value is None else f"{value:g}")] for rule, value in values.items()}


@asynccontextmanager
async def bot(url: str, clock: Clock | None = None, rules: Rules = RULES, channel: str = OPS) -> AsyncIterator[Bot]:
    one = Bot(url, clock or Clock(), rules, channel)
    async with one.store:
        await one.alerts.move_in(TEAM)
        yield one

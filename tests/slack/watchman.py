"""Bots that watch, each a process of its own (mortal.py), on a store that they share and that outlives them.

The time is put forward from outside; at each new time a bot does the clock's jobs, and marks how far it has come when
Slack has all that it has to tell.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import struct
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bot import bootstrap, scheduler
from bot.agent.protocol import ALL_QUEUES, Depth
from bot.agent.wire import to_json
from bot.errors import HostUnreachable
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import Event
from bot.settings import Settings
from handlers import app, outbox
from tests.approvals.fakehost import FakeAgent
from tests.slack.mortal import TICK, SharedClock

AWAY, DOWN, CORRUPT = (2, 3), (5, 14), (16, 17)
"""What is wrong with the mail host, from which hour of the day to which."""


class Weather:
    """A mail host whose day is that of `AWAY`, `DOWN` and `CORRUPT`."""

    host = "mx1"

    def __init__(self, now: Callable[[], datetime], began: datetime) -> None:
        self._now = now
        self._began = began
        self._agent = FakeAgent(now)

    def _is(self, hours: tuple[int, int]) -> bool:
        return hours[0] <= (self._now() - self._began) / timedelta(hours=1) < hours[1]

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        if self._is(AWAY):
            raise HostUnreachable(self.host, "ssh: connection refused.")
        if json.loads(request.partition(b"\n")[0])["verb"] == "depth":
            queues: dict[str, int | None] = dict.fromkeys(ALL_QUEUES, 0)
            queues |= {"deferred": 40, "corrupt": 3 if self._is(CORRUPT) else 0}
            depth = Depth(self._now().timestamp(), queues, mail_system_up=not self._is(DOWN))
            yield {"event": "done", "result": to_json(depth)}
            return
        async for event in self._agent.ask(request):
            yield event

    async def close(self) -> None:
        """Nothing is kept."""


class Mark:
    """A number in a file that several processes share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", -1.0))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8)

    def get(self) -> float:
        (number,) = struct.unpack("d", self._bytes[:])
        return float(number)

    def set(self, number: float) -> None:
        self._bytes[:] = struct.pack("d", number)


async def live(given: dict[str, Any]) -> None:
    """A bot, until somebody kills it."""
    clock, mark = SharedClock(Path(given["clock"])), Mark(Path(given["mark"]))
    outbox.BETWEEN = 0.0
    outbox.LOOK = 0.2  # what the other bot told and delivered is noticed at the next look alone
    host = MailHost(Weather(clock, datetime.fromisoformat(given["began"])))
    settings = Settings(_env_file=None, **given["settings"])  # type: ignore[call-arg]
    services = bootstrap.services(settings, MailHosts([host]), clock)
    worker = partial(outbox.OutboxWorker, sleep=clock.sleep)
    with patch.object(app, "OutboxWorker", worker):
        async with services.store:
            serving = asyncio.create_task(app.serve(app.build_app(services), services, asyncio.Event()))
            while not serving.done():
                ahead = clock.ahead
                if ahead == mark.get():
                    await asyncio.sleep(TICK)
                    continue
                for job in (scheduler.look, scheduler.list_queues, scheduler.digest):
                    await job(services)
                await services.background.idle()
                mark.set(ahead)
            await serving

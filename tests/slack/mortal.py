"""Bots that can be killed: each is a process of its own, with the real app, on a store and a mail host that outlive it.

`python -m tests.slack.mortal` reads a line of JSON for each thing to do: a bot to start (its PID is the answer), or a
PID to wait for (its status is). It has everything imported and forks, so that a bot takes no start of Python. `life`
names another module whose live() it is to live.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import mmap
import os
import signal
import struct
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bot import bootstrap, scheduler
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import CommandLink, Event
from bot.services import Services
from bot.settings import Settings
from bot.store.audit import Entry
from bot.store.database import Store, Transaction
from handlers import app, outbox

SWEEP = 0.2
"""Seconds between two looks of the clock after what is under way."""

TICK = 0.02
"""Seconds after which a clock that was put forward is noticed."""


class SharedClock:
    """The time, and the seconds by which it was put forward, in a file that several processes share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._ahead = mmap.mmap(file.fileno(), 8)

    @property
    def ahead(self) -> float:
        (ahead,) = struct.unpack("d", self._ahead[:])
        return float(ahead)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def turn(self, by: timedelta) -> None:
        self._ahead[:] = struct.pack("d", self.ahead + by.total_seconds())

    async def sleep(self, seconds: float) -> None:
        """Return when it is so much later, because time passed or the clock was put forward."""
        end = self() + timedelta(seconds=seconds)
        while (left := (end - self()).total_seconds()) > 0:  # noqa: ASYNC110 - it is another process that does
            await asyncio.sleep(min(left, TICK))


class Life:
    """Ends with this process, by kill(2) -9, at the first moment of this name; with an empty one it goes on.

    Moments are `before delete.end` (a commit whose transaction has an audit row of that verb), `after delete.end`,
    `asking delete` (of the agent), `hearing delete` (its first event), `heard delete` (its last one).
    """

    ends = ""

    @classmethod
    def moment(cls, name: str) -> None:
        if name == cls.ends:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalTransaction(Transaction):
    verb = ""

    async def audit(self, entry: Entry) -> None:
        self.verb = entry.verb
        await super().audit(entry)


class MortalStore(Store):
    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as given:
            transaction = MortalTransaction(given.connection, self.key, self._now())
            yield transaction
            given.told = transaction.told
            if transaction.verb:
                Life.moment(f"before {transaction.verb}")
        if transaction.verb:
            Life.moment(f"after {transaction.verb}")


class MortalLink(CommandLink):
    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        verb = json.loads(request.partition(b"\n")[0])["verb"]
        Life.moment(f"asking {verb}")
        async for event in super().ask(request):
            Life.moment(f"{'heard' if event['event'] == 'done' else 'hearing'} {verb}")
            yield event


async def live(given: dict[str, Any]) -> None:
    """A bot, until somebody kills it; `app` are other values for constants of handlers/app.py."""
    clock = SharedClock(Path(given["clock"]))
    outbox.BETWEEN = 0.0
    for name, value in given["app"].items():
        setattr(app, name, value)
    host = MailHost(MortalLink("mx1", tuple(given["agent"])))
    settings = Settings(_env_file=None, **given["settings"])  # type: ignore[call-arg]
    with patch.object(bootstrap, "Store", MortalStore):
        services = bootstrap.services(settings, MailHosts([host]), clock)
    worker = partial(outbox.OutboxWorker, sleep=clock.sleep)
    with patch.object(app, "OutboxWorker", worker):
        await look_after(services)


async def look_after(services: Services) -> None:
    """Serve, and do what the clock does, again and again."""
    async with services.store:
        serving = asyncio.create_task(app.serve(app.build_app(services), services, asyncio.Event()))
        while not serving.done():
            await scheduler.expire(services)
            await scheduler.carry_out(services)
            await scheduler.complete(services)
            await asyncio.sleep(SWEEP)
        await serving


def start(given: dict[str, Any]) -> int:
    """The PID of a bot."""
    child = os.fork()
    if child:
        return child
    Life.ends = given.get("ends", "")
    log = os.open(given["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, descriptor in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(descriptor, number)
    logging.basicConfig(level=logging.INFO, format="%(process)d %(name)s %(message)s", force=True)
    try:
        asyncio.run(importlib.import_module(given.get("life", __name__)).live(given))
    finally:
        os._exit(1)


def main() -> None:
    living: set[int] = set()
    for line in sys.stdin:
        given = json.loads(line)
        if "wait" in given:
            answer = os.waitstatus_to_exitcode(os.waitpid(given["wait"], 0)[1])
            living.discard(given["wait"])
        else:
            answer = start(given)
            living.add(answer)
        print(answer, flush=True)
    for bot in living:
        os.kill(bot, signal.SIGKILL)
        os.waitpid(bot, 0)


if __name__ == "__main__":
    main()

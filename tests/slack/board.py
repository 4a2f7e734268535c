"""Notices that change, told through the outbox to the local Slack, by a worker that can be ended and begun anew.

A notice's state is a number in the store; its card says `NAME is at NUMBER`. A remark is a message in a notice's
thread. Time runs a hundred times as fast for worker, store and workspace, so that pauses cost little.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import Message, Workspace
from bot.mailhost.host import MailHost
from bot.services import Services
from bot.store.memory import recall, remember
from bot.store.outbox import Backlog, Outbox, Told
from handlers.blocks.kit import Card, card
from handlers.blocks.rich import say
from handlers.delivery import Render
from handlers.outbox import OutboxWorker
from tests.slack.desk import services

SPEED = 100
TIMEOUT = 0.2
"""Real seconds for one call: 20 on the fast clock."""
STEPS = ("claim", "attempting", "sent", "later", "failed", "lost")


class FastClock:
    """A clock, and a sleep, that run SPEED times as fast."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * SPEED)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


class Dying(Outbox):
    """An outbox whose process is killed right before, or right after, one of its steps."""

    step, after = "", False
    die: Callable[[], None]

    async def _then(self, step: str, do: Callable[[], Awaitable[Any]]) -> Any:
        if step == self.step and not self.after:
            await self._dead()
        result = await do()
        if step == self.step and self.after:
            await self._dead()
        return result

    async def _dead(self) -> None:
        self.die()
        await asyncio.Event().wait()

    async def claim(self, *given: Any, **more: Any) -> Any:
        return await self._then("claim", lambda: super(Dying, self).claim(*given, **more))

    async def attempting(self, *given: Any) -> Any:
        return await self._then("attempting", lambda: super(Dying, self).attempting(*given))

    async def sent(self, *given: Any) -> Any:
        return await self._then("sent", lambda: super(Dying, self).sent(*given))

    async def later(self, *given: Any, **more: Any) -> Any:
        return await self._then("later", lambda: super(Dying, self).later(*given, **more))

    async def failed(self, *given: Any, **more: Any) -> Any:
        return await self._then("failed", lambda: super(Dying, self).failed(*given, **more))

    async def lost(self, *given: Any) -> Any:
        return await self._then("lost", lambda: super(Dying, self).lost(*given))


async def render_notice(services: Services, subject: str) -> Card | None:
    async with services.store.reading() as connection:
        number = await recall(connection, f"notice.{subject}")
    return None if number is None else card(text := f"{subject} is at {number}", say(text))


async def render_remark(_: Services, subject: str) -> Card | None:
    return card(text := f"remark {subject}", say(text))


class Board:
    """What is told, and the worker that tells it."""

    def __init__(self, workspace: Workspace, clock: FastClock, folder: Path) -> None:
        self.workspace = workspace
        self.clock = clock
        self.numbers: dict[tuple[str, str], int] = {}
        self.remarks: dict[str, tuple[str, str]] = {}
        self.renders: dict[str, Render] = {}
        self.hosts: list[MailHost] = []
        self.settings: dict[str, Any] = {}
        self._folder = folder
        self._task: asyncio.Task[None] | None = None
        self.worker: OutboxWorker

    async def begin(self, step: str = "", *, after: bool = False) -> None:
        """A new process on the same store; it dies at this step, if one is named."""
        self.services = services(self.workspace, self.hosts, self.settings, self.clock.now, self._folder)
        store = self.services.store
        await store.open()
        self.dead = asyncio.Event()
        dying = Dying(store)
        dying.step, dying.after, dying.die = step, after, self.dead.set
        store.outbox = dying
        client = AsyncWebClient(
            token=self.workspace.bot_token,
            base_url=self.workspace.api_url,
            timeout=TIMEOUT,  # type: ignore[arg-type]
            retry_handlers=[],
        )
        renders = {"notice": render_notice, "remark": render_remark, **self.renders}
        jitter = random.Random(1).random
        self.worker = OutboxWorker(client, self.services, renders, sleep=self.clock.sleep, jitter=jitter)
        self._task = asyncio.create_task(self.worker.run(), name="worker")

    async def end(self) -> None:
        """Stop in order."""
        if self._task:
            self.worker.stop()
            await self._task
            await self._gone()

    async def kill(self) -> None:
        """Nothing more happens in this process, wherever it was."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._gone()

    async def _gone(self) -> None:
        self._task = None
        await self.services.store.close()

    async def change(self, name: str, channel: str) -> None:
        """The notice is at its next number."""
        number = self.numbers.get((channel, name), 0) + 1
        async with self.services.store.transaction() as transaction:
            await remember(transaction, f"notice.{name}", number, self.clock.now())
            await transaction.tell(Told(self.workspace.team_id, channel, "notice", name))
        self.numbers[(channel, name)] = number

    async def remark(self, text: str, name: str, channel: str) -> None:
        """Something in the thread of a notice."""
        async with self.services.store.transaction() as transaction:
            await transaction.tell(Told(self.workspace.team_id, channel, "remark", text, parent=("notice", name)))
        self.remarks[text] = (channel, name)

    async def backlog(self) -> Backlog:
        return await self.services.store.outbox.backlog(self.workspace.team_id, self.clock.now())

    async def all_said(self, seconds: float = 20.0) -> None:
        """Return when nothing waits any more. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while (backlog := await self.backlog()).waiting or backlog.failed:
                await self.clock.sleep(1)
            await self.worker.idle()

    def messages(self, channel: str) -> list[Message]:
        return self.workspace.messages(channel)

    def check(self) -> None:
        """Each notice is there once and current, each remark once and in its notice's thread, and nothing else.

        Of what goes to one person alone an older copy may be there too, before the current one (handlers/delivery.py).
        """
        people = {channel for channel, _ in self.numbers if channel.startswith("U")}
        for person in people:
            newest = {message.text.split()[0]: message.text for message in self.messages(self.workspace.im(person).id)}
            wanted = {name: number for (where, name), number in self.numbers.items() if where == person}
            assert newest == {name: f"{name} is at {number}" for name, number in wanted.items()}
        for channel in {channel for channel, _ in self.numbers} - people:
            messages = self.messages(channel)
            roots = {message.text.split()[0]: message for message in messages if not message.thread_ts}
            said = sorted(message.text for message in messages if not message.thread_ts)
            wanted = {name: number for (where, name), number in self.numbers.items() if where == channel}
            assert said == sorted(f"{name} is at {number}" for name, number in wanted.items())
            threads = sorted((message.text, message.thread_ts) for message in messages if message.thread_ts)
            remarks = [(text, name) for text, (where, name) in self.remarks.items() if where == channel]
            assert threads == sorted((f"remark {text}", roots[name].ts) for text, name in remarks)


@asynccontextmanager
async def board(folder: Path, *channels: str) -> AsyncIterator[Board]:
    """A board whose worker has not begun yet."""
    clock = FastClock()
    async with Workspace(clock.now) as workspace:
        for channel in channels:
            workspace.add_channel(channel, channel.lower(), [])
        made = Board(workspace, clock, folder)
        try:
            yield made
        finally:
            await made.kill()

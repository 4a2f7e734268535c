"""Work that goes on after a command was acknowledged, and a way to wait until none is under way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)


class Background:
    """Keeps a reference to each running piece of work (asyncio alone would let it be collected)."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._standing: set[asyncio.Task[None]] = set()
        self._workers: list[Callable[[], Awaitable[None]]] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start `work` on the running loop. It handles its own errors; one that escapes is logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def stand(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start work that may go on until close(): idle() does not wait for it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._standing.add(task)
        task.add_done_callback(self._finished)

    @contextmanager
    def with_worker(self, idle: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """Inside the block, idle() also waits for a worker that runs by itself: until its own `idle` returns."""
        self._workers.append(idle)
        try:
            yield
        finally:
            self._workers.remove(idle)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while True:
            await self._tasks_done()
            for idle in tuple(self._workers):
                await idle()
            if not self._tasks:
                return

    async def _tasks_done(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Cancel what is under way and wait for its end. (A change on a mail host finishes there all the same.)"""
        standing = tuple(self._standing)
        for task in (*self._tasks, *standing):
            task.cancel()
        await asyncio.gather(*standing, return_exceptions=True)
        await self._tasks_done()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._standing.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s failed", task.get_name(), exc_info=error)

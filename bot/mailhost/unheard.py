"""Agents that nobody listens to any more: what they began they finish, and each is waited for."""

import asyncio
from asyncio.subprocess import Process
from typing import Any

LINGER = 5.0
"""Seconds that close() gives them. (A service manager ends what is left of a service that takes long to stop.)"""


class Unheard:
    """Waits for processes whose output is of no interest any more."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[None]] = set()

    def leave(self, process: Process) -> None:
        """Close our ends of its pipes, and wait in the background until it has ended; nothing ends it."""
        transport: Any = process._transport  # type: ignore[attr-defined]
        for stream in (0, 1, 2):
            transport.get_pipe_transport(stream).close()
        if process.returncode is not None:
            transport.close()
            return
        waiting = asyncio.create_task(_ended(process), name=f"agent {process.pid}, which nobody listens to")
        self._waiting.add(waiting)
        waiting.add_done_callback(lambda _: self._over(waiting, process, transport))

    async def close(self) -> None:
        """Return when all have ended, at the latest after LINGER seconds; who goes on then is let go, not ended."""
        if self._waiting:
            _, going_on = await asyncio.wait(self._waiting, timeout=LINGER)
            for task in going_on:
                task.cancel()
            await asyncio.gather(*going_on, return_exceptions=True)

    def _over(self, waiting: asyncio.Task[None], process: Process, transport: Any) -> None:
        self._waiting.discard(waiting)
        if process.returncode is None:
            # asyncio kills a process whose transport is closed, or collected, unless it takes it for one that ended.
            transport.get_extra_info("subprocess").returncode = 0
            stdin = transport.get_pipe_transport(0)
            if stdin.get_write_buffer_size():
                stdin.abort()
        transport.close()


async def _ended(process: Process) -> None:
    await process.wait()

"""A look at many mail hosts at once, told when those that answer have answered: a dead host delays no other."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from bot.mailhost.host import MailHost
from bot.mailhost.look import Look, Looking

LULL, SHORTEST = 0.1, 0.2
"""Nothing new for this part of the time so far (and for so many seconds at least): who answers has answered."""
SHARE = 0.2
"""From one telling to the next, of the time so far: whoever answered last is told of within a quarter more of it."""


async def looks(
    hosts: Sequence[MailHost], now: Callable[[], datetime], first: float, every: float
) -> AsyncGenerator[tuple[Look, ...], None]:
    """What is known of all of them, in their order, each time that a lull follows on something new; at last, all.

    Nothing is told within the `first` seconds unless it is all, and then at most once in `every` seconds, or in a
    fifth of the time so far where that is less. Who is still waited for is `waiting` in what is told.
    """
    began, told, fresh = time.monotonic(), -every, False
    looking = [Looking(host, now) for host in hosts]
    pending = {task for each in looking for task in each.tasks}
    try:
        while pending:
            passed = time.monotonic() - began
            again = told + min(every, SHARE * passed) - passed
            pause = max(SHORTEST, LULL * passed, first - passed, again) if fresh else None
            done, pending = await asyncio.wait(pending, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            fresh = fresh or bool(done)
            if fresh and pending and not done:
                fresh, told = False, time.monotonic() - began
                yield tuple(each.seen() for each in looking)
        yield tuple(each.seen() for each in looking)
    finally:
        await asyncio.gather(*(each.stop() for each in looking))


async def within(seconds: float, hosts: Sequence[MailHost], now: Callable[[], datetime]) -> tuple[Look, ...]:
    """What is known of all of them after so many seconds, or before that when it is all."""
    if not hosts:
        return ()
    looking = [Looking(host, now) for host in hosts]
    try:
        await asyncio.wait([task for each in looking for task in each.tasks], timeout=seconds)
        return tuple(each.seen() for each in looking)
    finally:
        await asyncio.gather(*(each.stop() for each in looking))

"""A lease: whoever works on something says again and again that they still do, so that others can take over if not."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from bot.errors import StoreError

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""After so long without a word, work is taken over."""

RENEW = 20.0
"""Seconds between two words: two of them may fail before the lease lapses."""


def process() -> str:
    """A name for this process among the bots that share a store."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@asynccontextmanager
async def kept(renew: Callable[[], Awaitable[bool]], what: str, every: float = RENEW) -> AsyncIterator[None]:
    """Call `renew` every so many seconds while the block runs; it says whether the lease is still ours.

    A lease that is lost stops nothing that a mail host does already: who took over meets the agent's own lock and key.
    """

    async def keep() -> None:
        ours = True
        while ours:
            await asyncio.sleep(every)
            try:
                ours = await renew()
            except StoreError as error:
                logger.warning("the lease of %s could not be renewed: %s", what, error)
        logger.warning("%s was taken over by another bot", what)

    keeping = asyncio.create_task(keep(), name=f"lease of {what}")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

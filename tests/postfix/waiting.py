"""Waiting for a condition instead of sleeping: for plain code, and for code in an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, timeout: float = 20, what: str = "") -> None:
    """Return as soon as the condition holds; raises AssertionError after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"Not within {timeout} s: {what or condition}"
        time.sleep(0.02)


async def eventually(condition: Callable[[], bool], *, timeout: float = 20, what: str = "") -> None:  # noqa: ASYNC109
    """`wait_until` for async tests: the event loop, and the bot in it, go on meanwhile."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"Not within {timeout} s: {what or condition}"
        await asyncio.sleep(0.02)

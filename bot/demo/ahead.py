"""The demo's clock: the machine's own, ahead by what somebody let go by; and what happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SPAM_RUN = timedelta(minutes=15)
A_MINUTE = 250
"""For so long, and with so many messages a minute, a hacked account goes on sending when time goes by."""


class Ahead:
    """Calling it tells the time, aware and in UTC. `flood` has that many messages more come in."""

    def __init__(self, flood: Callable[[int], None]) -> None:
        self._by = timedelta(0)
        self._flood = flood

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._by

    def turn(self, by: timedelta) -> None:
        minutes = min(by, max(SPAM_RUN - self._by, timedelta(0))) / timedelta(minutes=1)
        self._by += by
        if minutes:
            self._flood(round(A_MINUTE * minutes))

"""So many a second for each name, and no more: a turn is given to each, in order."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """`rate` turns a second for each key, as many at once after a quiet second (the generic cell rate algorithm)."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / rate
        self._at_once = (max(1.0, rate) - 1) * self._interval
        self._now = now
        self._due: dict[str, float] = {}

    def turn(self, key: str, patience: float) -> float | None:
        """Seconds until this one's turn, which is then taken; None, and no turn taken, where that exceeds patience."""
        now = self._now()
        due = max(self._due.get(key, now), now)
        wait = max(0.0, due - self._at_once - now)
        if wait > patience:
            return None
        self._due[key] = due + self._interval
        return wait

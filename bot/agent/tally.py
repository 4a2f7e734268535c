"""Counts the most frequent names in bounded memory (Misra and Gries, 1982)."""

from __future__ import annotations

from typing import Dict

from bot.agent.protocol import MAX_TEXT, Count, Tally


class Counter:
    """Keeps at most `2 * capacity` names. No count is ever too high, and none is more than `undercount` too low."""

    def __init__(self, capacity: int = 4000) -> None:
        self._capacity = capacity
        self._counts: Dict[str, int] = {}
        self._undercount = 0

    def add(self, name: str) -> None:
        counts = self._counts
        if name in counts:
            counts[name] += 1
        else:
            counts[name[:MAX_TEXT]] = counts.get(name[:MAX_TEXT], 0) + 1
            if len(counts) > 2 * self._capacity:
                self._shrink()

    def tally(self, top: int = 10) -> Tally:
        """The `top` most frequent names, the most frequent first, equal ones by name."""
        rows = sorted(self._counts.items(), key=lambda row: (-row[1], row[0]))[:top]
        return Tally(tuple(Count(name, messages) for name, messages in rows), self._undercount)

    def _shrink(self) -> None:
        # Taking the same amount from every name keeps the order of the frequent ones and bounds the error.
        cut = sorted(self._counts.values(), reverse=True)[self._capacity]
        self._counts = {name: count - cut for name, count in self._counts.items() if count > cut}
        self._undercount += cut

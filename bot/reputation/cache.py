"""What the DNS said, for as long as it may be believed (RFC 1035 §3.2.1, RFC 2308 §5)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from bot.reputation.answers import Absent, Answer

LONGEST = 3600.0
"""Seconds that anything is believed without asking again: who mends a record wants to see it mended."""


class Cache:
    """At most `size` results; the one that was used longest ago makes room. Results come with what is left of their
    time. An NXDOMAIN holds for every kind of record at its name (RFC 2308 §5)."""

    def __init__(self, size: int = 20_000, now: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._now = now
        self._kept: OrderedDict[tuple[str, str], tuple[float, Answer | Absent]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str, kind: str) -> Answer | Absent | None:
        for key in ((name, kind), (name, "")):
            if key not in self._kept:
                continue
            since, result = self._kept[key]
            age = self._now() - since
            if age >= min(result.ttl, LONGEST):
                del self._kept[key]
                continue
            self._kept.move_to_end(key)
            return replace(result, ttl=result.ttl - age)
        return None

    def put(self, name: str, kind: str, result: Answer | Absent) -> None:
        if result.ttl <= 0:
            return
        # Behind a CNAME it is the alias's target that does not exist (RFC 6604 §3), not the name that was asked.
        nothing_there = isinstance(result, Absent) and not result.exists and result.name == name
        key = (name, "" if nothing_there else kind)
        self._kept[key] = (self._now(), result)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

"""A quiet host has its hiccups, and nobody hears of them."""

from __future__ import annotations

import random
from datetime import timedelta

from bot.watch.engine import step
from bot.watch.model import Alert, Reading
from bot.watch.rules import Rules
from tests.watch.course import MINUTE, START

DAYS = 30
DAY = 24 * 60


def deferred_through_the_day(chance: random.Random) -> list[int]:
    """A few deferred messages each minute of a day, and for five minutes, twice, a burst of a hundred."""
    level = chance.randint(0, 12)
    minutes = [max(0, level + chance.randint(-3, 3)) for _ in range(DAY)]
    for _ in range(2):
        start = chance.randrange(DAY - 5)
        for minute in range(start, start + 5):
            minutes[minute] += 100
    return minutes


def silent_minutes(chance: random.Random) -> dict[int, float]:
    """Twice a day the host does not answer for two minutes: by the minute of the day, for how long already."""
    starts = [chance.randrange(DAY - 3) for _ in range(2)]
    return {start + minute: float(minute) for start in starts for minute in (0, 1, 2)}


def readings(deferred: list[int], minute: int, before: list[int]) -> dict[str, float]:
    """What a look and a listing of such a host come to, as each rule measures it."""
    now = deferred[minute]
    ago = (before + deferred)[len(before) + minute - 15]
    burst = now >= 100
    return {
        "unreachable": 0,
        "postfix_down": 0,
        "disk": 61.5,
        "corrupt": 0,
        "active_full": 0.1 if burst else 0,
        "growth": now - ago,
        "deferred": now,
        "depth": now + 3,
        "unusual": now / 6 if now >= 100 else 0,
        "oldest": 0,
        "expiring": 2,
        "held": 1,
    } | ({"sender": 0, "reason": 0, "destination": 0} if minute % 5 == 0 else {})


def test_thirty_days_with_two_hiccups_each_make_not_one_alert() -> None:
    chance = random.Random(1)
    rules = Rules().of("mx1")
    known: dict[str, Alert | None] = {}
    before, bad = [0] * DAY, 0
    for day in range(DAYS):
        deferred, silent = deferred_through_the_day(chance), silent_minutes(chance)
        for minute in range(DAY):
            now = START + (day * DAY + minute) * MINUTE
            seen = readings(deferred, minute, before)
            if minute in silent:
                seen = {"unreachable": silent[minute]}
            for name, value in seen.items():
                after = step(known.get(name), rules[name], "mx1", Reading("", value), now)
                assert not after.transitions, f"{name} at {timedelta(days=day, minutes=minute)}: {value}"
                known[name] = after.alert if after.alert is None or after.alert.ended_at is None else None
                bad += known[name] is not None
        before = deferred
    assert bad >= DAYS, "there were hiccups that a rule waited for"

"""How long something is to last, as people type it: `2h`, `90 min`, `for 2 hours`; from a minute to 30 days."""

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import UserError

LONGEST = timedelta(days=30)
SHORTEST = timedelta(minutes=1)

_UNITS = {
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_TIME = re.compile(rf"(?<!\S)(?:for )?(([0-9]{{1,9}}) ?({'|'.join(sorted(_UNIT, key=len, reverse=True))}))(?!\S)", re.I)


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long, as it was said; empty, and None, where nothing was. `rest` are the other words."""

    time: timedelta | None
    said: str
    rest: str


def lasting(words: str) -> Lasting:
    """Take the time out of a command's words, wherever it stands. Raises UserError for two, too short, too long."""
    words = " ".join(words.split())
    found = list(_TIME.finditer(words))
    if not found:
        return Lasting(None, "", words)
    if len(found) > 1:
        raise UserError(f"“{found[0][1]}” or “{found[1][1]}”? Nothing was done. Say one time.")
    said, number, unit = found[0].groups()
    seconds = int(number) * _SECONDS[_UNIT[unit.lower()]]
    if not SHORTEST.total_seconds() <= seconds <= LONGEST.total_seconds():
        long_or_short = "long" if seconds > LONGEST.total_seconds() else "short"
        raise UserError(f"“{said}” is too {long_or_short}: say 1m to 30d. Nothing was done.")
    return Lasting(timedelta(seconds=seconds), said, " ".join(_TIME.sub(" ", words).split()))

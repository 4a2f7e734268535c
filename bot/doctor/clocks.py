"""How far two clocks are apart, and what that spoils: a request is over by the bot's clock, and begun by the host's."""

from bot.doctor.lines import Line, ok, problem, warning
from bot.text import duration

SMALL = 5.0
"""Seconds that do no harm; Slack tells whole ones, and an answer takes its time."""
LARGE = 60.0
"""Seconds by which what must not begin any more can begin, or what may be done be refused."""

MEND = "timedatectl set-ntp true"


def apart(about: str, whose: str, theirs: float, before: float, after: float) -> Line:
    """A clock that was read at some moment between `before` and `after`, all in seconds since the epoch."""
    off = max(before - theirs, theirs - after, 0.0)
    if off <= SMALL:
        return ok(about, f"{whose} and this machine's agree.")
    side = "behind" if theirs < before else "ahead of"
    text = f"{whose} is {duration(off)} {side} this machine's. Requests can be over too early or too late by that."
    mend = f"On the machine whose clock is wrong: {MEND}"
    return problem(about, text, mend) if off > LARGE else warning(about, text, mend)

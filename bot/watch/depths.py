"""What the rules read from a look at the queue directories: a host that answers, its disk, how long its queues are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bot.agent.protocol import Depth
from bot.store.samples import Sample
from bot.text import plural, size
from bot.watch.model import Reading
from bot.watch.observing import Observed
from bot.watch.rules import Judgement, Rule

ACTIVE_LIMIT = 20_000
"""Postfix's default of qmgr_message_active_limit."""

AGO, GIVE = 15 * 60, 3 * 60
"""Growth is against the sample of so many seconds ago, or one that is so much younger or older."""

DAYS = 3
"""From so many days on it is known what is usual at an hour."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a look is compared with: samples of the last half hour and of this hour on former days, in order."""

    lately: tuple[Sample, ...] = ()
    usual: tuple[Sample, ...] = ()
    active_limit: int = ACTIVE_LIMIT


def sample(depth: Depth, at: float) -> Sample:
    """A look as it is kept. `at` is by the bot's clock, in seconds since the epoch: the host's may go wrong."""
    spaces = [
        1000 * free // total
        for free, total in ((depth.free_bytes, depth.total_bytes), (depth.free_inodes, depth.total_inodes))
        if total
    ]
    queues = depth.queues
    taken = Sample(
        int(at),
        maildrop=queues.get("maildrop"),
        incoming=queues.get("incoming"),
        active=queues.get("active"),
        deferred=queues.get("deferred"),
        hold=queues.get("hold"),
        corrupt=queues.get("corrupt"),
        oldest=int(depth.oldest) if depth.oldest is not None and depth.oldest_known else None,
        free=min(spaces, default=None),
        up=depth.mail_system_up,
    )
    return replace(taken, peak=taken.queued)


def readings(depth: Depth, taken: Sample, known: Known, rules: Mapping[str, Rule]) -> Observed:
    """What a look, and the sample that was made of it, say to each rule that they can say something to."""
    return {
        "unreachable": [Reading("", 0)],
        "postfix_down": [_down(taken)],
        "disk": [_disk(depth)],
        "corrupt": [_count(taken.corrupt, "corrupt queue file")],
        "active_full": [_active(taken, known.active_limit)],
        "growth": [_growth(taken, known.lately)],
        "deferred": [_count(taken.deferred, "deferred message")],
        "depth": [_waiting(taken)],
        "unusual": [_unusual(taken, known.usual, rules["unusual"].least)],
    }


def no_answer(minutes: float, why: str, rule: Rule) -> Observed:
    """A host that has not answered for so long. What else it is like is not known, so nothing else is said.

    However short that is, it ends no alert.
    """
    for_long = f"for {plural(int(minutes), 'minute')}" if minutes >= 1 else "just now"
    seen = Reading("", minutes, f"No answer {for_long}: {why}")
    return {"unreachable": [seen.undecided(rule) if rule.judge(minutes) is Judgement.GOOD else seen]}


def growth(queued: int | None, at: int, lately: Sequence[Sample]) -> int | None:
    """How many messages more there are than a quarter of an hour ago; None: not known."""
    then = [each for each in lately if abs(at - AGO - each.at) <= GIVE and each.queued is not None]
    if queued is None or not then:
        return None
    nearest = min(then, key=lambda each: abs(at - AGO - each.at))
    assert nearest.queued is not None
    return queued - nearest.queued


def _down(taken: Sample) -> Reading:
    if taken.up is None:
        return Reading("", None)
    return Reading("", 0, "Postfix runs.") if taken.up else Reading("", 1, "No mail comes in and none goes out.")


def _disk(depth: Depth) -> Reading:
    spaces = {
        f"{size(depth.free_bytes)} of {size(depth.total_bytes)}": (depth.free_bytes, depth.total_bytes),
        f"{depth.free_inodes:,} of {depth.total_inodes:,} inodes": (depth.free_inodes, depth.total_inodes),
    }
    shares = [(100 * free / total, text) for text, (free, total) in spaces.items() if total]
    if not shares:
        return Reading("", None)
    percent, text = min(shares)
    cause = "Postfix takes no mail any more once less than queue_minfree is free."
    return Reading("", percent, f"{text} are free ({percent:.1f} %).", cause)


def _count(messages: int | None, noun: str) -> Reading:
    return Reading("", messages, f"{plural(messages, noun)}." if messages is not None else "")


def _active(taken: Sample, limit: int) -> Reading:
    if taken.active is None:
        return Reading("", None)
    text = f"{taken.active:,} of {limit:,} messages that it takes."
    return Reading("", 100 * taken.active / limit, text, "New mail waits behind slow deliveries.")


def _growth(taken: Sample, lately: Sequence[Sample]) -> Reading:
    more = growth(taken.queued, taken.at, lately)
    if more is None:
        return Reading("", None)
    change = f"{more:,} more" if more > 0 else f"{-more:,} fewer" if more else "as many as"
    return Reading("", more, f"{plural(taken.queued or 0, 'message')}, {change} than 15 minutes ago.")


def _waiting(taken: Sample) -> Reading:
    """Mail on hold does not wait: somebody put it there."""
    if taken.queued is None or taken.hold is None:
        return Reading("", None)
    return _count(taken.queued - taken.hold, "queued message")


def _unusual(taken: Sample, usual: Sequence[Sample], least: float) -> Reading:
    known = [each.deferred for each in usual if each.deferred is not None]
    if taken.deferred is None or len(known) < DAYS:
        return Reading("", None)
    often = median(known)
    text = f"{plural(taken.deferred, 'deferred message')}; {often:,.0f} are usual at this hour."
    if taken.deferred < least:
        return Reading("", 0, text, measured=False)
    return Reading("", taken.deferred / max(often, 1), text)

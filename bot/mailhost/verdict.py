"""Is this mail host well, and if not, what hurts: two lines made of one look, the worst first."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from bot.agent.protocol import Count, Tally
from bot.mailhost.look import Look
from bot.text import duration, listed, plural, share, size

MANY_DEFERRED = 50
"""Some deferred mail is everyday life, however long it waits; this much of it is not."""
MANY_ON_HOLD = 50
"""A few held messages are somebody's work in progress; this many may be a hold that was forgotten."""
EXPIRES_SOON = 12 * 3600
"""Seconds before the oldest message is given up."""
ONE_SENDER_OF = 50
"""Below this many messages, one sender with most of them means nothing."""
LITTLE_SPACE, HARDLY_ANY_SPACE = 0.10, 0.05
ACTIVE_LIMIT = 20_000
"""Postfix's default of qmgr_message_active_limit."""


class Level(IntEnum):
    """How well a host is; the higher, the sooner someone should look."""

    WELL = 0
    UNKNOWN = 1
    WARNING = 2
    BAD = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`headline` names the host and what hurts most; `detail` is the next thing to know. Both can hold addresses."""

    level: Level
    headline: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    text: str


def verdict(seen: Look) -> Verdict:
    """The two lines that an answer begins with."""
    findings = [finding for rule in RULES if (finding := rule(seen))]
    findings.sort(key=lambda finding: -finding.level)
    if not findings:
        return Verdict(Level.WELL, f"{seen.host} is well. {queued(seen)}", postfix(seen))
    worst, *others = findings
    return Verdict(worst.level, f"{seen.host}: {worst.text}", _sentence(others[0].text) if others else queued(seen))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def queued(seen: Look) -> str:
    """How much is queued, in one sentence: `3,412 messages are queued: 3,100 deferred, 57 on hold.`"""
    if seen.queued is None:
        return "How much is queued is not known."
    if not seen.queued:
        return "Nothing is queued."
    parts = [f"{count:,} {NAMES[name]}" for name, count in seen.counts.items() if count and name in NAMES]
    return f"{plural(seen.queued, 'message is', 'messages are')} queued: {listed(parts)}."


def postfix(seen: Look) -> str:
    """Whether Postfix runs, and which it is."""
    version = (seen.info.parameters.get("mail_version", "") if seen.info else "").strip()
    state = {True: "runs", False: "is down", None: "runs or not: that is not known"}[seen.up]
    return f"Postfix {version} {state}." if version else f"Postfix {state}."


# What people call mail in each queue.
NAMES = {
    "deferred": "deferred",
    "active": "being delivered",
    "incoming": "coming in",
    "hold": "on hold",
    "maildrop": "waiting to be picked up",
}


def _silent(seen: Look) -> Finding | None:
    if not seen.silent:
        return None
    return Finding(Level.UNKNOWN, f"no answer yet, for {duration(seen.waited)}.")


def _unreachable(seen: Look) -> Finding | None:
    if seen.reachable:
        return None
    return Finding(Level.BAD, f"can't be reached: {' '.join(seen.problems)}")


def _down(seen: Look) -> Finding | None:
    if seen.up is not False:
        return None
    return Finding(Level.BAD, "Postfix is down: no mail comes in and none goes out.")


def _space(seen: Look) -> Finding | None:
    depth = seen.depth
    if depth is None or not depth.total_bytes:
        return None
    free = depth.free_bytes / depth.total_bytes
    inodes = depth.free_inodes / depth.total_inodes if depth.total_inodes else 1.0
    least = min(free, inodes)
    if least >= LITTLE_SPACE:
        return None
    level = Level.BAD if least < HARDLY_ANY_SPACE else Level.WARNING
    if inodes < free:
        return Finding(
            level, f"the spool's disk is nearly out of inodes: {depth.free_inodes:,} are free ({inodes:.1%})."
        )
    return Finding(level, f"the spool's disk is nearly full: {size(depth.free_bytes)} are free ({free:.1%}).")


def _active_full(seen: Look) -> Finding | None:
    active = seen.counts["active"]
    setting = seen.info.parameters.get("qmgr_message_active_limit", "") if seen.info else ""
    limit = int(setting) if setting.isdecimal() else ACTIVE_LIMIT
    if active is None or active < limit:
        return None
    return Finding(Level.BAD, f"the active queue is full ({active:,} messages): new mail waits behind it.")


def _unreadable(seen: Look) -> Finding | None:
    if seen.listing is not None or not seen.reachable or seen.said_down or seen.silent:
        return None
    if seen.waiting and not seen.problems:
        return Finding(Level.UNKNOWN, f"its queue is still being read, for {duration(seen.waited)} now.")
    return Finding(Level.UNKNOWN, f"the queue could not be looked at: {' '.join(seen.problems)}")


def _partial(seen: Look) -> Finding | None:
    if seen.listing is None or seen.listing.complete:
        return None
    read = seen.listing.total
    return Finding(
        Level.WARNING,
        f"only a part of the queue could be read ({plural(read, 'message')}): {seen.listing.problem}",
    )


def _one_sender(seen: Look) -> Finding | None:
    if seen.listing is None:
        return None
    summary = seen.listing.summary
    if summary.messages < ONE_SENDER_OF or not summary.senders.top:
        return None
    most = summary.senders.top[0]
    # Bounces have the null sender; many of them are no sign of one account that sends too much.
    if most.name == "MAILER-DAEMON" or 2 * most.messages < summary.messages:
        return None
    return Finding(
        Level.WARNING,
        f"one sender has most of the queue: {most.name} with {part(most, summary.senders, summary.messages)}."
        " A hacked account?",
    )


def _expiring(seen: Look) -> Finding | None:
    if seen.listing is None or seen.listing.summary.expires_at is None:
        return None
    left = seen.listing.summary.expires_at - seen.at
    if left > EXPIRES_SOON:
        return None
    when = "at its next attempt" if left <= 0 else f"in {duration(left)}"
    return Finding(Level.WARNING, f"the oldest message goes back to its sender {when}, undelivered.")


def _deferred(seen: Look) -> Finding | None:
    deferred = seen.counts["deferred"]
    if deferred is None or deferred < MANY_DEFERRED:
        return None
    waits = _oldest_deferred(seen)
    text = f"{plural(deferred, 'message is', 'messages are')} deferred"
    if waits is not None:
        text += f", the oldest for {duration(waits)}"
    if seen.listing and seen.listing.summary.reasons.top:
        reasons, whole = seen.listing.summary.reasons, seen.listing.summary.messages
        text += f". Most often ({part(reasons.top[0], reasons, whole)}): {reasons.top[0].name}"
    return Finding(Level.WARNING, text.rstrip(".") + ".")


def _oldest_deferred(seen: Look) -> float | None:
    queue = seen.listing.summary.queues.get("deferred") if seen.listing else None
    return None if queue is None or queue.oldest is None else seen.at - queue.oldest


def _on_hold(seen: Look) -> Finding | None:
    held = seen.counts["hold"]
    if held is None or held < MANY_ON_HOLD:
        return None
    return Finding(
        Level.WARNING,
        f"{plural(held, 'message is', 'messages are')} on hold and stay there until someone releases them.",
    )


def _corrupt(seen: Look) -> Finding | None:
    corrupt = seen.counts["corrupt"]
    if not corrupt:
        return None
    return Finding(
        Level.WARNING,
        f"{plural(corrupt, 'damaged queue file lies', 'damaged queue files lie')} in the queue corrupt.",
    )


def _unfinished(seen: Look) -> Finding | None:
    if seen.info is None or not seen.info.unfinished:
        return None
    keys = seen.info.unfinished
    return Finding(
        Level.WARNING,
        f"{plural(len(keys), 'change was', 'changes were')} cut short here: {listed(keys[:5])}.",
    )


def part(count: Count, tally: Tally, whole: int) -> str:
    """`812 of 1,234 queued, 66 %`; with `at least` in front where the count is a lower bound."""
    return f"{at_least(count.messages, tally)} of {whole:,} queued, {share(count.messages, whole)}"


def at_least(messages: int, tally: Tally) -> str:
    return f"at least {messages:,}" if tally.undercount else f"{messages:,}"


# In the order in which they matter; among findings of one level the first ones are told.
RULES: tuple[Callable[[Look], Finding | None], ...] = (
    _silent,
    _unreachable,
    _down,
    _space,
    _active_full,
    _partial,
    _one_sender,
    _expiring,
    _deferred,
    _on_hold,
    _corrupt,
    _unfinished,
    _unreadable,
)

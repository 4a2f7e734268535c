"""`expire`: mark messages so that Postfix sends them back to their senders, as postsuper -e does (Postfix 3.5).

A mark is a bit in the mode of the queue file. Nothing happens before the message's next delivery attempt, which then
returns it instead; mail on hold is marked too and has no attempt until it is released. There is no way back, so a key
runs once: asked again, it goes on with what was cut short, or only reports.
"""

from __future__ import annotations

import os
import re
import stat
import time
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from bot.agent import expiries, holds
from bot.agent import targets as examining
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.outcomes import Expired, Outcome
from bot.agent.output import Output
from bot.agent.postfix import Postfix
from bot.agent.postsuper import chunks
from bot.agent.queues import Queues
from bot.agent.requests import Target
from bot.agent.targets import Found

ROUNDS = 3
"""How often a message is tried that moves from queue to queue meanwhile."""

PASSES: Tuple[Tuple[str, ...], ...] = (("incoming", "active", "deferred"), ("hold",))

MARK = stat.S_IXGRP
"""The bit of a queue file's mode (mail_queue.h: MAIL_QUEUE_STAT_EXPIRE)."""

SINCE = (3, 5)
"""The first Postfix whose postsuper(1) has -e."""


def expire(
    system: MailSystem, key: str, not_after: Optional[float], targets: Sequence[Target], output: Output
) -> Expired:
    """Expire what `targets` name, once for each key. Raises AgentError with nothing done."""
    _check_version(system.postfix)
    system.trash.prepare()
    lock = system.trash.lock()
    expiries.forget(system.trash, time.time() - expiries.KEPT_SECONDS)
    record = expiries.Record(system.trash, key, targets)
    if not record.begun and not_after is not None and time.time() > not_after:
        system.trash.unlock()
        return Expired(key, begun=False)
    if not record.finished:
        _go_on(system, record, targets, output, lock)
    system.trash.unlock()
    return Expired(key, output.outcomes(record.outcomes[target.queue_id] for target in targets))


def _go_on(system: MailSystem, record: expiries.Record, targets: Sequence[Target], output: Output, lock: int) -> None:
    """Mark what has no outcome yet. A message that bears the mark already has nothing more done to it."""
    outcomes: Dict[str, Outcome] = {}
    rest = [target for target in targets if target.queue_id not in record.outcomes]
    waiting = examining.found(system, rest, outcomes)
    output.progress(len(record.outcomes), len(targets), "marked as expired")  # Who is gone by now has nothing done.
    record.begin()
    output.begin()
    record.settle(outcomes.values())
    proofs = _proofs(system, waiting)
    complaint = ""
    for _ in range(ROUNDS):
        for queues in PASSES:
            for ids in chunks(list(waiting)):
                handled = system.postfix.expire(ids, queues, lock).handled()
                complaint = handled.complaint or complaint
                settled = []
                for queue_id in ids:
                    outcome = _outcome(system.queues, queue_id, waiting[queue_id], queue_id in handled.lines)
                    if outcome is not None:
                        del waiting[queue_id]
                        settled.append(outcome)
                record.settle(_carried_over(system, record.key, proofs, settled))
                output.progress(len(record.outcomes), len(targets), "marked as expired")
    record.settle(Outcome(queue_id, "failed" if complaint else "moving", complaint) for queue_id in waiting)
    record.finish()


def _proofs(system: MailSystem, waiting: Mapping[str, Found]) -> Dict[str, holds.Past]:
    """Of the messages on hold those which can be released under their ID, and why (see release.py)."""
    held = {queue_id: each for queue_id, each in waiting.items() if each.queue == "hold"}
    if not held:
        return {}
    managers = system.managers()
    past = holds.past(system.trash)
    proofs = {}
    for queue_id, each in held.items():
        record = past.get((queue_id, each.inode, each.changed))
        if record is None and managers.all_younger_than(each.changed / 1e9):
            record = holds.Past("unknown", frozenset())  # Nobody who could remember it lives.
        if record is not None and record.safe(managers):
            proofs[queue_id] = record
    return proofs


def _carried_over(
    system: MailSystem, key: str, proofs: Mapping[str, holds.Past], settled: Sequence[Outcome]
) -> List[Outcome]:
    """The outcomes, with what was marked on hold without a proof told as that.

    A mark changes the file, and without its proof it would be requeued when it is released: then the mark is gone.
    """
    carried: Dict[holds.File, holds.Past] = {}
    told = []
    for outcome in settled:
        if outcome.outcome == "on_hold":
            status = system.queues.status("hold", outcome.queue_id)
            if status is None or outcome.queue_id not in proofs:
                outcome = Outcome(outcome.queue_id, "on_hold", "unproven")
            else:
                carried[outcome.queue_id, status.st_ino, status.st_ctime_ns] = proofs[outcome.queue_id]
        told.append(outcome)
    if carried:
        holds.carry_over(system.trash, key, carried)
    return told


def _outcome(queues: Queues, queue_id: str, was: Found, marked: bool) -> Optional[Outcome]:
    """What became of it, by a fresh look; None while it bears no mark. `marked` is what postsuper(1) says."""
    place = queues.find(queue_id)
    if place is None:
        # It had its attempt at once, or was delivered by one that was under way.
        return Outcome(queue_id, "expired", "gone") if marked else Outcome(queue_id, "gone")
    if place.status.st_ino != was.inode:
        if marked:
            _unmark(queues, place.queue, queue_id)
        return Outcome(queue_id, "changed")
    if place.queue == "maildrop":
        return Outcome(queue_id, "not_in_queue_yet", "maildrop")
    if place.queue == "corrupt":
        return Outcome(queue_id, "failed", "corrupt")
    if not place.status.st_mode & MARK:
        return None
    return Outcome(queue_id, "on_hold" if place.queue == "hold" else "expired")


def _unmark(queues: Queues, queue: str, queue_id: str) -> None:
    """Take the mark from a message that was given this queue ID after the other one had been looked at."""
    try:
        descriptor = queues.open(queue, queue_id)
    except FileNotFoundError:
        return
    try:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & ~MARK)
    finally:
        os.close(descriptor)


def _check_version(postfix: Postfix) -> None:
    version = postfix.parameters(["mail_version"]).get("mail_version", "")
    match = re.match(r"(\d{1,4})\.(\d{1,4})", version)
    if match and (int(match[1]), int(match[2])) < SINCE:
        raise AgentError(
            "bad_request",
            f"This host runs Postfix {version[:40]}, which can't expire mail (3.5 and later can), so nothing was done. "
            "Mail can be put on hold or deleted instead.",
        )

"""`requeue`: have Postfix take queued mail in anew, as postsuper -r does: the same message under a new queue ID.

The queue file moves to the maildrop, where pickup(8) looks once a minute. Mail on hold is left alone: release lets it
go, and knows when that has to be done by requeueing. Mail that is being delivered is left alone too, for a copy made
at that moment could be delivered twice.
"""

from __future__ import annotations

import time
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set

from bot.agent import targets as examining
from bot.agent.instance import MailSystem
from bot.agent.outcomes import Outcome, Requeued
from bot.agent.output import Output
from bot.agent.postsuper import chunks
from bot.agent.queues import Place
from bot.agent.requests import Target
from bot.agent.targets import Found

QUEUES = ("incoming", "active", "deferred")

ROUNDS = 3
"""How often a message is tried that moves from queue to queue meanwhile."""

DELIVERY_SECONDS = 5
"""How long a delivery in progress is waited for."""


def requeue(system: MailSystem, targets: Sequence[Target], output: Output) -> Requeued:
    """Requeue `targets`. Raises AgentError with nothing requeued."""
    system.trash.prepare()
    lock = system.trash.lock()
    outcomes: Dict[str, Outcome] = {}
    waiting = examining.found(system, targets, outcomes)
    for queue_id in [queue_id for queue_id, each in waiting.items() if each.queue == "hold"]:
        del waiting[queue_id]
        outcomes[queue_id] = Outcome(queue_id, "on_hold")
    for queue_id in _in_delivery(system, waiting, QUEUES):
        del waiting[queue_id]
        outcomes[queue_id] = Outcome(queue_id, "in_delivery")
    output.progress(0, len(targets), "requeued")  # Who is gone by now has nothing done.
    output.begin()
    complaint = ""
    for _ in range(ROUNDS):
        for ids in chunks(list(waiting)):
            handled = system.postfix.requeue(ids, QUEUES, lock).handled()
            complaint = handled.complaint or complaint
            for queue_id in ids:
                outcome = _outcome(queue_id, waiting[queue_id], system.queues.find(queue_id), handled.lines)
                if outcome is not None:
                    del waiting[queue_id]
                    outcomes[queue_id] = outcome
            output.progress(len(outcomes), len(targets), "requeued")
    for queue_id in waiting:
        outcomes[queue_id] = Outcome(queue_id, "failed", complaint or "it never lay still")
    # Whose delivery began between the look and the move: the copy leaves out who was served by the time it is made.
    requeued = [queue_id for queue_id, outcome in outcomes.items() if outcome.outcome == "requeued"]
    for queue_id in _in_delivery(system, requeued, ("maildrop",)):
        outcomes[queue_id] = Outcome(queue_id, "requeued", "in_delivery")
    system.trash.unlock()
    counts = output.outcomes(outcomes[target.queue_id] for target in targets)
    return Requeued(counts, system.running())


def _in_delivery(system: MailSystem, ids: Iterable[str], queues: Sequence[str]) -> Set[str]:
    """Those that a delivery agent works on, after a wait that most deliveries do not outlast."""

    def busy(among: Iterable[str]) -> List[str]:
        return [each for each in among if any(system.queues.in_delivery(queue, each) for queue in queues)]

    known = list(ids)
    found = busy(known)
    if not found:
        return set()
    deadline = time.monotonic() + DELIVERY_SECONDS
    while found and time.monotonic() < deadline:
        time.sleep(0.2)
        found = busy(found)
    return set(busy(known))  # Others may have begun meanwhile.


def _outcome(queue_id: str, was: Found, place: Optional[Place], said: Mapping[str, str]) -> Optional[Outcome]:
    """What became of it, by what postsuper(1) says and by a fresh look; None while it lies where it can be tried."""
    if queue_id in said or (place is not None and place.queue == "maildrop"):
        return Outcome(queue_id, "requeued")
    if place is None:
        return Outcome(queue_id, "gone")
    if place.status.st_ino != was.inode:
        return Outcome(queue_id, "changed")
    if place.queue == "hold":
        return Outcome(queue_id, "on_hold")
    if place.queue == "corrupt":
        return Outcome(queue_id, "failed", "corrupt")
    return None

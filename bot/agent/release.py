"""`release`: let held mail go again, in the way that cannot lose it.

The queue manager's memory is keyed by queue ID. Mail that was active when it was held and comes back under its ID to
the same queue manager meets its own stale entry there, and can be removed without having been delivered. So a message
goes back under its ID (postsuper -H) only where it is proven that no living queue manager can remember it; any other is
requeued (postsuper -r): the same mail under a new ID. And while a delivery agent still works on a message it stays on
hold, for a copy made at that moment could be delivered twice.
"""

from __future__ import annotations

import time
from typing import Container, Dict, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

from bot.agent import holds, queuefile
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.outcomes import Outcome, Released
from bot.agent.output import Output
from bot.agent.postsuper import Handled, chunks, in_turn
from bot.agent.protocol import ALL_QUEUES, Identity
from bot.agent.queues import Place
from bot.agent.requests import Target

HOLD_FIRST = ("hold", *(queue for queue in ALL_QUEUES if queue != "hold"))

DELIVERY_SECONDS = 5
"""How long a delivery in progress is waited for before its message is left on hold."""


def release(system: MailSystem, key: str, targets: Sequence[Target], output: Output) -> Released:
    """Release `targets`, or what the hold `key` moved. Raises AgentError with nothing released."""
    system.trash.prepare()
    if key:
        if targets:
            raise AgentError(
                "bad_request", "A release is of a hold's key or of messages, not of both; nothing was done."
            )
        targets = [Target(*_members(identity)) for identity in holds.of_key(system.trash, key)]
    lock = system.trash.lock()
    outcomes: Dict[str, Outcome] = {}
    held = _examined(system, targets, outcomes)
    safe = _safe(system, held)
    output.progress(0, len(targets), "released")  # Who is gone by now has nothing done.
    output.begin()
    for settled in let_go(system, [list(held)], safe, lock):
        outcomes.update((each.queue_id, each) for each in settled)
        output.progress(len(outcomes), len(targets), "released")
    if key and not any(outcome.outcome in ("in_delivery", "failed") for outcome in outcomes.values()):
        holds.undone(system.trash, key)
    system.trash.unlock()
    return Released(output.outcomes(outcomes[target.queue_id] for target in targets), system.running())


def let_go(
    system: MailSystem, parts: Iterable[Sequence[str]], safe: Container[str], lock: int, *, idle: Container[str] = ()
) -> Iterator[List[Outcome]]:
    """Release messages that are on hold, those in `safe` under their queue ID; tells each one's outcome, in no order.

    A part is taken from `parts` while postsuper(1) is at work on the one before it, and what became of it is told
    while it is at work on the next. What has to be requeued is, after all parts. Those in `idle` are known not to be
    in delivery, and are not looked at for that. Outcomes are `released`, `requeued`, `in_delivery`, `not_on_hold` and
    `failed`. It writes nothing, so that a full disk is no hindrance.
    """
    busy: List[str] = []
    unproven: List[str] = []

    def proven() -> Iterator[Sequence[str]]:
        for part in parts:
            working = _in_delivery(system, [queue_id for queue_id in part if queue_id not in idle])
            still = [queue_id for queue_id in part if queue_id not in working] if working else part
            busy.extend(working)
            unproven.extend(queue_id for queue_id in still if queue_id not in safe)
            yield from chunks([queue_id for queue_id in still if queue_id in safe])

    for ids, handled in in_turn(proven(), lambda ids: system.postfix.release(ids, lock)):
        yield _settled(system, ids, "released", handled)
    yield [Outcome(queue_id, "in_delivery") for queue_id in busy]
    for ids, handled in in_turn(chunks(unproven), lambda ids: system.postfix.requeue(ids, ("hold",), lock)):
        yield _settled(system, ids, "requeued", handled)


def _members(identity: Identity) -> Tuple[str, int, int, str]:
    return identity.queue_id, identity.arrival_time, identity.message_size, identity.sender


def _examined(system: MailSystem, targets: Sequence[Target], outcomes: Dict[str, Outcome]) -> Dict[str, Place]:
    """The targets that are on hold and are the messages that were meant; the others get their outcome."""
    held: Dict[str, Place] = {}
    for target in targets:
        queue_id = target.queue_id
        place, identity = system.look(queue_id, HOLD_FIRST)
        if place is None:
            outcomes[queue_id] = Outcome(queue_id, "gone")
        elif identity is not None and not queuefile.same(target, identity):
            outcomes[queue_id] = Outcome(queue_id, "changed")
        elif identity is None and place.queue == "hold":
            outcomes[queue_id] = Outcome(queue_id, "failed", "unreadable")
        elif place.queue != "hold":
            outcomes[queue_id] = Outcome(queue_id, "not_on_hold", place.queue)
        else:
            held[queue_id] = place
    return held


def _in_delivery(system: MailSystem, held: Sequence[str]) -> Set[str]:
    """Those that a delivery agent still works on after some seconds: they stay on hold."""
    busy = {queue_id for queue_id in held if system.queues.in_delivery("hold", queue_id)}
    deadline = time.monotonic() + DELIVERY_SECONDS
    while busy and time.monotonic() < deadline:
        time.sleep(0.2)
        busy = {queue_id for queue_id in busy if system.queues.in_delivery("hold", queue_id)}
    return busy


def _safe(system: MailSystem, held: Mapping[str, Place]) -> Set[str]:
    """Those which no living queue manager can remember."""
    managers = system.managers()
    past = holds.past(system.trash)
    safe = set()
    for queue_id, (_, status) in held.items():
        record = past.get((queue_id, status.st_ino, status.st_ctime_ns))
        proven = managers.all_younger_than(status.st_ctime) if record is None else record.safe(managers)
        if proven:
            safe.add(queue_id)
    return safe


def _settled(system: MailSystem, ids: Sequence[str], done: str, handled: Handled) -> List[Outcome]:
    """The outcomes by what postsuper(1) says and by a fresh look: who still lies on hold was not released."""
    outcomes = []
    for queue_id in ids:
        if system.queues.status("hold", queue_id) is None:
            # Without a line of postsuper's somebody else was faster, and it is on hold no longer all the same.
            outcomes.append(Outcome(queue_id, done if queue_id in handled.lines else "not_on_hold"))
        else:
            outcomes.append(Outcome(queue_id, "failed", handled.complaint or "it still lies on hold"))
    return outcomes

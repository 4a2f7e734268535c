"""`release`: let held mail go again, in the way that cannot lose it.

The queue manager's memory is keyed by queue ID. Mail that was active when it was held and comes back under its ID to
the same queue manager meets its own stale entry there, and can be removed without having been delivered. So a message
goes back under its ID (postsuper -H) only where it is proven that no living queue manager can remember it; any other is
requeued (postsuper -r): the same mail under a new ID. And while a delivery agent still works on a message it stays on
hold, for a copy made at that moment could be delivered twice.
"""

from __future__ import annotations

import time
from typing import Container, Dict, Iterable, Iterator, Mapping, Sequence, Set, Tuple

from bot.agent import holds, queuefile
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.output import Output
from bot.agent.postsuper import Handled, in_turn
from bot.agent.protocol import ALL_QUEUES, Identity, Outcome, Released
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
    for outcome in let_go(system, list(held), safe, lock):
        outcomes[outcome.queue_id] = outcome
        output.progress(len(outcomes), len(targets), "released")
    if key and not any(outcome.outcome in ("in_delivery", "failed") for outcome in outcomes.values()):
        holds.undone(system.trash, key)
    system.trash.unlock()
    return Released(output.outcomes(outcomes[target.queue_id] for target in targets), system.postfix.running())


def let_go(
    system: MailSystem, held: Sequence[str], safe: Container[str], lock: int, *, idle: Container[str] = ()
) -> Iterator[Outcome]:
    """Release messages that are on hold, those in `safe` under their queue ID; tells each one's outcome.

    postsuper(1) is at work when this returns, and the outcomes wait for it. Those in `idle` are known not to be in
    delivery, and are not looked at for that. Outcomes are `released`, `requeued`, `in_delivery`, `not_on_hold` and
    `failed`. It writes nothing, so that a full disk is no hindrance.
    """
    busy = _in_delivery(system, [queue_id for queue_id in held if queue_id not in idle])
    still = [queue_id for queue_id in held if queue_id not in busy] if busy else held
    released = in_turn([each for each in still if each in safe], lambda ids: system.postfix.release(ids, lock))
    return _let_go(system, busy, released, [each for each in still if each not in safe], lock)


def _let_go(
    system: MailSystem,
    busy: Iterable[str],
    released: Iterator[Tuple[Sequence[str], Handled]],
    unproven: Sequence[str],
    lock: int,
) -> Iterator[Outcome]:
    for queue_id in busy:
        yield Outcome(queue_id, "in_delivery")
    for ids, handled in released:
        yield from _settled(system, ids, "released", handled)
    for ids, handled in in_turn(unproven, lambda ids: system.postfix.requeue(ids, ("hold",), lock)):
        yield from _settled(system, ids, "requeued", handled)


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


def _settled(system: MailSystem, ids: Sequence[str], done: str, handled: Handled) -> Iterator[Outcome]:
    """The outcomes by what postsuper(1) says and by a fresh look: who still lies on hold was not released."""
    for queue_id in ids:
        if system.queues.status("hold", queue_id) is None:
            # Without a line of postsuper's somebody else was faster, and it is on hold no longer all the same.
            yield Outcome(queue_id, done if queue_id in handled.lines else "not_on_hold")
        else:
            yield Outcome(queue_id, "failed", handled.complaint or "it still lies on hold")

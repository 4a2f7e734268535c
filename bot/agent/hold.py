"""`hold`: put messages on hold so that each can be released again without loss, and say what became of each.

Mail that is active is special: the queue manager keeps it in memory under its ID. So what can be held without touching
the active queue is held first, then what is active, and again until nothing moves any more.
"""

from __future__ import annotations

import time
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from bot.agent import holds, queuefile
from bot.agent.instance import MailSystem
from bot.agent.output import Output
from bot.agent.protocol import Held, Identity, Outcome
from bot.agent.queues import Queues
from bot.agent.requests import Target

ROUNDS = 3

PASSES: Tuple[Tuple[str, ...], ...] = (("incoming", "deferred"), ("active",))
"""The queues that postsuper(1) is told to look in, one pass after the other."""


class _Waiting(NamedTuple):
    """A message that is to be held, with the inode by which it is recognised when it has moved."""

    identity: Identity
    inode: int


def hold(system: MailSystem, key: str, targets: Sequence[Target], output: Output) -> Held:
    """Hold what `targets` name; the key of the record is how it is undone. Raises AgentError with nothing held."""
    system.trash.prepare()
    lock = system.trash.lock()
    holds.forget(system.trash, time.time() - holds.KEPT_SECONDS)
    outcomes: Dict[str, Outcome] = {}
    waiting = _examined(system, targets, outcomes)
    managers = system.managers()
    output.progress(0, len(targets), "put on hold")  # Who is gone by now has nothing done.
    record = holds.Record(system.trash, key, [each.identity for each in waiting.values()], managers, time.time())
    output.begin()
    was_active = 0
    complaint = ""
    for _ in range(ROUNDS):
        for queues in PASSES:
            if not waiting:
                break
            handled = system.postfix.hold(waiting, queues, lock)
            complaint = handled.complaint or complaint
            moved = _moved(system.queues, waiting, queues[-1], handled.lines)
            record.moved(moved)
            for each in moved:
                queue_id = each.identity.queue_id
                del waiting[queue_id]
                active = each.queue not in ("incoming", "deferred")
                was_active += active
                outcomes[queue_id] = Outcome(queue_id, "held", "active" if active else "")
            output.progress(len(outcomes), len(targets), "put on hold")
        for queue_id in [each for each in waiting if system.queues.find(each) is None]:
            del waiting[queue_id]
            outcomes[queue_id] = Outcome(queue_id, "gone")
        if not waiting:
            break
    for queue_id in waiting:
        outcomes[queue_id] = Outcome(queue_id, "failed" if complaint else "moving", complaint)
    record.close()
    system.trash.unlock()
    return Held(key, output.outcomes(outcomes[target.queue_id] for target in targets), was_active)


def _examined(system: MailSystem, targets: Sequence[Target], outcomes: Dict[str, Outcome]) -> Dict[str, _Waiting]:
    """The messages that can be held and are the ones that were meant; the others get their outcome."""
    waiting: Dict[str, _Waiting] = {}
    for target in targets:
        queue_id = target.queue_id
        place, identity = system.look(queue_id)
        if place is None:
            outcomes[queue_id] = Outcome(queue_id, "gone")
        elif place.queue == "maildrop":
            # postsuper(1) does not hold it: it has yet to be picked up, and will get another ID.
            outcomes[queue_id] = Outcome(queue_id, "not_in_queue_yet", "maildrop")
        elif place.queue == "corrupt" or identity is None:
            outcomes[queue_id] = Outcome(queue_id, "failed", "corrupt" if place.queue == "corrupt" else "unreadable")
        elif not queuefile.same(target, identity):
            outcomes[queue_id] = Outcome(queue_id, "changed")
        elif place.queue == "hold":
            outcomes[queue_id] = Outcome(queue_id, "already_on_hold")
        else:
            waiting[queue_id] = _Waiting(identity, place.status.st_ino)
    return waiting


def _moved(queues: Queues, waiting: Dict[str, _Waiting], came_from: str, said: Mapping[str, str]) -> List[holds.Moved]:
    """What lies on hold now, by a fresh look; and out of which queue, by what postsuper(1) says of this pass.

    A message that lies on hold without a line of this pass was put there by somebody else, or the line was lost:
    then nobody knows whether it was active.
    """
    moved = []
    for queue_id, (identity, inode) in waiting.items():
        status = queues.status("hold", queue_id)
        if status is not None and status.st_ino == inode:
            queue = came_from if said.get(queue_id) == "placed on hold" else "unknown"
            moved.append(holds.Moved(identity, queue, status.st_ino, status.st_ctime_ns))
    return moved

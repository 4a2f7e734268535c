"""Looks at the targets of a change before it is begun: which lie in a queue and are the messages that were meant."""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence

from bot.agent import queuefile
from bot.agent.instance import MailSystem
from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity
from bot.agent.requests import Target


class Found(NamedTuple):
    """Where a target was found, and the inode by which it is recognised when it has moved.

    `changed` is the change time of the file, in nanoseconds since the epoch; `identity` is what its envelope says.
    """

    queue: str
    inode: int
    changed: int
    identity: Identity


def found(system: MailSystem, targets: Sequence[Target], outcomes: Dict[str, Outcome]) -> Dict[str, Found]:
    """The targets that postsuper(1) can reach, by queue ID, on hold or not; the others get their outcome."""
    reached: Dict[str, Found] = {}
    for target in targets:
        queue_id = target.queue_id
        place, identity = system.look(queue_id)
        if place is None:
            outcomes[queue_id] = Outcome(queue_id, "gone")
        elif place.queue == "maildrop":
            # postsuper(1) leaves it alone: it has yet to be picked up, and will get another ID.
            outcomes[queue_id] = Outcome(queue_id, "not_in_queue_yet", "maildrop")
        elif place.queue == "corrupt" or identity is None:
            outcomes[queue_id] = Outcome(queue_id, "failed", "corrupt" if place.queue == "corrupt" else "unreadable")
        elif not queuefile.same(target, identity):
            outcomes[queue_id] = Outcome(queue_id, "changed")
        else:
            reached[queue_id] = Found(place.queue, place.status.st_ino, place.status.st_ctime_ns, identity)
    return reached

"""`hold`: put messages on hold so that each can be released again without loss, and say what became of each.

Mail that is active is special: the queue manager keeps it in memory under its ID. So what can be held without touching
the active queue is held first, then what is active, and again until nothing moves any more.
"""

from __future__ import annotations

import time
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from bot.agent import holds, lines
from bot.agent import targets as examining
from bot.agent.errors import AgentError
from bot.agent.holds import Moved
from bot.agent.instance import MailSystem
from bot.agent.outcomes import Held, Outcome
from bot.agent.output import Output
from bot.agent.postsuper import Running, chunks
from bot.agent.release import let_go
from bot.agent.requests import Target

ROUNDS = 3

PASSES: Tuple[Tuple[str, ...], ...] = (holds.NEVER_ACTIVE, ("active",))
"""The queues that postsuper(1) is told to look in, one pass after the other."""


def hold(system: MailSystem, key: str, targets: Sequence[Target], not_after: Optional[float], output: Output) -> Held:
    """Hold what `targets` name; the key of the record is how it is undone. Raises AgentError with nothing held.

    The same key again finishes a hold that was cut short, or reports a finished one.
    """
    system.trash.prepare()
    lock = system.trash.lock()
    now = time.time()
    holds.forget(system.trash, now - holds.KEPT_SECONDS)
    former = holds.former(system.trash, key)
    if former is None and not_after is not None and now > not_after:
        system.trash.unlock()
        return Held(key, begun=False)
    asked = lines.digest(targets)
    if former and former.asked != asked:
        raise AgentError("bad_request", f"There is a hold {key} already, of other messages, so nothing was done.")
    if former and (former.finished or former.undone):
        return _report(key, former, targets, output)
    done = former.moved if former else {}
    outcomes = {queue_id: _held(queue_id, queue) for queue_id, queue in done.items()}
    rest = [target for target in targets if target.queue_id not in done]
    found = examining.found(system, rest, outcomes)
    # Those that a former run meant to hold may lie on hold already.
    begun = former.meant if former else frozenset()
    for queue_id in [each for each, at in found.items() if at.queue == "hold" and each not in begun]:
        del found[queue_id]
        outcomes[queue_id] = Outcome(queue_id, "already_on_hold")
    managers = system.managers()
    output.progress(0, len(targets), "put on hold")  # Who is gone by now has nothing done.
    record = holds.Record(system.trash, key, managers, now, asked)
    record.targets((each.identity, each.inode) for each in found.values())
    output.begin()
    holding = Holding(system, {queue_id: each.inode for queue_id, each in found.items()}, lock)
    strangers: List[Moved] = []
    for moved in holding.run():
        ours = [each for each in moved if each.inode == found[each.queue_id].inode]
        record.moved(ours, {each.queue_id: found[each.queue_id].identity for each in ours})
        outcomes.update((each.queue_id, _held(each.queue_id, each.queue)) for each in ours)
        others = [each for each in moved if each.inode != found[each.queue_id].inode]
        outcomes.update((each.queue_id, Outcome(each.queue_id, "changed")) for each in others)
        strangers += others
        output.progress(len(outcomes), len(targets), "put on hold")
    for queue_id in found:
        if queue_id in holding.waiting:
            outcomes[queue_id] = Outcome(queue_id, "failed" if holding.complaint else "moving", holding.complaint)
        elif queue_id not in outcomes:
            outcomes[queue_id] = Outcome(queue_id, "gone")
    # What came under a target's queue ID in the meantime was not meant.
    never_active = {each.queue_id for each in strangers if each.queue in holds.NEVER_ACTIVE}
    list(let_go(system, [[each.queue_id for each in strangers]], never_active, lock))
    record.close(outcomes.values())
    system.trash.unlock()
    was_active = sum(1 for each in outcomes.values() if each.detail == "active" and each.outcome == "held")
    return Held(key, output.outcomes(outcomes[target.queue_id] for target in targets), was_active)


class Holding:
    """Puts messages on hold, `waiting` (inodes by queue ID), out of which it takes what has moved and what is gone.

    What is left in `waiting` in the end could not be held; `complaint` is postsuper(1)'s last one.
    """

    def __init__(self, system: MailSystem, waiting: Dict[str, int], lock: int) -> None:
        self.waiting = waiting
        self.complaint = ""
        self._system = system
        self._lock = lock
        self._under_way: Optional[Tuple[Running, str]] = None
        """postsuper(1), and the last of the queues that it looks in."""

    def run(self) -> Iterator[List[Moved]]:
        """What was moved, some thousand at a time, told while postsuper(1) is at work on the next ones.

        The inode is another one when the ID is another message's now.
        """
        for _ in range(ROUNDS):
            for queues in PASSES:
                for ids in chunks(list(self.waiting)):
                    moved = self.rest()
                    self._under_way = (self._system.postfix.hold(ids, queues, self._lock), queues[-1])
                    if moved:
                        yield moved
                moved = self.rest()
                if moved:
                    yield moved
            for queue_id in [each for each in self.waiting if self._system.queues.find(each) is None]:
                del self.waiting[queue_id]
            if not self.waiting:
                return

    def rest(self) -> List[Moved]:
        """What was moved by the postsuper(1) that is under way; whoever breaks off run() has to ask for it."""
        if self._under_way is None:
            return []
        running, queue = self._under_way
        self._under_way = None
        handled = running.handled()
        self.complaint = handled.complaint or self.complaint
        moved = self._moved(running.ids, queue, handled.lines)
        for each in moved:
            del self.waiting[each.queue_id]
        return moved

    def _moved(self, ids: Sequence[str], came_from: str, said: Mapping[str, str]) -> List[Moved]:
        """What lies on hold now, by a fresh look; and out of which queue, by what postsuper(1) says of this pass.

        A message that lies on hold without a line of this pass was put there by somebody else, or the line was lost:
        then nobody knows whether it was active.
        """
        moved = []
        for queue_id in ids:
            status = self._system.queues.status("hold", queue_id)
            ours = said.get(queue_id) == "placed on hold"
            if status is not None and (ours or status.st_ino == self.waiting[queue_id]):
                queue = came_from if ours else "unknown"
                moved.append(Moved(queue_id, queue, status.st_ino, status.st_ctime_ns))
        return moved


def _held(queue_id: str, queue: str) -> Outcome:
    return Outcome(queue_id, "held", "" if queue in holds.NEVER_ACTIVE else "active")


def _report(key: str, former: holds.Former, targets: Sequence[Target], output: Output) -> Held:
    """What a hold did that is over; it is not done again."""
    cut_short = "the hold was undone before it was finished"
    outcomes = [
        former.outcomes.get(target.queue_id)
        or (
            _held(target.queue_id, former.moved[target.queue_id])
            if target.queue_id in former.moved
            else Outcome(target.queue_id, "failed", cut_short)
        )
        for target in targets
    ]
    was_active = sum(1 for queue in former.moved.values() if queue not in holds.NEVER_ACTIVE)
    return Held(key, output.outcomes(outcomes), was_active)

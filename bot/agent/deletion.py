"""One deletion: messages are deleted so that they can be brought back, and exactly those that were meant.

In this order, and each step on disk before the next: the journal, hold, keep (a second name for each file), verify
(the kept file, not the queue's, is the message that was meant), delete, look. What is on hold because of us and was
not deleted is let go again. Nothing here remembers how far it has come: every step looks at what is there, so that
the same key again, after a kill at any point, is the same code.

Before `deleting` stands in the journal nothing of this has deleted anything: a message that is nowhere was taken by
somebody else. After it, a kept file without another name was deleted, and one that has another name was not.
"""

from __future__ import annotations

import os
import time
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from bot.agent import journal as journals
from bot.agent import kept, queuefile
from bot.agent.errors import AgentError
from bot.agent.hold import Holding
from bot.agent.holds import NEVER_ACTIVE, Moved
from bot.agent.instance import MailSystem
from bot.agent.journal import Ended, Head, Journal, Story
from bot.agent.kept import Kept
from bot.agent.output import Output
from bot.agent.postsuper import chunks, in_turn
from bot.agent.protocol import Outcome
from bot.agent.release import let_go
from bot.agent.requests import Target

Settled = Tuple[str, str]
"""Outcome and detail."""

DELETED: Settled = ("deleted", "")
IN_FLIGHT: Settled = ("deleted", "in_flight")
GONE: Settled = ("gone", "")
CHANGED: Settled = ("changed", "")
RELEASED: Settled = ("released_meanwhile", "")


def unwritable(system: MailSystem, error: OSError) -> str:
    return f"{system.trash.path} can't keep mail: {error.strerror or error}"


class Deletion:
    """One deletion that is under way. `story` is what the journal says, and is kept up with it."""

    def __init__(
        self,
        system: MailSystem,
        journal: Journal,
        story: Story,
        targets: Sequence[Target],
        lock: int,
        output: Output,
    ) -> None:
        self._system = system
        self._journal = journal
        self._story = story
        self._targets = targets
        self._by_id = {target.queue_id: target for target in targets}
        self._lock = lock
        self._output = output
        self._unwritten: Set[str] = set()
        """Never active, and put on hold when the disk was full already."""
        self.let_go: Dict[str, Outcome] = {}
        """What became of those that were on hold because of us."""

    def run(self, fresh: bool) -> None:
        """Go on from wherever the last run came to, to the end. Afterwards the story tells what became of each."""
        story = self._story
        try:
            if story.gave_up:
                self.roll_back()
                return
            if not fresh:
                journals.resume(self._journal, self._system.managers())
            self._work(fresh)
        except (OSError, AgentError) as error:
            if story.deleting:
                raise
            if not story.gave_up:
                story.gave_up = error.text if isinstance(error, AgentError) else unwritable(self._system, error)
                self._journal.give_up(story.gave_up)
        self._end()

    def roll_back(self) -> None:
        """End it without deleting anything more."""
        journals.resume(self._journal, self._system.managers())
        names = None if self._journal.head.final else self._kept()
        try:
            self._on_hold(names)
        finally:
            if names is not None:
                names.close()
        self._end()

    def _open(self) -> List[str]:
        return [queue_id for queue_id in self._story.inodes if queue_id not in self._story.settled]

    def _kept(self) -> Kept:
        return Kept(self._system.trash, self._system.queues, self._journal.head.key)

    # What leads to `deleting`

    def _work(self, fresh: bool) -> None:
        final = self._journal.head.final
        names = None if final else self._kept()
        try:
            held = self._story.before if fresh else self._on_hold(names)
            meant: List[str] = []
            for ids in chunks([queue_id for queue_id in self._open() if queue_id in held]):
                meant += self._verified(ids, names)
            if not self._story.deleting:
                meant += self._hold([queue_id for queue_id in self._open() if queue_id not in held], names)
            if names is not None:
                names.sync()
            self._journal.write([{"deleting": True}])
            self._story.deleting = True
            self._delete(meant, names)
        finally:
            if names is not None:
                names.close()

    def _on_hold(self, names: Optional[Kept]) -> Set[str]:
        """Settle what happened to those without an outcome while nobody looked; returns those that lie on hold now."""
        story = self._story
        if story.deleting:
            self._settle(self._looked(self._open(), names))
        held: Set[str] = set()
        settled: Dict[str, Settled] = {}
        missing: List[str] = []
        unknown: List[Moved] = []
        for queue_id in self._open():
            place = self._system.queues.find(queue_id)
            touched = queue_id in story.moved or (names is not None and names.status(queue_id) is not None)
            if place is not None and place.queue == "hold":
                held.add(queue_id)
                if queue_id not in story.before and story.moved.get(queue_id) != place.status.st_ctime_ns:
                    # It was ours to hold, but who knows what happened since: no proof is left (holds.py).
                    unknown.append(Moved(queue_id, "unknown", place.status.st_ino, place.status.st_ctime_ns))
            elif place is None and touched:
                missing.append(queue_id)
            elif place is None:
                settled[queue_id] = GONE
            elif touched or queue_id in story.before:
                settled[queue_id] = RELEASED
        self._moved(unknown)
        self._settle({**settled, **self._missing(missing, names)})
        return held

    def _hold(self, ids: Sequence[str], names: Optional[Kept]) -> List[str]:
        """Put these on hold, and keep and verify each as soon as it lies there; returns those that were meant."""
        holding = Holding(self._system, {queue_id: self._story.inodes[queue_id] for queue_id in ids}, self._lock)
        meant: List[str] = []
        try:
            for moved in holding.run():
                self._moved(moved)
                self._note_those_in_flight([each.queue_id for each in moved if each.queue not in NEVER_ACTIVE])
                meant += self._verified([each.queue_id for each in moved], names)
                self._output.progress(len(self._story.moved), 2 * len(self._targets), "put on hold")
        finally:
            # Whoever could not write lets go of what postsuper(1) was at work on, too.
            self._remember(holding.rest())
        self._settle(
            {
                queue_id: GONE
                if queue_id not in holding.waiting
                else ("failed", holding.complaint)
                if holding.complaint
                else ("moving", "")
                for queue_id in ids
                if queue_id not in self._story.moved
            }
        )
        return meant

    def _note_those_in_flight(self, ids: Sequence[str]) -> None:
        found = [queue_id for queue_id in ids if self._system.queues.in_delivery("hold", queue_id)]
        if found:
            self._story.in_flight.update(found)
            self._journal.write([{"in_flight": found}])

    def _moved(self, moved: Sequence[Moved]) -> None:
        try:
            self._journal.moved(moved)
        except OSError:
            self._remember(moved)
            raise
        self._story.moved.update((each.queue_id, each.changed) for each in moved)

    def _remember(self, moved: Sequence[Moved]) -> None:
        """What was put on hold and can't be written any more."""
        self._story.moved.update((each.queue_id, each.changed) for each in moved)
        self._unwritten.update(each.queue_id for each in moved if each.queue in NEVER_ACTIVE)

    def _verified(self, ids: Sequence[str], names: Optional[Kept]) -> List[str]:
        """Keep what lies on hold, and tell what was meant from what was not."""
        meant: List[str] = []
        settled: Dict[str, Settled] = {}
        if names is not None:
            names.look_for_logs()
        for queue_id in ids:
            if names is not None:
                there = names.keep(queue_id)
                identity = names.identity(queue_id) if there else None
            else:
                place, identity = self._system.look(queue_id, ("hold",))
                there = place is not None
            if not there:
                settled[queue_id] = GONE if self._system.queues.find(queue_id) is None else RELEASED
            elif identity is None or not queuefile.same(self._by_id[queue_id], identity):
                settled[queue_id] = CHANGED
            else:
                meant.append(queue_id)
        self._settle(settled)
        return meant

    # Deleting, and what follows

    def _delete(self, meant: Sequence[str], names: Optional[Kept]) -> None:
        for ids, handled in in_turn(meant, lambda ids: self._system.postfix.delete(ids, ("hold",), self._lock)):
            settled = self._looked(ids, names)
            left = ("failed", handled.complaint or "it still lies on hold")
            settled.update((queue_id, left) for queue_id in ids if queue_id not in settled)
            self._settle(settled)
            self._output.progress(len(self._story.settled), len(self._targets), "deleted")

    def _looked(self, ids: Iterable[str], names: Optional[Kept]) -> Dict[str, Settled]:
        """What became of these after `deleting`; those that still lie on hold are left out."""
        settled: Dict[str, Settled] = {}
        missing: List[str] = []
        for queue_id in ids:
            status = names.status(queue_id) if names is not None else None
            if status is not None and status.st_nlink == 1:
                settled[queue_id] = self._deleted(queue_id)
                continue
            place = self._system.queues.find(queue_id)
            if place is None and names is None:
                settled[queue_id] = self._deleted(queue_id)
            elif place is None:
                missing.append(queue_id)
            elif place.queue != "hold":
                settled[queue_id] = RELEASED
        return {**settled, **self._missing(missing, names)}

    def _deleted(self, queue_id: str) -> Settled:
        return IN_FLIGHT if queue_id in self._story.in_flight else DELETED

    def _missing(self, ids: Sequence[str], names: Optional[Kept]) -> Dict[str, Settled]:
        """Messages that have left their queue ID. Their files may lie in a queue all the same, under another one:
        `postsuper -s`, which runs at each start of Postfix, renames files when enable_long_queue_ids was changed.
        """
        settled: Dict[str, Settled] = {}
        inodes: Dict[int, str] = {}
        for queue_id in ids:
            status = names.status(queue_id) if names is not None else None
            if status is None or status.st_nlink > 1:
                inodes[self._story.inodes[queue_id] if status is None else status.st_ino] = queue_id
            was_ours = status is not None and self._story.deleting
            settled[queue_id] = self._deleted(queue_id) if was_ours else GONE
        elsewhere = self._system.queues.with_inodes(inodes.keys()) if inodes else {}
        for inode, (queue, new_id) in elsewhere.items():
            _, identity = self._system.look(new_id, (queue,))
            if identity is not None and queuefile.same(self._by_id[inodes[inode]], identity):
                settled[inodes[inode]] = ("failed", f"renamed {new_id}")
        return settled

    def _settle(self, settled: Mapping[str, Settled]) -> None:
        if settled:
            self._story.settled.update(settled)
            self._journal.settle(settled)

    def _end(self) -> None:
        """Take away the names of what was not deleted, let go what is still on hold because of us, and say so."""
        story = self._story
        left = ("failed", "not_kept" if story.gave_up else "restored before it was finished")
        rolled_back = dict.fromkeys(self._open(), left)
        story.settled.update(rolled_back)
        rest = [queue_id for queue_id in story.inodes if story.settled[queue_id][0] != "deleted"]
        if not self._journal.head.final:
            names = self._kept()
            for queue_id in rest:
                names.drop(queue_id)
            names.close()
        stranded = self._stranded(rest)
        if stranded:
            safe = self._journal.safe(self._system.managers()) | self._unwritten
            self.let_go = {each.queue_id: each for each in let_go(self._system, stranded, safe, self._lock)}
        ended = _ended(self._system, self._journal.head, story)
        try:
            self._journal.settle(rolled_back)
            if not self._stranded(rest):
                self._journal.finish(ended)
                story.ended = ended
        except OSError:
            # Whoever asks again finds that nothing is to be deleted, and ends it once there is room.
            if not story.gave_up:
                raise

    def _stranded(self, ids: Iterable[str]) -> List[str]:
        """Those that we put on hold and that still lie there, under the queue ID that each has now."""
        found = []
        for queue_id in ids:
            if queue_id in self._story.moved:
                detail = self._story.settled[queue_id][1]
                now = detail.partition("renamed ")[2] or queue_id
                if self._system.queues.status("hold", now) is not None:
                    found.append(now)
        return found


def _ended(system: MailSystem, head: Head, story: Story) -> Ended:
    counts: Dict[str, int] = {}
    for outcome, _ in story.settled.values():
        counts[outcome] = counts.get(outcome, 0) + 1
    in_flight = sum(1 for settled in story.settled.values() if settled == IN_FLIGHT)
    size = sum(file.size for file in kept.files(os.path.join(system.trash.path, head.key)))
    return Ended(time.time(), counts, in_flight, size)

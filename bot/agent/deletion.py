"""One deletion: messages are deleted so that they can be brought back, and exactly those that were meant.

In this order, and each step on disk before the next: the journal, hold, keep (a second name for each file), verify
(the kept file, not the queue's, is the message that was meant), delete, look. What is on hold because of us and was
not deleted is let go again. Nothing here remembers how far it has come: every step looks at what is there, so that
the same key again, after a kill at any point, is the same code.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set

from bot.agent import journal as journals
from bot.agent import kept, queuefile
from bot.agent import story as stories
from bot.agent.errors import AgentError
from bot.agent.hold import Holding
from bot.agent.holds import NEVER_ACTIVE, Moved
from bot.agent.instance import MailSystem
from bot.agent.journal import Head, Journal
from bot.agent.kept import Kept
from bot.agent.looking import GONE, IN_FLIGHT, RELEASED, Looking
from bot.agent.outcomes import Outcome
from bot.agent.output import Output
from bot.agent.postsuper import PARTS, Running, chunks, in_turn
from bot.agent.release import let_go
from bot.agent.requests import Target
from bot.agent.story import Ended, Settled, Story

CHANGED: Settled = ("changed", "")


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
        self._targets = {target.queue_id: target for target in targets}
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
            with self._kept() as names:
                self._work(fresh, names)
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
        with self._kept() as names:
            self._after_a_break(names)
        self._end()

    def _open(self) -> List[str]:
        return [queue_id for queue_id in self._story.inodes if queue_id not in self._story.settled]

    @contextlib.contextmanager
    def _kept(self) -> Iterator[Optional[Kept]]:
        """What is kept; None when the deletion is final."""
        if self._journal.head.final:
            yield None
            return
        names = Kept(self._system.trash, self._system.queues, self._journal.head.key)
        try:
            yield names
        finally:
            names.close()

    def _looking(self, names: Optional[Kept]) -> Looking:
        return Looking(self._system, self._story, self._targets, names)

    # What leads to `deleting`

    def _work(self, fresh: bool, names: Optional[Kept]) -> None:
        held = self._story.before if fresh else self._after_a_break(names)
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

    def _after_a_break(self, names: Optional[Kept]) -> Set[str]:
        """Settle what happened to those without an outcome while nobody looked; returns those that lie on hold now."""
        looking = self._looking(names)
        if self._story.deleting:
            self._settle(looking.after_deleting(self._open()))
        meanwhile = looking.after_a_break(self._open())
        self._moved(meanwhile.unknown)
        self._settle(meanwhile.settled)
        return meanwhile.held

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
            self._journal.write(stories.moved_lines(moved))
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
            elif identity is None or not queuefile.same(self._targets[queue_id], identity):
                settled[queue_id] = CHANGED
            else:
                meant.append(queue_id)
        self._settle(settled)
        return meant

    # Deleting, and what follows

    def _postsuper(self, ids: Sequence[str]) -> Running:
        return self._system.postfix.delete(ids, ("hold",), self._lock)

    def _delete(self, meant: Sequence[str], names: Optional[Kept]) -> None:
        looking = self._looking(names)
        for ids, handled in in_turn(chunks(meant, PARTS), self._postsuper):
            settled = looking.after_deleting(ids)
            left = ("failed", handled.complaint or "it still lies on hold")
            settled.update((queue_id, left) for queue_id in ids if queue_id not in settled)
            self._settle(settled)
            self._output.progress(len(self._story.settled), len(self._targets), "deleted")

    def _settle(self, settled: Mapping[str, Settled]) -> None:
        if settled:
            self._story.settled.update(settled)
            self._journal.write(stories.settled_lines("outcomes", settled))

    def _end(self) -> None:
        """Take away the names of what was not deleted, let go what is still on hold because of us, and say so."""
        story = self._story
        left = ("failed", "not_kept" if story.gave_up else "restored before it was finished")
        rolled_back = dict.fromkeys(self._open(), left)
        story.settled.update(rolled_back)
        rest = [queue_id for queue_id in story.inodes if story.settled[queue_id][0] != "deleted"]
        with self._kept() as names:
            if names is not None:
                for queue_id in rest:
                    names.drop(queue_id)
        stranded = self._stranded(rest)
        if stranded:
            safe = stories.pasts(self._journal).safe(self._system.managers()) | self._unwritten
            for outcomes in let_go(self._system, [stranded], safe, self._lock):
                self.let_go.update((each.queue_id, each) for each in outcomes)
        ended = _ended(self._system, self._journal.head, story)
        try:
            self._journal.write(stories.settled_lines("outcomes", rolled_back))
            if not self._stranded(rest):
                self._journal.write([{"finished": list(ended)}])
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

"""What became of the messages of a deletion, by a look at where their files are.

Before `deleting` stands in the journal nothing of the deletion has deleted anything: a message that is nowhere was
taken by somebody else. After it, a kept file without another name was deleted, and one that has another name was not.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set

from bot.agent import queuefile
from bot.agent.holds import Moved
from bot.agent.instance import MailSystem
from bot.agent.kept import Kept
from bot.agent.requests import Target
from bot.agent.story import Settled, Story

DELETED: Settled = ("deleted", "")
IN_FLIGHT: Settled = ("deleted", "in_flight")
GONE: Settled = ("gone", "")
RELEASED: Settled = ("released_meanwhile", "")


class Meanwhile(NamedTuple):
    """What happened while nobody looked: those that are `held` now, with those `unknown` among them of which no proof
    is left that they are safe (holds.py), and what the others came to."""

    held: Set[str]
    unknown: List[Moved]
    settled: Dict[str, Settled]


class Looking:
    """Looks at the messages of one deletion. `names` is what it keeps; None for one that is final."""

    def __init__(self, system: MailSystem, story: Story, targets: Mapping[str, Target], names: Optional[Kept]) -> None:
        self._system = system
        self._story = story
        self._targets = targets
        self._names = names

    def after_a_break(self, ids: Iterable[str]) -> Meanwhile:
        """Where those are of which the journal says only that they were meant, or put on hold."""
        story, names = self._story, self._names
        meanwhile = Meanwhile(set(), [], {})
        missing: List[str] = []
        for queue_id in ids:
            place = self._system.queues.find(queue_id)
            touched = queue_id in story.moved or (names is not None and names.status(queue_id) is not None)
            if place is not None and place.queue == "hold":
                meanwhile.held.add(queue_id)
                if queue_id not in story.before and story.moved.get(queue_id) != place.status.st_ctime_ns:
                    # It was ours to hold, but who knows what happened since.
                    meanwhile.unknown.append(Moved(queue_id, "unknown", place.status.st_ino, place.status.st_ctime_ns))
            elif place is None and touched:
                missing.append(queue_id)
            elif place is None:
                meanwhile.settled[queue_id] = GONE
            elif touched or queue_id in story.before:
                meanwhile.settled[queue_id] = RELEASED
        meanwhile.settled.update(self._missing(missing))
        return meanwhile

    def after_deleting(self, ids: Iterable[str]) -> Dict[str, Settled]:
        """What became of these; those that still lie on hold are left out."""
        names = self._names
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
        settled.update(self._missing(missing))
        return settled

    def _deleted(self, queue_id: str) -> Settled:
        return IN_FLIGHT if queue_id in self._story.in_flight else DELETED

    def _missing(self, ids: Sequence[str]) -> Dict[str, Settled]:
        """Messages that have left their queue ID. Their files may lie in a queue all the same, under another one:
        `postsuper -s`, which runs at each start of Postfix, renames files when enable_long_queue_ids was changed.
        """
        settled: Dict[str, Settled] = {}
        inodes: Dict[int, str] = {}
        for queue_id in ids:
            status = self._names.status(queue_id) if self._names is not None else None
            if status is None or status.st_nlink > 1:
                inodes[self._story.inodes[queue_id] if status is None else status.st_ino] = queue_id
            was_ours = status is not None and self._story.deleting
            settled[queue_id] = self._deleted(queue_id) if was_ours else GONE
        elsewhere = self._system.queues.with_inodes(inodes.keys()) if inodes else {}
        for inode, (queue, new_id) in elsewhere.items():
            _, identity = self._system.look(new_id, (queue,))
            if identity is not None and queuefile.same(self._targets[inodes[inode]], identity):
                settled[inodes[inode]] = ("failed", f"renamed {new_id}")
        return settled

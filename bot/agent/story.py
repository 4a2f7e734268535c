"""What the journal of a deletion tells: how far it came, what became of each message, and how each came to be on hold.

The lines that tell of messages hold some hundred rows each. Where one line contradicts another, the later one counts.
"""

from __future__ import annotations

from sys import intern
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from bot.agent import journal as journals
from bot.agent import lines
from bot.agent.holds import Moved, Past
from bot.agent.journal import Journal
from bot.agent.manager import Managers
from bot.agent.requests import Target
from bot.agent.targets import Found
from bot.agent.trash import Trash

Settled = Tuple[str, str]
"""Outcome and detail."""

NOT_RESTORED = ("in_queue", "failed")
"""Outcomes of a restore with which a message stays in the trash."""

_ENDINGS = ("outcomes", "finished", "restored", "closed", "gave_up")
"""What is read of a deletion that is over."""


class Ended(NamedTuple):
    """How a deletion ended: the moment (seconds since the epoch), counts by outcome, and bytes that are kept."""

    at: float
    counts: Dict[str, int]
    in_flight: int
    bytes: int


class Story:
    """What a journal says, of a deletion that may have been cut short.

    `inodes` has the targets that were examined and meant, `settled` outcome and detail of those that have one;
    `before` were on hold before the deletion. `moved` has change times (nanoseconds) of what we put on hold.
    `gave_up` is why nothing could be kept. `closed`: a restore has begun, and nothing is deleted under this key any
    more; `restored` messages were brought back.
    """

    def __init__(self) -> None:
        self.inodes: Dict[str, int] = {}
        self.before: Set[str] = set()
        self.moved: Dict[str, int] = {}
        self.settled: Dict[str, Settled] = {}
        self.deleting = False
        self.in_flight: Set[str] = set()
        self.gave_up = ""
        self.closed = False
        self.ended: Optional[Ended] = None
        self.restored = 0

    def examined(self, found: Mapping[str, Found], settled: Mapping[str, Settled]) -> None:
        """Those that were found are meant to be deleted; the others have their outcome."""
        for queue_id, place in found.items():
            self.inodes[queue_id] = place.inode
            if place.queue == "hold":
                self.before.add(queue_id)
        self.settled.update(settled)


def read(journal: Journal) -> Story:
    """The story so far; of a deletion that is over, how it ended."""
    story = Story()
    shared: Dict[Settled, Settled] = {}
    over = next(journal.read("finished"), None) is not None
    for line in journal.read(*_ENDINGS if over else ()):
        for queue_id, _, _, _, inode, queue in line.get("targets", ()):
            if inode is not None:
                story.inodes[intern(queue_id)] = inode
            if queue == "hold":
                story.before.add(intern(queue_id))
        for queue_id, _, _, changed in line.get("moved", ()):
            story.moved[intern(queue_id)] = changed
        for queue_id, outcome, detail in line.get("outcomes", ()):
            story.settled[intern(queue_id)] = shared.setdefault((outcome, detail), (outcome, detail))
        story.restored += sum(outcome not in NOT_RESTORED for _, outcome, _ in line.get("restored", ()))
        story.in_flight.update(line.get("in_flight", ()))
        if "finished" in line:
            story.ended = Ended(*line["finished"])
        story.deleting = story.deleting or "deleting" in line
        story.closed = story.closed or "closed" in line
        story.gave_up = line.get("gave_up", story.gave_up)
    return story


def targets(journal: Journal) -> List[Target]:
    """What was asked for, in that order; after a purge by queue IDs alone."""
    found = [Target(*row[:4]) for line in journal.read("targets") for row in line["targets"]]
    return found or [Target(row[0]) for line in journal.read("outcomes") for row in line["outcomes"]]


def claimed(trash: Trash, key: str) -> Set[str]:
    """The queue IDs that other unfinished deletions have among what they found and meant."""
    found: Set[str] = set()
    for other in journals.unfinished(trash):
        journal = journals.find(trash, other) if other != key else None
        if journal is not None:
            found.update(row[0] for line in journal.read("targets") for row in line["targets"] if row[4] is not None)
            journal.close()
    return found


class Pasts:
    """How messages came to be on hold, as far as it was we who put them there, by the lines that were told()."""

    LINES = ("key", "managers", "moved")

    def __init__(self) -> None:
        self.found: Dict[str, Past] = {}
        self._managers: Optional[FrozenSet[str]] = None
        self._shared: Dict[Past, Past] = {}

    def told(self, line: Dict[str, Any]) -> None:
        if "managers" in line:
            self._managers = None if line["managers"] is None else frozenset(line["managers"])
        for queue_id, queue, _, _ in line.get("moved", ()):
            past = Past(queue, self._managers)
            self.found[queue_id] = self._shared.setdefault(past, past)

    def safe(self, managers: Managers) -> Set[str]:
        """Those that no living queue manager can remember."""
        safe = {past for past in self._shared if past.safe(managers)}
        return {queue_id for queue_id, past in self.found.items() if past in safe}


def pasts(journal: Journal) -> Pasts:
    found = Pasts()
    for line in journal.read(*Pasts.LINES):
        found.told(line)
    return found


# The lines


def target_lines(targets: Iterable[Target], found: Mapping[str, Found]) -> Iterator[Dict[str, Any]]:
    """Where each target lies before anything is done to it, if it lies in a queue and is the message that is meant."""
    nowhere = (None, None)
    places = ((target, found.get(target.queue_id)) for target in targets)
    return lines.rows("targets", ((*target, *((at.inode, at.queue) if at else nowhere)) for target, at in places))


def moved_lines(moved: Sequence[Moved]) -> Iterator[Dict[str, Any]]:
    return lines.rows("moved", moved)


def settled_lines(kind: str, settled: Mapping[str, Settled]) -> Iterator[Dict[str, Any]]:
    """`outcomes` of a deletion, or what a restore `restored`."""
    return lines.rows(kind, ((queue_id, *each) for queue_id, each in settled.items()))

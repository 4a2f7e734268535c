"""The record of each hold, `holds/KEY` in the trash folder: what was asked for, what was moved, and out of which queue.

It is what a later release goes by. Mail that was active when it was held must not come back under its queue ID while
the same queue manager lives (see release.py), so a record *proves* that a held file is safe: it names the inode and
the change time of the file, the queue that it came out of, and the queue managers that lived then. Without such a
proof mail counts as dangerous; a lost or unfinished record can cost a queue ID, but never a message.
"""

from __future__ import annotations

import os
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from bot.agent import lines
from bot.agent.errors import AgentError
from bot.agent.manager import Managers
from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity
from bot.agent.trash import Trash

File = Tuple[str, int, int]
"""Queue ID, inode and change time (nanoseconds): a file that nobody has touched since it was held."""

NEVER_ACTIVE = ("incoming", "deferred")
"""Queues whose mail no queue manager remembers."""

KEPT_SECONDS = 90 * 24 * 3600
"""How long a record is kept. Mail held for longer is released as mail without a proof."""


class Past(NamedTuple):
    """How a held file came to be on hold. `managers` is None when it could not be seen which ones lived then."""

    queue: str
    managers: Optional[FrozenSet[str]]

    def safe(self, now: Managers) -> bool:
        """Whether no queue manager that lives now can remember the message."""
        return self.queue in NEVER_ACTIVE or (self.managers is not None and now.none_of(self.managers))


class Moved(NamedTuple):
    """One message that a hold moved; `queue` is the one that it came out of, or `unknown`."""

    queue_id: str
    queue: str
    inode: int
    changed: int


class Former(NamedTuple):
    """What a record says of a hold: `asked` tells its targets from others (lines.digest).

    `meant` are the queue IDs that it was to move, `moved` those that it did, with the queue that each came out of.
    """

    asked: Tuple[int, str]
    meant: Set[str]
    moved: Dict[str, str]
    outcomes: Dict[str, Outcome]
    finished: bool
    undone: bool


class Record:
    """The record of one hold, open for writing: a line with the key and each target, then a line for what was moved."""

    def __init__(self, trash: Trash, key: str, managers: Managers, now: float, asked: Tuple[int, str]) -> None:
        """Begin the record, or go on with it. Raises OSError when nothing can be written; nothing has been held then.

        Times in seconds since the epoch.
        """
        self._folder = trash.holds()
        begun = {"key": key, "begun": now, "asked": list(asked), "managers": plain(managers)}
        try:
            self._lines = lines.Lines(self._folder, key, new=True)
        except FileExistsError:
            self._lines = lines.Lines(self._folder, key)
            begun = {"resumed": now, "managers": plain(managers)}
        self._lines.write([begun])

    def targets(self, targets: Iterable[Tuple[Identity, int]]) -> None:
        """What is to be moved, with inodes: on disk before anything is."""
        self._lines.write({"target": [*_members(identity), inode]} for identity, inode in targets)
        os.fsync(self._folder)

    def moved(self, moved: Sequence[Moved], identities: Mapping[str, Identity]) -> None:
        self._lines.write(
            {"moved": [*_members(identities[each.queue_id]), each.queue, each.inode, each.changed]} for each in moved
        )

    def close(self, outcomes: Iterable[Outcome]) -> None:
        self._lines.write({"outcome": [each.queue_id, each.outcome, each.detail]} for each in outcomes)
        self._lines.write([{"finished": True}])
        self._lines.close()
        os.close(self._folder)


def plain(managers: Managers) -> Optional[List[str]]:
    return sorted(managers.ids) if managers.known else None


def left_on_hold(trash: Trash, key: str, left: Sequence[Tuple[Identity, Moved, Past]]) -> None:
    """Record what a restore leaves on hold, so that a later release knows about it; `release KEY` lets it go."""
    folder = trash.holds()
    try:
        try:
            record = lines.Lines(folder, key, new=True)
        except FileExistsError:
            record = lines.Lines(folder, key)
        record.write(_left(key, left))
        record.close()
        os.fsync(folder)
    finally:
        os.close(folder)


def _left(key: str, left: Sequence[Tuple[Identity, Moved, Past]]) -> Iterator[Dict[str, Any]]:
    yield {"key": key}
    for identity, moved, past in left:
        yield {"managers": None if past.managers is None else sorted(past.managers)}
        yield {"moved": [*_members(identity), past.queue, moved.inode, moved.changed]}
    yield {"finished": True}


def former(trash: Trash, key: str) -> Optional[Former]:
    """The hold of that key, if there was one."""
    asked = (0, "")
    meant: Set[str] = set()
    moved: Dict[str, str] = {}
    outcomes: Dict[str, Outcome] = {}
    finished = undone = False
    if key not in keys(trash):
        return None
    for line in _lines(trash, key):
        if "asked" in line:
            asked = (line["asked"][0], line["asked"][1])
        elif "target" in line:
            meant.add(line["target"][0])
        elif "moved" in line:
            moved[line["moved"][0]] = line["moved"][4]
        elif "outcome" in line:
            outcomes[line["outcome"][0]] = Outcome(*line["outcome"])
        finished = finished or "finished" in line
        undone = undone or "undone" in line
    return Former(asked, meant, moved, outcomes, finished, undone)


def of_key(trash: Trash, key: str) -> List[Identity]:
    """The messages that the hold `key` moved; for one that was cut short, all that it meant to.

    Raises AgentError(bad_request) when there is no such hold.
    """
    targets: List[Identity] = []
    moved: List[Identity] = []
    finished = False
    for line in _lines(trash, key):
        if "target" in line:
            targets.append(Identity(*line["target"][:4]))
        elif "moved" in line:
            moved.append(Identity(*line["moved"][:4]))
        finished = finished or "finished" in line
    return list(dict.fromkeys(moved if finished else targets))


def undone(trash: Trash, key: str) -> None:
    """Say in the record of a hold that was cut short that it was undone: it is not to be finished any more."""
    found = former(trash, key)
    if found is None or found.finished or found.undone:
        return
    folder = trash.holds()
    try:
        record = lines.Lines(folder, key)
        record.write([{"undone": True}])
        record.close()
    finally:
        os.close(folder)


def past(trash: Trash) -> Dict[File, Past]:
    """What the records tell of held files."""
    found: Dict[File, Past] = {}
    for key in keys(trash):
        managers: Optional[FrozenSet[str]] = None
        for line in _lines(trash, key):
            if "managers" in line:
                managers = None if line["managers"] is None else frozenset(line["managers"])
            elif "moved" in line:
                queue_id, _, _, _, queue, inode, changed = line["moved"]
                found[queue_id, inode, changed] = Past(queue, managers)
    return found


def keys(trash: Trash) -> List[str]:
    try:
        folder = trash.holds()
    except FileNotFoundError:
        return []
    try:
        return sorted(os.listdir(folder))
    finally:
        os.close(folder)


def unfinished(trash: Trash) -> List[str]:
    """Keys of holds that were cut short: killed, or the machine went down."""
    return [
        key for key in keys(trash) if not any("finished" in line or "undone" in line for line in _lines(trash, key))
    ]


def carry_over(trash: Trash, key: str, proofs: Mapping[File, Past]) -> None:
    """Record the proofs of held files that an expiry has marked: to change a file's mode changes its change time."""
    folder = trash.holds()
    try:
        # No key is spelled so: every release reads it, and none is asked for by this name.
        name = f"{key}.expired"
        try:
            record = lines.Lines(folder, name, new=True)
        except FileExistsError:
            record = lines.Lines(folder, name)
        record.write(_proofs(proofs))
        record.close()
        os.fsync(folder)
    finally:
        os.close(folder)


def _proofs(proofs: Mapping[File, Past]) -> Iterator[Dict[str, Any]]:
    yield {"finished": True}
    for (queue_id, inode, changed), (queue, managers) in proofs.items():
        yield {"managers": None if managers is None else sorted(managers)}
        yield {"moved": [queue_id, 0, 0, "", queue, inode, changed]}


def forget(trash: Trash, before: float) -> None:
    """Remove records of holds older than `before` (seconds since the epoch): each release reads all that there are."""
    try:
        folder = trash.holds()
    except FileNotFoundError:
        return
    try:
        for key in os.listdir(folder):
            if os.stat(key, dir_fd=folder, follow_symlinks=False).st_mtime < before:
                os.unlink(key, dir_fd=folder)
    finally:
        os.close(folder)


def _lines(trash: Trash, key: str) -> Iterator[Dict[str, Any]]:
    folder = trash.holds()
    try:
        yield from lines.read(folder, key)
    except FileNotFoundError:
        raise AgentError("bad_request", f"There is no hold {key} on this host, so nothing was released.") from None
    except ValueError:
        return  # A record that was damaged proves nothing from there on.
    finally:
        os.close(folder)


def _members(identity: Identity) -> Tuple[str, int, int, str]:
    return identity.queue_id, identity.arrival_time, identity.message_size, identity.sender

"""Messages on hold that no record of ours explains: somebody, or a rule of Postfix's, put them there.

Explained is what the records of holds and restores say was left on hold (holds.py), and what a deletion or a restore
that is not over has in hand (journal.py). Names and lstat() alone tell; no queue file is opened.
"""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Optional, Set, Tuple

from bot.agent import holds, lines
from bot.agent import journal as journals
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.trash import Trash

MAX_BYTES = 64 * 1024 * 1024
"""So much of the records is read, which is enough for some hundred thousand messages; beyond it nothing is said."""

File = Tuple[str, int]
"""Queue ID and inode. Not the change time: a delivery that ends changes it in a file that is on hold by then."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def unexplained(system: MailSystem) -> Optional[int]:
    """How many there are; None when the hold queue or a record could not be read, or there is too much of them."""
    try:
        explained = _explained(system.trash) if system.trash.exists() else {}
        return sum(
            queue_id not in explained or not _is_one_of(system, queue_id, explained[queue_id])
            for ids in system.queues.ids("hold")
            for queue_id in ids
        )
    except (OSError, ValueError, LookupError, TypeError, AgentError):
        return None


def _is_one_of(system: MailSystem, queue_id: str, inodes: Set[int]) -> bool:
    """Whether it is the file that is meant; one that left meanwhile is not on hold and needs no explanation."""
    status = system.queues.status("hold", queue_id)
    return status is None or status.st_ino in inodes


def _explained(trash: Trash) -> Dict[str, Set[int]]:
    """Queue IDs with the inodes that they had. Raises OSError and ValueError for what can't be read or understood."""
    found: Dict[str, Set[int]] = {}
    room = MAX_BYTES
    for folder, name in _records(trash):
        try:
            room -= os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
            if room < 0:
                raise ValueError("there are more records than are read")
            files = _deletion(folder) if name == journals.NAME else _hold(folder, name)
            for queue_id, inode in files:
                found.setdefault(queue_id, set()).add(inode)
        finally:
            os.close(folder)
    return found


def _records(trash: Trash) -> Iterator[Tuple[int, str]]:
    """Each record's folder, for the caller to close, and its name in it."""
    for key in holds.keys(trash):
        yield trash.holds(), key
    for key in journals.unfinished(trash):
        yield os.open(os.path.join(trash.path, key), _DIRECTORY), journals.NAME


def _hold(folder: int, name: str) -> List[File]:
    """What a hold moved; one that is not finished may have moved anything that it meant to."""
    meant: List[File] = []
    moved: List[File] = []
    over = False
    for line in lines.read(folder, name, "target", "moved", "finished", "undone"):
        if "target" in line:
            meant.append((line["target"][0], line["target"][4]))
        elif "moved" in line:
            moved.append((line["moved"][0], line["moved"][5]))
        else:
            over = True
    return moved if over else meant + moved


def _deletion(folder: int) -> Iterator[File]:
    """What a deletion that is not over put on hold, or may yet; and what a restore has brought back onto it."""
    held_before: Dict[str, int] = {}
    for line in lines.read(folder, journals.NAME, "targets", "restoring"):
        for queue_id, _, _, _, inode, queue in line.get("targets", ()):
            if queue == "hold":
                held_before[queue_id] = inode
            elif inode is not None:
                yield queue_id, inode
        for queue_id in line.get("restoring", ()):
            if queue_id in held_before:
                yield queue_id, held_before[queue_id]

"""The record of each hold, `holds/KEY` in the trash folder: what was asked for, what was moved, and out of which queue.

It is what a later release goes by. Mail that was active when it was held must not come back under its queue ID while
the same queue manager lives (see release.py), so a record *proves* that a held file is safe: it names the inode and
the change time of the file, the queue that it came out of, and the queue managers that lived then. Without such a
proof mail counts as dangerous; a lost or unfinished record can cost a queue ID, but never a message.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from bot.agent.errors import AgentError
from bot.agent.manager import Managers
from bot.agent.protocol import Identity
from bot.agent.trash import Trash

File = Tuple[str, int, int]
"""Queue ID, inode and change time (nanoseconds): a file that nobody has touched since it was held."""


KEPT_SECONDS = 90 * 24 * 3600
"""How long a record is kept. Mail held for longer is released as mail without a proof."""


class Past(NamedTuple):
    """How a held file came to be on hold. `managers` is None when it could not be seen which ones lived then."""

    queue: str
    managers: Optional[FrozenSet[str]]


class Moved(NamedTuple):
    """One message that a hold moved; `queue` is the one that it came out of, or `unknown`."""

    identity: Identity
    queue: str
    inode: int
    changed: int


class Record:
    """The record of one hold, open for writing: a line with the key and each target, then a line for what was moved."""

    def __init__(self, trash: Trash, key: str, targets: Sequence[Identity], managers: Managers, now: float) -> None:
        """Raises AgentError when the key was used before or nothing can be written; nothing has been held then."""
        self._folder = trash.holds()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(key, flags, 0o600, dir_fd=self._folder)
        except FileExistsError:
            os.close(self._folder)
            raise AgentError("bad_request", f"There is a hold {key} already, so nothing was done.") from None
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._write({"key": key, "begun": now, "managers": sorted(managers.ids) if managers.known else None})
        for identity in targets:
            self._write({"target": list(_plain(identity))})
        self._sync()
        os.fsync(self._folder)

    def moved(self, moved: Sequence[Moved]) -> None:
        for each in moved:
            self._write({"moved": [*_plain(each.identity), each.queue, each.inode, each.changed]})
        self._sync()

    def close(self) -> None:
        self._write({"finished": True})
        self._sync()
        self._file.close()
        os.close(self._folder)

    def _write(self, line: Dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def of_key(trash: Trash, key: str) -> List[Identity]:
    """The messages that the hold `key` moved; for one that was cut short, all that it meant to.

    Raises AgentError(bad_request) when there is no such hold.
    """
    targets: List[Identity] = []
    moved: List[Identity] = []
    finished = False
    for line in _lines(trash, key):
        if "target" in line:
            targets.append(Identity(*line["target"]))
        elif "moved" in line:
            moved.append(Identity(*line["moved"][:4]))
        finished = finished or "finished" in line
    return moved if finished else targets


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
    return [key for key in keys(trash) if not any("finished" in line for line in _lines(trash, key))]


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
    descriptor: Optional[int] = None
    try:
        folder = trash.holds()
        try:
            descriptor = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
    except FileNotFoundError:
        raise AgentError("bad_request", f"There is no hold {key} on this host, so nothing was released.") from None
    with os.fdopen(descriptor, encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return  # The last line of a record that was cut short.


def _plain(identity: Identity) -> Tuple[str, int, int, str]:
    return identity.queue_id, identity.arrival_time, identity.message_size, identity.sender

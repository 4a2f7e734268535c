"""The journal of one deletion, `KEY/journal` in the trash folder: it says what is meant before anything is done to it.

In this order: what was asked for, the targets with the queue that each lay in, room for giving up, what was put on
hold, that deleting has begun, what became of each message, and that the deletion is over. What a restore and a purge
did follows. Whoever is killed leaves a journal from which the same request goes on (deletion.py, restore.py, purge.py);
story.py reads it. The journal outlives the mail that it tells of, by then without addresses.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from bot.agent import holds, lines
from bot.agent.errors import AgentError
from bot.agent.manager import Managers
from bot.agent.requests import KEY
from bot.agent.trash import Trash

NAME = "journal"
_DRAFT = "journal.new"
UNFINISHED = "unfinished"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_ROOM = 2048
"""Bytes that are kept free for one last line: a full disk must not keep a deletion from being given up."""


class Head(NamedTuple):
    """What a journal begins with. `asked` tells its targets from others (lines.digest); `begun` in seconds since the
    epoch, `retention` in seconds."""

    key: str
    begun: float
    final: bool
    asked: Tuple[int, str]
    retention: int


class Journal:
    """One journal, open for writing. Every write is on disk when it returns, or raises OSError and is not there."""

    def __init__(self, trash: Trash, head: Head) -> None:
        self.head = head
        self._trash = trash
        self.folder = os.open(os.path.join(trash.path, head.key), _DIRECTORY)
        self._lines = lines.Lines(self.folder, NAME)

    def write(self, rows: Iterable[Dict[str, Any]]) -> None:
        self._lines.write(rows)

    def give_up(self, why: str) -> None:
        """Say that nothing is to be deleted any more; this needs no more room on the disk."""
        for place, length, _ in lines.places(self.folder, NAME, "room"):
            self._lines.overwrite(place, length, {"gave_up": why[:300]})

    def mark(self) -> None:
        """Have this key found among the unfinished ones."""
        _mark(self._trash, self.head.key)

    def unmark(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._trash.path, UNFINISHED, self.head.key))

    def rewrite(self, rows: Iterable[Dict[str, Any]]) -> None:
        """Put these lines in the place of all, at once or not at all. Nothing can be written to it after that."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_DRAFT, dir_fd=self.folder)
        _drafted(self.folder, rows)
        os.rename(_DRAFT, NAME, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        os.fsync(self.folder)

    def read(self, *kinds: str) -> Iterator[Dict[str, Any]]:
        """The lines, or those of some kinds: a kind is what a line's first member is called."""
        return lines.read(self.folder, NAME, *kinds)

    def close(self) -> None:
        self._lines.close()
        os.close(self.folder)


def find(trash: Trash, key: str) -> Optional[Journal]:
    """The journal of that key; None when there is none, or one that was not yet whole: nothing was done then.

    Raises AgentError when it can't be understood.
    """
    try:
        folder = os.open(os.path.join(trash.path, key), _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        first = next(lines.read(folder, NAME), None)
        if first is None:
            raise ValueError("it is empty")
        head = Head(
            first["key"], first["begun"], first["final"], (first["asked"][0], first["asked"][1]), first["retention"]
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(
            "internal",
            f"The journal of the deletion {key} in {trash.path} can't be understood ({error}), so nothing was done. "
            f"The mail that it kept lies in {key}/kept there.",
        ) from None
    finally:
        os.close(folder)
    return Journal(trash, head)


def _remove(path: str) -> None:
    from shutil import rmtree  # imported by who needs it: every request waits for what is imported

    rmtree(path, ignore_errors=True)


def begin(trash: Trash, head: Head, managers: Managers, rows: Iterable[Dict[str, Any]]) -> Journal:
    """The journal of a deletion that is about to begin, on disk; `rows` tell its targets (story.py).

    Raises OSError, or what `rows` raise, and there is no journal then.
    """
    path = os.path.join(trash.path, head.key)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise AgentError("bad_request", f"The key {head.key} can't be used on this host, so nothing was done.")
    if os.path.lexists(os.path.join(path, "kept")):
        raise AgentError(
            "internal",
            f"The deletion {head.key} keeps mail in {path} but has no journal there any more, so nothing was done.",
        )
    if os.path.lexists(path):
        _remove(path)  # It was begun by somebody who was killed before the journal was whole: no mail is in it.
    os.mkdir(path, 0o700)
    try:
        folder = os.open(path, _DIRECTORY)
        try:
            _drafted(folder, _opening(head, managers, rows))
            _mark(trash, head.key)
            os.rename(_DRAFT, NAME, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)
        _sync(trash.path)
    except (OSError, AgentError):
        _remove(path)
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(trash.path, UNFINISHED, head.key))
        raise
    return Journal(trash, head)


def _drafted(folder: int, rows: Iterable[Dict[str, Any]]) -> None:
    draft = lines.Lines(folder, _DRAFT, new=True)
    try:
        draft.write(rows)
    finally:
        draft.close()


def resume(journal: Journal, managers: Managers) -> None:
    """Say which queue managers live while what follows is done."""
    journal.write([{"managers": holds.plain(managers)}])


def _opening(head: Head, managers: Managers, rows: Iterable[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
    yield {**head._asdict(), "managers": holds.plain(managers)}
    yield from rows
    yield {"room": " " * _ROOM}


def keys(trash: Trash) -> List[str]:
    """The keys of all deletions that there is a journal of."""
    try:
        names = os.listdir(trash.path)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if KEY.match(name) and os.path.isfile(os.path.join(trash.path, name, NAME)))


def unfinished(trash: Trash) -> List[str]:
    """Keys of deletions and restores that were cut short, or could not be brought to their end."""
    try:
        names = os.listdir(os.path.join(trash.path, UNFINISHED))
    except FileNotFoundError:
        return []
    return sorted(name for name in names if os.path.isfile(os.path.join(trash.path, name, NAME)))


def _mark(trash: Trash, key: str) -> None:
    folder = os.path.join(trash.path, UNFINISHED)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    os.close(os.open(os.path.join(folder, key), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    _sync(folder)


def _sync(path: str) -> None:
    folder = os.open(path, _DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

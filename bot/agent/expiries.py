"""The record of each expiry, `expiries/KEY` in the trash folder: what was asked for, and what became of each message.

A key that is run again reports from it, and one that was cut short goes on from it. It holds no address: the messages
that were meant are told again by whoever asks, and a digest shows that they are the same.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Dict, Iterable, List, Optional, Sequence

from bot.agent import lines
from bot.agent.errors import AgentError
from bot.agent.outcomes import Outcome
from bot.agent.requests import Target
from bot.agent.trash import Trash

KEPT_SECONDS = 366 * 24 * 3600
"""How long a record is kept."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Record:
    """The record of one expiry, as far as it has come; nothing is written before `begin()`."""

    def __init__(self, trash: Trash, key: str, targets: Sequence[Target]) -> None:
        """Raises AgentError(bad_request) when the key was used for other messages."""
        self.key = key
        self.outcomes: Dict[str, Outcome] = {}
        self.begun = self.finished = False
        self._trash = trash
        self._asked = list(lines.digest(targets))
        self._lines: Optional[lines.Lines] = None
        with contextlib.suppress(FileNotFoundError):
            folder = _folder(trash)
            try:
                for line in lines.read(folder, key):
                    if "asked" in line:
                        self.begun = True
                        if line["asked"] != self._asked:
                            raise AgentError(
                                "bad_request",
                                f"The key {key} was used for other messages, so nothing was done under it.",
                            )
                    elif "outcome" in line:
                        self.outcomes[line["outcome"][0]] = Outcome(*line["outcome"])
                    self.finished = self.finished or "finished" in line
            finally:
                os.close(folder)

    def begin(self) -> None:
        """Have it on disk that this key has begun. Raises OSError when that can't be; nothing was done then."""
        _make_folder(self._trash)
        folder = _folder(self._trash)
        try:
            try:
                self._lines = lines.Lines(folder, self.key, new=True)
            except FileExistsError:
                self._lines = lines.Lines(folder, self.key)
            if not self.begun:
                self._lines.write([{"key": self.key, "begun": time.time(), "asked": self._asked}])
            os.fsync(folder)
        finally:
            os.close(folder)

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Record what became of some messages."""
        assert self._lines is not None
        settled = list(outcomes)
        self._lines.write({"outcome": [each.queue_id, each.outcome, each.detail]} for each in settled)
        self.outcomes.update((each.queue_id, each) for each in settled)

    def finish(self) -> None:
        assert self._lines is not None
        self._lines.write([{"finished": True}])
        self._lines.close()


def unfinished(trash: Trash) -> List[str]:
    """Keys of expiries that were cut short after they had begun."""
    try:
        folder = _folder(trash)
    except FileNotFoundError:
        return []
    try:
        return [key for key in sorted(os.listdir(folder)) if "finished" not in _last(folder, key)]
    finally:
        os.close(folder)


def _last(folder: int, key: str) -> Dict[str, Any]:
    """The last line of a record; of one without a line, in which nothing was begun, that it is finished."""
    line: Dict[str, Any] = {"finished": False}
    with contextlib.suppress(ValueError):  # It was damaged, and tells nothing from there on.
        for each in lines.read(folder, key):
            line = each
    return line


def forget(trash: Trash, before: float) -> None:
    """Remove the records older than `before` (seconds since the epoch)."""
    try:
        folder = _folder(trash)
    except FileNotFoundError:
        return
    try:
        for key in os.listdir(folder):
            if os.stat(key, dir_fd=folder, follow_symlinks=False).st_mtime < before:
                os.unlink(key, dir_fd=folder)
    finally:
        os.close(folder)


def _folder(trash: Trash) -> int:
    """A descriptor of the folder with the records. Raises FileNotFoundError when there was none yet."""
    above = os.open(trash.path, _DIRECTORY)
    try:
        return os.open("expiries", _DIRECTORY, dir_fd=above)
    finally:
        os.close(above)


def _make_folder(trash: Trash) -> None:
    above = os.open(trash.path, _DIRECTORY)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir("expiries", 0o700, dir_fd=above)
            os.fsync(above)
    finally:
        os.close(above)

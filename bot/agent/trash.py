"""The trash folder: root's alone, inside the spool; it keeps the records of holds, and the lock that changes take.

Everything in it is reached by a directory descriptor, opened once and checked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Iterator, List, Optional

from bot.agent.config import Instance
from bot.agent.errors import AgentError
from bot.agent.trust import Trust

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

LOCK_SECONDS = 10
"""How long a change waits for another one that is under way."""


class Unusable(AgentError):
    """The trash folder is not there and can't be made; so there is no journal or record in it either.

    `what` is the sentence so far, without its end and without its consequences.
    """

    def __init__(self, path: str, why: str) -> None:
        self.what = f"The trash folder {path} can't be used ({why})"
        mend = f"On the mail host: ls -ld {path}"
        super().__init__(
            "internal", f"{self.what}, so nothing was changed, and nothing can be before that is mended. {mend}"
        )


class Trash:
    """The trash folder of one instance; made on the first change, never by a reading verb."""

    def __init__(self, instance: Instance, queue_directory: str, trust: Trust) -> None:
        self.path = instance.trash or os.path.join(queue_directory, "maildesk-trash")
        self._trust = trust
        self._lock: Optional[int] = None

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def prepare(self) -> None:
        """Make the folder if it is not there. Raises Unusable, and AgentError(denied) when others could write in it."""
        try:
            for path in (self.path, os.path.join(self.path, "holds")):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o700)
                os.close(os.open(path, _DIRECTORY & ~os.O_NOFOLLOW))
        except OSError as error:
            raise Unusable(self.path, str(error.strerror)) from None
        self._trust.check(self.path)

    def lock(self) -> int:
        """Take the instance's one lock for changes and return its descriptor, which postsuper(1) inherits.

        Raises AgentError(busy) when another change keeps it for LOCK_SECONDS.
        """
        path = os.path.join(self.path, "lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AgentError(
                "internal",
                f"{path} can't be opened ({error.strerror}), so nothing was changed. On the mail host: ls -l {path}",
            ) from None
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = descriptor
                return descriptor
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AgentError(
                        "busy",
                        "Another change is under way on this host, so nothing was changed. Try again in a moment.",
                    ) from None
                time.sleep(0.1)

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def holds(self) -> int:
        """A descriptor of the folder with the records of holds. Raises FileNotFoundError when there was none yet."""
        return os.open(os.path.join(self.path, "holds"), _DIRECTORY)

    def used_bytes(self) -> Optional[int]:
        """How much disk the folder's files take; None when it can't be read."""
        try:
            return sum(_sizes(self.path))
        except OSError:
            return None

    def last_flush(self) -> Optional[float]:
        """When an agent last flushed this instance, in seconds since the epoch."""
        try:
            return os.stat(os.path.join(self.path, "last-flush")).st_mtime
        except OSError:
            return None

    def record_flush(self) -> None:
        with open(os.path.join(self.path, "last-flush"), "w", encoding="ascii"):
            pass


def _sizes(path: str) -> Iterator[int]:
    folders: List[str] = [path]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry.stat(follow_symlinks=False).st_size

"""One queue directory as Postfix lays it out: queues, their hash folders, and the logs beside them."""

# Importing pathlib takes longer than all that the demo's programs do with it.
from __future__ import annotations

import os
import stat

from bot.demo import maincf, queueid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

# In the order in which showq(8) lists them.
QUEUES = ("maildrop", "active", "incoming", "deferred", "hold")
LOGS = ("defer", "bounce", "trace")
FOLDERS = (*QUEUES, *LOGS, "corrupt", "saved", "flush", "pid", "private", "public")

READY = 0o700
EXPIRED = stat.S_IXGRP
UNTHROTTLED = stat.S_IWGRP
"""Mode bits of a queue file: complete; to be returned at its next attempt; think its destination alive."""


class Spool:
    """The queue directory of one instance. Files are named by queue and ID; raises OSError as the system calls do."""

    def __init__(self, values: dict[str, str]) -> None:
        self.directory = maincf.expanded(values, "queue_directory")
        self.long_ids = values["enable_long_queue_ids"] == "yes"
        self._hashed = frozenset(values["hash_queue_names"].replace(",", " ").split())
        self._depth = int(values["hash_queue_depth"])

    def create(self) -> None:
        """Make the folders; they belong to whoever runs this, who so becomes the mail owner."""
        os.mkdir(self.directory, 0o755)
        for name in FOLDERS:
            os.mkdir(f"{self.directory}/{name}", 0o700)

    @property
    def owner(self) -> int:
        """The user ID that the queues belong to."""
        return os.stat(f"{self.directory}/active").st_uid

    def path(self, queue: str, queue_id: str) -> str:
        folders = queueid.hash_folders(queue_id, self._depth) if queue in self._hashed else ""
        return f"{self.directory}/{queue}/{folders}{queue_id}"

    def scan(self, queue: str) -> Iterator[str]:
        """The names in one queue, in the order of showq(8): as the folders have them, hash folders in their turn."""
        return _walk(f"{self.directory}/{queue}")

    def status(self, queue: str, queue_id: str) -> os.stat_result | None:
        """lstat() of a queue file that Postfix would open: a regular file, ready; else None (mail_open_ok)."""
        try:
            found = os.lstat(self.path(queue, queue_id))
        except FileNotFoundError:
            return None
        return found if stat.S_ISREG(found.st_mode) and found.st_mode & stat.S_IRWXU == READY else None

    def read(self, queue: str, queue_id: str) -> bytes:
        return _read(self.path(queue, queue_id))

    def log(self, queue: str, queue_id: str) -> bytes:
        """A message's log in `defer` or `bounce`; empty when there is none."""
        try:
            return _read(self.path(queue, queue_id))
        except FileNotFoundError:
            return b""

    def append_log(self, queue: str, queue_id: str, entry: bytes) -> None:
        def opened() -> int:
            return os.open(self.path(queue, queue_id), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

        file = self._with_folders(queue, queue_id, opened)
        try:
            os.write(file, entry)
        finally:
            os.close(file)

    def move(self, queue_id: str, source: str, target: str) -> None:
        """Raises FileNotFoundError when the file is not in `source` any more."""
        path = self.path(source, queue_id)
        os.lstat(path)
        self._with_folders(target, queue_id, lambda: os.rename(path, self.path(target, queue_id)))

    def remove(self, queue: str, queue_id: str) -> bool:
        """Whether there was such a file."""
        try:
            os.unlink(self.path(queue, queue_id))
        except FileNotFoundError:
            return False
        return True

    def add(self, queue: str, arrival: float, write: Callable[[str], bytes], *, next_attempt: float = 0.0) -> str:
        """Create a queue file whose bytes depend on its ID; it appears in `queue` only when complete. Returns the ID.

        Times in seconds since the epoch; a file's mtime is its next attempt, or else its arrival.
        """
        temporary = f"{self.directory}/incoming/{os.getpid()}.new"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            seconds, microseconds = divmod(round(arrival * 1_000_000), 1_000_000)
            queue_id = queueid.make(seconds, microseconds, os.fstat(file).st_ino, long=self.long_ids)
            os.write(file, write(queue_id))
            os.fchmod(file, READY)
            os.utime(file, (arrival, next_attempt or arrival))
        finally:
            os.close(file)
        self._with_folders(queue, queue_id, lambda: os.rename(temporary, self.path(queue, queue_id)))
        return queue_id

    def _with_folders(self, queue: str, queue_id: str, work: Callable[[], T]) -> T:
        """Do `work`, and once more after the hash folders were made, which Postfix too makes only when missed."""
        try:
            return work()
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path(queue, queue_id)), 0o700, exist_ok=True)
            return work()


def _walk(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            # Hash folders have names of one letter, queue files have longer ones.
            if len(entry.name) == 1:
                yield from _walk(entry.path)
            elif queueid.is_queue_id(entry.name):
                yield entry.name


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        data = os.read(file, 65536)
        if len(data) == 65536:
            while more := os.read(file, 1 << 20):
                data += more
        return data
    finally:
        os.close(file)

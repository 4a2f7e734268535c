"""The queue directories: where a queue ID lies, and opening its file without following a link.

Postfix's own users can write in the queues, so every step is taken relative to a directory descriptor with O_NOFOLLOW.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import fcntl
import os
import pwd
import stat
from itertools import islice
from typing import AbstractSet, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from bot.agent.errors import AgentError
from bot.agent.postfix import Postfix
from bot.agent.protocol import ALL_QUEUES
from bot.agent.queueid import hash_key, is_queue_id

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

FOLDERS = 384
"""So many are kept open, by each of two threads; with every queue hashed two levels deep there are more than a process
may open."""

NAMES = 8192
"""So many names of a folder are looked at together; a folder can have a million."""


class Place(NamedTuple):
    """Where a queue file was found, and its lstat()."""

    queue: str
    status: os.stat_result


class Queues:
    """The queue directories of one instance."""

    def __init__(self, postfix: Postfix) -> None:
        values = postfix.parameters(
            ["queue_directory", "process_id_directory", "hash_queue_names", "hash_queue_depth", "mail_owner"]
        )
        try:
            self.directory = values["queue_directory"]
            self.master_lock = os.path.join(self.directory, values.get("process_id_directory") or "pid", "master.pid")
            self._hashed = frozenset(values["hash_queue_names"].lower().replace(",", " ").split())
            self._depth = int(values["hash_queue_depth"])
            owner = pwd.getpwnam(values["mail_owner"])
            self._owner, self._group = owner.pw_uid, owner.pw_gid
        except (KeyError, ValueError) as error:
            raise AgentError(
                "internal", f"What postconf says of the queue directories was not understood: {error}."
            ) from None
        self._folders: Dict[Tuple[str, ...], int] = {}
        self._met = ""
        try:
            self._root = os.open(self.directory, _DIRECTORY)
        except OSError as error:
            raise AgentError(
                "internal", f"The queue directory {self.directory} can't be opened: {error.strerror}."
            ) from None

    def find(self, queue_id: str, queues: Sequence[str] = ALL_QUEUES) -> Optional[Place]:
        """Where the message lies now; None when it lies in none of `queues`.

        It may move to a queue that was looked at a moment before: only who is not there twice is not there.
        """
        for queue in (*queues, *queues):
            status = self.status(queue, queue_id)
            if status is not None:
                return Place(queue, status)
        return None

    def glance(self, queue_id: str, queues: Sequence[str]) -> Optional[Place]:
        """find() for a message that nobody moves: a file whose only name is in the trash can't come into a queue."""
        for queue in queues:
            status = self.status(queue, queue_id)
            if status is not None:
                return Place(queue, status)
        return None

    def status(self, queue: str, queue_id: str) -> Optional[os.stat_result]:
        """lstat() of the queue file; None when there is no such regular file of the mail owner's."""
        folder = self._folder(self.path(queue, queue_id))
        if folder is None:
            return None
        try:
            status = os.stat(queue_id, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return status if stat.S_ISREG(status.st_mode) and self._owned(queue, status) else None

    def open(self, queue: str, queue_id: str) -> int:
        """A descriptor for reading a queue file, or its log in `defer` or `bounce`. Raises FileNotFoundError."""
        opened = self._open(queue, queue_id)
        if opened is None:
            raise FileNotFoundError(queue_id)
        return opened[0]

    def open_any(self, queue_id: str, queues: Sequence[str] = ALL_QUEUES) -> Optional[Tuple[Place, int]]:
        """The message, open for reading; None when it was not met, which is no proof that it is nowhere (find()).

        The queue where the last one was met is tried first: most of a change lies in one queue.
        """
        for queue in (self._met, *queues) if self._met in queues else queues:
            opened = self._open(queue, queue_id)
            if opened is not None:
                self._met = queue
                return Place(queue, opened[1]), opened[0]
        return None

    def _open(self, queue: str, queue_id: str) -> Optional[Tuple[int, os.stat_result]]:
        folder = self._folder(self.path(queue, queue_id))
        if folder is None:
            return None
        try:
            descriptor = os.open(queue_id, _FILE, dir_fd=folder)
        except OSError:
            # A link (ELOOP), a folder, or nothing at all: there is no queue file of that name.
            return None
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and self._owned(queue, status):
            return descriptor, status
        os.close(descriptor)
        return None

    def folder(self, queue: str, queue_id: str) -> Optional[int]:
        """A descriptor of the folder that the message belongs in, good until the next call; None when there is none."""
        return self._folder(self.path(queue, queue_id))

    def is_empty(self, queue: str) -> bool:
        """Whether a queue, or `defer`, `bounce` or `trace`, has nothing in it, not even a hash folder."""
        folder = self._folder((queue,))
        if folder is None:
            return True
        with os.scandir(folder) as entries:
            return next(entries, None) is None

    def is_queue_file(self, status: os.stat_result) -> bool:
        """Whether it is a regular file of the mail owner's."""
        return stat.S_ISREG(status.st_mode) and status.st_uid == self._owner

    def link(self, source: int, queue: str, queue_id: str) -> None:
        """Give the file of that name in the folder `source` its name in a queue too, or in `defer`, `bounce`, `trace`.

        Raises FileExistsError when that name is taken: link(2) replaces nothing.
        """
        path = self.path(queue, queue_id)
        folder = self._folder(path)
        if folder is None:
            folder = self._made(path)
        os.link(queue_id, queue_id, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)

    def make(self, queue: str, ids: Sequence[str]) -> None:
        """Make the folders that these messages belong in, where there are none."""
        for path in {self.path(queue, queue_id) for queue_id in ids}:
            if self._folder(path) is None:
                self._made(path)

    def there(self, queue: str, queue_id: str) -> int:
        """folder(), of one that was made. Raises NotADirectoryError when it is there no longer."""
        folder = self.folder(queue, queue_id)
        if folder is None:
            raise NotADirectoryError(errno.ENOTDIR, f"the folder of {queue_id} in {queue} is gone")
        return folder

    def apart(self) -> Queues:
        """The same, for another thread: the descriptors of one are good until its next call."""
        other = copy.copy(self)
        other._folders = {}
        return other

    def close(self) -> None:
        """Let go of the folders that are open."""
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def sync(self, queue: str, ids: Sequence[str]) -> None:
        """Force the names of these messages in a queue to disk."""
        for path in {self.path(queue, queue_id) for queue_id in ids}:
            folder = self._folder(path)
            if folder is not None:
                os.fsync(folder)

    def with_inodes(self, inodes: AbstractSet[int]) -> Dict[int, Tuple[str, str]]:
        """The queue and the queue ID under which these inodes lie now; every queue is looked through."""
        found: Dict[int, Tuple[str, str]] = {}
        for queue in ALL_QUEUES:
            for ids in self.ids(queue):
                for queue_id in ids:
                    status = self.status(queue, queue_id)
                    if status is not None and status.st_ino in inodes:
                        found[status.st_ino] = (queue, queue_id)
        return found

    def in_delivery(self, queue: str, queue_id: str) -> bool:
        """Whether a delivery agent works on the file at this moment: it keeps a lock on it (deliver_request.h)."""
        try:
            descriptor = self.open(queue, queue_id)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)

    def path(self, queue: str, queue_id: str) -> Tuple[str, ...]:
        """The folders from `queue_directory` to the queue file (hash_queue_names, hash_queue_depth)."""
        if queue not in self._hashed:
            return (queue,)
        key = hash_key(queue_id)
        if self._depth == 1:
            return (queue, key[0])
        return (queue, *key[: self._depth].ljust(self._depth, "_"))

    def ids(self, queue: str) -> Iterator[List[str]]:
        """The queue IDs in one queue, some thousand at a time; no queue file is opened."""
        return self._walk((queue,), self._depth if queue in self._hashed else 0)

    def _walk(self, path: Tuple[str, ...], levels: int) -> Iterator[List[str]]:
        folder = self._folder(path)
        if folder is None and len(path) == 1:
            # A queue that is not there is not an empty one.
            raise FileNotFoundError(f"there is no queue {path[0]}")
        if folder is None:
            return
        folders: List[str] = []
        with os.scandir(folder) as entries:
            while True:
                names = [entry.name for entry in islice(entries, NAMES)]
                if not names:
                    break
                ids = list(filter(is_queue_id, names))
                if ids:
                    yield ids
                if levels:
                    # A queue ID has six characters at the least, a hash folder's name has one.
                    folders += [name for name in names if len(name) == 1]
        for name in folders:
            yield from self._walk((*path, name), levels - 1)

    def _folder(self, path: Tuple[str, ...]) -> Optional[int]:
        """A descriptor of a folder below `queue_directory`, good until the next call; None when there is none.

        Raises OSError when it is there and can't be opened, or is a link: that is not the same as being absent.
        """
        if path not in self._folders:
            above = self._folder(path[:-1]) if len(path) > 1 else self._root
            if above is None:
                return None
            try:
                folder = os.open(path[-1], _DIRECTORY, dir_fd=above)
            except FileNotFoundError:
                return None
            if len(self._folders) >= FOLDERS:
                self.close()
            self._folders[path] = folder
        return self._folders[path]

    def _made(self, path: Tuple[str, ...]) -> int:
        """The folder, with those on the way to it made as Postfix makes them: the mail owner's, mode 0700."""
        above = self._folder(path[:-1]) if len(path) > 2 else self._folder(path[:1])
        if above is None:
            above = self._made(path[:-1])
        with _as(self._owner, self._group), contextlib.suppress(FileExistsError):
            os.mkdir(path[-1], 0o700, dir_fd=above)
        folder = self._folder(path)
        if folder is None:
            raise FileNotFoundError(f"there is no queue {path[0]}")
        return folder

    def _owned(self, queue: str, status: os.stat_result) -> bool:
        # postdrop(1) writes maildrop files as the user who submits.
        return queue == "maildrop" or status.st_uid == self._owner


@contextlib.contextmanager
def _as(user: int, group: int) -> Iterator[None]:
    """What is made meanwhile belongs to this user. Nothing changes for who is not root, or is that user already."""
    if os.geteuid() != 0 or user == 0:
        yield
        return
    before = os.getegid()
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before)

"""What a deletion keeps: a second name for each queue file, `KEY/kept/ID` in the trash folder, and for its logs.

Same inode, no copy, no more disk; and a short queue ID is not given away while its inode lives. Nothing is ever put in
the place of another file: names are made by link(2), which refuses that, and taken away by unlink(2), or both are done
by noreplace.py's rename, which refuses it too.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from bot.agent import noreplace, queuefile
from bot.agent.protocol import Identity
from bot.agent.queues import Queues
from bot.agent.targets import Found
from bot.agent.trash import Trash

FILES = "kept"
LOGS = ("defer", "bounce", "trace")
"""Where bounce(8) keeps the reasons of each message; postsuper(1) removes them together with it."""

_PROBE = ".probe"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Kept:
    """What one deletion keeps. Raises OSError as the system calls do: a full disk (ENOSPC), no hard links (EXDEV) …"""

    def __init__(self, trash: Trash, queues: Queues, key: str) -> None:
        """Opens the folders, and makes those that are missing."""
        self._queues = queues
        self._path = os.path.join(trash.path, key)
        self._folders: Dict[str, int] = {}
        for name in (FILES, *LOGS):
            path = os.path.join(self._path, name)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
            self._folders[name] = os.open(path, _DIRECTORY)
        self._files = self._folders[FILES]
        self._logs: Sequence[str] = LOGS

    def close(self) -> None:
        for folder in self._folders.values():
            os.close(folder)

    def sync(self) -> None:
        for folder in self._folders.values():
            os.fsync(folder)

    def look_for_logs(self) -> None:
        """Have keep() pass over the folders of logs in which nothing at all lies now."""
        self._logs = [log for log in LOGS if not self._queues.is_empty(log)]

    def keep(self, queue_id: str) -> bool:
        """Give what lies on hold a second name, and its logs. False when it is not on hold any more."""
        folder = self._queues.folder("hold", queue_id)
        if folder is None or not self._link(folder, queue_id, self._files):
            return False
        for log in self._logs:
            folder = self._queues.folder(log, queue_id)
            if folder is not None:
                self._link(folder, queue_id, self._folders[log])
        return True

    def _link(self, source: int, name: str, target: int) -> bool:
        """False when there is no such file. A name that a former run gave to another file is given to this one."""
        try:
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except FileExistsError:
            try:
                if os.path.samestat(_lstat(source, name), _lstat(target, name)):
                    return True
            except FileNotFoundError:
                return False
            os.unlink(name, dir_fd=target)
            return self._link(source, name, target)
        return True

    def drop(self, queue_id: str, folders: Sequence[str] = (FILES, *LOGS)) -> None:
        """Take the names away again."""
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(queue_id, dir_fd=self._folders[folder])

    def status(self, queue_id: str) -> Optional[os.stat_result]:
        """lstat() of the kept file; None when there is none."""
        try:
            return _lstat(self._files, queue_id)
        except FileNotFoundError:
            return None

    def identity(self, queue_id: str) -> Optional[Identity]:
        """What the envelope of the kept file says; None when it is no queue file of the mail owner's."""
        try:
            descriptor = os.open(queue_id, _FILE, dir_fd=self._files)
        except OSError:
            return None
        try:
            if not self._queues.is_queue_file(os.fstat(descriptor)):
                return None
            return queuefile.read_identity(descriptor, queue_id)
        except ValueError:
            return None
        finally:
            os.close(descriptor)

    def ids(self) -> List[str]:
        return os.listdir(self._files)

    def used(self) -> List[str]:
        """The folders in which there is anything."""
        used = []
        for name, folder in self._folders.items():
            with os.scandir(folder) as entries:
                if next(entries, None) is not None:
                    used.append(name)
        return used

    def put_back(self, queue_id: str) -> None:
        """Give the kept file its name on hold. Raises FileExistsError when another file has it."""
        self._queues.link(self._files, "hold", queue_id)

    def put_log_back(self, log: str, queue_id: str) -> None:
        """A newer log that lies in the queue stays."""
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            self._queues.link(self._folders[log], log, queue_id)

    def move_back(self, queue_id: str) -> None:
        """Move the file to `deferred`, in one step; Queues.make() was called. Raises OSError as noreplace.move()."""
        noreplace.move(queue_id, self._files, self._queues.there("deferred", queue_id))

    def move_log_back(self, log: str, queue_id: str, queues: Queues) -> bool:
        """Whether there was one, and the queue has it now; a newer log that lies there stays. Queues.make() was called.

        A moment with two names does no harm to a log, and two threads can do this at a time, but not rename a file.
        """
        folder = queues.there(log, queue_id)
        try:
            os.link(queue_id, queue_id, src_dir_fd=self._folders[log], dst_dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, FileExistsError):
            return False
        os.unlink(queue_id, dir_fd=self._folders[log])
        return True

    def take_log(self, log: str, queue_id: str) -> None:
        """Have it here again."""
        folder = self._queues.there(log, queue_id)
        self._link(folder, queue_id, self._folders[log])
        os.unlink(queue_id, dir_fd=folder)


def _lstat(folder: int, name: str) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def accepts(trash: Trash, queues: Queues, found: Mapping[str, Found]) -> bool:
    """Whether the trash folder can keep these messages: one is linked to see it, for nothing else tells.

    False when none of them lay still for that. Raises OSError when it can't: another file system, a read-only one …
    """
    target = os.open(trash.path, _DIRECTORY)
    try:
        for queue_id, place in found.items():
            folder = queues.folder(place.queue, queue_id)
            if folder is None:
                continue
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_PROBE, dir_fd=target)
            try:
                os.link(queue_id, _PROBE, src_dir_fd=folder, dst_dir_fd=target, follow_symlinks=False)
            except FileNotFoundError:
                continue  # It has just moved on.
            os.unlink(_PROBE, dir_fd=target)
            return True
    finally:
        os.close(target)
    return False


def refusal(trash: Trash, queues: Queues) -> Optional[str]:
    """Why the trash folder can't keep mail; empty when it can, None when this can't be tried here.

    A file without a name, made where held mail lies, is given one beside the trash, or in it if it is there already,
    and loses it again at once. Postfix never sees it.
    """
    path = trash.path if trash.exists() else os.path.dirname(trash.path)
    name = f"{_PROBE}-{os.getpid()}"
    try:
        with contextlib.ExitStack() as stack:
            target = os.open(path, _DIRECTORY)
            stack.callback(os.close, target)
            file = os.open(os.path.join(queues.directory, "hold"), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, file)
            # With a directory descriptor this is linkat(2) with AT_SYMLINK_FOLLOW, the one way to name such a file.
            os.link(f"/proc/self/fd/{file}", name, dst_dir_fd=target)
            os.unlink(name, dir_fd=target)
    except OSError as error:
        return None if error.errno in (errno.EOPNOTSUPP, errno.EISDIR) else str(error.strerror)
    return ""


class File(NamedTuple):
    """One kept file: its queue ID, its size in bytes, and its mode."""

    name: str
    size: int
    mode: int


def files(path: str) -> Iterator[File]:
    """What the deletion in this folder keeps."""
    with contextlib.suppress(FileNotFoundError), os.scandir(os.path.join(path, FILES)) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            yield File(entry.name, status.st_size, status.st_mode)

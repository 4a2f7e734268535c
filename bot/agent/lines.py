"""Files of JSON lines that say what was done to mail: appended to, forced to disk, and readable after any kill."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from itertools import islice
from typing import Any, Dict, Iterable, Iterator, Sequence, Tuple

from bot.agent.requests import Target

ROWS = 500
"""So many messages are told of in one line: a deletion can have a hundred thousand of them."""

AT_ONCE = 16
"""So many lines are put together before they are written."""

_DECODE = json.JSONDecoder().decode
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Lines:
    """One file, open for appending. A last line that was cut short by a kill is taken away by the first write.

    Not before that: who only reads has no lock, and what looks cut short is being written by somebody else.
    """

    def __init__(self, folder: int, name: str, *, new: bool = False) -> None:
        """`new` makes the file, and raises FileExistsError if there is one; else raises FileNotFoundError."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if new else 0)
        self._file = os.open(name, flags, 0o600, dir_fd=folder)
        self._end = _whole(self._file)
        self._cut = False

    def write(self, lines: Iterable[Dict[str, Any]]) -> None:
        """Append lines and force them to disk. Raises OSError, and none of them is in the file then."""
        rest = iter(lines)
        end = self._end
        if not self._cut:
            os.ftruncate(self._file, end)
            self._cut = True
        try:
            while True:
                data = "".join([_ENCODE(line) + "\n" for line in islice(rest, AT_ONCE)]).encode("ascii")
                if not data:
                    break
                end += _write_all(self._file, data, end)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end = end

    def overwrite(self, place: int, length: int, line: Dict[str, Any]) -> None:
        """Write a line over another one, of `length` bytes at `place`: this needs no more room on the disk.

        Raises ValueError when it is too long for that.
        """
        data = _ENCODE(line).encode("ascii")
        if len(data) >= length:
            raise ValueError("the line is longer than the one that it is to replace")
        _write_all(self._file, data.ljust(length - 1) + b"\n", place)
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def read(folder: int, name: str, *kinds: str) -> Iterator[Dict[str, Any]]:
    """The lines of a file, up to one that was cut short; with `kinds`, those whose first member is one of them.

    Raises FileNotFoundError.
    """
    for _, _, line in places(folder, name, *kinds):
        yield line


def places(folder: int, name: str, *kinds: str) -> Iterator[Tuple[int, int, Dict[str, Any]]]:
    """The same, each line with the place where it begins and its length, in bytes."""
    wanted = tuple(f'{{"{kind}"' for kind in kinds) or ("",)
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    place = 0
    with os.fdopen(descriptor, encoding="ascii", newline="\n") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            if line.startswith(wanted):
                yield place, len(line), _DECODE(line)
            place += len(line)


def rows(kind: str, rows: Iterable[Sequence[Any]]) -> Iterator[Dict[str, Any]]:
    """Lines of that kind, with some hundred rows each."""
    rest = iter(rows)
    while True:
        part = list(islice(rest, ROWS))
        if not part:
            return
        yield {kind: part}


def digest(targets: Sequence[Target]) -> Tuple[int, str]:
    """How many targets there are, and what tells them from others; their order does not matter."""
    found = sha256()
    for line in rows("targets", sorted(targets)):
        found.update(_ENCODE(line).encode("ascii"))
    return len(targets), found.hexdigest()


def _write_all(file: int, data: bytes, position: int) -> int:
    """A full disk takes a part of it first, and refuses the rest."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, position)
        position += written
        view = view[written:]
    return len(data)


def _whole(file: int) -> int:
    """Where the last whole line ends."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - 4096)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0

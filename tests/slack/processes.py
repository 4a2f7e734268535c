"""The processes of this machine, as proc(5) tells of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def state(pid: int) -> str:
    """The state of a process (proc(5)); empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def processes(*words: bytes) -> list[int]:
    """The processes that live and whose command line has all of these words in it."""
    return [pid for pid, line in _command_lines() if all(word in line for word in words) and state(pid) != "Z"]


def _command_lines() -> Iterator[tuple[int, bytes]]:
    for folder in os.scandir("/proc"):
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), Path(folder.path, "cmdline").read_bytes()

"""The queue manager process, qmgr(8): which one lives now and since when, as proc(5) tells."""

from __future__ import annotations

import os
from typing import Callable, FrozenSet, List, NamedTuple

NAMES = ("qmgr", "nqmgr", "oqmgr")

MARGIN = 2.0
"""Seconds by which a start time from /proc can be wrong: it is the boot time, in whole seconds, plus clock ticks."""


class Manager(NamedTuple):
    """One process: `id` names it for as long as the machine exists, `started` in seconds since the epoch."""

    id: str
    started: float


class Managers:
    """The queue managers that work in one queue directory; more than one only for a moment at a restart."""

    def __init__(self, queue_directory: str, mail_system_up: Callable[[], bool]) -> None:
        """`mail_system_up` is asked only where no manager is seen."""
        self._found = _managers(queue_directory)
        # The system is up and no manager is seen: it lives in another container, say, and nobody knows about it.
        self.known = bool(self._found) or not mail_system_up()

    @property
    def ids(self) -> FrozenSet[str]:
        return frozenset(manager.id for manager in self._found)

    def none_of(self, ids: FrozenSet[str]) -> bool:
        """Whether each manager that knew a message at the time of `ids` is certainly gone."""
        return self.known and not self.ids & ids

    def all_younger_than(self, moment: float) -> bool:
        """Whether no manager can remember anything from before `moment` (seconds since the epoch), by the clock."""
        return self.known and all(manager.started > moment + MARGIN for manager in self._found)


def _managers(queue_directory: str) -> List[Manager]:
    home = os.stat(queue_directory)
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if not name.isdigit():
            continue
        try:
            if _text(f"/proc/{name}/comm").strip() not in NAMES:
                continue
            # Each Postfix daemon works in its instance's queue directory.
            if os.path.samestat(os.stat(f"/proc/{name}/cwd"), home):
                found.append(_manager(name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has just ended.
        except PermissionError:
            continue  # Another user's process; root can look at Postfix's.
    return found


def _manager(pid: str) -> Manager:
    # The name in parentheses may hold anything; the fields are counted behind it. Field 22 is the start, in clock
    # ticks since the machine was booted.
    ticks = int(_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])
    booted = next(int(line.split()[1]) for line in _text("/proc/stat").splitlines() if line.startswith("btime "))
    boot = _text("/proc/sys/kernel/random/boot_id").strip()
    return Manager(f"{boot}:{pid}:{ticks}", booted + ticks / os.sysconf("SC_CLK_TCK"))


def _text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()

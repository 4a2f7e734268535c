"""The processes of a private Postfix, by proc(5): which they are, and ending all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


def running_master(queue_directory: Path) -> int | None:
    """The PID of the master(8) that runs in this queue directory, by its PID file."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((queue_directory / "pid" / "master.pid").read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() == "master" and (
            Path(f"/proc/{pid}/cwd").resolve() == queue_directory.resolve()
        ):
            return pid
    return None


def stop_master(queue_directory: Path) -> None:
    """Stop the master of this queue directory and its children; by force when ten seconds were not enough."""
    pid = running_master(queue_directory)
    if pid is None:
        return
    for sent, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent) if sent == signal.SIGTERM else os.killpg(pid, sent)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            # Twice, since a look takes a while and may have missed what the master began meanwhile.
            if not _living(pid, queue_directory) and not _living(pid, queue_directory):
                return
            time.sleep(0.02)
    raise RuntimeError(f"The Postfix of {queue_directory} does not stop: {_living(pid, queue_directory)}")


def _living(group: int, queue_directory: Path) -> list[int]:
    """The processes of a master's group, and what else works in its queue directory (postsuper, after a reload).

    A process that is ending may have let go of its working directory and still hold its sockets: a group tells more.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, process_group, *_ = _status(process)
            if state in "ZX":
                continue
            if int(process_group) == group or (process / "cwd").readlink() == queue_directory:
                found.append(int(process.name))
    return found


def _status(process: Path) -> list[str]:
    """The fields of /proc/PID/stat (proc(5)) from the third, the state, on."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def identity(process: str) -> str:
    """A process told from a later one that got the same PID: PID and start time. Raises OSError if there is none."""
    return f"{process} {_status(Path('/proc', process))[19]}"


def is_running(owner: str) -> bool:
    """Whether the process that `identity()` named lives."""
    try:
        return identity(owner.split()[0]) == owner
    except OSError:
        return False

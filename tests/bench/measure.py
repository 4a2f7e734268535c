"""Runs programs and tells their wall time and their own peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BARE_PYTHON = (sys.executable, "-I", "-c", "pass")


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds` of wall time, `peak` of resident memory in MiB, and what was printed."""

    seconds: float
    peak: float
    output: bytes


def run(argv: Sequence[str], stdin: bytes = b"") -> Run:
    """Run a program to its end. Its output goes through a pipe, as it does in use. Raises on a failure."""
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    peak: list[float] = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak))
    watch.start()
    output, _ = process.communicate(stdin)
    seconds = time.perf_counter() - started
    watch.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Run(seconds, peak[0], output)


def to_nowhere(argv: Sequence[str]) -> float:
    """Seconds of `PROGRAM … >/dev/null`."""
    started = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def best(times: int, once: Callable[[], float]) -> float:
    """The fastest of some runs: on a busy machine the one that was disturbed least tells most."""
    return min(once() for _ in range(times))


def request(verb: str, **args: object) -> bytes:
    return json.dumps({"v": 1, "verb": verb, "instance": "default", "args": args}).encode() + b"\n"


def resident(pid: int, field: str = "VmRSS") -> float:
    """MiB of resident memory now (`VmRSS`) or at the peak (`VmHWM`), by proc(5)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    """Read the peak meanwhile: the one that wait4(2) tells counts what the parent had before exec(2)."""
    while process.poll() is None:
        try:
            peak[0] = max(peak[0], resident(process.pid, "VmHWM"))
        except OSError:
            return
        time.sleep(0.01)

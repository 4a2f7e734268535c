"""Deleting from a real queue and bringing it back, beside the plain ways to delete, none of which has a way back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import count
from typing import Any

from tests.agent.standin import request
from tests.bench.measure import Run, run
from tests.postfix.filling import fill, mixture
from tests.postfix.hosts import agent_argv
from tests.postfix.instance import PrivatePostfix

ONE_BY_ONE = 'while read id; do postsuper -c "$0" -d "$id" 2>/dev/null; done'

# It writes all IDs before it reads what postsuper says of them: at some thousand each waits for the other.
PYMAILQ = """
import sys
from types import SimpleNamespace
from pymailq import CONFIG, control
CONFIG["commands"]["delete_message"] = ["postsuper", "-c", sys.argv[1], "-d"]
control.QueueControl().delete_messages([SimpleNamespace(qid=line.strip()) for line in sys.stdin])
"""
PYMAILQ_SECONDS = 30

_keys = (f"b-{number:04d}" for number in count())

Identities = list[list[Any]]


def deletion(postfix: PrivatePostfix, runs: int) -> tuple[float, float, float]:
    """Seconds of raw `postsuper -d -`, of our `delete` and of our `restore`: the best of some alternating runs."""
    raw, ours, back = [], [], []
    for _ in range(runs):
        everything = identities(postfix)
        deleted, restored = there_and_back(postfix, everything)
        ours.append(deleted.seconds)
        back.append(restored.seconds)
        raw.append(timed(("postsuper", "-c", str(postfix.config_directory), "-d", "-"), ids(everything)))
        fill(postfix, mixture(len(everything)))
    return min(raw), min(ours), min(back)


def there_and_back(postfix: PrivatePostfix, everything: Identities) -> tuple[Run, Run]:
    """Delete all of it and restore all of it, each by an agent of its own."""
    argv, key = agent_argv(postfix), next(_keys)
    deleted = run(argv, request("delete", everything, key=key))
    assert outcome(deleted) == {"deleted": len(everything)}
    restored = run(argv, request("restore", key=key))
    assert outcome(restored) == {"restored": len(everything)}
    return deleted, restored


def others(postfix: PrivatePostfix) -> Iterator[tuple[str, float | None]]:
    """Other ways to delete the whole queue, and their seconds; None for one that hung and was ended.

    Nothing is left of the queue.
    """
    configuration, everything = str(postfix.config_directory), identities(postfix)
    yield "one postsuper -d for each message", timed(("sh", "-c", ONE_BY_ONE, configuration), ids(everything))
    if find_spec("pymailq"):
        fill(postfix, mixture(len(everything)))
        seconds: float | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            seconds = timed((sys.executable, "-c", PYMAILQ, configuration), ids(identities(postfix)), PYMAILQ_SECONDS)
        yield "pymailq's delete_messages()", seconds


def identities(postfix: PrivatePostfix) -> Identities:
    """The whole queue, as the agent selects it."""
    events = map(json.loads, run(agent_argv(postfix), request("list", select=True)).output.splitlines())
    return [event["identity"] for event in events if "identity" in event]


def ids(everything: Identities) -> bytes:
    return "".join(f"{queue_id}\n" for queue_id, *_ in everything).encode()


def outcome(done: Run) -> dict[str, int]:
    """The counts of the agent's last event: a figure for what was not done in full means nothing."""
    counts: dict[str, int] = json.loads(done.output.splitlines()[-1])["result"]["counts"]
    return counts


def timed(argv: Sequence[str], stdin: bytes, limit: float = 600) -> float:
    """Seconds of a program with this on its standard input.

    Raises TimeoutExpired at `limit` seconds, when it is ended with its children, and CalledProcessError.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.communicate(stdin, timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return time.perf_counter() - started

"""Starts bots that can be killed, each a process of its own (mortal.py), without a start of Python for each."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.agent.standin import REPOSITORY


class Nursery:
    """Starts bots quickly (mortal.py). `close()` ends it, and them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.slack.mortal"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, given: dict[str, Any]) -> int:
        return self._say(given)

    def wait(self, bot: int) -> int:
        """Its exit status; minus the signal that ended it."""
        return self._say({"wait": bot})

    def close(self) -> None:
        self._process.communicate()

    def _say(self, given: dict[str, Any]) -> int:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

"""The agent of this checkout, which kills itself at its n-th step: a program that it runs, or a change to a file.

The product knows nothing of this: a process that has the agent's modules loaded forks for each request, and its child
counts the system calls that change something, and its programs, from within.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.agent.standin import REPOSITORY, Answer, answer_of
from tests.postfix.hosts import agent_argv
from tests.postfix.instance import PrivatePostfix

PROGRAM = '''
import errno, json, os, signal, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
import bot.agent.__main__ as agent
from bot.agent import delete, deletion, deletions, hold, info, noreplace, postsuper, purge, release, restore

# Several parts, so that it is killed while postsuper works on one and the agent on another.
postsuper.AT_ONCE = 3
deletion.PARTS = 1

CHANGES = ("fsync", "ftruncate", "link", "mkdir", "pwrite", "rename", "rmdir", "unlink")

# What a full disk refuses.
WRITES = ("fsync", "link", "mkdir", "move", "pwrite")

class Steps:
    """Counts before and after each call; `at` is the step at which the process kills itself, and `full` the one from
    which on the disk is full."""
    def __init__(self, at, full):
        self.at, self.full, self.count = at, full, 0
        self.lock = threading.Lock()

    def step(self):
        with self.lock:
            self.count += 1
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function):
        def counted(*arguments, **more):
            self.step()
            if self.full and self.count >= self.full and function.__name__ in WRITES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            try:
                return function(*arguments, **more)
            finally:
                self.step()
        return counted

    def watch(self):
        for name in CHANGES:
            setattr(os, name, self.around(getattr(os, name)))
        noreplace.move = self.around(noreplace.move)
        subprocess.Popen.__init__ = self.around(subprocess.Popen.__init__)
        subprocess.Popen.wait = self.around(subprocess.Popen.wait)

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        steps = Steps(asked["at"], asked["full"])
        os.dup2(os.open(asked["folder"] + "/stdin", os.O_RDONLY), 0)
        os.dup2(os.open(asked["folder"] + "/stdout", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        sys.stdin, sys.stdout = open(0), open(1, "w")
        status = 99
        steps.watch()
        try:
            status = agent.main(["--ini", asked["ini"]], installed=False)
        finally:
            sys.stdout.flush()
            with open(asked["folder"] + "/steps", "w") as file:
                file.write(str(steps.count))
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
'''


class Agents:
    """Starts agents on one instance. `close()` ends it."""

    def __init__(self, postfix: PrivatePostfix, folder: Path) -> None:
        self._folder = folder
        self.ini = agent_argv(postfix)[-1]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", PROGRAM, str(REPOSITORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: bytes) -> Answer:
        status = self._run(request, 0)
        return answer_of(status, (self._folder / "stdout").read_bytes())

    def ask_with_a_full_disk(self, request: bytes, full: int) -> Answer:
        """From this step on nothing more can be written."""
        status = self._run(request, 0, full)
        return answer_of(status, (self._folder / "stdout").read_bytes())

    def steps(self, request: bytes) -> int:
        """How many steps it takes to its end, which it comes to."""
        assert self._run(request, 0) == 0, (self._folder / "stdout").read_text()
        return int((self._folder / "steps").read_text())

    def killed(self, request: bytes, at: int) -> bool:
        """Whether it was killed at this step, or had come to its end before it."""
        status = self._run(request, at)
        assert status in (-9, 0), (self._folder / "stdout").read_text()
        return status == -9

    def _run(self, request: bytes, at: int, full: int = 0) -> int:
        assert self._process.stdin and self._process.stdout
        (self._folder / "stdin").write_bytes(request)
        asked: dict[str, Any] = {"folder": str(self._folder), "ini": self.ini, "at": at, "full": full}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()

"""Postfix's programs as stand-ins that a test writes, and the real agent on them, as its own process per request.

A stand-in prints what the test gave it and notes that it ran; the spool beside it is real folders and real files.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.agent.config import Instance
from bot.agent.instance import MailSystem
from bot.agent.postfix import Postfix
from bot.agent.trust import Trust

REPOSITORY = Path(__file__).parents[2]

# Forks for each request, so that 200 of them cost no 200 starts of Python; each is a process of its own all the same.
NURSERY = """
import os, sys
sys.path.insert(0, sys.argv[1])
import bot.agent.__main__ as agent
from bot.agent import expire, flush, hold, info, listing, release, requeue, show
for line in sys.stdin:
    folder, *arguments = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
            os.dup2(os.open(folder + "/" + name, flags | os.O_CREAT | (os.O_TRUNC if number else 0)), number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
        status = 99
        try:
            status = agent.main(arguments, installed=False)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What one agent process said: its exit status, its events, and its standard error."""

    status: int
    events: list[dict[str, Any]]
    complaints: str = ""

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def code(self) -> str:
        """The error's code; empty when there was none."""
        return str(self.last.get("code", ""))

    @property
    def result(self) -> dict[str, Any]:
        assert self.last["event"] == "done", self.last
        result: dict[str, Any] = self.last["result"]
        return result


def answer_of(status: int, stdout: bytes, complaints: str = "") -> Answer:
    """Reads an agent's output, which must be whole lines of JSON with exactly one last event."""
    assert not stdout or stdout.endswith(b"\n"), stdout[-200:]
    events = [json.loads(line) for line in stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert [kind in ("done", "error") for kind in kinds] == [False] * (len(kinds) - 1) + [True], kinds[-3:]
    return Answer(status, events, complaints)


class Nursery:
    """Starts agents quickly. `close()` ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", NURSERY, str(REPOSITORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, request: bytes, *arguments: str) -> Answer:
        """One agent with this on its standard input; `folder` keeps what it says."""
        assert self._process.stdin and self._process.stdout
        (folder / "stdin").write_bytes(request)
        self._process.stdin.write("\t".join([str(folder), *arguments]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return answer_of(status, (folder / "stdout").read_bytes(), (folder / "stderr").read_text())

    def close(self) -> None:
        self._process.communicate()


class StandIn:
    """One instance whose Postfix is made of stand-ins, in `folder`."""

    def __init__(self, folder: Path, nursery: Nursery | None = None) -> None:
        self.folder = folder
        self.programs = folder / "sbin"
        self.config_directory = folder / "etc"
        self.queue_directory = folder / "spool"
        self.ini = folder / "agent.ini"
        self._nursery = nursery
        self._master: int | None = None
        self._ran = folder / "ran"
        self._talk = folder / "talk"
        for made in (self.programs, self.config_directory, self.queue_directory, self._talk):
            made.mkdir(mode=0o755)
        for queue in ("maildrop", "incoming", "active", "deferred", "hold", "corrupt", "defer"):
            (self.queue_directory / queue).mkdir(mode=0o700)
        (self.config_directory / "main.cf").touch(0o644)
        self.configure()
        self.parameters = {
            "queue_directory": str(self.queue_directory),
            "hash_queue_names": "deferred, defer",
            "hash_queue_depth": "1",
            "mail_owner": pwd.getpwuid(os.geteuid()).pw_name,
            "maximal_queue_lifetime": "5d",
            "bounce_queue_lifetime": "1d",
            "minimal_backoff_time": "300s",
        }
        self.says("postconf", "".join(f"{name} = {value}\n" for name, value in self.parameters.items()))
        for program in ("postfix", "postqueue", "postsuper", "postcat"):
            self.says(program)

    def start(self) -> None:
        """Lock what a running master(8) locks."""
        (self.queue_directory / "pid").mkdir(exist_ok=True)
        self._master = os.open(self.queue_directory / "pid" / "master.pid", os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._master, fcntl.LOCK_EX)

    def stop(self) -> None:
        if self._master is not None:
            os.close(self._master)
        self._master = None

    @property
    def instance(self) -> Instance:
        return Instance("default", str(self.config_directory), command_directory=str(self.programs))

    @property
    def postfix(self) -> Postfix:
        return Postfix(self.instance)

    @property
    def system(self) -> MailSystem:
        return MailSystem(self.instance, Trust({0, os.geteuid()}, sticky=True))

    def configure(self, lines: str = "") -> None:
        self.ini.write_text(
            f"[default]\nconfig_directory = {self.config_directory}\ncommand_directory = {self.programs}\n{lines}"
        )
        self.ini.chmod(0o644)

    def says(self, program: str, stdout: str | bytes = b"", stderr: str = "", status: int = 0) -> None:
        """From now on the program prints this and exits so."""
        text = stdout.encode() if isinstance(stdout, str) else stdout
        answer = self.programs / f".{program}.out"
        answer.write_bytes(text)
        lines = [f"cat {shlex.quote(str(answer))}"] if text else []
        if stderr:
            lines.append(f"printf '%s\\n' {shlex.quote(stderr)} >&2")
        self.does(program, "\n".join([*lines, f"exit {status}"]))

    def does(self, program: str, script: str) -> None:
        """From now on the program runs this script of sh(1)."""
        path = self.programs / program
        note = f'echo "{program} $*" >>{shlex.quote(str(self._ran))}'
        draft = self.programs / ".draft"
        draft.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        draft.chmod(0o755)
        draft.rename(path)  # one that runs is not written to

    def ran(self) -> list[str]:
        """The command lines so far, and forget them."""
        lines = self._ran.read_text().splitlines() if self._ran.exists() else []
        self._ran.unlink(missing_ok=True)
        return lines

    def ask(self, verb: str, targets: Iterable[object] = (), /, **args: Any) -> Answer:
        return self.send(request(verb, targets, **args))

    def send(self, data: bytes) -> Answer:
        """The answer to raw bytes on the agent's standard input."""
        assert self._nursery is not None
        return self._nursery.run(self._talk, data, "--ini", str(self.ini))

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that starts the agent of this checkout on it."""
        return (sys.executable, "-I", "-m", "bot.agent", "--ini", str(self.ini))


def request(verb: str, targets: Iterable[object] = (), /, *, instance: str = "default", **args: Any) -> bytes:
    """A request's bytes; targets are queue IDs or whole identities as lists."""
    rows = [json.dumps(target if isinstance(target, list) else [target]) for target in targets]
    members = {**args, **({"targets": len(rows)} if rows and "targets" not in args else {})}
    head = json.dumps({"v": 1, "verb": verb, "instance": instance, "args": members})
    return "".join(f"{line}\n" for line in [head, *rows]).encode()


def entry(
    queue_id: str,
    *,
    queue_name: str = "deferred",
    arrival_time: int = 1_700_000_000,
    message_size: int = 1000,
    sender: str = "ann@sender.test",
    recipients: Iterable[object] = ({"address": "bob@example.test"},),
    **more: object,
) -> dict[str, Any]:
    """One object as `postqueue -j` prints it."""
    return {
        "queue_name": queue_name,
        "queue_id": queue_id,
        "arrival_time": arrival_time,
        "message_size": message_size,
        "forced_expire": False,
        "sender": sender,
        "recipients": list(recipients),
        **more,
    }


def lines(entries: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in entries)

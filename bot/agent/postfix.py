"""Postfix's programs: postqueue(1), postsuper(1), postcat(1), postconf(1), postmap(1), postfix(1).

Argv in, typed results out. A command is a list, never a shell's line; the environment is built from nothing; queue IDs
reach postsuper(1) on standard input only, where `ALL` is an ordinary ID.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from bot.agent.config import Instance
from bot.agent.errors import AgentError
from bot.agent.postsuper import Running
from bot.agent.protocol import MAX_TEXT

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}

SHORT = 60
"""Seconds that a program which only answers may take."""

# postqueue(1) exits with 69 whatever the error was; its text on standard error is what tells errors apart.
_ERRORS: Tuple[Tuple[str, str, str], ...] = (
    ("mail system is down", "mail_system_down", "Postfix is not running there. Start it with: postfix start"),
    (
        "is not allowed to",
        "denied",
        "Postfix does not let this user at the queue (authorized_mailq_users, authorized_flush_users in postconf(5))",
    ),
    ("Permission denied", "denied", "Postfix refused access; the agent must run as root"),
    ("unauthorized configuration directory", "denied", "Postfix does not allow this user its configuration directory"),
    (
        "Flush service is not configured",
        "bad_request",
        "Postfix keeps no flush list for that site (fast_flush_domains in postconf(5))",
    ),
    (
        "malformed showq server response",
        "partial",
        "Postfix broke off while listing the queue; a queue file may be damaged (see its log)",
    ),
)

_PARAMETER = re.compile(r"([a-z0-9_]+) = ?(.*)")


class Postfix:
    """The programs of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def parameters(self, names: Sequence[str]) -> Dict[str, str]:
        """Values of main.cf parameters, expanded; a name that this Postfix does not know is left out."""
        status, output, errors = self._answer(["postconf", "-c", self._instance.config_directory, "-x", *names])
        if status != 0:
            raise _failure("postconf", status, errors)
        return {match[1]: match[2] for match in map(_PARAMETER.match, output.split("\n")) if match}

    def is_listed(self) -> bool:
        """Whether users other than root may name this configuration directory (alternate_config_directories)."""
        own = self._instance.config_directory
        status, default, errors = self._answer(["postconf", "-d", "-h", "config_directory"])
        if status != 0:
            raise _failure("postconf", status, errors)
        names = ("alternate_config_directories", "multi_instance_directories")
        status, listed, errors = self._answer(["postconf", "-c", default.strip(), "-x", "-h", *names])
        if status != 0:
            raise _failure("postconf", status, errors)
        return own in (default.strip(), *listed.replace(",", " ").split())

    def lookup(self, table: str, key: str) -> str:
        """What a table (type:name) has for `key`; empty: nothing. Raises AgentError when it could not be read."""
        status, output, errors = self._answer(["postmap", "-c", self._instance.config_directory, "-q", key, table])
        # postmap(1) exits with 1 for what is not there and for what went wrong; only the latter makes it complain.
        if status not in (0, 1) or (status == 1 and errors.strip()):
            raise _failure("postmap", status, errors)
        return output.strip() if status == 0 else ""

    def running(self) -> bool:
        """Whether the mail system is up: `postfix status` looks at the master's lock, not at a service manager."""
        return self._answer(["postfix", "-c", self._instance.config_directory, "status"])[0] == 0

    def queue_report(self) -> "subprocess.Popen[bytes]":
        """`postqueue -j`, started: JSON lines on stdout, its complaints on stderr."""
        return self._start(["postqueue", "-c", self._instance.config_directory, "-j"])

    def flush_all(self) -> None:
        self._ask(["postqueue", "-c", self._instance.config_directory, "-f"])

    def flush_message(self, queue_id: str) -> None:
        self._ask(["postqueue", "-c", self._instance.config_directory, "-i", queue_id])

    def flush_site(self, site: str) -> None:
        """Raises AgentError(bad_request) for a site that is not among `fast_flush_domains`."""
        self._ask(["postqueue", "-c", self._instance.config_directory, "-s", site])

    def envelope(self, queue_id: str) -> Iterator[str]:
        """The envelope of one message, a record a line, as postcat(1) prints it."""
        return self._postcat("-e", queue_id)

    def headers(self, queue_id: str) -> Iterator[str]:
        """The header lines of one message."""
        return self._postcat("-h", queue_id)

    def _postcat(self, part: str, queue_id: str) -> Iterator[str]:
        """At most a megabyte of what postcat(1) prints; it has nothing to print for a message that has just gone.

        A line ends at a newline alone: splitlines() would also end it at a form feed or U+2028, which mail can choose.
        """
        process = self._start(["postcat", "-c", self._instance.config_directory, "-q", part, queue_id])
        assert process.stdout is not None
        guard = threading.Timer(SHORT, process.kill)
        guard.start()
        data = process.stdout.read(1024 * 1024)
        _close(process)
        process.wait()
        guard.cancel()
        return iter(data.decode("utf-8", "replace").split("\n"))

    def hold(self, ids: Sequence[str], queues: Sequence[str], lock: int) -> Running:
        return self._super("-h", ids, queues, lock)

    def release(self, ids: Sequence[str], lock: int) -> Running:
        return self._super("-H", ids, (), lock)

    def requeue(self, ids: Sequence[str], queues: Sequence[str], lock: int) -> Running:
        return self._super("-r", ids, queues, lock)

    def expire(self, ids: Sequence[str], queues: Sequence[str], lock: int) -> Running:
        return self._super("-e", ids, queues, lock)

    def delete(self, ids: Sequence[str], queues: Sequence[str], lock: int) -> Running:
        return self._super("-d", ids, queues, lock)

    def _super(self, action: str, ids: Sequence[str], queues: Sequence[str], lock: int) -> Running:
        """It inherits the lock, for it can outlive this process."""
        argv = ["postsuper", "-c", self._instance.config_directory, action, "-", *queues]
        return Running(
            lambda asked, said: self._start(argv, asked, subprocess.DEVNULL, said, keep=(lock,)),
            ids,
        )

    def _ask(self, argv: List[str]) -> None:
        status, _, errors = self._answer(argv)
        if status != 0:
            raise _failure(argv[0], status, errors)

    def _answer(self, argv: List[str]) -> Tuple[int, str, str]:
        process = self._start(argv)
        try:
            output, errors = process.communicate(timeout=SHORT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AgentError("internal", f"{argv[0]} did not answer within {SHORT} s and was ended.") from None
        return process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")

    def _start(
        self,
        argv: List[str],
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        keep: Tuple[int, ...] = (),
    ) -> "subprocess.Popen[bytes]":
        program = argv[0]
        if self._instance.command_directory:
            argv = [os.path.join(self._instance.command_directory, program), *argv[1:]]
        try:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=keep,
            )
        except OSError as error:
            raise AgentError(
                "internal",
                f"{program} can't be started ({error.strerror}). Is Postfix installed on this host?",
            ) from None


def classify(errors: str) -> Optional[AgentError]:
    """The error that a program's complaint means, if it is one that is known."""
    for text, code, meaning in _ERRORS:
        if text in errors:
            return AgentError(code, f"{meaning}.")
    return None


def _failure(program: str, status: int, errors: str) -> AgentError:
    said = " ".join(errors.split())[:MAX_TEXT]
    return classify(errors) or AgentError("internal", f"{program} failed with status {status}: {said or 'no text'}")


def _close(process: "subprocess.Popen[bytes]") -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()

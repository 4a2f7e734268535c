"""The two mail hosts that the contract's tests are run on: a real Postfix, and the demo's."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from bot.demo.host import DemoInstance
from bot.demo.mail import Mail
from bot.demo.story import Queued
from tests.postfix import remote
from tests.postfix.filling import Spooled, fill
from tests.postfix.instance import PrivatePostfix
from tests.postfix.waiting import wait_until

REAL_BEHAVIOURS = {
    "accepts": remote.ACCEPT,
    "quota": remote.MAILBOX_FULL,
    "refuses": remote.REFUSE,
    "crawls": remote.HANG,
    "broken names": remote.DNS_BROKEN,
}


class Subject(Protocol):
    """What both hosts can do. Programs are named as Postfix names them, behaviours as `bot.demo.world.SITES` does."""

    config_directory: Path
    queue_directory: Path
    maillog: Path

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def path(self, program: str) -> str: ...
    def behave(self, domain: str, behaviour: str) -> None: ...
    def put(self, sender: str, recipients: Sequence[str], queue: str = "deferred") -> str: ...


class RealSubject:
    def __init__(self, postfix: PrivatePostfix) -> None:
        self.postfix = postfix
        self.config_directory = postfix.config_directory
        self.queue_directory = postfix.queue_directory
        self.maillog = postfix.maillog

    def start(self) -> None:
        self.postfix.start()

    def stop(self) -> None:
        self.postfix.stop()

    def path(self, program: str) -> str:
        return f"/usr/sbin/{program}"

    def behave(self, domain: str, behaviour: str) -> None:
        self.postfix.world.domain(domain, REAL_BEHAVIOURS[behaviour])

    def put(self, sender: str, recipients: Sequence[str], queue: str = "deferred") -> str:
        reasons = dict.fromkeys(
            recipients, "host mx.test[192.0.2.9] said: 452 4.2.2 full (in reply to RCPT TO command)"
        )
        return fill(self.postfix, [Spooled(sender, reasons, time.time() - 600, queue_name=queue)])[0]


class DemoSubject:
    def __init__(self, demo: DemoInstance) -> None:
        self.demo = demo
        self.config_directory = demo.config_directory
        self.queue_directory = demo.queue_directory
        self.maillog = demo.maillog

    def start(self) -> None:
        self.demo.start()

    def stop(self) -> None:
        self.demo.stop()

    def path(self, program: str) -> str:
        return str(self.demo.programs / program)

    def behave(self, domain: str, behaviour: str) -> None:
        self.demo.behave(domain, behaviour)

    def put(self, sender: str, recipients: Sequence[str], queue: str = "deferred") -> str:
        now = time.time()
        mail = Mail(sender, tuple(recipients), "Subject", now - 600)
        return self.demo.add([Queued(mail, queue, next_attempt=now + 4 * 3600)])[0]


def run(subject: Subject, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [subject.path(program), "-c", subject.config_directory, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def queue(subject: Subject) -> dict[str, dict[str, Any]]:
    """The entries of `postqueue -j` by queue ID."""
    entries = map(json.loads, run(subject, "postqueue", "-j").stdout.splitlines())
    return {entry["queue_id"]: entry for entry in entries}


def where(subject: Subject) -> dict[str, str]:
    return {queue_id: entry["queue_name"] for queue_id, entry in queue(subject).items()}


def count(subject: Subject, name: str) -> int:
    return sum(1 for path in (subject.queue_directory / name).rglob("*") if path.is_file())


def sent(subject: Subject) -> list[str]:
    """The recipients that the log says were served, in order; twice means delivered twice."""
    return re.findall(r": to=<([^>]*)>, .*status=sent", subject.maillog.read_text())


def deferred(host: Subject, number: int = 1, domain: str = "full.test") -> list[str]:
    """Messages in the deferred queue, due in hours, each with a reason."""
    return [host.put("ann@x.test", [f"user{index}@{domain}"]) for index in range(number)]


def in_active(host: Subject, number: int) -> list[str]:
    """Messages in the active queue: five in delivery to a server that says nothing, the others behind them."""
    host.behave("stuck.test", "quota")
    ids = deferred(host, number, "stuck.test")
    host.behave("stuck.test", "crawls")
    assert run(host, "postqueue", "-f").returncode == 0
    wait_until(lambda: count(host, "active") == number, what="all are active")
    busy = min(number, 5)
    wait_until(lambda: in_delivery(host) == busy, what=f"{busy} are in delivery")
    return ids


def in_delivery(host: Subject) -> int:
    """How many active messages are in delivery: who delivers one shares the lock on its file."""
    busy = 0
    for path in (host.queue_directory / "active").iterdir():
        with path.open("rb") as file:
            busy += locks(file, fcntl.LOCK_SH) and not locks(file, fcntl.LOCK_EX)
    return busy


def locks(file: BinaryIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def queue_after_flush(host: Subject) -> dict[str, str]:
    """Where everything is; asks for another attempt first, since a message in delivery is passed over."""
    run(host, "postqueue", "-f")
    return where(host)


def path_of(host: Subject, queue_id: str) -> Path:
    (path,) = (host.queue_directory / "deferred").rglob(queue_id)
    return path


def host_mtime(host: Subject, queue_id: str) -> float:
    return path_of(host, queue_id).stat().st_mtime

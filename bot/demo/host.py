"""The demo's mail hosts: `mx1.example.org`, which has a bad morning, and `mx2.example.org`, which is quiet."""

from __future__ import annotations

import dataclasses
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from bot.demo import deferlog, maincf, queuefile, story
from bot.demo.programs import common, launcher
from bot.demo.qmgr import READY, WORLD
from bot.demo.spool import Spool
from bot.demo.story import Queued
from bot.demo.world import World

BUSY, QUIET = "mx1", "mx2"
PATIENCE = 10.0
"""Seconds for a queue manager to end."""

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from bot.demo.qmgr import main; sys.exit(main())"


class DemoInstance:
    """One instance of the demo's Postfix: its own configuration, spool, log and queue manager, in `folder`.

    `programs` is the folder with `postqueue`, `postsuper` and so on. `pace` is how many seconds of the outside world
    pass in one; without `alive` the queue stays as it is until something is asked for. `settings` are lines of main.cf.
    """

    def __init__(
        self,
        folder: Path,
        programs: Path,
        world: World,
        *,
        pace: float = 1.0,
        alive: bool = True,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.name = folder.name
        self.programs = programs
        self.config_directory = folder / "etc"
        self.queue_directory = folder / "spool"
        self.maillog = folder / "log" / "maillog"
        self._world = world
        self._pace = pace
        self._alive = alive
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, mails: Iterable[Queued] = ()) -> None:
        """Create the folder with everything in it, and the queue.

        Raises OSError, also when it exists, and RuntimeError when this user has no name to own the mail by.
        """
        try:
            owner = pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            raise RuntimeError(
                f"User {os.geteuid()} has no name in /etc/passwd, and the demo's mail needs an owner with a name."
            ) from None
        for folder in (self.folder, self.config_directory, self.maillog.parent):
            folder.mkdir(mode=0o755)
            folder.chmod(0o755)
        settings = {
            "myhostname": f"{self.name}.example.org",
            "mydomain": "example.org",
            "queue_directory": str(self.queue_directory),
            "maillog_file": str(self.maillog),
            "mail_owner": owner,
            "enable_long_queue_ids": "yes",
            "queue_run_delay": "30s",
            **self._settings,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        main_cf = self.config_directory / "main.cf"
        main_cf.write_text(lines)
        main_cf.chmod(0o644)
        self._world.save(self.config_directory / WORLD)
        self.spool = Spool(maincf.read(str(self.config_directory)))
        self.spool.create()
        self.add(mails)

    def add(self, mails: Iterable[Queued]) -> list[str]:
        """Put messages into the queue as they are told; returns their queue IDs."""
        return [self._add(queued) for queued in mails]

    def _add(self, queued: Queued) -> str:
        data = b""

        def write(queue_id: str) -> bytes:
            nonlocal data
            data = queued.mail.queue_file(queue_id, f"{self.name}.example.org")
            return data

        arrival = queued.mail.arrival
        queue_id = self.spool.add(queued.queue, arrival, write, next_attempt=queued.next_attempt)
        if queued.tried:
            entries = b""
            for recipient in queuefile.parse(data).recipients:
                if answer := self._world.reason(recipient.address):
                    suspended = answer.site and queued.suspended
                    reason = f"delivery temporarily suspended: {answer.text}" if suspended else answer.text
                    entries += deferlog.entry(recipient, status=answer.dsn, reason=reason)
            if entries:
                self.spool.append_log("defer", queue_id, entries)
        return queue_id

    def behave(self, domain: str, behaviour: str) -> None:
        """From now on this domain's mail server behaves so (a name in `bot.demo.world.SITES`)."""
        self._world = dataclasses.replace(self._world, domains={**self._world.domains, domain: behaviour})
        self._world.save(self.config_directory / WORLD)
        if self.running:
            common.trigger(str(self.queue_directory), common.WORLD_CHANGED)

    @property
    def running(self) -> bool:
        return common.running(str(self.queue_directory))

    def start(self) -> None:
        """Raises RuntimeError, with its own words, when the queue manager does not start."""
        if self._process is not None:
            return
        arguments = [
            str(launcher.ROOT),
            str(self.config_directory),
            str(self._pace),
            "alive" if self._alive else "still",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-IS", "-c", START, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != READY:
            self.stop()
            raise RuntimeError(f"The demo's queue manager for {self.name} did not start; what it said stands above.")

    def stop(self) -> None:
        """The queue manager ends after its step, so that every queue file is whole and in one queue."""
        if self._process is not None:
            try:
                self._process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._process = None

    def run(self, program: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of the programs on this instance (`postqueue -c CONFIG …`)."""
        return subprocess.run(
            [self.programs / program, "-c", self.config_directory, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


class DemoHost:
    """Both demo hosts and the `agent.ini` that names them, in `folder`, which `write()` creates.

    Nothing is written before `write()` and nothing runs before `start()`; as a context manager it does both, and stops
    at the end. The folder is left for its owner to remove. `share` is how much of the busy host's queue there is: tests
    can do with less than all. `road` is `probe_road` of agent.ini: where the hosts' way to others really leads.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 20,
        pace: float = 1.0,
        alive: bool = True,
        share: float = 1.0,
        road: str = "",
    ) -> None:
        self.folder = folder.absolute()
        self.ini = self.folder / "agent.ini"
        self.programs = self.folder / "bin"
        self._seed = seed
        self._share = share
        self._road = road
        self.instances = {
            name: DemoInstance(
                self.folder / name,
                self.programs,
                World(story.DOMAINS, seed, own),
                pace=pace,
                alive=alive and name == BUSY,
            )
            for name, own in ((BUSY, "192.0.2.25"), (QUIET, "192.0.2.26"))
        }

    @property
    def queue_directory(self) -> Path:
        return self.instances[BUSY].queue_directory

    @property
    def config_directory(self) -> Path:
        return self.instances[BUSY].config_directory

    def write(self) -> None:
        """Create the folder, the programs, `agent.ini` and both queues. Raises OSError and RuntimeError."""
        self.folder.mkdir(mode=0o755, exist_ok=True)
        launcher.write(self.programs)
        now = time.time()
        self.instances[BUSY].write(story.busy_host(self._seed, now, self._share))
        self.instances[QUIET].write(story.quiet_host(self._seed, now))
        self.ini.write_text("\n".join(map(self._section, self.instances.values())))
        self.ini.chmod(0o644)

    def _section(self, instance: DemoInstance) -> str:
        road = f"probe_road = {self._road}\n" if self._road else ""
        # Nothing is probed as root, not even by a demo that root plays with.
        road += "probe_user = nobody\n" if os.geteuid() == 0 else ""
        return (
            f"[{instance.name}]\nconfig_directory = {instance.config_directory}\n"
            f"command_directory = {self.programs}\n{road}"
        )

    def start(self) -> None:
        """Start both, or leave none running. Raises RuntimeError when one does not start."""
        try:
            for instance in self.instances.values():
                instance.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for instance in self.instances.values():
            instance.stop()

    def flood(self, messages: int) -> None:
        """The hacked account of the busy host goes on sending."""
        self.instances[BUSY].add(story.spam(self._seed, time.time(), messages))

    def mail_system(self, up: bool, instance: str = BUSY) -> None:
        """What `postfix start` and `postfix stop` do to one instance."""
        if up:
            self.instances[instance].start()
        else:
            self.instances[instance].stop()

    def __enter__(self) -> DemoHost:
        self.write()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

"""The queue manager as a process of its own, named `qmgr` and at home in the queue directory, as agents look for it.

It ends with the process that started it: that one holds the other end of its standard input.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from pathlib import Path

from bot.demo import maincf, story
from bot.demo.maillog import MailLog
from bot.demo.manager import QueueManager
from bot.demo.programs.common import TRIGGER, WORLD_CHANGED
from bot.demo.spool import Spool
from bot.demo.world import World

WORLD = "world.json"
READY = b"ready\n"


def main() -> int:
    """Arguments: the configuration directory, the pace, and `alive` or `still`. Says `ready` once all is taken in."""
    # Ctrl-C at a terminal is meant for the program that shows the demo; when that ends, so does this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configuration, pace, alive = sys.argv[1:]
    values = maincf.read(configuration)
    spool = Spool(values)
    os.chdir(spool.directory)
    lock = _lock(Path(maincf.expanded(values, "process_id_directory"), "master.pid"))
    _rename(b"qmgr")
    log = MailLog(maincf.expanded(values, "maillog_file"), values["myhostname"], maincf.expanded(values, "syslog_name"))
    world_file = Path(configuration, WORLD)
    world = World.load(world_file)
    manager = QueueManager(
        spool,
        values,
        world,
        log,
        pace=float(pace),
        arrival=story.arrivals(world) if alive == "alive" else None,
    )
    fifo = _listen(Path(spool.directory, TRIGGER))
    manager.start(time.time())
    manager.step(time.time())
    # Only now: until here mail was moving from queue to queue.
    os.write(1, READY)
    while True:
        wait = manager.step(time.time()) - time.time()
        readable, _, _ = select.select([0, fifo], [], [], max(0.0, wait))
        if fifo in readable:
            requests = os.read(fifo, 4096)
            if WORLD_CHANGED in requests:
                manager.change(World.load(world_file), time.time())
            manager.ask(requests)
        if 0 in readable:
            # Nobody ever writes there: this is the end of the file, and of the demo.
            os.close(lock)
            return 0


def _lock(path: Path) -> int:
    """Take master(8)'s lock, which says that the mail system is up for as long as this process lives."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.truncate(file, 0)
    os.write(file, f"{os.getpid():10d}\n".encode())
    return file


def _listen(path: Path) -> int:
    if not path.exists():
        os.mkfifo(path, 0o600)
    # Open for both, or the fifo would end whenever its last writer closes it.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _rename(name: bytes) -> None:
    """Change what /proc and ps(1) call this process."""
    Path("/proc/self/comm").write_bytes(name)

"""The straight way back for deleted mail: from the trash to `deferred` in one step, without postsuper(1).

What `postsuper -H` does to a message on hold is rename(2) into `deferred`, and nothing else: mode, times and inode stay
(seen with strace(1), Postfix 3.7). So what was never active, which no queue manager remembers and nobody has in hand,
is moved there from the trash at once. The move replaces nothing, and is one step: killed anywhere, the message is
either kept or queued. All other mail goes by way of hold (restore.py): what was active, what has to stay on hold, what
is in a queue already; and everything where the system has no such move (noreplace.py).
"""

from __future__ import annotations

import contextlib
import os
from queue import SimpleQueue
from threading import Thread
from typing import Dict, List, NamedTuple, Optional, Sequence

from bot.agent.instance import MailSystem
from bot.agent.kept import LOGS, Kept
from bot.agent.lifetimes import FORCE_EXPIRED
from bot.agent.noreplace import UNSUPPORTED
from bot.agent.protocol import ALL_QUEUES
from bot.agent.queues import Queues
from bot.agent.restorable import Restorable
from bot.agent.story import Settled

_HANDED_ON = 64
"""So many messages are handed from one thread to the other at a time."""

_OTHER_QUEUES = tuple(queue for queue in ALL_QUEUES if queue != "deferred")


class _Ready(NamedTuple):
    """A message whose logs are back in the queue, those in `logs` by us; or what was in the way."""

    queue_id: str
    logs: Sequence[str]
    error: Optional[OSError] = None


class Straight:
    """`fit` says which messages can go this way, `move` moves them."""

    def __init__(self, system: MailSystem, names: Kept, story: Restorable) -> None:
        self._queues = system.queues
        self._names = names
        self._story = story
        self._logs = [folder for folder in names.used() if folder in LOGS]
        self._supported = True

    def fit(self, ids: Sequence[str]) -> List[str]:
        """Those of them that lie in the trash alone, were never active, and are to go on at once."""
        story = self._story
        if not self._supported:
            return []
        # What lies in the trash alone can't come into a queue, and so into none that is empty. In `deferred` the move
        # itself finds another one.
        queues = [queue for queue in _OTHER_QUEUES if not self._queues.is_empty(queue)]
        found = []
        for queue_id in ids:
            if queue_id in story.safe and queue_id in story.idle and queue_id not in story.stays:
                status = self._names.status(queue_id)
                if status is None or not self._alone(status):
                    continue
                if not queues or self._queues.glance(queue_id, queues) is None:
                    found.append(queue_id)
        return found

    def _alone(self, status: os.stat_result) -> bool:
        return status.st_nlink == 1 and not status.st_mode & FORCE_EXPIRED and self._queues.is_queue_file(status)

    def move(self, ids: Sequence[str]) -> Dict[str, Settled]:
        """What became of them, on disk; nothing of those that have to go by way of hold after all.

        A message's logs go before it, for from then on bounce(8) may write one. Another thread moves them: both wait
        for the file system most of the time.
        """
        done: Dict[str, Settled] = {}
        # Before there are two threads: who makes a folder is the mail owner meanwhile, in all of them.
        try:
            for queue in ("deferred", *self._logs):
                self._queues.make(queue, ids)
        except OSError:
            return {}  # On the way by hold each is told what is in its way.
        ready: SimpleQueue[Optional[List[_Ready]]] = SimpleQueue()
        thread = Thread(target=self._move_logs, args=(ids, ready))
        thread.start()
        for part in iter(ready.get, None):
            for each in part:
                settled = self._moved(each)
                if settled is not None:
                    done[each.queue_id] = settled
        thread.join()
        self._queues.sync("deferred", list(done))
        self._names.sync()
        return done

    def _move_logs(self, ids: Sequence[str], ready: SimpleQueue[Optional[List[_Ready]]]) -> None:
        queues = self._queues.apart()
        try:
            for start in range(0, len(ids), _HANDED_ON):
                ready.put([self._with_logs_back(queue_id, queues) for queue_id in ids[start : start + _HANDED_ON]])
        finally:
            ready.put(None)
            queues.close()

    def _with_logs_back(self, queue_id: str, queues: Queues) -> _Ready:
        logs: List[str] = []
        try:
            for log in self._logs:
                if self._names.move_log_back(log, queue_id, queues):
                    logs.append(log)
        except OSError as error:
            return _Ready(queue_id, logs, error)
        return _Ready(queue_id, logs)

    def _moved(self, each: _Ready) -> Optional[Settled]:
        """The outcome of one; None when it is to go by way of hold."""
        queue_id, logs, error = each
        try:
            if error is not None:
                raise error
            if not self._supported:
                return None
            self._names.move_back(queue_id)
        except OSError as failure:
            if failure.errno in UNSUPPORTED:
                self._supported = False
                return None
            with contextlib.suppress(OSError):  # On a full disk it stays in the queue, where the next restore finds it.
                for log in logs:
                    self._names.take_log(log, queue_id)
            return ("in_queue", "") if isinstance(failure, FileExistsError) else ("failed", str(failure.strerror))
        if len(logs) < len(self._logs):
            self._names.drop(queue_id, [log for log in self._logs if log not in logs])
        return "restored", ""

"""One Postfix instance as the verbs see it: its programs, its queue directories and its trash folder."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Callable, Optional, Sequence, Tuple, TypeVar

from bot.agent import master, queuefile
from bot.agent.config import Instance
from bot.agent.manager import Managers
from bot.agent.postfix import Postfix
from bot.agent.protocol import ALL_QUEUES, Identity
from bot.agent.queues import Place, Queues
from bot.agent.trash import Trash
from bot.agent.trust import Trust

T = TypeVar("T")

LOOKS = 3
"""How often a message is looked for that moves from queue to queue meanwhile."""


class MailSystem:
    """Nothing is opened before it is needed: `info` must answer even for a broken instance."""

    def __init__(self, instance: Instance, trust: Trust) -> None:
        self.instance = instance
        self.postfix = Postfix(instance)
        self.trust = trust

    @cached_property
    def queues(self) -> Queues:
        return Queues(self.postfix)

    @cached_property
    def trash(self) -> Trash:
        return Trash(self.instance, self.queues.directory, self.trust)

    def managers(self) -> Managers:
        return Managers(self.queues.directory, self.running)

    def running(self) -> bool:
        """Whether the mail system is up: by the master's lock, and where that can't be told, by `postfix status`."""
        up = master.runs(self.queues.master_lock)
        return self.postfix.running() if up is None else up

    def look(self, queue_id: str, queues: Sequence[str] = ALL_QUEUES) -> Tuple[Optional[Place], Optional[Identity]]:
        """Where the message lies, and what its envelope says; None for what is not there, or not readable as one."""
        return self._look(queue_id, queues, queuefile.read_identity)

    def submission(self, queue_id: str) -> Tuple[Optional[Place], Optional[queuefile.Submission]]:
        """The same with who submitted it."""
        return self._look(queue_id, ALL_QUEUES, queuefile.read_submission)

    def _look(
        self, queue_id: str, queues: Sequence[str], read: Callable[[int, str], T]
    ) -> Tuple[Optional[Place], Optional[T]]:
        place = None
        for _ in range(LOOKS):
            opened = self.queues.open_any(queue_id, queues)
            if opened is not None:
                place, descriptor = opened
                try:
                    return place, read(descriptor, queue_id)
                except ValueError:
                    return place, None
                finally:
                    os.close(descriptor)
            place = self.queues.find(queue_id, queues)
            if place is None:
                break
            # It has just moved on to another queue, or can't be opened.
        return place, None

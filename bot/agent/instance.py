"""One Postfix instance as the verbs see it: its programs, its queue directories and its trash folder."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Optional

from bot.agent import queuefile
from bot.agent.config import Instance
from bot.agent.manager import Managers
from bot.agent.postfix import Postfix
from bot.agent.protocol import Identity
from bot.agent.queues import Place, Queues
from bot.agent.trash import Trash
from bot.agent.trust import Trust


class MailSystem:
    """Nothing is opened before it is needed: `info` must answer even for a broken instance."""

    def __init__(self, instance: Instance, trust: Trust) -> None:
        self.instance = instance
        self.postfix = Postfix(instance)
        self._trust = trust

    @cached_property
    def queues(self) -> Queues:
        return Queues(self.postfix)

    @cached_property
    def trash(self) -> Trash:
        return Trash(self.instance, self.queues.directory, self._trust)

    def managers(self) -> Managers:
        return Managers(self.queues.directory, self.postfix.running())

    def identity(self, queue_id: str, place: Place) -> Optional[Identity]:
        """What the queue file's envelope says; None when it has gone from there, or is not readable as one."""
        try:
            descriptor = self.queues.open(place.queue, queue_id)
        except FileNotFoundError:
            return None
        try:
            return queuefile.read_identity(descriptor, queue_id)
        except ValueError:
            return None
        finally:
            os.close(descriptor)

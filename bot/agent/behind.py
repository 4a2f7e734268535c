"""Who is behind the most frequent sender: the logins and clients of its newest messages, found in the same pass."""

from __future__ import annotations

import heapq
from typing import Dict, List, Optional, Tuple

from bot.agent import queuefile
from bot.agent.instance import MailSystem
from bot.agent.protocol import MAX_TEXT, Behind, Tally
from bot.agent.report import Entry
from bot.agent.requests import Target
from bot.agent.tally import Counter

MAX_SENDERS = 10_000
"""So many senders are kept in mind; beyond that the less frequent half of them is forgotten."""

Sample = Tuple[int, str, int]
"""Arrival time, queue ID and size of one message; the newest is the greatest."""


class Newest:
    """Keeps the newest few messages of each sender that may turn out to be the most frequent."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._kept: Dict[str, List[Sample]] = {}
        self._seen: Dict[str, int] = {}

    def add(self, entry: Entry) -> None:
        sender = entry["sender"][:MAX_TEXT]
        sample = (entry["arrival_time"], entry["queue_id"], entry["message_size"])
        self._seen[sender] = self._seen.get(sender, 0) + 1
        kept = self._kept.setdefault(sender, [])
        if len(kept) < self._number:
            heapq.heappush(kept, sample)
        elif sample > kept[0]:
            heapq.heapreplace(kept, sample)
        if len(self._seen) > MAX_SENDERS:
            for name in sorted(self._seen, key=self._seen.__getitem__)[: MAX_SENDERS // 2]:
                del self._seen[name], self._kept[name]

    def behind(self, system: MailSystem, senders: Tally) -> Optional[Behind]:
        """What the queue files say; one that left meanwhile, or can't be read, is not among those that were read.

        Mail in `maildrop` was not taken in yet: nothing in such a file is Postfix's own word.
        """
        if not senders.top:
            return None
        sender = senders.top[0].name
        logins, clients = Counter(), Counter()
        read = 0
        for arrival_time, queue_id, size in sorted(self._kept.get(sender, ()), reverse=True):
            place, found = system.submission(queue_id)
            if place is None or found is None or place.queue == "maildrop":
                continue
            if not queuefile.same(Target(queue_id, arrival_time, size, sender), found.identity):
                continue
            read += 1
            if found.login:
                logins.add(found.login)
            if found.client:
                clients.add(found.client)
        return Behind(sender, read, logins.tally(self._number).top, clients.tally(self._number).top)

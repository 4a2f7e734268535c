"""`depth`: how many messages lie in each queue, by the names in its folders; no queue file is opened."""

from __future__ import annotations

import os
from typing import Dict, Optional, Sequence

from bot.agent import master
from bot.agent.protocol import ALL_QUEUES, Depth
from bot.agent.queueid import arrival, is_long
from bot.agent.queues import Queues


def depth(queues: Queues, now: float) -> Depth:
    """Counts for each queue, None for one that could not be read; `now` in seconds since the epoch."""
    counts: Dict[str, Optional[int]] = {}
    first = ""
    known = True
    for queue in ALL_QUEUES:
        try:
            count = 0
            for ids in queues.ids(queue):
                count += len(ids)
                known = known and all(map(is_long, ids))
                # A long ID begins with its time, in digits that sort as they count: the least is the oldest.
                if known:
                    first = min(first or ids[0], min(ids))
            counts[queue] = count
        except OSError:
            counts[queue] = None
            known = False
    oldest = arrival(first) if known and first else None
    space = os.statvfs(queues.directory)
    return Depth(
        taken_at=now,
        queues=counts,
        oldest=oldest,
        oldest_known=known,
        free_bytes=space.f_bavail * space.f_frsize,
        total_bytes=space.f_blocks * space.f_frsize,
        free_inodes=space.f_favail,
        total_inodes=space.f_files,
        mail_system_up=master.runs(queues.master_lock),
    )


def counts(queues: Queues, names: Sequence[str] = ALL_QUEUES) -> Dict[str, Optional[int]]:
    """How many messages lie in each of these queues; None for one that could not be read."""
    found: Dict[str, Optional[int]] = {}
    for queue in names:
        try:
            found[queue] = sum(map(len, queues.ids(queue)))
        except OSError:
            found[queue] = None
    return found

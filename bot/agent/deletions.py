"""`trash`: which deletions this host remembers, what they keep, how much disk that takes and until when."""

from __future__ import annotations

import os
import time
from typing import Dict, List, Optional, Set, Tuple

from bot.agent import journal as journals
from bot.agent import kept
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.journal import Journal
from bot.agent.lifetimes import FORCE_EXPIRED, Lifetimes
from bot.agent.outcomes import Deletion, TrashListing
from bot.agent.protocol import MAX_PAGE, Identity
from bot.agent.story import NOT_RESTORED


def trash(system: MailSystem, key: str) -> TrashListing:
    """All deletions, the newest first, or one with what it keeps. Raises AgentError when there is no such deletion."""
    now = time.time()
    lifetimes = Lifetimes(system.postfix)
    unfinished = set(journals.unfinished(system.trash))
    deletions: List[Deletion] = []
    messages: Tuple[Identity, ...] = ()
    for each in [key] if key else journals.keys(system.trash):
        journal = journals.find(system.trash, each)
        if journal is None and key:
            raise AgentError("bad_request", f"There is no deletion {key} on this host.")
        if journal is None:
            continue  # It was forgotten just now.
        files = {file.name: file for file in kept.files(os.path.join(system.trash.path, each))}
        deletion, messages = _deletion(journal, files, lifetimes, now, each not in unfinished)
        deletions.append(deletion)
        journal.close()
    space = os.statvfs(system.queues.directory)
    return TrashListing(
        taken_at=now,
        deletions=tuple(sorted(deletions, key=lambda each: -each.begun)),
        messages=messages if key else (),
        retention=system.instance.retention,
        bytes=sum(each.bytes for each in deletions),
        free_bytes=space.f_bavail * space.f_frsize,
    )


def _deletion(
    journal: Journal, files: Dict[str, kept.File], lifetimes: Lifetimes, now: float, finished: bool
) -> Tuple[Deletion, Tuple[Identity, ...]]:
    """The deletion, and the first of what it keeps."""
    deleted = restored = 0
    until: Optional[float] = None
    purged: Optional[float] = None
    overdue: Set[str] = {queue_id for queue_id, file in files.items() if file.mode & FORCE_EXPIRED}
    messages: List[Identity] = []
    for line in journal.read(*(("targets",) if files else ()), "outcomes", "restored", "finished", "purged"):
        for queue_id, arrival_time, message_size, sender, _, _ in line.get("targets", ()):
            if queue_id not in files:
                continue
            if len(messages) < MAX_PAGE:
                messages.append(Identity(queue_id, arrival_time, message_size, sender))
            if lifetimes.over(arrival_time, sender, now):
                overdue.add(queue_id)
        deleted += sum(outcome == "deleted" for _, outcome, _ in line.get("outcomes", ()))
        restored += sum(outcome not in NOT_RESTORED for _, outcome, _ in line.get("restored", ()))
        if "finished" in line:
            until = line["finished"][0] + journal.head.retention
        elif "purged" in line:
            purged = line["purged"]
    head = journal.head
    found = Deletion(
        key=head.key,
        begun=head.begun,
        finished=finished,
        final=head.final,
        deleted=deleted,
        kept=len(files),
        bytes=sum(file.size for file in files.values()),
        until=until if files else None,
        overdue=len(overdue),
        restored=restored,
        purged=purged,
    )
    return found, tuple(messages)

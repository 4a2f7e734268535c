"""`purge`: destroy for good what deletions keep, past their retention, or of one deletion on purpose.

A journal outlives its mail by a year, without the addresses: outcomes and counts stay. One line says that a purge has
begun before anything is destroyed, so that one that was killed is finished by the next. An unfinished deletion or
restore is left alone.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from bot.agent import journal as journals
from bot.agent import kept
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.journal import Journal
from bot.agent.outcomes import Purged
from bot.agent.output import Output

JOURNAL_SECONDS = 366 * 24 * 3600
"""How long a journal outlives the mail that it tells of."""

# Lines that name messages by more than their queue ID, or tell how they lay in the queue.
_FORGOTTEN = ("targets", "moved", "room", "managers", "in_flight")


class _State(NamedTuple):
    """What decides about a journal: when its mail is due, and how far a purge has come; times in seconds since the
    epoch. `destroyed` are messages and bytes."""

    finished: bool
    due: float
    purging: bool
    purged: Optional[float]
    destroyed: Tuple[int, int]


def purge(system: MailSystem, key: str, not_after: Optional[float], output: Output) -> Purged:
    """Purge what is due, or what the deletion `key` keeps. Raises AgentError with nothing destroyed."""
    if not system.trash.exists():
        if key:
            raise _unknown(key)
        return Purged()
    system.trash.prepare()
    system.trash.lock()
    now = time.time()
    unfinished = set(journals.unfinished(system.trash))
    chosen = _chosen(system, key, unfinished, now)
    late = not_after is not None and now > not_after
    begun = [journal for journal, state in chosen if state.purging or state.purged is not None]
    if late and not (key and begun):
        for journal, _ in chosen:
            journal.close()
        system.trash.unlock()
        return Purged(begun=False)
    output.progress(0, len(chosen), "purged")  # Who is gone by now has nothing done.
    output.begin()
    keys: List[str] = []
    messages = size = 0
    for number, (journal, state) in enumerate(chosen, 1):
        destroyed = _purge(system, journal, state, now)
        if destroyed[0]:
            keys.append(journal.head.key)
        messages, size = messages + destroyed[0], size + destroyed[1]
        journal.close()
        output.progress(number, len(chosen), "purged")
    system.trash.unlock()
    return Purged(tuple(keys), messages, size)


def _chosen(system: MailSystem, key: str, unfinished: Set[str], now: float) -> List[Tuple[Journal, _State]]:
    """The journals to purge. A purge without a key also takes those whose purge was cut short."""
    if key:
        journal = journals.find(system.trash, key)
        if journal is None:
            raise _unknown(key)
        if key in unfinished:
            journal.close()
            raise AgentError(
                "bad_request",
                f"The deletion {key} is not finished, so nothing was purged. Ask for the deletion or for its restore "
                "again: that brings it to its end.",
            )
        return [(journal, _state(journal))]
    chosen = []
    for each in journals.keys(system.trash):
        if each in unfinished:
            continue
        journal = journals.find(system.trash, each)
        if journal is None:
            continue
        state = _state(journal)
        if state.purged is not None and now > state.purged + JOURNAL_SECONDS:
            journal.close()
            shutil.rmtree(os.path.join(system.trash.path, each))
        elif state.finished and state.purged is None and (state.purging or now > state.due):
            chosen.append((journal, state))
        else:
            journal.close()
    return chosen


def _unknown(key: str) -> AgentError:
    return AgentError("bad_request", f"There is no deletion {key} on this host, so nothing was purged.")


def _state(journal: Journal) -> _State:
    finished = purging = False
    due = 0.0
    purged: Optional[float] = None
    destroyed = (0, 0)
    for line in journal.read("finished", "purging", "purged"):
        if "finished" in line:
            finished = True
            due = line["finished"][0] + journal.head.retention
        elif "purging" in line:
            purging = True
            destroyed = (line["purging"][0], line["purging"][1])
        elif "purged" in line:
            purged = line["purged"]
    return _State(finished, due, purging, purged, destroyed)


def _purge(system: MailSystem, journal: Journal, state: _State, now: float) -> Tuple[int, int]:
    """Destroy what the deletion keeps; how many messages and bytes. The same again after a kill, or a second time."""
    if state.purged is not None:
        return state.destroyed
    path = os.path.join(system.trash.path, journal.head.key)
    destroyed = state.destroyed
    if not state.purging:
        files = [file.size for file in kept.files(path)]
        destroyed = (len(files), sum(files))
        journal.write([{"purging": list(destroyed)}])
    for folder in (kept.FILES, *kept.LOGS):
        if os.path.isdir(os.path.join(path, folder)):
            shutil.rmtree(os.path.join(path, folder))
    journal.rewrite(_without_addresses(journal, now))
    return destroyed


def _without_addresses(journal: Journal, now: float) -> Iterator[Dict[str, Any]]:
    for line in journal.read():
        if "key" in line or not any(name in line for name in _FORGOTTEN):
            yield line
    yield {"purged": now}

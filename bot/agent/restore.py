"""`restore`: bring deleted messages back, byte for byte the same, and let them go in the way that loses none.

The ID is looked for in every queue, the logs go back, the kept file gets its name on hold (which replaces nothing),
and only then loses the kept one. What would be sent back to its sender at once stays on hold, and so does what was on
hold before the deletion. A restore closes the key: nothing is deleted under it any more. One that was killed is
finished by the same request; what was put back and is nowhere by then has been released, and has gone its way.
"""

from __future__ import annotations

import os
import time
from typing import Container, Dict, List, NamedTuple, Sequence, Set, Tuple

from bot.agent import holds, kept
from bot.agent import journal as journals
from bot.agent.deletion import Deletion
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.journal import NOT_RESTORED, Journal
from bot.agent.kept import LOGS, Kept
from bot.agent.lifetimes import FORCE_EXPIRED, Lifetimes
from bot.agent.output import Output
from bot.agent.postsuper import chunks
from bot.agent.protocol import Identity, Outcome, Restored
from bot.agent.release import let_go
from bot.agent.requests import Target

Settled = Tuple[str, str]
"""Outcome and detail."""

IDS_A_LINE = 500

# What let_go() says, in a restore's words. Whoever is not on hold any more was released by somebody else just now.
_LET_GO = {"released": "restored", "not_on_hold": "restored", "requeued": "requeued", "in_delivery": "in_delivery"}


def restore(system: MailSystem, key: str, targets: Sequence[Target], output: Output) -> Restored:
    """Restore `targets`, or all that the deletion `key` keeps. Raises AgentError with nothing restored."""
    system.trash.prepare()
    lock = system.trash.lock()
    journal = journals.find(system.trash, key)
    if journal is None:
        raise AgentError("bad_request", f"There is no deletion {key} on this host, so nothing was restored.")
    story = journal.story()
    output.progress(0, len(targets) or None, "restored")  # Who is gone by now has nothing done.
    try:
        journal.mark()
        journal.write([{"closed": time.time()}])
    except OSError as error:
        raise AgentError(
            "internal", f"{system.trash.path} can't be written ({error.strerror}), so nothing was restored."
        ) from None
    output.begin()
    settled: Dict[str, Settled] = {}
    if story.ended is None:
        deletion = Deletion(system, journal, story, journal.targets(), lock, output)
        deletion.roll_back()
        for outcome in deletion.let_go.values():
            settled[outcome.queue_id] = (_LET_GO.get(outcome.outcome, "failed"), outcome.detail)
    deleted = [queue_id for queue_id, (outcome, _) in story.settled.items() if outcome == "deleted"]
    wanted = [target.queue_id for target in targets] or [*deleted, *settled]
    if not journal.head.final:
        chosen = {target.queue_id for target in targets}
        _Restoration(system, journal, lock, output, settled).run(
            [queue_id for queue_id in deleted if not chosen or queue_id in chosen]
        )
    left = sum(1 for _ in kept.files(os.path.join(system.trash.path, key)))
    if story.ended is not None:
        journal.unmark()
    journal.close()
    system.trash.unlock()
    gone: Settled = ("not_in_trash", "")
    counts = output.outcomes(Outcome(queue_id, *settled.get(queue_id, gone)) for queue_id in wanted)
    return Restored(key, counts, left, system.postfix.running())


class _Begun(NamedTuple):
    """What the journal says of former restores: `before` are back, `under_way` may have been put back by one that was
    cut short, and `settled` were by the same one."""

    before: Set[str]
    under_way: Set[str]
    settled: Dict[str, Settled]


class _Restoration:
    """One restore under way, some thousand messages at a time; `settled` gets the outcome and detail of each."""

    def __init__(
        self, system: MailSystem, journal: Journal, lock: int, output: Output, settled: Dict[str, Settled]
    ) -> None:
        self._system = system
        self._journal = journal
        self._lock = lock
        self._output = output
        self._settled = settled
        self._names = Kept(system.trash, system.queues, journal.head.key)
        self._folders = self._names.used()
        self._logs = [folder for folder in self._folders if folder in LOGS]
        self._begun = _begun(journal)
        self._safe = journal.safe(system.managers())
        self._never_active = journal.never_active()
        self._stays = self._reasons_to_stay()

    def run(self, wanted: Sequence[str]) -> None:
        """Restore those of `wanted` that are kept, and what a restore that was cut short had begun with."""
        begun = self._begun
        self._settled.update(begun.settled)
        in_trash = set(self._names.ids())
        work = [*begun.under_way]
        work += [
            queue_id
            for queue_id in wanted
            if queue_id in in_trash
            and queue_id not in begun.under_way
            and queue_id not in begun.before
            and queue_id not in begun.settled
        ]
        done = 0
        for ids in chunks(work):
            self._restore(ids)
            done += len(ids)
            self._output.progress(done, len(work), "restored")
        self._journal.write([{"restore_finished": time.time()}])
        self._names.close()

    def _restore(self, ids: Sequence[str]) -> None:
        self._journal.write({"restoring": ids[i : i + IDS_A_LINE]} for i in range(0, len(ids), IDS_A_LINE))
        done: Dict[str, Settled] = {}
        put_back = self._put_back(ids, done)
        on_hold = [*put_back, *self._put_back_before(ids, {*put_back, *done}, done)]
        free = []
        for queue_id in on_hold:
            reason = self._stays.get(queue_id)
            if reason is None:
                free.append(queue_id)
            else:
                done[queue_id] = (reason, "")
        # Of what a restore that was cut short had put back nobody knows what happened since.
        safe = self._safe.intersection(put_back)
        # And what lay in the trash without ever having been active is in nobody's hands.
        idle = self._never_active.intersection(put_back)
        for outcome in let_go(self._system, free, safe, self._lock, idle=idle):
            word = _LET_GO.get(outcome.outcome)
            done[outcome.queue_id] = (word, "") if word else ("on_hold", f"it was not released: {outcome.detail}")
        self._record_those_left_on_hold([queue_id for queue_id in on_hold if done[queue_id][0] in _ON_HOLD])
        self._journal.write({"restored": [queue_id, *outcome]} for queue_id, outcome in done.items())
        self._settled.update(done)

    def _put_back(self, ids: Sequence[str], done: Dict[str, Settled]) -> List[str]:
        """Those that are on hold again, and kept no longer; others get their outcome."""
        linked: List[str] = []
        for queue_id in ids:
            status = self._names.status(queue_id)
            if status is None:
                continue
            try:
                self._link(queue_id, status, done)
            except FileExistsError:
                done[queue_id] = ("in_queue", "")
                continue
            except OSError as error:
                done[queue_id] = ("failed", str(error.strerror))
                continue
            linked.append(queue_id)
        self._system.queues.sync("hold", linked)
        for queue_id in linked:
            self._names.drop(queue_id, self._folders)
        return [queue_id for queue_id in linked if queue_id not in done]

    def _link(self, queue_id: str, status: os.stat_result, done: Dict[str, Settled]) -> None:
        """Raises FileExistsError when another message has the queue ID."""
        place = self._system.queues.glance(queue_id)
        if place is None:
            for log in self._logs:
                self._names.put_log_back(log, queue_id)
            self._names.put_back(queue_id)
        elif not os.path.samestat(place.status, status):
            raise FileExistsError(queue_id)
        elif place.queue != "hold":
            # A restore that was cut short put it on hold, and it was released since.
            done[queue_id] = ("restored", "")
        if status.st_mode & FORCE_EXPIRED:
            self._stays.setdefault(queue_id, "force_expired")

    def _put_back_before(self, ids: Sequence[str], others: Container[str], done: Dict[str, Settled]) -> List[str]:
        """Those that a restore which was cut short put back, as far as they still lie on hold."""
        on_hold = []
        for queue_id in ids:
            if queue_id in others:
                continue
            place = self._system.queues.find(queue_id)
            if place is None or place.queue != "hold":
                done[queue_id] = ("restored", "")
                continue
            on_hold.append(queue_id)
            if place.status.st_mode & FORCE_EXPIRED:
                self._stays.setdefault(queue_id, "force_expired")
        return on_hold

    def _reasons_to_stay(self) -> Dict[str, str]:
        """Those that stay on hold because of where they were, or because of their age."""
        lifetimes, now = Lifetimes(self._system.postfix), time.time()
        stays = {}
        for line in self._journal.read("target"):
            queue_id, arrival_time, _, sender, _, queue = line["target"]
            if queue == "hold":
                stays[queue_id] = "on_hold"
            elif lifetimes.over(arrival_time, sender, now):
                stays[queue_id] = "past_lifetime"
        return stays

    def _record_those_left_on_hold(self, ids: Sequence[str]) -> None:
        pasts = self._journal.pasts(set(ids)) if ids else {}
        if not pasts:
            return
        left = []
        for line in self._journal.read("target"):
            queue_id = line["target"][0]
            status = self._system.queues.status("hold", queue_id) if queue_id in pasts else None
            if status is not None:
                past = pasts[queue_id]
                moved = holds.Moved(queue_id, past.queue, status.st_ino, status.st_ctime_ns)
                left.append((Identity(*line["target"][:4]), moved, past))
        holds.left_on_hold(self._system.trash, self._journal.head.key, left)


_ON_HOLD = ("on_hold", "past_lifetime", "force_expired", "in_delivery")


def _begun(journal: Journal) -> _Begun:
    before: Set[str] = set()
    under_way: Set[str] = set()
    settled: Dict[str, Settled] = {}
    for line in journal.read("restoring", "restored", "restore_finished"):
        if "restoring" in line:
            under_way.update(line["restoring"])
        elif "restored" in line:
            queue_id, outcome, detail = line["restored"]
            under_way.discard(queue_id)
            settled[queue_id] = (outcome, detail)
        else:
            before.update(queue_id for queue_id, (outcome, _) in settled.items() if outcome not in NOT_RESTORED)
            settled = {}
    return _Begun(before, under_way, settled)

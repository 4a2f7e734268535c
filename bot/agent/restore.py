"""`restore`: bring deleted messages back, byte for byte the same, and let them go in the way that loses none.

Most mail goes straight back (straight.py). For the rest, the ID is looked for in every queue, the logs go back, the
kept file gets its name on hold (which replaces nothing), and only then loses the kept one. What would be sent back to
its sender at once stays on hold, and so does what was on hold before the deletion. A restore closes the key: nothing is
deleted under it any more. One that was killed is finished by the same request; what was put back and is nowhere by then
has been released, and has gone its way.
"""

from __future__ import annotations

import os
import time
from typing import Dict, Iterator, List, Sequence, Set

from bot.agent import holds, kept
from bot.agent import journal as journals
from bot.agent import story as stories
from bot.agent.deletion import Deletion
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.journal import Journal
from bot.agent.kept import LOGS, Kept
from bot.agent.lifetimes import FORCE_EXPIRED, Lifetimes
from bot.agent.outcomes import Outcome, Restored
from bot.agent.output import Output
from bot.agent.postsuper import PARTS, chunks
from bot.agent.protocol import ALL_QUEUES
from bot.agent.release import let_go
from bot.agent.requests import Target
from bot.agent.restorable import Restorable
from bot.agent.story import Settled
from bot.agent.straight import Straight

IDS_A_LINE = 500

# What let_go() says, in a restore's words. Whoever is not on hold any more was released by somebody else just now.
_LET_GO = {"released": "restored", "not_on_hold": "restored", "requeued": "requeued", "in_delivery": "in_delivery"}

_ON_HOLD = ("on_hold", "past_lifetime", "force_expired", "in_delivery")


def restore(system: MailSystem, key: str, targets: Sequence[Target], output: Output) -> Restored:
    """Restore `targets`, or all that the deletion `key` keeps. Raises AgentError with nothing restored."""
    system.trash.prepare()
    lock = system.trash.lock()
    journal = journals.find(system.trash, key)
    if journal is None:
        raise AgentError("bad_request", f"There is no deletion {key} on this host, so nothing was restored.")
    story = stories.read(journal)
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
        deletion = Deletion(system, journal, story, stories.targets(journal), lock, output)
        deletion.roll_back()
        for outcome in deletion.let_go.values():
            settled[outcome.queue_id] = (_LET_GO.get(outcome.outcome, "failed"), outcome.detail)
    deleted = [queue_id for queue_id, (outcome, _) in story.settled.items() if outcome == "deleted"]
    chosen = {target.queue_id for target in targets}
    wanted = [target.queue_id for target in targets] or [*deleted, *settled]
    if not journal.head.final:
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
    return Restored(key, counts, left, system.running())


class _Restoration:
    """One restore under way, some thousand messages at a time; `settled` gets the outcome and detail of each.

    While postsuper(1) lets some go, the next ones are put back on hold.
    """

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
        self._story = Restorable(journal, system.managers(), Lifetimes(system.postfix), time.time())
        self._done = self._work = 0

    def run(self, wanted: Sequence[str]) -> None:
        """Restore those of `wanted` that are kept, and what a restore that was cut short had begun with."""
        begun, settled = self._story.under_way, self._story.settled
        self._settled.update(settled)
        work = [*begun, *(queue_id for queue_id in wanted if queue_id not in begun and queue_id not in settled)]
        self._work = len(work)
        rest = self._straight(work)
        story = self._story
        for outcomes in let_go(self._system, self._put_back_in_parts(rest), story.safe, self._lock, idle=story.idle):
            done: Dict[str, Settled] = {}
            for outcome in outcomes:
                word = _LET_GO.get(outcome.outcome)
                done[outcome.queue_id] = (word, "") if word else ("on_hold", f"it was not released: {outcome.detail}")
            self._settle(done)
        self._journal.write([{"restore_finished": time.time()}])
        self._names.close()

    def _straight(self, work: Sequence[str]) -> List[str]:
        """Those that can't go straight back to where they are tried again; the others get their outcome."""
        way = Straight(self._system, self._names, self._story)
        gone: Set[str] = set()
        for part in chunks(work, PARTS):
            ids = way.fit(part)
            if ids:
                self._begin(ids)
                done = way.move(ids)
                self._settle(done)
                gone.update(done)
        return [queue_id for queue_id in work if queue_id not in gone]

    def _begin(self, ids: Sequence[str]) -> None:
        self._journal.write({"restoring": ids[i : i + IDS_A_LINE]} for i in range(0, len(ids), IDS_A_LINE))

    def _put_back_in_parts(self, work: Sequence[str]) -> Iterator[Sequence[str]]:
        """Those that are on hold again, and free to go; the others get their outcome."""
        for part in chunks(work):
            there = {queue_id: self._names.status(queue_id) for queue_id in part}
            ids = [queue_id for queue_id in part if there[queue_id] is not None or queue_id in self._story.under_way]
            self._begin(ids)
            done: Dict[str, Settled] = {}
            on_hold = self._put_back({each: status for each, status in there.items() if status is not None}, done)
            on_hold += self._put_back_before([queue_id for queue_id in ids if there[queue_id] is None], done)
            stays = self._story.stays
            done.update((queue_id, (stays[queue_id], "")) for queue_id in on_hold if queue_id in stays)
            self._done += len(part) - len(ids)
            self._settle(done)
            yield [queue_id for queue_id in on_hold if queue_id not in stays]

    def _put_back(self, there: Dict[str, os.stat_result], done: Dict[str, Settled]) -> List[str]:
        """Those that are on hold again, and kept no longer; others get their outcome."""
        linked: List[str] = []
        # What lies in the trash alone can't come into a queue, and so into none that is empty.
        queues = [queue for queue in ALL_QUEUES if not self._system.queues.is_empty(queue)]
        for queue_id, status in there.items():
            try:
                self._link(queue_id, status, queues, done)
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

    def _link(self, queue_id: str, status: os.stat_result, queues: Sequence[str], done: Dict[str, Settled]) -> None:
        """Raises FileExistsError when another message has the queue ID."""
        if status.st_nlink == 1:
            place = self._system.queues.glance(queue_id, queues)
        else:
            place = self._system.queues.find(queue_id)
        if place is None:
            for log in self._logs:
                self._names.put_log_back(log, queue_id)
            self._names.put_back(queue_id)
        elif not os.path.samestat(place.status, status):
            raise FileExistsError(queue_id)
        elif place.queue == "hold":
            self._story.put_back_before(queue_id)
        else:
            # A restore that was cut short put it on hold, and it was released since.
            done[queue_id] = ("restored", "")
        self._look_for_a_mark(queue_id, status)

    def _look_for_a_mark(self, queue_id: str, status: os.stat_result) -> None:
        if status.st_mode & FORCE_EXPIRED:
            self._story.stays.setdefault(queue_id, "force_expired")

    def _put_back_before(self, ids: Sequence[str], done: Dict[str, Settled]) -> List[str]:
        """Those that a restore which was cut short put back, as far as they still lie on hold."""
        on_hold = []
        for queue_id in ids:
            place = self._system.queues.find(queue_id)
            if place is None or place.queue != "hold":
                done[queue_id] = ("restored", "")
                continue
            on_hold.append(queue_id)
            self._story.put_back_before(queue_id)
            self._look_for_a_mark(queue_id, place.status)
        return on_hold

    def _settle(self, done: Dict[str, Settled]) -> None:
        self._record_those_left_on_hold([queue_id for queue_id, (outcome, _) in done.items() if outcome in _ON_HOLD])
        if done:
            self._journal.write(stories.settled_lines("restored", done))
        self._settled.update(done)
        self._done += len(done)
        self._output.progress(self._done, self._work, "restored")

    def _record_those_left_on_hold(self, ids: Sequence[str]) -> None:
        """So that a later release knows of those that we put there how that came."""
        left = []
        for queue_id in ids:
            past = self._story.pasts.found.get(queue_id)
            place, identity = self._system.look(queue_id, ("hold",)) if past is not None else (None, None)
            if past is not None and place is not None and identity is not None:
                moved = holds.Moved(queue_id, past.queue, place.status.st_ino, place.status.st_ctime_ns)
                left.append((identity, moved, past))
        if left:
            holds.left_on_hold(self._system.trash, self._journal.head.key, left)

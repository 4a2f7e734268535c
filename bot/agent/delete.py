"""`delete`: begin a deletion, go on with one that was cut short, or report one that is over: each key runs only once.

How it is done, and in which order, stands in deletion.py.
"""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from bot.agent import journal as journals
from bot.agent import kept, lines
from bot.agent import story as stories
from bot.agent.deletion import Deletion, unwritable
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.journal import Head, Journal
from bot.agent.looking import IN_FLIGHT
from bot.agent.outcomes import Deleted, Outcome
from bot.agent.output import Output
from bot.agent.postsuper import chunks
from bot.agent.requests import Target, bad
from bot.agent.story import Story
from bot.agent.targets import found
from bot.agent.trash import Unusable


def delete(
    system: MailSystem,
    key: str,
    targets: Sequence[Target],
    not_after: Optional[float],
    final: bool,
    output: Output,
) -> Deleted:
    """Delete `targets`, with a way back unless `final`. Raises AgentError with nothing deleted and nothing held.

    The same key again finishes what was cut short, or reports what was done.
    """
    if any(target.sender is None for target in targets):
        raise bad("a deletion needs whole identities: queue ID, arrival time, size and sender")
    try:
        system.trash.prepare()
    except Unusable as error:
        if not targets:
            # Whoever asks again wants to know what became of it, and that stands where nobody can look now.
            path = system.trash.path
            raise AgentError(
                "internal",
                f"{error.what}, and what became of {key} stands in there. Nothing more was done for it, and nothing "
                f"can be before that is mended. On the mail host: ls -ld {path}",
            ) from None
        return Deleted(key, counts=_nothing_kept(targets, output), not_kept=error.text)
    lock = system.trash.lock()
    journal = journals.find(system.trash, key)
    if journal is None:
        now = time.time()
        if not_after is not None and now > not_after:
            system.trash.unlock()
            return Deleted(key, begun=False, final=final)
        if not targets:
            raise bad("a deletion needs messages")
        head = Head(key, now, final, lines.digest(targets), system.instance.retention)
        why, journal, story = _begun(system, head, targets, output)
        if journal is None:
            system.trash.unlock()
            return Deleted(key, counts=_nothing_kept(targets, output), not_kept=why)
        fresh = True
    elif (targets and journal.head.asked != lines.digest(targets)) or journal.head.final != final:
        raise bad(f"the key {key} was used for another deletion on this host")
    else:
        story = stories.read(journal)
        fresh = False
    targets = targets or stories.targets(journal)
    if story.ended is None:
        output.begin()
        deletion = Deletion(system, journal, story, targets, lock, output)
        if story.closed:
            deletion.roll_back()
        else:
            deletion.run(fresh)
    if story.ended is not None and not story.closed:
        # Else a restore may be under way, which is marked the same way.
        journal.unmark()
    journal.close()
    system.trash.unlock()
    return _report(journal.head, story, targets, output)


def _begun(
    system: MailSystem, head: Head, targets: Sequence[Target], output: Output
) -> Tuple[str, Optional[Journal], Story]:
    """The journal, once it is on disk, and what it says; or why nothing could be kept."""
    story = Story()
    managers = system.managers()
    output.progress(0, len(targets), "deleted")
    try:
        return "", journals.begin(system.trash, head, managers, _examined(system, head, targets, story, output)), story
    except OSError as error:
        return unwritable(system, error), None, story


def _examined(
    system: MailSystem, head: Head, targets: Sequence[Target], story: Story, output: Output
) -> Iterator[Dict[str, Any]]:
    """The lines of the journal that tell where each target lies. Raises OSError when the trash can't keep one."""
    claimed = stories.claimed(system.trash, head.key)
    accepted = head.final
    for part in chunks(targets):
        outcomes = {
            each.queue_id: Outcome(each.queue_id, "in_other_deletion") for each in part if each.queue_id in claimed
        }
        reached = found(system, [target for target in part if target.queue_id not in outcomes], outcomes)
        accepted = accepted or kept.accepts(system.trash, system.queues, reached)
        settled = {each.queue_id: (each.outcome, each.detail) for each in outcomes.values()}
        story.examined(reached, settled)
        yield from stories.target_lines(part, reached)
        yield from stories.settled_lines("outcomes", settled)
    output.progress(0, len(targets), "deleted")  # Who is gone by now has nothing done.


def _nothing_kept(targets: Sequence[Target], output: Output) -> Dict[str, int]:
    return output.outcomes(Outcome(target.queue_id, "failed", "not_kept") for target in targets)


def _report(head: Head, story: Story, targets: Sequence[Target], output: Output) -> Deleted:
    """What was done, as the journal has it; the same each time it is asked for."""
    counts = output.outcomes(Outcome(target.queue_id, *story.settled[target.queue_id]) for target in targets)
    ended = story.ended
    keeps = ended is not None and bool(counts.get("deleted")) and not head.final
    return Deleted(
        head.key,
        final=head.final,
        counts=counts,
        in_flight=sum(1 for target in targets if story.settled[target.queue_id] == IN_FLIGHT),
        not_kept=story.gave_up,
        kept_bytes=ended.bytes if ended is not None and keeps else 0,
        kept_until=ended.at + head.retention if ended is not None and keeps else None,
        restored=story.restored,
    )

"""What a mail host's answer makes of a request that was carried out: its end, in the words of its record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.agent.outcomes import Deleted, Deletion, Expired, Held, Outcome, Purged
from bot.approvals.model import Decision, Kind, Request, Result, State
from bot.mailhost.host import Change
from bot.text import plural

SHOWN = 10
"""So many of the messages that something was wrong with stand in the record; all of them in the list of outcomes."""

ACHIEVED: Mapping[type, frozenset[str]] = {
    Deleted: frozenset({"deleted"}),
    Held: frozenset({"held", "already_on_hold"}),
    Expired: frozenset({"expired", "on_hold"}),
}
"""The outcomes by which a message is as it was asked for."""

COULD_NOT = frozenset({"failed", "moving", "not_in_queue_yet", "in_other_deletion"})
"""The outcomes by which a message is in the queue still although it was asked for."""

WRONG = ("failed", "changed", "moving", "in_other_deletion", "not_in_queue_yet", "released_meanwhile")
"""What a record shows of single messages, the worst first."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a request, and what became of each message. `left_in_trash` of them can be restored."""

    state: State
    result: Result
    outcomes: tuple[Outcome, ...] = ()
    left_in_trash: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """Not the end: it will be tried, or asked about, again. `attempted`: the agent may have begun it."""

    text: str
    attempted: bool

    @property
    def state(self) -> State:
        return State.UNKNOWN if self.attempted else State.EXECUTING


def after(
    request: Request, change: Change[Deleted] | Change[Held] | Change[Expired], now: Deletion | None = None
) -> Ended:
    """The end, by the agent's answer to a deletion, a hold or an expiry.

    `now` is what the trash says of a deletion of which something was restored before its answer was heard.
    """
    answer = change.result
    if not answer.begun:
        return too_late(request, "")
    result = _result(answer, change.outcomes)
    if result.not_kept:
        text = f"Nothing could be kept, so nothing was deleted, and what was put on hold was let go: {result.not_kept}"
        return Ended(State.FAILED, replace(result, text=text), change.outcomes)
    achieved = sum(answer.counts.get(outcome, 0) for outcome in ACHIEVED[type(answer)])
    stuck = sum(answer.counts.get(outcome, 0) for outcome in COULD_NOT)
    if not achieved and stuck:
        text = f"None of the messages could be {_done(request)}; {plural(stuck, 'is', 'are')} in the queue as before."
        return Ended(State.FAILED, replace(result, text=text), change.outcomes)
    left = 0
    if isinstance(answer, Deleted) and not answer.final:
        left = max(0, answer.counts.get("deleted", 0) - answer.restored)
    if now is not None:
        left, result = now.kept, replace(result, text=_restored(request, now))
    return Ended(State.DONE, result, change.outcomes, left)


def _restored(request: Request, now: Deletion) -> str:
    """That somebody brought some of it back, and so stopped the deletion, before this bot heard its end."""
    were = plural(now.restored, "message of it was", "messages of it were")
    text = f"{were} restored on {request.host} since, so it deletes nothing more."
    if now.finished:
        return text
    return f"{text} That restore is not finished: /mail restore {request.host} {request.key} finishes it."


def after_purge(request: Request, purged: Purged, deletion: Deletion | None) -> Ended:
    """The end of a purge. `deletion` is what the trash says of it, asked where the answer alone does not tell.

    An answer that got lost is not repeated by the agent; but the trash remembers that it was purged.
    """
    if purged.messages or deletion is None:
        if not purged.begun:
            return too_late(request, "")
        text = "" if purged.messages else "Nothing of it was in the trash any more."
        return Ended(State.DONE, Result({"purged": purged.messages}, text, kept_bytes=purged.bytes))
    if deletion.purged is not None:
        messages = max(0, deletion.deleted - deletion.restored - deletion.kept)
        return Ended(State.DONE, Result({"purged": messages}, kept_bytes=request.preview.bytes))
    if not purged.begun:
        return too_late(request, "")
    return Ended(State.DONE, Result({"purged": 0}, "Nothing of it was in the trash any more."))


def too_late(request: Request, why: str) -> Ended:
    """It could not begin in time; `why` is what stood in the way, if that is known."""
    reason = f" {why}" if why else ""
    return Ended(
        State.NOT_BEGUN, Result({}, f"It could not begin on {request.host} in time. Nothing was done.{reason}")
    )


def refused(text: str) -> Ended:
    """The agent said no, and nothing was begun."""
    return Ended(State.FAILED, Result({}, text))


def by_journal(deletion: Deletion) -> Ended:
    """The end of a deletion by what the trash remembers of it, where the agent says no more than that."""
    result = Result(
        {"deleted": deletion.deleted},
        "The mail host only said how many messages were deleted, not what became of each.",
        kept_bytes=deletion.bytes,
        kept_until=deletion.until,
    )
    return Ended(State.DONE if deletion.deleted else State.FAILED, result, left_in_trash=deletion.kept)


def shown(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """The first of those that something was wrong with, the worst first."""
    wrong = sorted((each for each in outcomes if each.outcome in WRONG), key=lambda each: WRONG.index(each.outcome))
    return tuple(wrong[:SHOWN])


def _result(answer: Deleted | Held | Expired, outcomes: Sequence[Outcome]) -> Result:
    counts, failures = dict(answer.counts), shown(outcomes)
    match answer:
        case Deleted():
            return Result(
                counts,
                in_flight=answer.in_flight,
                kept_bytes=answer.kept_bytes,
                kept_until=answer.kept_until,
                not_kept=answer.not_kept,
                failures=failures,
            )
        case Held():
            return Result(counts, was_active=answer.was_active, failures=failures)
        case Expired():
            unproven = sum((each.outcome, each.detail) == ("on_hold", "unproven") for each in outcomes)
            return Result(counts, unproven=unproven, failures=failures)


def _done(request: Request) -> str:
    if request.decision is Decision.HOLD:
        return "put on hold"
    return "marked as expired" if request.kind is Kind.EXPIRE else "deleted"

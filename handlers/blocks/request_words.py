"""The words for a request to destroy mail, by what is asked for, and for what became of each message."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.approvals.model import Decision, Kind, Request
from bot.text import Addresses, duration, plural, shown_text
from handlers.blocks.change import HELD

DIGEST = 12
"""So many of the manifest's 64 hexadecimal digits are shown."""


@dataclass(frozen=True, slots=True)
class Words:
    """`delete 3 messages for good`: `ask`, a number of messages, `tail`; `deleting …`, `deleted …` as it goes on.

    `outcomes` are those of the agent's outcomes that count as done, `names` what each outcome is called after a number.
    """

    ask: str
    doing: str
    past: str
    tail: str
    outcomes: tuple[str, ...]
    names: Mapping[str, str]


_NOT_TOUCHED: Mapping[str, str] = {
    "gone": "gone before: delivered, sent back or deleted meanwhile",
    "changed": "changed: the queue ID belongs to another message now, which was let go",
}
DELETED: Mapping[str, str] = {
    "deleted": "deleted",
    **_NOT_TOUCHED,
    "released_meanwhile": "still queued: somebody released it meanwhile",
    "not_in_queue_yet": "still queued: in maildrop, where nothing can be deleted yet",
    "moving": "still queued: always on the move from one queue to another",
    "in_other_deletion": "not touched: another deletion that is not finished has it",
    "failed": "still queued: Postfix could not delete it",
}
EXPIRED: Mapping[str, str] = {
    "expired": "marked as expired: goes back to its sender at the next attempt",
    "on_hold": "marked as expired and on hold: goes back to its sender once it is released",
    **_NOT_TOUCHED,
    "not_in_queue_yet": "not marked: still in maildrop",
    "moving": "not marked: always on the move from one queue to another",
    "failed": "not marked: Postfix could not do it",
}
PURGED: Mapping[str, str] = {"purged": "destroyed in the trash", **DELETED}
"""The list of a purge is that of the deletion whose mail it destroys."""
RESTORED: Mapping[str, str] = {
    "restored": "back in the queue, free to be delivered",
    "requeued": "back under a new queue ID, which Postfix gives within a minute: it may still remember the old one",
    "on_hold": "back, and on hold as before",
    "past_lifetime": "back, on hold: past its lifetime in the queue, so once released it goes back to its sender",
    "force_expired": "back, on hold: marked as expired, so once released it goes back to its sender",
    "by_others": "back: brought by a restore that was begun elsewhere and cut short, so which of it stays on hold is "
    "not known here",
    "in_delivery": "back, on hold: a delivery from before the deletion still goes on; release it when that is over",
    "in_queue": "not put back: mail with this queue ID lies in the queue",
    "not_in_trash": "not in the trash: restored or purged before, or never kept",
    "failed": "still in the trash: it could not be put back",
}
BACK = ("restored", "by_others", "requeued", "on_hold", "past_lifetime", "force_expired", "in_delivery")
"""Outcomes of a restore after which the message is in the queue again."""

KINDS: Mapping[Kind, Words] = {
    Kind.DELETE: Words("delete", "deleting", "deleted", "", ("deleted",), DELETED),
    Kind.FINAL: Words("delete", "deleting", "deleted", " for good", ("deleted",), DELETED),
    Kind.EXPIRE: Words("expire", "expiring", "expired", "", ("expired", "on_hold"), EXPIRED),
    Kind.PURGE: Words("purge", "purging", "purged", " from the trash", ("purged",), PURGED),
}
HOLD = Words("put", "putting", "put", " on hold", ("held",), HELD)


def words_of(request: Request) -> Words:
    """The words for what is being done, or was: what was asked for, unless holding was chosen instead."""
    return HOLD if request.decision is Decision.HOLD else KINDS[request.kind]


def asked(request: Request) -> str:
    """`delete 12 messages for good on mx1`."""
    words = KINDS[request.kind]
    return f"{words.ask} {plural(request.messages, 'message')}{words.tail} on {request.host}"


def what(request: Request, addresses: Addresses) -> str:
    """Which messages: the selector as this reader may see it, or the deletion whose mail it is."""
    return request.target_key if request.kind is Kind.PURGE else shown_text(request.selector, addresses)


def command(request: Request) -> str:
    """The command that asks for the same kind of thing, without its selector."""
    return f"/mail {request.kind.verb} {request.host}"


def number_done(request: Request) -> int:
    """How many messages it was done to."""
    counts = request.result.counts if request.result else {}
    return sum(counts.get(outcome, 0) for outcome in words_of(request).outcomes)


def nothing(request: Request) -> str:
    """`Nothing was deleted on mx1.`"""
    words = words_of(request)
    return f"Nothing was {words.past}{words.tail} on {request.host}."


def kept_for(request: Request) -> str:
    """`for 7 d`, where that host said so."""
    retention = request.preview.retention
    return f"for {duration(retention)}" if retention else "as long as its agent.ini says (usually 7 d)"


_CONFIRMED: Mapping[Kind, str] = {
    Kind.DELETE: "This mail is not delivered. The trash keeps it {kept}, and it can be restored until then.",
    Kind.FINAL: "This mail is not delivered, and nothing brings it back.",
    Kind.EXPIRE: "This mail goes back to its senders at the next attempt; where a sender is forged, to a stranger.",
    Kind.PURGE: "It is destroyed in the trash, and nothing brings it back.",
}


def confirmed(request: Request) -> str:
    """What is said last before it is approved: in the dialog, or in the window that stands in for it."""
    return _CONFIRMED[request.kind].format(kept=kept_for(request))

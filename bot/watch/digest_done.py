"""What people did to the mail of a host, for its digest: requests with their ends, and deeds without a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.approvals.model import Decision, Kind, Request
from bot.store.audit import Row
from bot.watch.digest import Asked, Deed

BACK = ("restored", "by_others", "requeued", "on_hold", "past_lifetime", "force_expired", "in_delivery")

MOVED: Mapping[str, tuple[str, ...]] = {
    "flush": ("asked",),
    "hold": ("held",),
    "release": ("released", "requeued"),
    "requeue": ("requeued",),
    "restore": BACK,
    "purge": ("messages",),
}
"""The verbs of the audit chain that are told of, with the counts that say how many messages it was done to."""

DONE: Mapping[Kind, tuple[str, ...]] = {
    Kind.DELETE: ("deleted",),
    Kind.FINAL: ("deleted",),
    Kind.EXPIRE: ("expired", "on_hold"),
    Kind.PURGE: ("purged",),
}


def asked(request: Request) -> Asked:
    """A request as it stands, or as it ended."""
    held = request.decision is Decision.HOLD
    counts = request.result.counts if request.result else None
    outcomes = ("held",) if held else DONE[request.kind]
    moment = request.finished_at or request.decided_at or request.asked_at
    return Asked(
        key=request.key,
        kind=request.kind.value,
        held=held,
        messages=request.messages,
        selector=request.target_key or request.selector,
        asked_by=request.asked_by.id,
        decided_by=request.decided_by.id if request.decided_by else "",
        alone=request.alone,
        state=request.state.value,
        at=int(moment.timestamp()),
        done=None if counts is None else sum(counts.get(outcome, 0) for outcome in outcomes),
        expires_at=int(request.expires_at.timestamp()),
    )


def deeds(rows: Sequence[Row]) -> tuple[Deed, ...]:
    """Rows of the audit chain, those of one person and one verb together, in the order in which they began."""
    together: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        together.setdefault((row.verb, row.actor), []).append(row)
    return tuple(
        Deed(
            verb,
            by,
            len(few),
            sum(_messages(row) for row in few),
            sum(row.outcome == "unknown" for row in few),
        )
        for (verb, by), few in together.items()
    )


def _messages(row: Row) -> int:
    counts = [row.details.get(name, 0) for name in MOVED[row.verb]]
    return sum(count for count in counts if isinstance(count, int))

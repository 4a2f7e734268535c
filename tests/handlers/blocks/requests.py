"""Requests as the store would hand them out, and hostile ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.agent.outcomes import DELETE_OUTCOMES, Outcome
from bot.agent.protocol import Count, QueuedMessage, Recipient, Tally
from bot.approvals.model import (
    Decision,
    Kind,
    Person,
    Policy,
    Preview,
    Request,
    Restoration,
    Result,
    State,
)
from tests.handlers.blocks.hostile import ACTOR, NOW, messages, numbers, texts

ASKED_AT = datetime.fromtimestamp(NOW, UTC)
DECIDER = "U0BOB"
DIGEST = "3f9a2c81d04e" + 52 * "0"


def queued(number: int) -> QueuedMessage:
    to = (Recipient(f"joe{number}@example.org", "connect to example.org: timed out"),)
    return QueuedMessage("deferred", f"4VbXm8dz3kzJ{number}Q", NOW - 7200, 2048, "news@shop.example", to, number)


PREVIEW = Preview(
    messages=341,
    bytes=13_400,
    oldest=NOW - 12_000,
    newest=NOW - 120,
    queues={"deferred": 300, "active": 41},
    senders=Tally((Count("news@shop.example", 341),)),
    domains=Tally((Count("example.org", 300), Count("example.net", 41))),
    reasons=Tally((Count("connect to example.org: timed out", 200),), 3),
    sample=tuple(map(queued, range(1, 6))),
    retention=7 * 86400,
)
PENDING = Request(
    id=57,
    key="57-k3qf",
    kind=Kind.DELETE,
    host="mx1",
    selector="from:news@shop.example",
    target_key="",
    preview=PREVIEW,
    digest=DIGEST,
    policy=Policy(20, 100, 1800, 2),
    workspace="T0",
    channel="C0OPS",
    asked_by=Person(ACTOR, "ana"),
    asked_at=ASKED_AT,
    expires_at=ASKED_AT + timedelta(minutes=30),
    state=State.PENDING,
    revision=1,
)


def decided(state: State, decision: Decision = Decision.APPROVE, **changes: Any) -> Request:
    """The request some minutes later, decided by another person."""
    at = ASKED_AT + timedelta(minutes=2)
    by = Person(DECIDER, "bob")
    return replace(PENDING, state=state, decision=decision, decided_by=by, decided_at=at, revision=3, **changes)


DONE = decided(
    State.DONE,
    typed=True,
    result=Result({"deleted": 338, "gone": 2, "changed": 1}, in_flight=3, kept_bytes=13_000, kept_until=NOW + 604_800),
    left_in_trash=338,
)


def hostile(
    text: str, other: str, message: QueuedMessage, number: int, state: State, kind: Kind, decision: Decision | None
) -> Request:
    """A request in which every text is one of these two; drawing each for itself would take minutes."""
    tally = Tally(tuple(Count(each, number) for each in (text, other, text)), number % 2)
    failures = tuple(Outcome(text, outcome, other) for outcome in (*DELETE_OUTCOMES, text))
    counts = dict.fromkeys((*DELETE_OUTCOMES, "held", "purged", text, other), number)
    known = number % 3 > 0
    somebody, at = Person(ACTOR, text), ASKED_AT
    stays: dict[str, tuple[str, ...]] = dict.fromkeys(("on_hold", "past_lifetime"), (text, other))
    preview = Preview(
        messages=number,
        bytes=number,
        oldest=NOW if known else None,
        newest=NOW,
        queues={"active": number, "hold": 0} if known else None,
        senders=tally,
        domains=tally,
        reasons=tally,
        sample=(message,) * 8,
        retention=number if known else None,
    )
    result = Result(counts, text, number, number, number, NOW if known else None, other, failures)
    return replace(
        PENDING,
        kind=kind,
        selector=text,
        target_key="41-abcd" if kind is Kind.PURGE else "",
        preview=preview,
        digest=DIGEST if known else "",
        asked_by=somebody,
        state=state,
        revision=number,
        decision=decision,
        decided_by=somebody if known else None,
        decided_at=at if known else None,
        typed=known,
        alone=number % 2 > 0,
        only_approver=number % 5 > 0,
        done=number,
        total=number if known else None,
        doing=text,
        result=result if number % 4 else None,
        restorations=(Restoration(somebody, at, counts, failures, stays),) * (number % 5),
        left_in_trash=number,
        purged_at=None if number % 7 else at,
    )


requests = st.builds(
    hostile,
    texts,
    texts,
    messages,
    st.one_of(st.integers(0, 30), numbers),
    st.sampled_from(State),
    st.sampled_from(Kind),
    st.one_of(st.none(), st.sampled_from(Decision)),
)

"""Who may decide what, and what they must do for it: each row of the table, and laws that hold for any request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.actors import Actor, Role
from bot.approvals.model import Decision, Kind, Person, Policy, Preview, Request, State
from bot.approvals.policy import ALWAYS_TYPED, as_decided, number_problem, to_decide, typed_number
from tests.approvals.world import START

ASKER, OTHER = "U0ASKER", "U0OTHER"
TWO, ONE, UNREADABLE = frozenset({ASKER, OTHER}), frozenset({ASKER}), None


def request(messages: int = 10, kind: Kind = Kind.DELETE, self_max: int = 20, typed_over: int = 100) -> Request:
    return Request(
        id=57,
        key="57-k3qf",
        kind=kind,
        host="mx1",
        selector="all",
        target_key="",
        preview=Preview(messages, messages * 1000),
        digest="d" * 64,
        policy=Policy(self_max, typed_over, 1800, 2),
        workspace="T0TEAM",
        channel="C0OPS",
        asked_by=Person(ASKER, "asker"),
        asked_at=START,
        expires_at=START + timedelta(minutes=30),
        state=State.PENDING,
        revision=1,
    )


def actor(user: str, role: Role) -> Actor:
    return Actor(user, user.lower(), role)


NO = (False, False, False, False)
YES = (True, False, False, False)
TYPED = (True, True, False, False)
ALONE = (True, False, True, False)
ALONE_TYPED = (True, True, True, False)
STANDS_IN = (True, True, True, True)

V, O, A = Role.VIEWER, Role.OPERATOR, Role.APPROVER  # noqa: E741
APPROVE, HOLD, DENY, CANCEL = Decision.APPROVE, Decision.HOLD, Decision.DENY, Decision.CANCEL

# The decision, who decides on the ASKER's request, their role, the kind, how many messages, how many of their own they
# confirmed lately, who may approve, and what is needed: allowed, typed, alone, only_approver.
TABLE = [
    # Approving another person's request takes an approver; the number is typed above 100.
    *[(APPROVE, OTHER, role, Kind.DELETE, 10, 0, TWO, NO) for role in (Role.NONE, V, O)],
    (APPROVE, OTHER, A, Kind.DELETE, 1, 0, TWO, YES),
    (APPROVE, OTHER, A, Kind.DELETE, 100, 0, TWO, YES),
    (APPROVE, OTHER, A, Kind.DELETE, 101, 0, TWO, TYPED),
    (APPROVE, OTHER, A, Kind.DELETE, 100_000, 5_000, UNREADABLE, TYPED),
    *[(APPROVE, OTHER, A, kind, 1, 0, TWO, TYPED) for kind in (Kind.FINAL, Kind.EXPIRE, Kind.PURGE)],
    # One's own: up to 20 in an hour.
    *[(APPROVE, ASKER, role, Kind.DELETE, 1, 0, TWO, NO) for role in (Role.NONE, V, O)],
    (APPROVE, ASKER, A, Kind.DELETE, 20, 0, TWO, ALONE),
    (APPROVE, ASKER, A, Kind.DELETE, 21, 0, TWO, NO),
    (APPROVE, ASKER, A, Kind.DELETE, 1, 19, TWO, ALONE),
    (APPROVE, ASKER, A, Kind.DELETE, 1, 20, TWO, NO),
    (APPROVE, ASKER, A, Kind.FINAL, 20, 0, TWO, ALONE_TYPED),
    (APPROVE, ASKER, A, Kind.PURGE, 21, 0, TWO, NO),
    (APPROVE, ASKER, A, Kind.DELETE, 21, 0, UNREADABLE, NO),
    # The only approver types the number instead of asking a second person.
    (APPROVE, ASKER, A, Kind.DELETE, 20, 0, ONE, ALONE),
    (APPROVE, ASKER, A, Kind.DELETE, 21, 0, ONE, STANDS_IN),
    (APPROVE, ASKER, A, Kind.FINAL, 1, 20, ONE, STANDS_IN),
    (APPROVE, ASKER, O, Kind.DELETE, 1, 0, frozenset({OTHER}), NO),
    # Holding instead destroys nothing.
    *[(HOLD, user, role, Kind.DELETE, 100_000, 0, TWO, NO) for user in (ASKER, OTHER) for role in (Role.NONE, V)],
    *[(HOLD, user, role, Kind.FINAL, 100_000, 0, TWO, YES) for user in (ASKER, OTHER) for role in (O, A)],
    (HOLD, OTHER, A, Kind.PURGE, 1, 0, TWO, NO),
    # Denying is for approvers, cancelling for the asker.
    *[(DENY, OTHER, role, Kind.DELETE, 10, 0, TWO, NO) for role in (Role.NONE, V, O)],
    (DENY, OTHER, A, Kind.DELETE, 10, 0, TWO, YES),
    *[(decision, ASKER, role, Kind.DELETE, 10, 0, TWO, YES) for decision in (DENY, CANCEL) for role in (V, O, A)],
    *[(decision, ASKER, Role.NONE, Kind.DELETE, 10, 0, TWO, NO) for decision in (DENY, CANCEL)],
    *[(CANCEL, OTHER, role, Kind.DELETE, 10, 0, TWO, NO) for role in (Role.NONE, V, O, A)],
]


@pytest.mark.parametrize(("decision", "user", "role", "kind", "messages", "recently", "approvers", "needed"), TABLE)
def test_what_a_decision_needs(
    decision: Decision,
    user: str,
    role: Role,
    kind: Kind,
    messages: int,
    recently: int,
    approvers: frozenset[str] | None,
    needed: tuple[bool, bool, bool, bool],
) -> None:
    found = to_decide(request(messages, kind), actor(user, role), decision, approvers, recently)
    assert (found.allowed, found.typed, found.alone, found.only_approver) == needed
    assert found.allowed or found.why.endswith("Nothing was done.")


REQUESTS = st.builds(
    request,
    messages=st.integers(1, 100_000),
    kind=st.sampled_from(Kind),
    self_max=st.integers(0, 100_000),
    typed_over=st.integers(0, 100_000),
)
PEOPLE = st.builds(actor, st.sampled_from([ASKER, OTHER]), st.sampled_from(Role))
GROUPS = st.sampled_from([TWO, ONE, UNREADABLE, frozenset({OTHER}), frozenset[str]()])
RECENTLY = st.integers(0, 200_000)


@given(REQUESTS, PEOPLE, st.sampled_from(Decision), GROUPS, RECENTLY)
def test_nobody_below_an_approver_approves_and_nobody_without_a_role_does_anything(
    asked: Request, by: Actor, decision: Decision, approvers: frozenset[str] | None, recently: int
) -> None:
    found = to_decide(asked, by, decision, approvers, recently)
    if by.role is Role.NONE or (decision is APPROVE and by.role < A):
        assert not found.allowed
    if not found.allowed:
        assert found.why and not (found.typed or found.alone or found.only_approver)


@given(REQUESTS, PEOPLE, GROUPS, RECENTLY)
def test_what_destroys_much_or_for_good_is_never_approved_without_typing(
    asked: Request, by: Actor, approvers: frozenset[str] | None, recently: int
) -> None:
    found = to_decide(asked, by, APPROVE, approvers, recently)
    assume(found.allowed)
    assert found.typed == (
        asked.messages > asked.policy.typed_over or asked.kind in ALWAYS_TYPED or found.only_approver
    )


@given(REQUESTS, GROUPS, RECENTLY)
def test_more_than_the_limit_is_confirmed_alone_only_by_the_only_approver(
    asked: Request, approvers: frozenset[str] | None, recently: int
) -> None:
    found = to_decide(asked, actor(ASKER, A), APPROVE, approvers, recently)
    within = recently + asked.messages <= asked.policy.self_max
    assert found.allowed == (within or approvers == ONE)
    assert found.only_approver == (found.allowed and not within)


@given(REQUESTS, PEOPLE, st.sampled_from(Decision), GROUPS, RECENTLY)
def test_a_higher_role_may_whatever_a_lower_one_may(
    asked: Request, by: Actor, decision: Decision, approvers: frozenset[str] | None, recently: int
) -> None:
    assume(to_decide(asked, by, decision, approvers, recently).allowed)
    for role in Role:
        if role > by.role:
            assert to_decide(asked, actor(by.id, role), decision, approvers, recently).allowed


def test_an_asker_who_denies_cancels() -> None:
    assert as_decided(request(), actor(ASKER, A), DENY) is CANCEL
    assert as_decided(request(), actor(OTHER, A), DENY) is DENY


@pytest.mark.parametrize("text", ["1204", "1,204", "1 204", " 1204 ", "1\u202f204", "1\u00a0204"])
def test_a_number_may_be_typed_as_people_write_it(text: str) -> None:
    assert typed_number(text) == 1204
    assert number_problem(request(1204), text) == ""


@pytest.mark.parametrize(
    "text", ["", "1203", "12 04", "1,2,0,4", "1204 messages", "1.204", "-1204", "١٢٠٤", "0x4b4", "9" * 99]
)
def test_anything_else_is_said_back(text: str) -> None:
    assert "and 1,204 was expected" in number_problem(request(1204), text)


def test_a_control_character_is_not_said_back() -> None:
    assert "\x1b" not in number_problem(request(), "\x1b[2J10")

"""Roles nest, the highest list wins, and a group that can't be read grants nothing."""

import pytest

from bot.actors import NEEDED, Actor, Role, Roster

ROSTER = Roster(
    viewers=("U1", "U4"),
    operators=("U2", "SOPS"),
    approvers=("login:ana", "U4", "SGONE"),
    groups={"SOPS": frozenset({"U3", "U1"}), "SGONE": None},
)


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ("U1", Role.OPERATOR),
        ("U2", Role.OPERATOR),
        ("U3", Role.OPERATOR),
        ("U4", Role.APPROVER),
        ("login:ana", Role.APPROVER),
        ("login:ANA", Role.NONE),
        ("ana", Role.NONE),
        ("SOPS", Role.NONE),
        ("SGONE", Role.NONE),
        ("U9", Role.NONE),
        ("", Role.NONE),
    ],
)
def test_the_highest_list_that_names_somebody_gives_the_role(user: str, role: Role) -> None:
    assert ROSTER.role(user) is role


@pytest.mark.parametrize("verb", sorted(NEEDED))
def test_each_role_may_do_what_the_ones_below_it_may(verb: str) -> None:
    allowed = [Actor("U1", "x", role).may(verb) for role in Role]
    assert allowed == sorted(allowed)
    assert allowed[Role.APPROVER]


def test_who_may_do_it_is_told_with_the_nearest_role_first() -> None:
    assert ROSTER.who_may("hold") == ("U2", "SOPS", "login:ana", "U4", "SGONE")
    assert ROSTER.who_may("status") == ("U1", "U4", "U2", "SOPS", "login:ana", "SGONE")


def test_each_group_that_a_list_names_is_told_once() -> None:
    assert ROSTER.group_ids() == ("SOPS", "SGONE")

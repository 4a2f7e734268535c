"""Who may do what: people, the clock, their roles, and the roster that gives the roles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """Roles nest: each may do what the ones below it may."""

    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    APPROVER = 3

    @property
    def label(self) -> str:
        return {0: "no role", 1: "viewer", 2: "operator", 3: "approver"}[self.value]


# What a verb asks of the person who wants it. Hold needs no approval: it is the safe first answer. For what destroys
# mail this is the role to ask for it; to decide it, see "approve" and bot/approvals/policy.py.
NEEDED: Mapping[str, Role] = {
    "help": Role.NONE,
    "status": Role.VIEWER,
    "queue": Role.VIEWER,
    "show": Role.VIEWER,
    "check": Role.VIEWER,
    "rbl": Role.VIEWER,
    "flush": Role.OPERATOR,
    "hold": Role.OPERATOR,
    "release": Role.OPERATOR,
    "requeue": Role.OPERATOR,
    "restore": Role.OPERATOR,
    "delete": Role.OPERATOR,
    "expire": Role.OPERATOR,
    "purge": Role.OPERATOR,
    "trash": Role.VIEWER,
    "pending": Role.VIEWER,
    "audit": Role.VIEWER,
    "alerts": Role.VIEWER,
    "acknowledge": Role.OPERATOR,
    "unacknowledge": Role.OPERATOR,
    "snooze": Role.OPERATOR,
    "unsnooze": Role.OPERATOR,
    "mute": Role.OPERATOR,
    "unmute": Role.OPERATOR,
    "digest": Role.VIEWER,
    "approve": Role.APPROVER,
    "doctor": Role.APPROVER,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """One person (or the clock) with the role that the roster gives. `id` is a Slack user ID, or `login:NAME`."""

    id: str
    name: str
    role: Role

    def may(self, verb: str) -> bool:
        return self.role >= NEEDED[verb]


def is_group(member: str) -> bool:
    return member.startswith("S")


@dataclass(slots=True)
class Roster:
    """The settings' lists, with user groups resolved to people.

    `groups` maps a user group's ID to its members, or to None when it could not be read: such a group grants nothing.
    The front end that can ask for the groups refreshes it.
    """

    viewers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    groups: dict[str, frozenset[str] | None] = field(default_factory=dict)

    def role(self, user: str) -> Role:
        """The highest role that a list gives to this user; none when no list names them."""
        for role, members in (
            (Role.APPROVER, self.approvers),
            (Role.OPERATOR, self.operators),
            (Role.VIEWER, self.viewers),
        ):
            if user in self._people(members):
                return role
        return Role.NONE

    def who_may(self, verb: str) -> tuple[str, ...]:
        """The roster entries (users, groups, logins) that may do this, the nearest role first."""
        lists = (self.viewers, self.operators, self.approvers)
        entries = [entry for members in lists[max(NEEDED[verb], Role.VIEWER) - 1 :] for entry in members]
        return tuple(dict.fromkeys(entries))

    def people(self, role: Role) -> frozenset[str] | None:
        """Everybody with at least this role; None when a user group that may grant it could not be read."""
        lists = {Role.VIEWER: self.viewers, Role.OPERATOR: self.operators, Role.APPROVER: self.approvers}
        members = [entry for each, entries in lists.items() if each >= role for entry in entries]
        if any(is_group(entry) and self.groups.get(entry) is None for entry in members):
            return None
        return frozenset(self._people(members))

    def group_ids(self) -> tuple[str, ...]:
        """Every user group that the settings name."""
        entries = (*self.viewers, *self.operators, *self.approvers)
        return tuple(dict.fromkeys(entry for entry in entries if is_group(entry)))

    def _people(self, members: Iterable[str]) -> set[str]:
        people: set[str] = set()
        for member in members:
            if is_group(member):
                people |= self.groups.get(member) or frozenset()
            else:
                people.add(member)
        return people

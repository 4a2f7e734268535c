"""Who may decide on a request, and what they must do for it: a pure function of the stakes, the person and the roster.

| decision | who may                                                                                               |
| -------- | ----------------------------------------------------------------------------------------------------- |
| approve  | an approver; their own request up to `self_max` messages in 60 minutes, or as the only approver        |
| hold     | an operator or approver, the asker too: it destroys nothing                                            |
| deny     | an approver; the asker, for whom it is a cancel                                                        |
| cancel   | the asker                                                                                             |

To approve more than `typed_over` messages, a final deletion, an expiry or a purge, the number of messages is typed; so
it is by an only approver, for whom the typed number stands in for a second person.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.actors import Actor, Role
from bot.approvals.model import Decision, Kind, Request, State
from bot.text import duration, plural, presentable

OWN_RECENTLY = timedelta(minutes=60)
"""For so long the messages that a person confirmed for themselves count against `self_max`."""

ALWAYS_TYPED = frozenset({Kind.FINAL, Kind.EXPIRE, Kind.PURGE})


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one decision by one person needs.

    `why` is written for that person: why not, and who may, when it is not `allowed`; else what they have to do.
    `typed`: the number of messages must be typed. `alone`: they confirm their own request. `only_approver`: nobody else
    may approve, and the typed number stands in for a second person.
    """

    allowed: bool
    why: str = ""
    typed: bool = False
    alone: bool = False
    only_approver: bool = False


def to_decide(
    request: Request, by: Actor, decision: Decision, approvers: frozenset[str] | None, own_recently: int
) -> Requirement:
    """What this person needs for this decision; the rules recorded with the request hold.

    `approvers` are everybody who may approve now; None (a user group can't be read) counts as more than one.
    `own_recently` counts the messages of other requests that the person confirmed for themselves within OWN_RECENTLY.
    """
    own = by.id == request.asked_by.id
    match decision:
        case Decision.APPROVE:
            return _to_approve(request, by, own, approvers, own_recently)
        case Decision.HOLD if request.kind is Kind.PURGE:
            return _refused("What lies in the trash is in no queue, so it can't be held. It can be restored instead.")
        case Decision.HOLD:
            if by.may("hold"):
                return Requirement(True)
            return _refused(f"Holding is for operators and approvers; {_role(by)}.")
        case Decision.DENY:
            if by.may("approve") or (own and by.role > Role.NONE):
                return Requirement(True)
            return _refused(f"Denying is for approvers, and for {request.asked_by.name}, who asked; {_role(by)}.")
        case Decision.CANCEL:
            if own and by.role > Role.NONE:
                return Requirement(True)
            who = f"{_role(by)} any more" if own else "an approver can deny it"
            return _refused(f"Only {request.asked_by.name}, who asked for it, can cancel it; {who}.")


def _to_approve(
    request: Request, by: Actor, own: bool, approvers: frozenset[str] | None, own_recently: int
) -> Requirement:
    if not by.may("approve"):
        return _refused(f"Approving is for approvers; {_role(by)}.")
    typed = request.kind in ALWAYS_TYPED or request.messages > request.policy.typed_over
    number = f"Type the number of messages, {request.messages:,}, to approve."
    if not own:
        return Requirement(True, number if typed else "", typed=typed)
    if own_recently + request.messages <= request.policy.self_max:
        return Requirement(True, number if typed else "", typed=typed, alone=True)
    if approvers == frozenset({by.id}):
        return Requirement(
            True,
            f"You are the only approver, so the typed number stands in for a second person. {number}",
            typed=True,
            alone=True,
            only_approver=True,
        )
    return _refused(
        f"You asked for this yourself, and it is more than you can confirm alone: {_limit(request, own_recently)} "
        "Another approver can approve it."
    )


def _limit(request: Request, own_recently: int) -> str:
    within = f"in {duration(OWN_RECENTLY.total_seconds())}"
    before = f" You confirmed {own_recently:,} of your own before this one." if own_recently else ""
    return f"{plural(request.messages, 'message')}, where the limit is {request.policy.self_max:,} {within}.{before}"


def _refused(why: str) -> Requirement:
    return Requirement(False, f"{why} Nothing was done.")


def _role(by: Actor) -> str:
    if by.role is Role.NONE:
        return "you have no role here"
    return f"you are {'an' if by.role.label[0] in 'aeiou' else 'a'} {by.role.label} here"


def as_decided(request: Request, by: Actor, decision: Decision) -> Decision:
    """What the decision is called in the record: an asker who denies their own request cancels it."""
    own = by.id == request.asked_by.id
    return Decision.CANCEL if decision is Decision.DENY and own else decision


# What a decision makes of a pending request.
BECOMES = {
    Decision.APPROVE: State.APPROVED,
    Decision.HOLD: State.HELD,
    Decision.DENY: State.DENIED,
    Decision.CANCEL: State.CANCELLED,
}

_NUMBER = re.compile(r"[0-9]+|[0-9]{1,3}(?:[\s,][0-9]{3})+")


def typed_number(text: str) -> int | None:
    """The number that a person typed: `1204`, `1,204` or `1 204`. None for anything else."""
    text = text.strip()
    return int(re.sub(r"[\s,]", "", text)) if len(text) <= 20 and _NUMBER.fullmatch(text) else None


def number_problem(request: Request, text: str) -> str:
    """What is wrong with the number that was typed; empty when it is the right one."""
    if typed_number(text) == request.messages:
        return ""
    said = f"You typed “{presentable(text.strip(), 40)}”" if text.strip() else "No number was typed"
    return f"{said}, and {request.messages:,} was expected: the number of messages. Nothing was done."

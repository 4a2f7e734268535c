"""Lines that several cards of a request have: who asked and who decided, when and how, and the small print."""

from datetime import datetime

from bot.approvals.model import Decision, Request
from bot.text import clock
from handlers.blocks.kit import Block, Element, context
from handlers.blocks.request_words import DIGEST
from handlers.blocks.rich import Line, person


def asked_line(request: Request) -> Line:
    return ["Asked by ", person(request.asked_by.id), f", {at(request.asked_at)}"]


def decided_line(request: Request) -> Line:
    chose = "Holding them instead chosen by " if request.decision is Decision.HOLD else "Approved by "
    return [chose, *decider(request), f", {at(request.decided_at)}{_how(request)}"]


def people_line(request: Request) -> Line:
    """Who asked and who decided, when and how, in one line."""
    chose = " · hold chosen by " if request.decision is Decision.HOLD else " · approved by "
    return [
        "Asked by ",
        person(request.asked_by.id),
        chose,
        *decider(request),
        f", {at(request.decided_at)}{_how(request)}",
    ]


def _how(request: Request) -> str:
    """What there is to know of an approval: `, their own request, the number typed`."""
    parts = []
    if request.only_approver:
        parts.append("who asked for it too and is the only approver there is")
    elif request.alone:
        parts.append("who asked for it too")
    if request.typed:
        parts.append("the number typed")
    return "".join(f", {part}" for part in parts)


def decider(request: Request) -> list[str | Element]:
    return [person(request.decided_by.id)] if request.decided_by else ["nobody"]


def small_print(request: Request, last: str = "") -> Block:
    """The request's key, the digest of its list, and something more."""
    more = f" · {last}" if last else ""
    listed = f" · list {request.digest[:DIGEST]}" if request.digest else ""
    return context(f"Request {request.key}{listed}{more}")


def at(moment: datetime | None) -> str:
    return clock(moment.timestamp()) if moment else "at a time that is not known"

"""A request that never reached the mail host: denied, cancelled, too late. Nothing was done; the card says it first."""

from collections.abc import Callable, Mapping

from bot.approvals.model import Request, State
from bot.text import Addresses, shown_text
from handlers.blocks.kit import Card, Element, card
from handlers.blocks.request_lines import at, decided_line, decider, small_print
from handlers.blocks.request_words import asked, command, nothing, what
from handlers.blocks.rich import Line, bold, code, person, say

# Requests that never reached the host: what is said first, and what can be done now.
NEVER_BEGUN: Mapping[State, Callable[[Request], Line]] = {
    State.DENIED: lambda request: ["Denied by ", *decider(request), f", {at(request.decided_at)}."],
    State.CANCELLED: lambda request: ["Cancelled by ", *decider(request), f", {at(request.decided_at)}."],
    State.EXPIRED: lambda request: [
        f"Nobody decided before {at(request.expires_at)}. To ask again: ",
        code(f"{command(request)} …"),
    ],
    State.NOT_BEGUN: lambda request: [
        f"{request.host} could not be asked in time after the approval, so it did not begin. Once the host answers "
        "again, ask anew: ",
        code(f"{command(request)} …"),
    ],
}


def never(request: Request, addresses: Addresses, head: str) -> Card:
    why = NEVER_BEGUN[request.state](request)
    decided = [decided_line(request)] if request.state is State.NOT_BEGUN else []
    text = request.result.text if request.result else ""
    return card(
        f"{nothing(request)} {plainly(request)}",
        say([bold(nothing(request)), " ", *([why] if isinstance(why, str) else why)]),
        say(
            [person(request.asked_by.id), f" had asked to {asked(request)}: ", code(what(request, addresses), 300)],
            *decided,
        ),
        say(shown_text(text, addresses)) if text else None,
        last=[small_print(request, f"audit {head}" if head else "")],
    )


def plainly(request: Request) -> str:
    """How it ended, for those who only hear it."""
    name = request.decided_by.name if request.decided_by else ""
    return "".join(part if isinstance(part, str) else name for part in briefly(request))


def briefly(request: Request) -> list[str | Element]:
    """The same for those who see it, with the person as everywhere."""
    endings: Mapping[State, list[str | Element]] = {
        State.DENIED: ["Denied by ", *decider(request), "."],
        State.CANCELLED: ["Cancelled by ", *decider(request), "."],
        State.EXPIRED: ["Nobody decided in time."],
        State.NOT_BEGUN: [f"{request.host} could not be asked in time."],
    }
    return endings[request.state]

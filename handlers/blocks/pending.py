"""The requests that are open, for one person alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.approvals.model import Request, State
from bot.text import duration, plural
from handlers.blocks.kit import Card, card
from handlers.blocks.request_words import asked
from handlers.blocks.rich import Line, bold, channel, code, link, paragraph, person, rich, say

SHOWN = 20

# Where an open request stands, in words.
STANDS: Mapping[State, str] = {
    State.PENDING: "waits for a decision",
    State.APPROVED: "approved, about to begin",
    State.HELD: "to be held instead, about to begin",
    State.EXECUTING: "under way",
    State.UNKNOWN: "the host has not answered yet; it is asked again",
}


def pending(requests: Sequence[Request], now: datetime, links: Sequence[str] = ()) -> Card:
    """Oldest first, each with the channel in which its card stands; `links` lead to the cards of the first ones.

    A link is empty where there is none.
    """
    if not requests:
        return card("Nothing is waiting for a decision.", say("Nothing is waiting for a decision, or under way."))
    title = f"{plural(len(requests), 'request is', 'requests are')} open"
    more = len(requests) - SHOWN
    return card(
        title,
        say([bold(title)]),
        *[
            rich(paragraph(*_lines(each, now, address)))
            for each, address in zip(requests[:SHOWN], [*links, *[""] * SHOWN], strict=False)
        ],
        say(f"… and {more:,} more") if more > 0 else None,
    )


def _lines(request: Request, now: datetime, address: str) -> list[Line]:
    age = duration((now - request.asked_at).total_seconds())
    return [
        [bold(request.key), f" {asked(request)}: ", code(request.target_key or request.selector, 200)],
        [
            person(request.asked_by.id),
            f" asked {age} ago; {_stands(request, now)}. ",
            link(address, "Its card") if address else "Its card",
            " is in ",
            channel(request.channel),
            ".",
        ],
    ]


def _stands(request: Request, now: datetime) -> str:
    stands = STANDS.get(request.state, request.state.value)
    if request.state is State.PENDING:
        return f"{stands}, for another {duration((request.expires_at - now).total_seconds())}"
    if request.state is State.EXECUTING and request.total:
        return f"{stands}, {request.done:,} of {request.total:,} {request.doing}".rstrip()
    return stands

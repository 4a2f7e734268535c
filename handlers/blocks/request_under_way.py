"""A request that was approved: how far the host is with it, or that it has not answered yet."""

from bot.approvals.model import Decision, Request, State
from bot.text import Addresses, plural, shown_text
from handlers.blocks.kit import Card, card
from handlers.blocks.notice import progress
from handlers.blocks.request_lines import asked_line, decided_line, decider, small_print
from handlers.blocks.request_words import what, words_of
from handlers.blocks.rich import bold, code, say


def under_way(request: Request, addresses: Addresses) -> Card:
    """Decided and not over: about to be asked of the host, being carried out, or without an answer."""
    if request.state is State.UNKNOWN:
        return _unknown(request, addresses)
    words = words_of(request)
    doing = f"{words.doing} {plural(request.messages, 'message')}{words.tail} on {request.host}"
    chose = " approved: " if request.decision is Decision.APPROVE else " chose to hold instead: "
    opening = say([*decider(request), chose, bold(doing), ", ", code(what(request, addresses), 300)])
    waiting = request.state is not State.EXECUTING
    text = f"{request.host} is about to be asked …" if waiting else request.doing
    shown = progress([opening], 0 if waiting else request.done, None if waiting else request.total, text)
    return card(
        f"{doing[0].upper()}{doing[1:]}. {shown.text}",
        *shown.blocks,
        say(asked_line(request), decided_line(request)),
        last=[small_print(request)],
    )


def _unknown(request: Request, addresses: Addresses) -> Card:
    words = words_of(request)
    deed = f"{words.ask} {plural(request.messages, 'message')}{words.tail}"
    headline = f"{request.host} was asked to {deed}, and no answer came"
    return card(
        f"{headline}.",
        say(
            [bold(f"{headline}: "), "how far it got is not known yet."],
            "The bot asks again by itself until the host says what it did. Nothing has to be done twice: don't ask for "
            "it anew.",
        ),
        say([code(what(request, addresses), 300)], asked_line(request), decided_line(request)),
        say(shown_text(request.result.text, addresses)) if request.result and request.result.text else None,
        last=[small_print(request)],
    )

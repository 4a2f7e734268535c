"""The windows of a request: the one in which the number is typed, and the whole list, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity
from bot.approvals.model import Request
from bot.text import clock, plural, presentable, size
from handlers.blocks.kit import Block, Element, actions, button, context, packed, plain, unpacked
from handlers.blocks.outcomes import became as in_words
from handlers.blocks.request_words import DIGEST, KINDS, asked, confirmed, words_of
from handlers.blocks.rich import Line, bold, bullets, code, rich, say, words

View = dict[str, Any]

PAGE = 20
NUMBER, TYPED = "number", "typed"
"""The block and the field in which the number stands."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a window remembers: the channel whose people it works for, the request, its revision, the number to type."""

    channel: str
    request_id: int
    revision: int
    number: int = 0

    def packed(self) -> str:
        return packed(self.channel, self.request_id, self.revision, self.number)


def kept(view: Mapping[str, Any]) -> Kept:
    """Raises UserError when this window is not one of these."""
    return Kept(*unpacked(str(view.get("private_metadata") or ""), str, int, int, int))


def number_typed(view: Mapping[str, Any]) -> str:
    """What stands in the field of the window that was sent."""
    return str(view["state"]["values"][NUMBER][TYPED].get("value") or "")


def typing(request: Request, why: str, channel: str) -> View:
    """The window that asks for the number; `why` says what it stands for, where that is more than a second look."""
    return {
        "type": "modal",
        "callback_id": "request.typed",
        "private_metadata": Kept(channel, request.id, request.revision, request.messages).packed(),
        "title": plain("Type the number", 24),
        "submit": plain(KINDS[request.kind].ask.capitalize(), 24),
        "close": plain("Cancel", 24),
        "blocks": [
            say([bold(f"You are about to {asked(request)}.")], confirmed(request), *([why] if why else [])),
            {
                "type": "input",
                "block_id": NUMBER,
                "label": plain(f"How many messages? Type {request.messages:,}", 200),
                "element": {"type": "plain_text_input", "action_id": TYPED, "max_length": 20, "focus_on_load": True},
            },
        ],
    }


def reading(request: Request, channel: str) -> View:
    """What is seen until the list is there: a window must be opened at once."""
    return _window(request, [say("Reading the list …")], Kept(channel, request.id, request.revision))


def whole(
    request: Request,
    identities: Sequence[Identity] | None,
    outcomes: Sequence[Outcome] | None,
    page: int,
    channel: str,
) -> View:
    """One page of the list, for one person alone, with what became of each message where that is known.

    `identities` are None when they are forgotten.
    """
    remembers = Kept(channel, request.id, request.revision)
    if identities is None:
        text = "The list is no longer kept: addresses are forgotten after 30 days. Its number and its digest remain."
        return _window(request, [say([bold(asked(request))], text), _small_print(request)], remembers)
    last = max(0, (len(identities) - 1) // PAGE)
    page = min(max(0, page), last)
    shown = identities[PAGE * page : PAGE * (page + 1)]
    became = {each.queue_id: each for each in outcomes or ()}
    title = f"{PAGE * page + 1:,}–{PAGE * page + len(shown):,} of {plural(len(identities), 'message')}, by queue ID"
    since = "So it was at the end of it; what was restored since, the card says." if request.restorations else ""
    blocks: list[Block | None] = [
        say([bold(asked(request))], title if shown else "The list is empty.", *([since] if since else [])),
        rich(bullets(*[_line(each, became.get(each.queue_id), words_of(request).names) for each in shown]))
        if shown
        else None,
        actions(f"list:{request.id}:{page}", _turns(request, page, last)),
        _small_print(request),
    ]
    return _window(request, [block for block in blocks if block], remembers)


def _window(request: Request, blocks: Sequence[Block], remembers: Kept) -> View:
    return {
        "type": "modal",
        "callback_id": "request.whole",
        "private_metadata": remembers.packed(),
        "title": plain(f"Request {request.key}", 24),
        "close": plain("Close", 24),
        "blocks": list(blocks),
    }


def _line(each: Identity, outcome: Outcome | None, names: Mapping[str, str]) -> Line:
    became: list[str | Element] = []
    if outcome:
        became = [" – ", words(in_words(outcome, names), 300)]
    arrived = f" {clock(each.arrival_time)}, {size(each.message_size)}, "
    return [code(each.queue_id, 40), arrived, words(each.sender, 120), *became]


def _turns(request: Request, page: int, last: int) -> list[Element]:
    buttons = []
    if page > 0:
        buttons.append(button("Previous", "request.previous", packed(request.id, page - 1)))
    if page < last:
        buttons.append(button("Next", "request.next", packed(request.id, page + 1)))
    if last > 0:
        buttons.append(button("Send me the whole list as a file", "request.file", packed(request.id)))
    return buttons


def _small_print(request: Request) -> Block:
    digest = f" The list's SHA-256 begins with {request.digest[:DIGEST]}." if request.digest else ""
    return context(f"Only you see this.{digest}")


def as_file(request: Request, identities: Sequence[Identity], outcomes: Sequence[Outcome] | None) -> str:
    """The whole list, tab-separated: ID, arrival, size, sender, and what became of it where that is known.

    `outcome` is the agent's word, to be counted and sorted by; the column after it says it to people.
    """
    became, names = {each.queue_id: each for each in outcomes or ()}, words_of(request).names
    heading = ["queue_id", "arrival_time", "message_size", "sender", *(["outcome", "became"] if outcomes else [])]
    lines = ["\t".join(heading)]
    for each in identities:
        known = became.get(each.queue_id)
        outcome = [known.outcome, in_words(known, names)] if known else ["", ""]
        cells = [each.queue_id, clock(each.arrival_time), str(each.message_size), each.sender]
        lines.append("\t".join(_cell(cell) for cell in [*cells, *(outcome if outcomes else [])]))
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text that stays in its cell, and that no spreadsheet takes for a formula."""
    shown = presentable(text, 2000)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown

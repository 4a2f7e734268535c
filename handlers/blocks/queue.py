"""One page of a mail queue, for the person who asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.agent.protocol import Cursor, Listing, QueuedMessage
from bot.agent.queueid import is_queue_id
from bot.agent.reasons import grouped
from bot.text import duration, plural, size
from handlers.blocks.kit import Block, Card, actions, button, card, fits, packed, select, table, unpacked
from handlers.blocks.rich import bold, say

PAGE = 10
HEADING = ("ID", "Queue", "Age", "Size", "Sender", "Recipient", "Why")
RIGHT = (2, 3)
WIDTHS = (220, 120, 70, 40)
"""Cells are cut to the first of these widths with which the message is one that Slack takes."""

ORDERS = {"age": "oldest first", "size": "largest first", "sender": "by sender"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is a page of: a selector as text (empty: everything) and one of protocol.SORTS."""

    host: str
    selector: str
    sort: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the page, as its button remembers it: `forward` from, or back from, the entry at the page's edge."""

    asked: Asked
    forward: bool
    key: str
    queue_id: str

    def packed(self) -> str:
        """Raises UserError when the selector is too long for a button."""
        asked = self.asked
        return packed(asked.host, asked.selector, asked.sort, int(self.forward), self.key, self.queue_id)

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.key, self.queue_id)


def turn(value: str) -> Turn:
    """The turn that a button's value remembers. Raises UserError when it is none."""
    host, selector, sort, forward, key, queue_id = unpacked(value, str, str, str, int, str, str)
    return Turn(Asked(host, selector, sort), bool(forward), key, queue_id)


def sort_key(message: QueuedMessage, sort: str) -> str:
    """What a listing in this order is sorted by, as its cursors spell it."""
    return {"age": str(message.arrival_time), "size": str(message.message_size), "sender": message.sender}[sort]


def page(asked: Asked, listing: Listing, revision: str) -> Card:
    """Ten messages of a listing, and the buttons that turn the page. Raises UserError as Turn.packed()."""
    matching = listing.summary.messages
    last = [_buttons(asked, listing, revision), _choice(asked, listing.page, revision)]
    opening = [say([bold(title(asked, listing))], *_warnings(listing))]
    text = title(asked, listing)
    if not listing.page:
        return card(text, *opening, say(_empty(asked, listing, matching)), last=last)
    for width in WIDTHS:
        rows = [_row(message, listing.taken_at) for message in listing.page]
        blocks = [*opening, table(HEADING, rows, width=width, right=RIGHT)]
        if fits([*blocks, *(block for block in last if block)]):
            break
    return card(text, *blocks, last=last)


def title(asked: Asked, listing: Listing) -> str:
    """`mx1, deferred from:@example.org: 11–20 of 3,412, oldest first`."""
    what = f"{asked.host}, {asked.selector}" if asked.selector else asked.host
    if not listing.page:
        return what
    matching, first = listing.summary.messages, listing.position + 1
    most = f"{matching:,}" if listing.complete else f"at least {matching:,}"
    return f"{what}: {first:,}–{listing.position + len(listing.page):,} of {most}, {ORDERS[asked.sort]}"


def _warnings(listing: Listing) -> list[str]:
    warnings = []
    if not listing.complete:
        warnings.append(f"Only a part of the queue could be read: {listing.problem}")
    if not listing.mail_system_up:
        warnings.append("Postfix is down: the queue stands still.")
    return warnings


def _empty(asked: Asked, listing: Listing, matching: int) -> str:
    if matching:
        return f"This page is empty now; {plural(matching, 'message')} match. The queue has moved: look at its start."
    if not listing.complete:
        return "Nothing was found in the part that could be read. What lies in the rest is not known."
    if not listing.total:
        return "Nothing is queued."
    what = plural(listing.total, "message is", "messages are")
    return f"Nothing matches. {what} queued; /mail queue {asked.host} shows them all."


def _row(message: QueuedMessage, now: float) -> Sequence[str]:
    first = message.recipients[0] if message.recipients else None
    more = max(message.recipient_count, len(message.recipients)) - 1
    recipient = "none left" if first is None else f"{first.address} +{more:,}" if more > 0 else first.address
    return (
        message.queue_id,
        message.queue_name,
        duration(now - message.arrival_time),
        size(message.message_size),
        message.sender,
        recipient,
        grouped(first.delay_reason) if first else "",
    )


def _buttons(asked: Asked, listing: Listing, revision: str) -> Block | None:
    buttons = []
    if listing.page and listing.position > 0:
        first = listing.page[0]
        back = Turn(asked, False, sort_key(first, asked.sort), first.queue_id)
        buttons.append(button("Previous", "queue.previous", back.packed()))
    if listing.page and listing.position + len(listing.page) < listing.summary.messages:
        last = listing.page[-1]
        on = Turn(asked, True, sort_key(last, asked.sort), last.queue_id)
        buttons.append(button("Next", "queue.next", on.packed()))
    if not listing.page and listing.summary.messages:
        buttons.append(button("First page", "queue.first", packed(asked.host, asked.selector, asked.sort)))
    return actions(f"queue:{revision}", buttons)


def _choice(asked: Asked, messages: Sequence[QueuedMessage], revision: str) -> Block | None:
    """The list of this page's messages. The host stands in the block's ID: an option's value holds 75 characters."""
    # A message on its way from one queue to another is listed twice, and Slack takes no value twice.
    options = {each.queue_id: f"{each.queue_id} {each.sender}" for each in messages if is_queue_id(each.queue_id)}
    if not options:
        return None
    choices = [(text, queue_id) for queue_id, text in options.items()]
    return actions(f"message:{asked.host}:{revision}", [select("Message …", "queue.message", choices)])


def host_of(block_id: str) -> str:
    """The mail host that _choice() put into a block's ID."""
    return block_id.split(":")[1] if block_id.count(":") >= 2 else ""

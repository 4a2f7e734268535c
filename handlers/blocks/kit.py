"""Block Kit, its limits kept by construction: what leaves for Slack is built here (docs.slack.dev/reference/block-kit).

Text is hostile until proven otherwise. What comes from mail goes into rich text, raw text or plain text, where Slack
looks for no mention, link or formatting; `presentable` takes away what could reorder or hide it. Lengths are counted
as Slack counts them, in UTF-16 units.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.errors import UserError
from bot.text import presentable, shortened

Block = dict[str, Any]
Element = dict[str, Any]
MESSAGE_JSON = 13_000
"""All blocks of one message together, as compact JSON; Slack's limit is not documented and lies at some 13,200."""
MESSAGE_BLOCKS = 50
VALUE = 2000
NOTIFICATION = 3000
FILE_ID = "F" * 16
"""As long as any of Slack's file IDs."""
NOTHING = "–"
"""Stands where there is no text: Slack refuses an empty one."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that a card shows. `name` is its file's name; `alt` says all that it shows, for who does not see it.

    `make` is asked for the bytes right before they may be uploaded: the same ones for the same picture, which is then
    uploaded once. Whatever takes long belongs in a thread: `lambda: asyncio.to_thread(draw, series)`.
    """

    name: str
    alt: str
    make: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Card:
    """One message: `text` is the notification and what a screen reader says, `blocks` are what is seen.

    `picture` stands before the block numbered `picture_at`. Only what goes through the outbox shows it.
    """

    text: str
    blocks: tuple[Block, ...]
    picture: Picture | None = None
    picture_at: int = 0

    def with_block(self, block: Block) -> "Card":
        """The card with this block where its picture belongs: the picture itself, or the line in place of it."""
        blocks = (*self.blocks[: self.picture_at], block, *self.blocks[self.picture_at :])
        return replace(self, blocks=blocks, picture=None)


def length(text: str) -> int:
    """Characters as Slack counts them: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """At most `limit` units of text that can't act; `–` when nothing visible is left."""
    shown = presentable(text, limit)
    if length(shown) > limit:
        shown = shortened(_fitted(shown, limit - 1))
    return shown if shown.strip() else NOTHING


def _fitted(text: str, limit: int) -> str:
    """The beginning of a text, with no half character at its end."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore")


def escaped(text: str, limit: int) -> str:
    """Text for mrkdwn or a message's `text`: `& < >` as entities, which disarms mentions and disguised links."""
    whole = cut(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if length(whole) <= limit:
        return whole
    return shortened(re.sub(r"&[a-z]*\Z", "", _fitted(whole, limit - 1)))


def plain(text: str, limit: int) -> Element:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


# Other blocks --------------------------------------------------------------------------------------------------------


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, 150)}


def fields(pairs: Sequence[tuple[str, str]]) -> Block:
    """Up to ten labelled values, two beside each other where there is room; for our own words and numbers."""
    return {
        "type": "section",
        "fields": [
            {"type": "mrkdwn", "text": f"*{escaped(label, 100)}*\n{escaped(value, 1800)}", "verbatim": True}
            for label, value in pairs[:10]
        ],
    }


def context(*texts: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [plain(text, 1000) for text in texts[:10]]}


def image(file_id: str, alt: str) -> Block:
    """A file of the app's own; Slack must have processed it."""
    return {"type": "image", "slack_file": {"id": file_id}, "alt_text": cut(alt, 2000)}


def table(
    heading: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 200, right: Sequence[int] = ()
) -> Block:
    """A table of raw text, each cell cut to `width`; the columns numbered in `right` are set flush right.

    Slack takes one table a message, 100 rows of 20 cells, 10,000 characters in all.
    """
    lines = [heading, *rows][:100]
    return {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": cut(cell, width)} for cell in line[:20]] for line in lines],
        "column_settings": [
            {"align": "right" if column in right else "left", "is_wrapped": True} for column in range(len(heading[:20]))
        ],
    }


# What can be pressed -------------------------------------------------------------------------------------------------


def confirm(title: str, text: str, yes: str, no: str = "Cancel") -> Element:
    return {"title": plain(title, 100), "text": plain(text, 300), "confirm": plain(yes, 30), "deny": plain(no, 30)}


def button(
    text: str, action_id: str, value: str, *, style: str | None = None, confirm: Element | None = None
) -> Element:
    """A button. Its value comes from packed(), which sees to the length."""
    made: Element = {"type": "button", "text": plain(text, 75), "action_id": action_id, "value": value}
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    return made


def select(placeholder: str, action_id: str, options: Sequence[tuple[str, str]]) -> Element:
    """A list to choose one of, at most 100 pairs of a text and a value of at most 75 characters."""
    return {
        "type": "static_select",
        "action_id": action_id,
        "placeholder": plain(placeholder, 150),
        "options": [{"text": plain(text, 75), "value": value} for text, value in options[:100]],
    }


def actions(block_id: str, elements: Sequence[Element]) -> Block | None:
    """A row of buttons and lists; None when there is nothing to press. A new `block_id` for each revision."""
    return (
        {"type": "actions", "block_id": _fitted(block_id, 255), "elements": list(elements[:25])} if elements else None
    )


def packed(*items: str | int, limit: int = VALUE) -> str:
    """What a button must remember, as its value. Raises UserError when that is too much for Slack."""
    value = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    if length(value) > limit:
        raise UserError(
            "This is too long for a button to remember. Say it in fewer or shorter words: "
            "a filter such as from:@example.org instead of many queue IDs."
        )
    return value


def unpacked(value: str, *kinds: type) -> list[Any]:
    """What packed() made `value` of, checked against the kinds of its items. Raises UserError when it is not that."""
    try:
        items = json.loads(value) if length(value) <= VALUE else None
    except (ValueError, RecursionError):
        items = None
    if (
        not isinstance(items, list)
        or len(items) != len(kinds)
        or any(type(item) is not kind for item, kind in zip(items, kinds, strict=True))
    ):
        raise UserError(
            "This button was made by another version of this bot. Ask again with /mail, and press the new one."
        )
    return items


# Whole messages ------------------------------------------------------------------------------------------------------


def card(text: str, *body: Block | None, last: Sequence[Block | None] = (), picture: Picture | None = None) -> Card:
    """A message that Slack takes: blocks that are too much are dropped from the end of `body`, and a line says so.

    `last` always stays, at the end: the buttons and the small print; and `picture`, before them.
    """
    blocks = [block for block in body if block]
    ending = [block for block in last if block]
    room = [image(FILE_ID, picture.alt)] if picture else []
    dropped = 0
    while True:
        note = [_left_out(dropped)] if dropped else []
        whole = [*blocks[: len(blocks) - dropped], *note, *ending]
        if dropped == len(blocks) or fits([*whole, *room]):
            return Card(escaped(text, NOTIFICATION), tuple(whole), picture, len(whole) - len(ending))
        dropped += 1


def fits(blocks: Sequence[Block], most: int = MESSAGE_BLOCKS) -> bool:
    """Whether Slack takes these blocks as one message."""
    return len(blocks) <= most and length(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) <= MESSAGE_JSON


def _left_out(parts: int) -> Block:
    return context(
        f"{'One part is' if parts == 1 else f'{parts} parts are'} left out: the message would be too long for Slack."
    )

"""Rich text: the blocks in which Slack looks for no mention, link or formatting that is not an element of its own."""

from collections.abc import Iterable, Sequence

from handlers.blocks.kit import NOTHING, Block, Element, cut, length

Line = str | Sequence[str | Element]
"""One line: a text, or pieces of text and elements such as bold()."""

PIECE = 1000
"""The longest single piece."""


def words(text: str, limit: int = PIECE, **style: bool) -> Element:
    """A piece of text inside a line, with a style such as `bold=True` or `code=True`."""
    return {"type": "text", "text": cut(text, limit), **({"style": style} if style else {})}


def bold(text: str, limit: int = PIECE) -> Element:
    return words(text, limit, bold=True)


def code(text: str, limit: int = PIECE) -> Element:
    return words(text, limit, code=True)


def person(user_id: str) -> Element:
    """A user, a user group or a terminal login, by its ID."""
    if user_id.startswith("S"):
        return {"type": "usergroup", "usergroup_id": user_id}
    return {"type": "user", "user_id": user_id}


def channel(channel_id: str) -> Element:
    return {"type": "channel", "channel_id": channel_id}


def link(url: str, text: str = "") -> Element:
    """A page that Slack, our own tables or the settings name; nothing that mail or the DNS can choose."""
    return {"type": "link", "url": url, **({"text": cut(text, PIECE)} if text else {})}


def joined(pieces: Sequence[Element], last: str = "and") -> list[str | Element]:
    """`a, b and c`, of elements."""
    line: list[str | Element] = []
    for index, piece in enumerate(pieces):
        if index:
            line.append(f" {last} " if index == len(pieces) - 1 else ", ")
        line.append(piece)
    return line


def paragraph(*lines: Line) -> Element:
    """Lines of rich text, one below the other."""
    elements: list[Element] = []
    for index, line in enumerate(lines):
        if index:
            elements.append({"type": "text", "text": "\n"})
        elements.extend(_elements(line))
    return {"type": "rich_text_section", "elements": elements}


def bullets(*lines: Line) -> Element:
    sections = [{"type": "rich_text_section", "elements": _elements(line)} for line in lines]
    return {"type": "rich_text_list", "style": "bullet", "elements": sections}


def preformatted(lines: Iterable[str], limit: int = 3000) -> Element:
    """Lines as they are, in a fixed width; those that no longer fit are counted."""
    shown: list[str] = []
    room = limit
    rest = list(lines)
    while rest:
        line = cut(rest[0], PIECE)
        if length(line) + 1 > room:
            shown.append(f"… and {len(rest)} more")
            break
        shown.append(line)
        room -= length(line) + 1
        rest.pop(0)
    text = "\n".join(shown) or NOTHING
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


def rich(*elements: Element) -> Block:
    """A block of paragraphs, bullets and preformatted text."""
    return {"type": "rich_text", "elements": list(elements)}


def say(*lines: Line) -> Block:
    """A block of lines."""
    return rich(paragraph(*lines))


def _elements(line: Line) -> list[Element]:
    if isinstance(line, str):
        return [_spaced(line)]
    return [_spaced(piece) if isinstance(piece, str) else piece for piece in line]


def _spaced(text: str) -> Element:
    # A piece may be nothing but the space between two elements.
    return words(text) if text.strip() else {"type": "text", "text": " "}

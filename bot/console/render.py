"""Blocks as a terminal shows them (docs.slack.dev/reference/block-kit/blocks): one function per kind of block."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from bot.console.mrkdwn import CODE, MENTION, mrkdwn, plain, safe
from bot.console.table import Column, FittedTable
from bot.console.workspace.blocks import elements

JSON = dict[str, Any]
CELL_LENGTH = 400

_MENTIONS = {"user": ("user_id", "@"), "usergroup": ("usergroup_id", "@"), "channel": ("channel_id", "#")}
_STYLES = ("bold", "italic", "strike", "underline")
_HERE = re.compile(r"http://127\.0\.0\.1:\d+/archives/")
"""Begins the permalinks of a local workspace: its messages are on this very screen, and nothing else opens them."""


@dataclass(frozen=True, slots=True)
class Page:
    """What drawing needs to know: names for IDs, and the number of each control by (block_id, action_id).

    `pictures` has by its ID each file that is shown: where it lies, and its drawing in text.
    """

    names: Mapping[str, str]
    numbers: Mapping[tuple[str, str], int]
    pictures: Mapping[str, tuple[Path, Sequence[str]]] = field(default_factory=dict)

    def draw(self, blocks: Sequence[JSON]) -> list[RenderableType]:
        """What to print for the blocks; those of modals that ask for input are left to the form."""
        return [drawn for block in blocks for drawn in self._block(block)]

    def text(self, item: JSON) -> Text:
        """A text object of either type."""
        return plain(item["text"]) if item["type"] == "plain_text" else mrkdwn(item["text"], self.names)

    def _block(self, block: JSON) -> Iterator[RenderableType]:
        draw = _BLOCKS.get(block["type"])
        if draw is None:
            yield Text(f"[a block of type {safe(block['type'])}, which a terminal can't show]", Style(dim=True))
        else:
            yield from draw(self, block)

    def header(self, block: JSON) -> Iterator[RenderableType]:
        text = self.text(block["text"])
        text.stylize(Style(bold=True))
        yield text

    def section(self, block: JSON) -> Iterator[RenderableType]:
        if "text" in block:
            yield self.text(block["text"])
        if fields := block.get("fields"):
            grid = Table.grid(padding=(0, 4))
            for pair in zip(fields[::2], [*fields[1::2], None], strict=False):
                grid.add_row(*(self.text(item) if item else "" for item in pair))
            yield grid
        if "accessory" in block:
            yield from self.actions(block)

    def context(self, block: JSON) -> Iterator[RenderableType]:
        parts = [Text(item["alt_text"]) if item["type"] == "image" else self.text(item) for item in block["elements"]]
        text = Text("  ").join(parts)
        text.stylize(Style(dim=True))
        yield text

    def actions(self, block: JSON) -> Iterator[RenderableType]:
        drawn = [self._control(block["block_id"], element) for element in elements(block)]
        yield Text("   ").join(drawn)

    def divider(self, _block: JSON) -> Iterator[RenderableType]:
        yield Rule(style=Style(dim=True))

    def image(self, block: JSON) -> Iterator[RenderableType]:
        title = f"{safe(block['title']['text'])}: " if "title" in block else ""
        yield Text(f"[picture] {title}{safe(block['alt_text'])}", Style(dim=True))
        if shown := self.pictures.get(block.get("slack_file", {}).get("id", "")):
            path, lines = shown
            yield Text("\n".join(safe(line) for line in lines), no_wrap=True, overflow="ellipsis")
            yield Text(safe(str(path)), Style(dim=True))

    def markdown(self, block: JSON) -> Iterator[RenderableType]:
        yield Text(safe(block["text"]))

    def alert(self, block: JSON) -> Iterator[RenderableType]:
        yield Text("! ", Style(bold=True, color="yellow")) + self.text(block["text"])

    def table(self, block: JSON) -> Iterator[RenderableType]:
        settings = [*block.get("column_settings", []), *({} for _ in block["rows"][0])]
        columns = [Column(given.get("align", "left"), bool(given.get("is_wrapped"))) for given in settings]
        yield FittedTable([[self._cell(cell) for cell in row] for row in block["rows"]], columns)

    def rich_text(self, block: JSON) -> Iterator[RenderableType]:
        for part in block["elements"]:
            yield from self._part(part)

    def _part(self, part: JSON) -> Iterator[RenderableType]:
        kind = part["type"]
        if kind == "rich_text_list":
            margin, first = 2 * part.get("indent", 0), part.get("offset", 0) + 1
            for number, item in enumerate(part["elements"], first):
                mark = f"{number}. " if part["style"] == "ordered" else "• "
                grid = _beside()
                grid.add_row(mark, self._inline(item["elements"]))
                yield Padding(grid, (0, 0, 0, margin))
        elif kind == "rich_text_preformatted":
            text = self._inline(part["elements"])
            text.stylize(CODE)
            yield Padding(text, (0, 0, 0, 2))
        elif kind == "rich_text_quote":
            grid = _beside()
            grid.add_row(Text("│ ", Style(dim=True)), self._inline(part["elements"]))
            yield grid
        else:
            yield self._inline(part["elements"])

    def _inline(self, items: Sequence[JSON]) -> Text:
        text = Text()
        for item in items:
            text.append(*self._word(item))
        return text

    def _word(self, item: JSON) -> tuple[str, Style]:
        given = item.get("style", {})
        style = Style.parse(" ".join(name for name in _STYLES if given.get(name)))
        kind = item["type"]
        if kind in _MENTIONS:
            field, sign = _MENTIONS[kind]
            return f"{sign}{safe(self.names.get(item[field], item[field]))}", style + MENTION
        if kind == "broadcast":
            return f"@{item['range']}", style + MENTION
        if kind == "link":
            label = item.get("text", "")
            if label and _HERE.match(item["url"]):
                return safe(label), style
            return safe(f"{label} ({item['url']})" if label and label != item["url"] else item["url"]), style
        if kind == "emoji":
            return str(plain(f":{item['name']}:")), style
        shown = next((item[name] for name in ("text", "fallback", "value") if name in item), "")
        return safe(str(shown)), style + CODE if given.get("code") else style

    def _cell(self, cell: JSON) -> Text:
        """One cell on one line, cut where no reader would follow any more."""
        if cell["type"] == "rich_text":
            lines = [self._inline(part.get("elements", [])) for part in cell["elements"] if "text" not in part]
            text = Text(" ").join(lines)
        else:
            text = Text(safe(str(cell.get("text") or cell.get("value", ""))))
        if len(text) > CELL_LENGTH:
            text.truncate(CELL_LENGTH, overflow="ellipsis")
        return Text(" ").join(text.split("\n")) if "\n" in text.plain else text

    def _control(self, block_id: str, element: JSON) -> Text:
        """A button or select with the number that presses it."""
        if element["type"] == "image":
            return Text(f"[picture] {safe(element['alt_text'])}", Style(dim=True))
        number = self.numbers.get((block_id, element["action_id"]))
        text = Text(f"[{number}] " if number else "", Style(bold=True))
        shown = element.get("text") or element.get("placeholder")
        colour = {"danger": "red", "primary": "green"}.get(element.get("style", ""))
        text.append_text(plain(shown["text"]) if shown else Text("More"))
        text.stylize(Style(color=colour))
        if element["type"] != "button":
            chosen = element.get("initial_option", {}).get("text", {}).get("text", "")
            text.append(f" ▾{safe(chosen) and f' {safe(chosen)}'}", Style(dim=True))
        if element.get("url"):
            text.append(f" {safe(element['url'])}", Style(underline=True))
        return text


def stacked(parts: Sequence[RenderableType]) -> RenderableType:
    """Parts below each other, set in a little."""
    return Padding(Group(*parts), (0, 0, 0, 2))


_BLOCKS: dict[str, Callable[[Page, JSON], Iterator[RenderableType]]] = {
    "header": Page.header,
    "section": Page.section,
    "context": Page.context,
    "actions": Page.actions,
    "divider": Page.divider,
    "image": Page.image,
    "markdown": Page.markdown,
    "alert": Page.alert,
    "table": Page.table,
    "rich_text": Page.rich_text,
    "input": lambda _page, _block: iter(()),
}


def _beside() -> Table:
    """Two columns, a mark and its text. In a column that does not fold, rich cuts a line whose emoji are wide."""
    grid = Table.grid()
    grid.add_column()
    grid.add_column(overflow="fold")
    return grid

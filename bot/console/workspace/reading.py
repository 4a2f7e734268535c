"""Reads a message or a view as a person does: what it says, what can be pressed, what would make noise."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.console.workspace.blocks import elements
from bot.console.workspace.state import JSON, Message, View

_LIVE = re.compile(r"<(?:[@#!][^<>]*|(?:https?|mailto|tel|ftp)[^<>]*)>")
_UNITS = frozenset(["user_id", "usergroup_id", "channel_id", "range", "url"])


class NotThere(LookupError):
    """What somebody named is not there (or not for them); the text says so, and what is there."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a select or an overflow menu."""

    value: str
    label: str
    json: JSON


@dataclass(frozen=True, slots=True)
class Control:
    """Something that can be pressed, chosen or filled; `block` is the block that it stands in."""

    block_id: str
    action_id: str
    type: str
    label: str
    element: JSON
    block: JSON

    @property
    def confirm(self) -> JSON | None:
        """The dialog that asks before the press counts."""
        found = self.element.get("confirm")
        return found if isinstance(found, dict) else None

    @property
    def options(self) -> tuple[Option, ...]:
        groups = self.element.get("option_groups", [])
        offered = [*self.element.get("options", []), *(item for group in groups for item in group["options"])]
        return tuple(Option(str(item.get("value", "")), item["text"]["text"], item) for item in offered)


def controls(source: Message | View) -> tuple[Control, ...]:
    """Everything interactive, in the order in which it is seen."""
    found = []
    for block in source.blocks:
        for element in elements(block):
            if element["type"] == "image":
                continue
            label = _label(block, element)
            found.append(Control(block["block_id"], element["action_id"], element["type"], label, element, block))
    return tuple(found)


def find_control(source: Message | View, what: str) -> Control:
    """The one control with this action_id, or else this label. Raises NotThere that lists what there is."""
    there = controls(source)
    for name in ("action_id", "label"):
        matching = [control for control in there if getattr(control, name) == what]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise NotThere(f"{what!r} is the {name} of {len(matching)} controls; hand in a Control instead")
    known = ", ".join(f"{control.action_id} ({control.label})" for control in there) or "nothing"
    raise NotThere(f"there is no {what!r} to press; there is: {known}")


def find_option(control: Control, what: str) -> Option:
    """The option with this value, or else this label. Raises NotThere that lists what there is."""
    for name in ("value", "label"):
        for option in control.options:
            if getattr(option, name) == what:
                return option
    known = ", ".join(f"{option.value} ({option.label})" for option in control.options)
    raise NotThere(f"{what!r} is not an option of {control.label!r}; the options are: {known}")


def text_of(source: Message | View | Any) -> str:
    """All words that are shown, a line per text object or table row; the top-level text if there are no blocks."""
    if isinstance(source, Message) and not source.blocks:
        return source.text
    blocks = source.blocks if isinstance(source, Message | View) else source
    lines = list(_lines(list(blocks)))
    if isinstance(source, View) and "title" in source.body:
        lines.insert(0, source.body["title"]["text"])
    return "\n".join(lines)


def live(message: Message) -> list[str]:
    """Every mention, broadcast and link that Slack would act on, in text, mrkdwn and rich text alike."""
    found = _LIVE.findall(message.text)
    for block in message.blocks:
        found += _live_in(block)
    return found


def _live_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _live_in(item)
    elif isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "markdown"):
            yield from _LIVE.findall(value["text"])
        elif value.get("type") in ("user", "usergroup", "channel", "broadcast", "link"):
            yield from (f"<{value[name]}>" for name in _UNITS if name in value)
        for item in value.values():
            yield from _live_in(item)


def _label(block: JSON, element: JSON) -> str:
    if block["type"] == "input":
        return str(block["label"]["text"])
    for name in ("text", "placeholder"):
        if name in element:
            return str(element[name]["text"])
    return str(element["action_id"])


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _lines(item)
    elif isinstance(value, dict):
        kind = value.get("type")
        if kind == "table":
            for row in value["rows"]:
                yield " | ".join(" ".join(_lines(cell)) for cell in row)
        elif kind in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
            yield "".join(_inline(item) for item in value["elements"])
        elif isinstance(value.get("text"), str):
            yield value["text"]
        elif kind == "raw_number":
            yield str(value["value"])
        else:
            for name, item in value.items():
                if name not in ("confirm", "initial_option", "initial_options"):
                    yield from _lines(item)


def _inline(item: JSON) -> str:
    for name in ("text", "url", "fallback", "name", "user_id", "channel_id", "usergroup_id", "range", "value"):
        if name in item:
            return str(item[name])
    return ""

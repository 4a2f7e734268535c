"""Checks blocks and views as Slack does before it takes them, and fills in the IDs that it would choose."""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bot.console.workspace import limits
from bot.console.workspace.calls import ApiError
from bot.console.workspace.schema import Items, length, problem
from bot.console.workspace.state import JSON, State

_MESSAGE_BLOCKS = Items(limits.MESSAGE, limits.MESSAGE_BLOCKS, least=0)


def checked_blocks(state: State, blocks: Any) -> tuple[JSON, ...]:
    """The blocks of a message, ready to keep.

    Raises ApiError `invalid_blocks` (with every problem and its place), `msg_blocks_too_long`.
    """
    problems = [*_MESSAGE_BLOCKS.check(blocks, "/blocks")]
    if not problems:
        problems += [*_together(blocks, "/blocks"), *_tables(blocks), *_files(state, blocks)]
    if problems:
        raise ApiError("invalid_blocks", problems)
    if len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > limits.BLOCKS_JSON:
        raise ApiError("msg_blocks_too_long")
    return tuple(_dressed(state, blocks))


def checked_view(state: State, view: Any) -> JSON:
    """A view's body, ready to keep. Raises ApiError `invalid_arguments` (problems with places), `view_too_large`."""
    problems = [*limits.VIEWS.check(view, "/view")]
    if not problems:
        problems += [*_together(view["blocks"], "/view/blocks"), *_inputs(view)]
    if problems:
        raise ApiError("invalid_arguments", problems)
    if len(json.dumps(view)) > limits.VIEW_JSON:
        raise ApiError("view_too_large")
    return {**copy.deepcopy(view), "blocks": _dressed(state, view["blocks"])}


def elements(block: JSON) -> list[JSON]:
    """The interactive (and other) elements that stand in a block."""
    inner = block.get("elements", []) if block["type"] == "actions" else []
    return [*inner, *(block[name] for name in ("accessory", "element") if name in block)]


def _together(blocks: Sequence[JSON], at: str) -> Iterator[str]:
    """What no block can be blamed for alone: IDs given twice, choices that are not among the options."""
    seen: Counter[str] = Counter()
    focused = 0
    for index, block in enumerate(blocks):
        if name := block.get("block_id"):
            seen[name] += 1
            if seen[name] > 1:
                yield problem(f"block_id `{name}` already exists", f"{at}/{index}/block_id")
        actions: Counter[str] = Counter()
        for place, element in enumerate(elements(block)):
            inner = f"{at}/{index}/elements/{place}" if block["type"] == "actions" else f"{at}/{index}"
            if action := element.get("action_id"):
                actions[action] += 1
                if actions[action] > 1:
                    yield problem(f"action_id `{action}` already exists", f"{inner}/action_id")
            focused += bool(element.get("focus_on_load"))
            yield from _options(element, inner)
    if focused > 1:
        yield problem("only one element may have focus_on_load", at)


def _options(element: JSON, at: str) -> Iterator[str]:
    groups = element.get("option_groups", [])
    offered = [*element.get("options", []), *(option for group in groups for option in group["options"])]
    values = Counter(option.get("value") for option in offered)
    twice = [value for value, count in values.items() if value is not None and count > 1]
    if twice:
        yield problem(f"option value `{twice[0]}` already exists", f"{at}/options")
    chosen = element.get("initial_options", [])
    if "initial_option" in element:
        chosen = [element["initial_option"]]
    for option in chosen:
        if option not in offered:
            yield problem("initial option is not among the options", at)


def _tables(blocks: Sequence[JSON]) -> Iterator[str]:
    tables = [(index, block) for index, block in enumerate(blocks) if block["type"] == "table"]
    for index, _ in tables[1:]:
        yield problem("only_one_table_allowed", f"/blocks/{index}")
    for index, table in tables:
        widths = {len(row) for row in table["rows"]}
        if len(widths) > 1:
            yield problem("all rows must have the same number of cells", f"/blocks/{index}/rows")
        if sum(_cell_length(cell) for row in table["rows"] for cell in row) > limits.TABLE_TEXT:
            yield problem(f"must be less than {limits.TABLE_TEXT + 1} characters", f"/blocks/{index}/rows")
    markdown = sum(length(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > limits.MARKDOWN_TEXT:
        yield problem(f"must be less than {limits.MARKDOWN_TEXT + 1} characters of markdown", "/blocks")


def _cell_length(cell: Any) -> int:
    """All the text in a cell, however deep."""
    if isinstance(cell, dict):
        return sum(length(v) if k == "text" and isinstance(v, str) else _cell_length(v) for k, v in cell.items())
    return sum(_cell_length(item) for item in cell) if isinstance(cell, list) else 0


def _files(state: State, blocks: Sequence[JSON]) -> Iterator[str]:
    """The app may show its own file though it was never shared; an unknown one, and one not ready yet, look alike."""
    for index, block in enumerate(blocks):
        name = block.get("slack_file", {}).get("id")
        file = state.files.get(name)
        if name is not None and not (file and file.is_image and file.ready and file.ready <= state.now()):
            yield problem("invalid slack file", f"/blocks/{index}/slack_file")


def _inputs(view: JSON) -> Iterator[str]:
    has_input = any(block["type"] == "input" for block in view["blocks"])
    if view["type"] == "modal" and has_input and "submit" not in view:
        yield problem("missing required field: submit (there is an input block)", "/view")


def _dressed(state: State, blocks: Sequence[JSON]) -> list[JSON]:
    """A copy with the IDs and text flags that Slack adds to what the app left out."""
    dressed: list[JSON] = copy.deepcopy(list(blocks))
    for block in dressed:
        block.setdefault("block_id", state.new_id("b"))
        for element in elements(block):
            if element["type"] != "image":
                element.setdefault("action_id", state.new_id("a"))
    _flag(dressed)
    return dressed


def _flag(value: Any) -> None:
    if isinstance(value, dict):
        if value.get("type") == "plain_text":
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn":
            value.setdefault("verbatim", False)
        for item in value.values():
            _flag(item)
    elif isinstance(value, list):
        for item in value:
            _flag(item)

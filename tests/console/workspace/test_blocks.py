"""Block Kit's limits as Slack answers them: the code, and the place of every mistake."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace.blocks import checked_blocks, checked_view
from bot.console.workspace.calls import ApiError
from bot.console.workspace.state import State
from bot.console.workspace.workspace import Workspace
from tests.console.app import OPS, actions, button, mrkdwn, plain


def now() -> datetime:
    return datetime.now(UTC)


def cell(text: str) -> dict[str, Any]:
    return {"type": "raw_text", "text": text}


def table(rows: int, columns: int, text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "table", "rows": [[cell(text)] * columns] * rows, **more}


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text), **more}


def select(count: int = 1, **more: Any) -> dict[str, Any]:
    options = [{"text": plain(f"option {n}"), "value": str(n)} for n in range(count)]
    return {"type": "static_select", "action_id": "s", "placeholder": plain("Pick"), "options": options, **more}


def rich(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(parts)}


CONFIRM = {"title": plain("t" * 100), "text": plain("x" * 300), "confirm": plain("c" * 30), "deny": plain("d" * 30)}
MODAL = {"type": "modal", "title": plain("t" * 24), "blocks": [section()], "submit": plain("s" * 24)}
INPUT = {"type": "input", "label": plain("l" * 2000), "element": {"type": "plain_text_input", "max_length": 3000}}

GOOD: dict[str, list[dict[str, Any]]] = {
    "fifty blocks": [{"type": "divider"}] * 50,
    "the longest section": [section("x" * 3000)],
    "ten fields": [{"type": "section", "fields": [mrkdwn("x" * 1000)] * 10}],
    "the longest header": [{"type": "header", "text": plain("x" * 150)}],
    "25 elements": [actions(*(button(str(n), "b" * 75, value="v" * 300) for n in range(25)))],
    "confirm": [actions(button("a", "b", confirm=CONFIRM, style="danger"))],
    "100 options": [actions(select(100))],
    "a long table": [table(100, 3, column_settings=[{"align": "right", "is_wrapped": True}])],
    "a wide table": [table(10, 20)],
    "numbers and rich text in a table": [
        {
            "type": "table",
            "rows": [[{"type": "raw_number", "value": 1.5}, rich({"type": "rich_text_section", "elements": []})]],
        }
    ],
    "rich text": [
        rich(
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "x", "style": {"bold": True}}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "<!channel>"}]},
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}],
            },
        )
    ],
    "context": [{"type": "context", "elements": [mrkdwn("x")] * 10}],
}

BAD: dict[str, tuple[list[Any], str]] = {
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "a long section": ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    "an emoji counts as two": ([section("😀" * 1501)], "must be less than 3001 characters"),
    "an empty section": ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "a section of nothing": ([{"type": "section"}], "must provide one of: text, fields [json-pointer:/blocks/0]"),
    "eleven fields": ([{"type": "section", "fields": [mrkdwn("x")] * 11}], "no more than 10 items allowed"),
    "a header in mrkdwn": ([{"type": "header", "text": mrkdwn("x")}], "unsupported type: mrkdwn"),
    "a header without text": ([{"type": "header"}], "missing required field: text [json-pointer:/blocks/0]"),
    "a long header": ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters"),
    "a button in mrkdwn": ([actions({"type": "button", "text": mrkdwn("x")})], "unsupported type: mrkdwn"),
    "a long button": ([actions(button("a", "b" * 76))], "[json-pointer:/blocks/0/elements/0/text/text]"),
    "a long value": ([actions(button("a", "b", value="v" * 2001))], "must be less than 2001 characters"),
    "no elements": ([actions()], "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    "26 elements": ([actions(*(button(str(n), "b") for n in range(26)))], "no more than 25 items allowed"),
    "an action_id twice": ([actions(button("a", "b"), button("a", "c"))], "action_id `a` already exists"),
    "a block_id twice": ([section(block_id="x"), section(block_id="x")], "block_id `x` already exists"),
    "a long block_id": ([section(block_id="x" * 256)], "must be less than 256 characters"),
    "101 options": ([actions(select(101))], "no more than 100 items allowed"),
    "an initial option from nowhere": (
        [actions(select(1, initial_option={"text": plain("no"), "value": "no"}))],
        "initial option is not among the options",
    ),
    "a long confirm": ([actions(button("a", "b", confirm={**CONFIRM, "text": plain("x" * 301)}))], "301 characters"),
    "a confirm without text": ([actions(button("a", "b", confirm={"title": plain("x")}))], "field: text"),
    "a table too long": ([table(101, 1)], "no more than 100 items allowed [json-pointer:/blocks/0/rows]"),
    "a table too wide": ([table(1, 21)], "no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"),
    "a ragged table": ([{"type": "table", "rows": [[cell("a")], [cell("a"), cell("b")]]}], "same number of cells"),
    "an empty cell": ([table(1, 1, "")], "must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]"),
    "two tables": ([table(1, 1), table(1, 1)], "only_one_table_allowed [json-pointer:/blocks/1]"),
    "a wordy table": ([table(100, 20, "x" * 6)], "must be less than 10001 characters"),
    "an unknown key": ([section(colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
    "an unknown block": ([{"type": "data_table"}], "unsupported type: data_table [json-pointer:/blocks/0/type]"),
    "an input's element in actions": ([actions({"type": "plain_text_input"})], "unsupported type: plain_text_input"),
    "text in a rich text without a section": ([rich({"type": "text", "text": "x"})], "unsupported type: text"),
    "a rich text's empty text": (
        [rich({"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]})],
        "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
    ),
    "a string for a block": (["section"], "must provide an object [json-pointer:/blocks/0]"),
    "an unknown file": (
        [{"type": "image", "alt_text": "x", "slack_file": {"id": "F99999999"}}],
        "invalid slack file [json-pointer:/blocks/0/slack_file]",
    ),
    "a file that is none": (
        [{"type": "image", "alt_text": "x", "slack_file": {"id": "http://x"}}],
        "[json-pointer:/blocks/0/slack_file/id]",
    ),
    "a file and an address": (
        [{"type": "image", "alt_text": "x", "slack_file": {"id": "F99999999"}, "image_url": "https://x.test/x.png"}],
        "must provide exactly one of: image_url, slack_file",
    ),
    "a picture without words": (
        [{"type": "image", "slack_file": {"id": "F99999999"}}],
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
}

BAD_VIEWS: dict[str, tuple[dict[str, Any], str]] = {
    "a long title": ({**MODAL, "title": plain("t" * 25)}, "must be less than 25 characters"),
    "a long close": ({**MODAL, "close": plain("t" * 25)}, "[json-pointer:/view/close/text]"),
    "much metadata": ({**MODAL, "private_metadata": "x" * 3001}, "must be less than 3001 characters"),
    "101 blocks": ({**MODAL, "blocks": [section()] * 101}, "no more than 100 items allowed"),
    "a table": ({**MODAL, "blocks": [table(1, 1)]}, "unsupported type: table"),
    "an input without submit": (
        {"type": "modal", "title": plain("t"), "blocks": [INPUT]},
        "missing required field: submit",
    ),
    "a long label": ({**MODAL, "blocks": [{**INPUT, "label": plain("l" * 2001)}]}, "must be less than 2001"),
    "a wide input": (
        {**MODAL, "blocks": [{**INPUT, "element": {"type": "plain_text_input", "max_length": 3001}}]},
        "must be between 1 and 3000",
    ),
    "an unknown key": ({**MODAL, "width": 3}, "invalid additional property: width [json-pointer:/view]"),
    "home with a title": ({"type": "home", "blocks": [], "title": plain("x")}, "additional property: title"),
}


@pytest.fixture
def state() -> State:
    return State(now)


@pytest.mark.parametrize("name", GOOD)
async def test_what_is_within_the_limits_is_taken(workspace: Workspace, client: AsyncWebClient, name: str) -> None:
    answer = await client.chat_postMessage(channel=OPS, text="x", blocks=GOOD[name])
    assert len(answer["message"]["blocks"]) == len(GOOD[name])
    assert all(block["block_id"] for block in answer["message"]["blocks"])


@pytest.mark.parametrize("name", BAD)
def test_what_is_beyond_is_refused_with_its_place(state: State, name: str) -> None:
    blocks, expected = BAD[name]
    with pytest.raises(ApiError) as caught:
        checked_blocks(state, blocks)
    assert caught.value.code == "invalid_blocks"
    assert expected in "\n".join(caught.value.messages)


@pytest.mark.parametrize("name", BAD_VIEWS)
def test_a_bad_view_is_refused_with_its_place(state: State, name: str) -> None:
    view, expected = BAD_VIEWS[name]
    checked_view(state, MODAL)
    checked_view(state, {**MODAL, "blocks": [INPUT]})
    with pytest.raises(ApiError) as caught:
        checked_view(state, view)
    assert caught.value.code == "invalid_arguments"
    assert expected in "\n".join(caught.value.messages)


async def test_a_refusal_reaches_the_app_with_all_places(workspace: Workspace, client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=OPS, text="x", blocks=[section("x" * 3001), {"type": "header"}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        "[ERROR] missing required field: text [json-pointer:/blocks/1]",
    ]
    assert workspace.messages(OPS) == []


def test_all_blocks_of_a_message_together_have_a_limit(state: State) -> None:
    frame = len(json.dumps([section("")] * 5, separators=(",", ":")))
    fitting = (13_200 - frame) // 5
    checked_blocks(state, [section("x" * fitting)] * 5)
    with pytest.raises(ApiError, match="msg_blocks_too_long"):
        checked_blocks(state, [section("x" * (fitting + 1))] * 5)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "fields", "rows", "options", "block_id", "accessory", "element"]
            )
            | st.text(max_size=5),
            inner
            | st.sampled_from(["section", "table", "actions", "rich_text", "plain_text", "static_select", "text"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES)
def test_whatever_json_comes_it_is_taken_or_refused_in_words(value: Any) -> None:
    state, codes = State(now), set()
    for check in (checked_blocks, checked_view):
        try:
            check(state, value)
        except ApiError as error:
            codes.add(error.code)
    assert codes <= {"invalid_blocks", "invalid_arguments", "msg_blocks_too_long", "view_too_large"}

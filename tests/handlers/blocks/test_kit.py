"""Slack's limits, kept by construction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from handlers.blocks import kit, rich
from tests.handlers.blocks.hostile import SPECIAL, taken_by_slack, texts, thorough


@thorough
@given(texts, st.integers(1, 300))
def test_what_is_cut_is_never_longer_than_slack_counts_and_never_empty(text: str, limit: int) -> None:
    shown = kit.cut(text, limit)
    assert 1 <= kit.length(shown) <= limit
    assert not set("\n\r\x00\x1b\u202e\u2028") & set(shown)


@thorough
@given(texts, st.integers(8, 300))
def test_escaped_text_holds_no_live_markup_and_no_half_entity(text: str, limit: int) -> None:
    shown = kit.escaped(text, limit)
    assert kit.length(shown) <= limit
    assert not set("<>") & set(shown)
    for piece in shown.split("&")[1:]:
        assert piece.startswith(("amp;", "lt;", "gt;")), shown


@thorough
@given(st.lists(texts, min_size=1, max_size=12))
def test_any_texts_in_any_blocks_make_a_message_that_slack_takes(given_texts: list[str]) -> None:
    text = given_texts[0]
    body = [
        kit.header(text),
        kit.fields([(each, each) for each in given_texts]),
        kit.context(*given_texts),
        kit.table(given_texts[:20], [given_texts[:20]] * 10, width=40),
        rich.rich(rich.preformatted(given_texts), rich.bullets(*given_texts)),
        *[rich.say([rich.bold(each), rich.code(each), each]) for each in given_texts],
    ]
    buttons = kit.actions(
        f"b:{text}",
        [
            kit.button(text, "go", kit.packed(1), confirm=kit.confirm(text, text, text)),
            kit.select(text, "pick", [(text, kit.packed(2))]),
        ],
    )
    card = kit.card(text, *body, last=[buttons])
    taken_by_slack(card, mentions=())
    assert card.blocks[-1]["type"] == "actions"


def test_what_is_too_much_is_dropped_from_the_end_and_a_line_says_so() -> None:
    body = [rich.say(f"{number} " + "x" * 900) for number in range(30)]
    card = kit.card("much", *body, last=[kit.context("the end")])
    taken_by_slack(card)
    assert list(card.blocks[:3]) == body[:3]
    dropped = 30 - (len(card.blocks) - 2)
    assert f"{dropped} parts are left out" in card.blocks[-2]["elements"][0]["text"]
    assert card.blocks[-1]["elements"][0]["text"] == "the end"


def test_a_small_message_is_left_as_it_is() -> None:
    assert kit.card("hi", rich.say("hi"), None).blocks == (rich.say("hi"),)


@thorough
@given(st.lists(st.one_of(texts, st.integers()), max_size=6))
def test_a_button_remembers_what_it_is_given_or_says_that_it_is_too_long(items: list[str | int]) -> None:
    try:
        value = kit.packed(*items)
    except UserError as error:
        assert "too long" in str(error)  # noqa: PT017 - either outcome is right, each has its own check
    else:
        assert kit.length(value) <= kit.VALUE
        assert kit.unpacked(value, *map(type, items)) == items


@pytest.mark.parametrize("value", ["", "null", "{}", '["a"]', '["a","b"]', "[1,2]", '["a",true]', "[" * 5000, *SPECIAL])
def test_a_value_that_is_not_ours_is_a_clear_error(value: str) -> None:
    with pytest.raises(UserError, match="another version"):
        kit.unpacked(value, str, int)


def test_preformatted_lines_that_no_longer_fit_are_counted() -> None:
    text = rich.preformatted(["x" * 90] * 50, limit=1000)["elements"][0]["text"]
    assert text.endswith("\n… and 40 more")
    assert len(text) < 1100


async def png() -> bytes:
    return b"\x89PNG\r\n\x1a\n"


def test_a_picture_has_room_kept_and_its_place_is_before_the_end() -> None:
    picture = kit.Picture("day.png", "w" * 5000, png)
    made = kit.card("t", *(rich.say("x" * 900) for _ in range(40)), last=[kit.context("end")], picture=picture)
    whole = made.with_block(kit.image("F" * 16, picture.alt))
    assert kit.fits(whole.blocks) and whole.picture is None
    assert [block["type"] for block in whole.blocks[-3:]] == ["context", "image", "context"]
    assert "left out" in whole.blocks[-3]["elements"][0]["text"]
    assert len(whole.blocks[-2]["alt_text"]) == 2000
    assert not kit.fits([*whole.blocks, rich.say("x" * 900)]), "no more was left out than had to be"


def test_a_card_without_a_picture_has_its_blocks_as_they_were() -> None:
    made = kit.card("t", rich.say("x"), last=[kit.context("end")])
    assert made.picture is None and [block["type"] for block in made.blocks] == ["rich_text", "context"]

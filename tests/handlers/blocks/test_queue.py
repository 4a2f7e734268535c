"""One page of a queue."""

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.agent.protocol import Cursor, Listing, QueuedMessage, Recipient, Summary
from bot.console.workspace import text_of
from bot.errors import UserError
from handlers.blocks.kit import VALUE, Block, length
from handlers.blocks.queue import Asked, host_of, page, turn
from tests.handlers.blocks.hostile import NOW, listings, taken_by_slack, texts, thorough

ASKED = Asked("mx1", "deferred", "age")


def listing(messages: int, page_size: int, position: int = 0) -> Listing:
    page = tuple(
        QueuedMessage(
            "deferred",
            f"4VbXm8dz3kzJ{number:02}",
            NOW - 100 - number,
            2048,
            f"s{number}@example.org",
            (Recipient(f"r{number}@example.com", "421 slow down"), Recipient("other@example.com")),
            3,
        )
        for number in range(page_size)
    )
    return Listing(NOW, total=5000, summary=Summary(messages=messages), page=page, position=position)


def pressed(card_blocks: Sequence[Block], label: str) -> str:
    """The value of the button with this label."""
    elements = [element for block in card_blocks for element in block.get("elements", ()) if block["type"] == "actions"]
    return next(str(each["value"]) for each in elements if each.get("text", {}).get("text") == label)


@thorough
@given(listings, st.one_of(st.just(""), texts), st.sampled_from(("age", "size", "sender")))
def test_whatever_lies_in_the_queue_its_page_is_a_message_that_slack_takes(
    seen: Listing, selector: str, sort: str
) -> None:
    try:
        card = page(Asked("mx1", selector, sort), seen, "r1")
    except UserError as error:
        assert "too long" in str(error)  # noqa: PT017 - a selector or a sender that fits into no button
        assume(False)
    taken_by_slack(card, mentions=())


@thorough
@given(listings)
def test_a_short_selector_never_keeps_a_page_of_the_oldest_from_being_shown(seen: Listing) -> None:
    taken_by_slack(page(ASKED, seen, "r1"), mentions=())


def test_the_page_says_where_it_is() -> None:
    card = page(ASKED, listing(3412, 10, 10), "r1")
    assert card.text == "mx1, deferred: 11–20 of 3,412, oldest first"
    rows = text_of(card.blocks).splitlines()
    assert rows[1] == "ID | Queue | Age | Size | Sender | Recipient | Why"
    assert rows[2] == "4VbXm8dz3kzJ00 | deferred | 1 min | 2.0 KiB | s0@example.org | r0@example.com +2 | 421 slow down"


def test_the_buttons_lead_to_the_pages_beside_it() -> None:
    blocks = page(ASKED, listing(3412, 10, 10), "r1").blocks
    back, on = turn(pressed(blocks, "Previous")), turn(pressed(blocks, "Next"))
    assert (back.asked, back.forward, back.cursor) == (ASKED, False, Cursor(str(NOW - 100), "4VbXm8dz3kzJ00"))
    assert (on.asked, on.forward, on.cursor) == (ASKED, True, Cursor(str(NOW - 109), "4VbXm8dz3kzJ09"))


@pytest.mark.parametrize(("sort", "key"), [("size", "2048"), ("sender", "s0@example.org")])
def test_the_cursor_is_what_the_page_is_sorted_by(sort: str, key: str) -> None:
    blocks = page(Asked("mx1", "", sort), listing(30, 10, 10), "r1").blocks
    assert turn(pressed(blocks, "Previous")).key == key


def test_the_first_page_has_no_previous_and_the_last_no_next() -> None:
    words = text_of(page(ASKED, listing(30, 10, 0), "r1").blocks)
    assert "Previous" not in words and "Next" in words
    words = text_of(page(ASKED, listing(30, 10, 20), "r1").blocks)
    assert "Previous" in words and "Next" not in words


def test_a_selector_that_fits_into_no_button_is_a_clear_error() -> None:
    long = Asked("mx1", "from:" + "x" * VALUE, "age")
    with pytest.raises(UserError, match="too long for a button"):
        page(long, listing(30, 10), "r1")


def test_a_message_is_found_again_by_host_and_id() -> None:
    blocks = page(Asked("mx-1.example", "", "age"), listing(30, 10), "r1").blocks
    chosen = next(block for block in blocks if "Message" in str(block.get("elements")))
    assert host_of(chosen["block_id"]) == "mx-1.example"
    assert [option["value"] for option in chosen["elements"][0]["options"]][:1] == ["4VbXm8dz3kzJ00"]
    assert all(length(option["value"]) <= 75 for option in chosen["elements"][0]["options"])


def test_nothing_queued_nothing_matching_and_nothing_readable_are_three_things() -> None:
    empty = Listing(NOW)
    assert "Nothing is queued." in text_of(page(ASKED, empty, "r1").blocks)
    other = empty._replace(total=5000)
    assert "Nothing matches. 5,000 messages are queued" in text_of(page(ASKED, other, "r1").blocks)
    partial = empty._replace(complete=False, problem="postqueue broke off")
    words = text_of(page(ASKED, partial, "r1").blocks)
    assert "Only a part of the queue could be read: postqueue broke off" in words
    assert "Nothing was found in the part that could be read" in words


def test_a_page_that_the_queue_has_left_leads_back_to_the_first() -> None:
    words = text_of(page(ASKED, listing(30, 0)._replace(position=30), "r1").blocks)
    assert "This page is empty now; 30 messages match" in words
    assert "First page" in words

"""One queued message."""

from collections.abc import Sequence

import pytest
from hypothesis import given

from bot.agent.protocol import Identity, Message, QueuedMessage, Recipient
from bot.console.workspace import text_of
from handlers.blocks.kit import Block
from handlers.blocks.message import identity, message
from tests.handlers.blocks.hostile import NOW, shown, taken_by_slack, thorough

ALL = ("flush", "hold", "release")
QUEUED = QueuedMessage(
    "deferred",
    "4VbXm8dz3kzJ1Q",
    NOW - 7200,
    2048,
    "jane@example.org",
    (Recipient("bob@example.com", "452 4.2.2 mailbox full"), Recipient("eve@example.com")),
    40,
)
MESSAGE = Message(
    QUEUED,
    {"sasl_username": "jane", "client_address": "203.0.113.7", "protocol_name": "ESMTP"},
    (("Subject", "<!channel> you won"), ("From", "Jane <jane@example.org>")),
    headers_cut=True,
)


def buttons(card_blocks: Sequence[Block]) -> dict[str, str]:
    """The action IDs and values of everything that can be pressed."""
    blocks = [block for block in card_blocks if block["type"] == "actions"]
    return {each["action_id"]: each["value"] for block in blocks for each in block["elements"]}


@thorough
@given(shown)
def test_whatever_the_mail_says_its_card_is_a_message_that_slack_takes(given_message: Message) -> None:
    taken_by_slack(message("mx1", given_message, NOW, ALL, "r1"), mentions=())


def test_envelope_submitter_recipients_and_headers_are_told() -> None:
    words = text_of(message("mx1", MESSAGE, NOW, ALL, "r1").blocks)
    for text in (
        "4VbXm8dz3kzJ1Q on mx1: deferred, 2 h old, 2.0 KiB",
        "From: jane@example.org",
        "Login: jane",
        "Client: [203.0.113.7], ESMTP",
        "To 40 recipients",
        "bob@example.com: 452 4.2.2 mailbox full",
        "eve@example.com (not tried yet)",
        "… and 38 more",
        "Subject: <!channel> you won",
        "From: Jane <jane@example.org>",
        "(there are more; they were cut)",
    ):
        assert text in words


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ("deferred", {"message.flush", "message.hold"}),
        ("active", {"message.hold"}),
        ("incoming", {"message.hold"}),
        ("hold", {"message.release"}),
        ("maildrop", set()),
        ("surprise", set()),
    ],
)
def test_the_buttons_are_those_that_make_sense_where_it_lies(queue: str, expected: set[str]) -> None:
    there = MESSAGE._replace(queued=QUEUED._replace(queue_name=queue))
    assert set(buttons(message("mx1", there, NOW, ALL, "r1").blocks)) == expected


def test_a_viewer_gets_no_buttons() -> None:
    assert buttons(message("mx1", MESSAGE, NOW, ("status", "queue", "show"), "r1").blocks) == {}


def test_a_button_remembers_the_message_itself_not_just_its_id() -> None:
    value = buttons(message("mx1", MESSAGE, NOW, ALL, "r1").blocks)["message.hold"]
    assert identity(value) == ("mx1", Identity("4VbXm8dz3kzJ1Q", NOW - 7200, 2048, "jane@example.org"))


def test_without_recipients_left_it_says_so() -> None:
    done = MESSAGE._replace(queued=QUEUED._replace(recipients=(), recipient_count=0))
    assert "All of its recipients are done." in text_of(message("mx1", done, NOW, ALL, "r1").blocks)

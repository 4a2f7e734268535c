"""What help gives as an example can be typed as it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.console.workspace import text_of
from handlers.commands import OTHERS
from handlers.commands.command import Command
from tests.slack.conftest import SmallHost
from tests.slack.desk import APRIL, Desk, desk, host

OUTSIDE = ("check", "rbl")
"""These ask the Internet, and take no mail host where several are meant."""

NOT_UNDERSTOOD = (
    "Which mail host",
    "neither a",
    "nothing that a digest",
    "is no rule",
    "is no time",
    "is no mail host",
)


@pytest.fixture
async def two(small: SmallHost) -> AsyncIterator[Desk]:
    async with desk([host("mx1", small.ini, small.name), host("mx2", small.ini, small.name)]) as made:
        yield made


@pytest.mark.parametrize("command", [each for each in OTHERS if each.name not in OUTSIDE], ids=lambda each: each.name)
async def test_no_example_leaves_open_what_is_meant(two: Desk, command: Command) -> None:
    for example in command.examples:
        for text in map(text_of, await two.type(example, APRIL)):
            assert not [each for each in NOT_UNDERSTOOD if each in text], (example, text)

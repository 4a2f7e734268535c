"""How long people say that something is to last."""

from datetime import timedelta

import pytest
from hypothesis import given

from bot.errors import UserError
from handlers.commands.lasting import LONGEST, SHORTEST, Lasting, lasting
from tests.handlers.blocks.hostile import texts, thorough

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("words", "time", "rest"),
    [
        ("12 8h", 8 * HOUR, "12"),
        ("8h 12", 8 * HOUR, "12"),
        ("12 for 2 hours", 2 * HOUR, "12"),
        ("12 2 Hours", 2 * HOUR, "12"),
        ("all for 1 day mx1", 24 * HOUR, "all mx1"),
        ("12 90 min", 1.5 * HOUR, "12"),
        ("12 60s", HOUR / 60, "12"),
        ("  12   30d ", 30 * 24 * HOUR, "12"),
        ("for 12", None, "for 12"),
        ("12 8", None, "12 8"),
        ("12 8hm", None, "12 8hm"),
        ("mx1/8h", None, "mx1/8h"),
        ("", None, ""),
    ],
)
def test_the_time_is_taken_out_of_the_words(words: str, time: timedelta | None, rest: str) -> None:
    found = lasting(words)
    assert (found.time, found.rest) == (time, rest)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("1 59s", "“59s” is too short: say 1m to 30d. Nothing was done."),
        ("1 0 hours", "“0 hours” is too short"),
        ("1 31d", "“31d” is too long"),
        ("1 999999999 days", "“999999999 days” is too long"),
        ("1h 2h", "“1h” or “2h”? Nothing was done. Say one time."),
    ],
)
def test_what_is_no_time_that_can_be_is_said(words: str, answer: str) -> None:
    with pytest.raises(UserError) as refused:
        lasting(words)
    assert answer in str(refused.value)


@thorough
@given(texts)
def test_of_any_words_none_is_lost_without_a_time(text: str) -> None:
    try:
        found = lasting(text)
    except UserError:
        return
    if found.time is None:
        assert found == Lasting(None, "", " ".join(text.split()))
    else:
        assert SHORTEST <= found.time <= LONGEST

"""What is drawn in text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import width as cells
from bot.watch.sparks import BLOCKS, UNKNOWN, spark, text_picture
from tests.watch.days import day, holey, huge, quiet


def test_a_spark_tells_nothing_there_from_not_known() -> None:
    assert spark([0, 1, None, 1000, 500], 10) == "▁▂?█▅"
    assert spark([0, 0], 10) == "▁▁"
    assert spark([None, None], 10) == "??"
    assert spark([], 10) == ""


def test_of_each_few_values_the_highest_is_shown() -> None:
    assert spark([0, 0, 9, 0, 0, 0, None, 9, None, None], 5) == "▁█▁█?"


@given(st.lists(st.none() | st.integers(0, 10**9)), st.integers(1, 80))
def test_any_spark_fits_and_keeps_its_peak_and_its_unknown(values: list[int | None], width: int) -> None:
    line = spark(values, width)
    assert len(line) == min(width, len(values))
    assert set(line) <= {*BLOCKS, UNKNOWN}
    known = [value for value in values if value is not None]
    assert (BLOCKS[-1] in line) == any(known)
    if not known:
        assert set(line) <= {UNKNOWN}


def test_a_text_picture_shows_gaps_alerts_and_hours() -> None:
    lines = text_picture(day(holey, marks=((6.0, "critical", "away"),)), 60)
    title, *body = lines
    assert title == "Queue of mx1"
    bottom = body[5].removeprefix(" 0 ")
    assert [bottom.count(UNKNOWN), bottom.strip("█?")] == [pytest.approx(57 * 5 / 24, abs=3), ""]
    assert bottom[int(57 * 6 / 24)] == UNKNOWN
    assert body[6].index("!") == 3 + int(57 * 6 / 24)
    assert body[7].split() == ["12:00", "18:00", "00:00", "06:00"]
    assert body[8].split() == ["Tue", "24", "Nov"]
    assert "? not known." in body[9]


def test_one_enormous_peak_does_not_hide_the_rest() -> None:
    text = "\n".join(text_picture(day(huge), 72))
    assert "▲ more than 142, at most 110,003." in text
    assert text.count("▲") > 1


def test_an_empty_queue_is_a_line_and_not_a_hole() -> None:
    body = text_picture(day(lambda _: 0), 40)
    assert body[6] == "0 " + "_" * 38
    assert UNKNOWN not in "".join(body)


@pytest.mark.parametrize("width", [1, 24, 40, 72, 200])
def test_no_line_is_wider_than_asked(width: int) -> None:
    marks = tuple((float(hour), "warning", "x") for hour in range(25))
    for series in (day(quiet, marks=marks), day(huge, host="日本語" * 30), day(holey), day(lambda _: None)):
        assert max(cells(line) for line in text_picture(series, width)) <= max(width, 24)

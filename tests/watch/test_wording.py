"""A series in words."""

from __future__ import annotations

from bot.watch.wording import words
from tests.watch.days import day, holey, quiet


def test_they_say_the_peak_its_time_and_the_end() -> None:
    assert words(day(quiet)) == (
        "Queue of mx1, Mon 23 Nov 08:00 to Tue 24 Nov 08:00 (Europe/Berlin): "
        "at most 72 messages on Tue 24 Nov 07:00, 72 at the end."
    )


def test_they_say_what_is_not_known() -> None:
    said = words(day(holey))
    assert "at most 25 messages seen, on Mon 23 Nov 08:00, 25 at the end." in said
    assert said.endswith(
        "Not known for 5 h: Mon 23 Nov 13:00 to Mon 23 Nov 16:00 and Mon 23 Nov 20:00 to Mon 23 Nov 22:00."
    )
    assert "at the end not known (last known: 72)" in words(day(lambda hour: None if hour >= 23 else 63))
    assert words(day(lambda _: None)).endswith("(Europe/Berlin): nothing of it is known.")


def test_empty_is_said_of_what_was_seen_alone() -> None:
    assert words(day(lambda _: 0)).endswith(": empty.")
    assert ": empty whenever it was looked at. Not known for 1 h" in words(
        day(lambda hour: None if 2 <= hour < 3 else 0)
    )


def test_alerts_are_told_with_their_times_and_never_all_of_many() -> None:
    marks = tuple((float(hour), "warning", f"alert {hour}") for hour in range(20))
    said = words(day(quiet, marks=marks))
    assert (
        "20 alerts: warning at 08:00 (alert 0), warning at 09:00 (alert 1), warning at 10:00 (alert 2) and 17 " in said
    )


def test_hostile_names_are_cut_and_cannot_act_and_the_whole_stays_short() -> None:
    hostile = "\u202e\n" + "x" * 5000
    marks = tuple((hour / 100, "critical", hostile) for hour in range(500))
    said = words(day(lambda hour: None if int(hour * 6) % 2 else 5, host=hostile, marks=marks))
    assert len(said) < 1000
    assert "\u202e" not in said and "\n" not in said

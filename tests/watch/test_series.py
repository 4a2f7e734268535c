"""What is known of a queue's time, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.watch.series import Peak, Point
from tests.watch.days import START, day, holey, hours_since, huge, quiet


def test_time_without_points_and_points_without_counts_are_gaps_and_one_lost_sample_is_none() -> None:
    series = day(holey)
    gaps = [(hours_since(series, gap.start), hours_since(series, gap.end)) for gap in series.gaps()]
    assert gaps == [(5, 8), (12, 14)]
    runs = [(hours_since(series, run.start), hours_since(series, run.end)) for run in series.runs()]
    assert runs == [(0, 5), (8, 12), (14, 24)]


def test_one_unknown_queue_makes_the_depth_unknown() -> None:
    known = Point(START, 1, 2, 3, 4)
    assert known.total == 10
    for queue in ("active", "deferred", "hold", "incoming"):
        assert replace(known, **{queue: cast(Any, None)}).total is None


def test_before_the_first_and_after_the_last_point_nothing_is_known() -> None:
    series = day(lambda hour: 5 if 6 <= hour < 20 else -1)
    gaps = [(hours_since(series, gap.start), hours_since(series, gap.end)) for gap in series.gaps()]
    assert gaps == [(0, 6), (20, 24)]


def test_without_any_point_all_of_it_is_a_gap() -> None:
    series = day(lambda _: None)
    assert [(gap.start, gap.end) for gap in series.gaps()] == [(series.start, series.end)]
    assert series.runs() == () and series.highest() is None and series.ceiling() is None
    (gap,) = replace(series, points=()).gaps()
    assert (gap.start, gap.end) == (series.start, series.end)


def test_the_first_of_the_highest_points_is_the_peak_unless_the_samples_went_higher() -> None:
    flat = day(lambda _: 10)
    assert flat.highest() == Peak(flat.points[0].at, 14)
    higher = day(lambda _: 10, peak=(3, 500))
    assert higher.highest() == higher.peak
    same = day(lambda _: 10, peak=(3, 14))
    assert same.highest() == same.peak, "the moment itself, not the beginning of its five minutes"
    assert day(lambda _: 1000, peak=(3, 500)).highest() == Peak(START, 1103)


def test_only_a_peak_that_would_hide_all_the_rest_asks_for_a_second_scale() -> None:
    assert day(huge).ceiling() == 2 * 71
    assert day(quiet).ceiling() is None
    assert day(lambda hour: 1000 if hour == 3 else 0).ceiling() is None, "nothing is hidden where nothing is"


def test_thinned_keeps_the_peak_and_the_whole_time() -> None:
    series = day(lambda hour: 900 if hour == 7.5 else int(hour), minutes=1)
    (run,) = series.runs()
    thin = run.thinned(timedelta(hours=1))
    assert len(thin.points) == 24
    assert (thin.start, thin.end) == (run.start, run.end)
    assert max(point.total or 0 for point in thin.points) == 900 + 90 + 3


def test_points_out_of_order_and_an_empty_stretch_are_mistakes() -> None:
    series = day(quiet)
    with pytest.raises(ValueError, match="out of order"):
        replace(series, points=tuple(reversed(series.points)))
    with pytest.raises(ValueError, match="ends before it begins"):
        replace(series, end=series.start)

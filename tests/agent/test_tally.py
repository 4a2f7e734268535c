"""Counting in bounded memory: no count is ever too high, and none is short by more than it says."""

from __future__ import annotations

from collections import Counter as Exact

from hypothesis import given
from hypothesis import strategies as st

from bot.agent.protocol import MAX_TEXT, Count
from bot.agent.tally import Counter

NAMES = st.lists(st.integers(0, 40).map(lambda n: f"n{n * n // 40}"), max_size=400)


@given(NAMES, st.integers(1, 12))
def test_no_count_is_too_high_and_none_is_lower_than_it_says(names: list[str], capacity: int) -> None:
    counter = Counter(capacity)
    for name in names:
        counter.add(name)
    tally = counter.tally(top=1000)
    exact = Exact(names)
    told = {count.name: count.messages for count in tally.top}
    assert len(told) <= 2 * capacity
    for name, truth in exact.items():
        assert truth - tally.undercount <= told.get(name, 0) <= truth
    assert tally.undercount <= len(names) // (capacity + 1)
    if len(exact) <= 2 * capacity:
        assert (told, tally.undercount) == (exact, 0)


@given(NAMES)
def test_the_most_frequent_come_first_and_equal_ones_by_name(names: list[str]) -> None:
    counter = Counter()
    for name in names:
        counter.add(name)
    rows = sorted(Exact(names).items(), key=lambda row: (-row[1], row[0]))[:10]
    assert counter.tally().top == tuple(Count(*row) for row in rows)


def test_a_name_that_bears_half_of_the_mail_is_never_lost_among_names_that_differ() -> None:
    counter = Counter(capacity=50)
    for number in range(20_000):
        counter.add("news@shop.test")
        counter.add(f"user{number}@customers.test")
    tally = counter.tally(1)
    assert tally.top[0].name == "news@shop.test"
    assert 20_000 - tally.undercount <= tally.top[0].messages <= 20_000
    assert tally.undercount < 1000


def test_names_that_are_too_long_are_cut_and_counted_together() -> None:
    counter = Counter()
    for end in ("a", "b", "c"):
        counter.add("x" * MAX_TEXT + end)
    assert counter.tally().top == (Count("x" * MAX_TEXT, 3),)

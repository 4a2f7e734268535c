"""The chain without a database: any change to the table but a cut at its end is found, whatever it is."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.store.chain import Examination, mac_of

KEY = b"the key of the tests' audit chain"
COLUMNS = ("at", "actor", "verb", "subject", "previous", "mac")

Rows = dict[int, dict[str, Any]]


def chain(length: int) -> Rows:
    rows: Rows = {}
    previous = ""
    for seq in range(1, length + 1):
        row = {"seq": seq, "at": 1_000_000 * seq, "actor": "U0ANA", "verb": "delete.ask", "subject": str(seq)}
        mac = mac_of(KEY, row, previous)
        rows[seq] = {**row, "previous": previous, "mac": mac}
        previous = mac
    return rows


def examined(rows: Rows) -> Examination:
    examination = Examination(KEY)
    for _, row in sorted(rows.items()):
        examination.add(row)
    return examination


seqs = st.integers(1, 9)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("delete"), seqs, seqs),
        st.tuples(st.just("swap"), seqs, seqs),
        st.tuples(st.just("copy"), seqs, seqs),
        st.tuples(st.sampled_from(COLUMNS), seqs, seqs),
    ),
    max_size=4,
)


def tampered(rows: Rows, done: list[tuple[str, int, int]]) -> Rows:
    """What somebody makes of the table who has no key; `swap`, `copy` and a column move values between two rows."""
    rows = {seq: dict(row) for seq, row in rows.items()}
    for what, one, two in done:
        if what == "delete":
            rows.pop(one, None)
        elif what == "copy" and one in rows:
            rows[two] = {**rows[one], "seq": two}
        elif what == "swap" and one in rows and two in rows:
            rows[one], rows[two] = {**rows[two], "seq": one}, {**rows[one], "seq": two}
        elif what in COLUMNS and one in rows and two in rows:
            rows[one][what] = rows[two][what]
    return rows


@given(st.integers(0, 8), changes)
def test_whatever_is_done_to_the_rows_is_found_unless_it_is_a_cut_at_the_end(
    length: int, done: list[tuple[str, int, int]]
) -> None:
    written = chain(length)
    rows = tampered(written, done)
    examination = examined(rows)
    untouched = rows == {seq: row for seq, row in written.items() if seq <= len(rows)}
    assert bool(examination.problems()) is not untouched
    if length:
        head = f"{length}:{written[length]['mac'][:12]}"
        assert bool(examination.problems(head)) is (rows != written)


@given(st.integers(1, 8), seqs)
def test_a_change_names_its_row_and_no_other(length: int, at: int) -> None:
    written = chain(length)
    if at <= length:
        written[at]["actor"] = "U0EVE"
        if length > 1:
            (problem,) = examined(written).problems()
            assert problem.seq == at
            assert problem.text.startswith(f"Row {at} was edited")


def test_the_mac_of_a_row_is_fixed_for_ever() -> None:
    """Rows that were written by an earlier version must fit: a change here makes every chain there is look edited."""
    row = {"seq": 1, "at": 1_700_000_000_000_000, "actor": "U0ANA", "name": "Änne", "details": '{"messages": 3}'}
    assert mac_of(KEY, row, "") == "e65b61cd9ce36c0eef59fa744f07563eaec3e64198815c81862ed3aeb95cd5c8"


def test_many_moved_rows_are_told_in_linear_time() -> None:
    rows = {1: chain(1)[1]} | {seq + 1: {**row, "seq": seq + 1} for seq, row in chain(20_000).items() if seq > 1}
    examination = examined(rows)
    began = time.process_time()
    found = examination.problems()
    assert time.process_time() - began < 10
    assert [problem.seq for problem in found] == list(range(2, 20_002))
    assert found[0].text == "Row 2 is missing."
    assert found[1].text == "Row 3 was written as row 2: rows were moved, inserted or renumbered."

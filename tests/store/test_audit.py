"""The audit chain: whoever changes the table without the key is found out, row by row."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import StoreError, UserError
from bot.store import tables
from bot.store.audit import Head
from bot.store.audit import head as head_within
from bot.store.database import Store
from tests.store.subjects import KEY, NOW, entry, sql, write

EDITED = "Row 3 was edited, or Maildesk did not write it: its MAC does not fit what it says."


async def problems(store: Store, head: str = "") -> list[str]:
    return [problem.text for problem in await store.audit.verify(head)]


async def test_what_was_written_is_read_back_newest_first(store: Store) -> None:
    await write(store, range(1, 4))
    newest, before = await store.audit.latest(2)
    assert (newest.seq, newest.at, newest.subject, newest.details) == (
        3,
        NOW + timedelta(seconds=3),
        "3-k3qf",
        {"messages": 3},
    )
    assert newest.previous == before.mac
    assert before.seq == 2
    assert await store.audit.head() == Head(3, newest.mac[:12])
    assert str(await store.audit.head()) == f"3:{newest.mac[:12]}"


async def test_an_empty_chain_is_in_order_and_its_head_is_nothing(store: Store) -> None:
    assert await store.audit.head() == Head(0, "")
    assert await store.audit.latest(5) == ()
    assert await problems(store) == []


async def test_a_chain_in_order_has_no_problem_and_says_since_when(store: Store) -> None:
    await write(store, range(1, 6))
    found = await store.audit.examine(str(await store.audit.head()))
    assert (found.rows, found.since, found.problems) == (5, NOW + timedelta(seconds=1), ())
    assert found.head == await store.audit.head()


async def test_the_head_within_a_transaction_has_what_it_appended(store: Store) -> None:
    async with store.transaction() as transaction:
        await transaction.audit(entry())
        mine = await head_within(transaction.connection)
    assert mine == await store.audit.head()


@pytest.mark.parametrize("column", [each.name for each in tables.audit.c if each.name != "seq"])
async def test_an_edited_row_is_named_whatever_was_edited(store: Store, column: str) -> None:
    await write(store, range(1, 6))
    value = "'9'" if column != "at" else "9"
    await sql(store, f"UPDATE audit SET {column} = {value} WHERE seq = 3")  # noqa: S608
    assert await problems(store) == [EDITED]
    assert len(await store.audit.latest(5)) == 5, "it is shown all the same"


async def test_a_renumbered_row_is_missing_here_and_too_much_there(store: Store) -> None:
    await write(store, range(1, 6))
    await sql(store, "UPDATE audit SET seq = 9 WHERE seq = 3")
    assert await problems(store) == [
        "Row 3 is missing.",
        "Rows 6 to 8 are missing.",
        "Row 9 was written as row 3: rows were moved, inserted or renumbered.",
    ]


async def test_deleted_rows_in_the_middle_and_at_the_start_are_named(store: Store) -> None:
    await write(store, range(1, 10))
    await sql(store, "DELETE FROM audit WHERE seq IN (1, 4, 5, 7)")
    assert await problems(store) == ["Row 1 is missing.", "Rows 4 to 5 are missing.", "Row 7 is missing."]


async def test_deleted_rows_whose_gap_was_closed_are_found(store: Store) -> None:
    await write(store, range(1, 6))
    await sql(store, "DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = seq - 1 WHERE seq = 4")
    await sql(store, "UPDATE audit SET seq = 4 WHERE seq = 5")
    found = await store.audit.verify()
    assert [problem.seq for problem in found] == [3, 4]
    assert all("edited" in problem.text for problem in found), "what stood before them is gone, so nothing counts them"


async def test_reordered_rows_are_named_with_their_places(store: Store) -> None:
    await write(store, range(1, 7))
    await sql(
        store,
        "UPDATE audit SET seq = 99 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 99",
    )
    moved = "rows were moved, inserted or renumbered."
    assert await problems(store) == [f"Row 3 was written as row 4: {moved}", f"Row 4 was written as row 3: {moved}"]


async def test_an_inserted_row_is_named_and_so_are_those_that_made_room(store: Store) -> None:
    await write(store, range(1, 5))
    columns = ", ".join(each.name for each in tables.audit.c if each.name != "seq")
    await sql(
        store,
        "UPDATE audit SET seq = 5 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 3",
        f"INSERT INTO audit (seq, {columns}) SELECT 3, {columns} FROM audit WHERE seq = 1",  # noqa: S608
        "UPDATE audit SET actor = 'U0EVE' WHERE seq = 3",
    )
    moved = "rows were moved, inserted or renumbered."
    assert await problems(store) == [
        EDITED,
        f"Row 4 was written as row 3: {moved}",
        f"Row 5 was written as row 4: {moved}",
    ]


async def test_rows_from_another_copy_of_the_chain_are_found_though_their_macs_fit(store: Store) -> None:
    await write(store, range(1, 4))
    await sql(store, "CREATE TABLE kept AS SELECT * FROM audit WHERE seq = 3", "DELETE FROM audit WHERE seq > 1")
    await write(store, range(12, 14))
    await sql(store, "DELETE FROM audit WHERE seq = 3", "INSERT INTO audit SELECT * FROM kept", "DROP TABLE kept")
    assert await problems(store) == ["Row 3 does not follow row 2: they come from different copies of the chain."]


async def test_rows_cut_off_at_the_end_show_against_a_recorded_head(store: Store) -> None:
    await write(store, range(1, 6))
    head = await store.audit.head()
    await sql(store, "DELETE FROM audit WHERE seq > 3")
    assert await problems(store) == []
    assert await problems(store, str(head)) == [f"Rows 4 to 5 are missing. The head was {head} once."]
    (alone,) = await problems(store, head.digest)
    assert f"No row has the digest {head.digest}" in alone
    await write(store, range(21, 25))
    assert await problems(store) == [], "the chain goes on from where it was cut"
    assert await problems(store, str(head)) == [
        f"Row 5 is not the one whose digest was {head.digest}: the rows from there on were replaced."
    ]


async def test_a_recorded_head_that_is_there_is_no_problem(store: Store) -> None:
    await write(store, range(1, 4))
    head = await store.audit.head()
    await write(store, range(4, 6))
    assert await problems(store, str(head)) == []
    assert await problems(store, head.digest) == []


@pytest.mark.parametrize("head", ["57", "57:", ":9f2c41d07ab3", "0:9f2c41d07ab3", "57:9F2C41D07AB3", "57:9f2", "yes"])
async def test_what_is_no_head_is_refused(store: Store, head: str) -> None:
    with pytest.raises(UserError, match="is not the head of an audit chain"):
        await store.audit.verify(head)


async def test_with_another_key_no_row_fits_and_one_line_says_so(store: Store) -> None:
    await write(store, range(1, 4))
    store.key = b"another key, as long as it must be"
    (text,) = await problems(store)
    assert text.startswith("None of the rows fits the key (3 looked at, from row 1 on)")
    assert "another key" in text


async def test_values_of_another_type_stop_neither_the_check_nor_the_list(tmp_path: Path) -> None:
    """SQLite takes any value in any column; PostgreSQL does not."""
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY) as store:
        await write(store, range(1, 5))
        await sql(
            store,
            "UPDATE audit SET at = 'yesterday', details = x'ff' WHERE seq = 2",
            "UPDATE audit SET mac = x'00ff', previous = x'01' WHERE seq = 3",
            "UPDATE audit SET at = 9223372036854775807, details = '[1]' WHERE seq = 4",
        )
        assert [problem.seq for problem in await store.audit.verify()] == [2, 3, 4]
        assert [row.seq for row in await store.audit.latest(9)] == [4, 3, 2, 1]


async def test_a_hundred_appends_at_once_from_two_processes_make_one_chain(store: Store, url: str) -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "tests.store.appending", url, "50", stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"open\n"
    await asyncio.gather(*(write(store, range(number, number + 1)) for number in range(1, 51)))
    assert await other.wait() == 0
    found = await store.audit.examine()
    assert (found.rows, found.problems) == (100, ())
    assert re.fullmatch("100:[0-9a-f]{12}", str(found.head))
    assert {row.actor for row in await store.audit.latest(100)} == {"U0ANA", "U0OTHER"}


async def test_a_second_bot_with_a_key_of_its_own_is_refused(store: Store, url: str) -> None:
    other = Store(url, b"this is another key, of the other bot")
    with pytest.raises(StoreError, match="keeps its audit chain with another key") as refused:
        await other.open()
    assert "Nothing has been written with that key yet" in str(refused.value)
    await write(store, range(1, 2))
    with pytest.raises(StoreError, match=r"Nothing was started\.$"):
        await other.open()
    async with Store(url, KEY) as same:
        assert (await same.audit.head()).seq == 1

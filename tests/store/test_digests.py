"""Digests as rows, and what they read of reports and of the audit chain."""

from __future__ import annotations

from datetime import timedelta

from bot.store import audit, digests, reports
from bot.store.claims import claim
from bot.store.database import Store
from tests.store.subjects import NOW, write
from tests.store.test_reports import begin, end

HOUR = timedelta(hours=1)


async def test_one_comes_back_as_it_was_made(store: Store) -> None:
    content = {"hosts": ["pünktlich \u202e", None, 1.5], "v": 1}
    async with store.transaction() as transaction:
        number = await digests.keep(transaction, "2026-03-01", "", content, NOW)
    async with store.reading() as connection:
        assert await digests.get(connection, number) == digests.Row(number, "2026-03-01", "", NOW, content)
        assert await digests.get(connection, number + 1) is None


async def test_what_is_compared_with_is_the_newest_daily_one_of_that_time(store: Store) -> None:
    async with store.transaction() as transaction:
        first = await digests.keep(transaction, "2026-03-01", "", {}, NOW)
        await digests.keep(transaction, "", "U0VIC", {}, NOW + HOUR)
        second = await digests.keep(transaction, "2026-03-02", "", {}, NOW + 24 * HOUR)
    async with store.reading() as connection:
        found = [await digests.daily_before(connection, NOW + hours * HOUR) for hours in (-1, 0, 2, 24)]
    assert [row.id if row else None for row in found] == [None, first, first, second]


async def test_a_claim_is_seen_once_it_is_made(store: Store) -> None:
    async with store.reading() as connection:
        assert not await digests.claimed(connection, "digest", "2026-03-01")
    async with store.transaction() as transaction:
        assert await claim(transaction, "digest", "2026-03-01", "a", NOW)
    async with store.reading() as connection:
        assert await digests.claimed(connection, "digest", "2026-03-01")
        assert not await digests.claimed(connection, "digest", "2026-03-02")


async def test_old_ones_are_forgotten(store: Store) -> None:
    async with store.transaction() as transaction:
        for hours in range(3):
            await digests.keep(transaction, "", "", {}, NOW + hours * HOUR)
        assert await digests.prune(transaction, NOW + HOUR) == 1


async def test_a_report_as_of_then_is_the_newest_that_was_done_by_then(store: Store) -> None:
    whole = await begin(store)
    await end(store, whole, now=NOW)
    lists = await begin(store, scope="rbl")
    await end(store, lists, now=NOW + HOUR)
    await begin(store)
    await end(store, await begin(store, host="mx2"), now=NOW)

    async def as_of(hours: int, part: str) -> int | None:
        async with store.reading() as connection:
            row = await reports.as_of(connection, "mx1", part, NOW + hours * HOUR)
        return row.id if row else None

    async with store.transaction() as transaction:
        await reports.add(transaction, "mx1", "dns auth", {}, NOW, NOW + 2 * HOUR)
    assert [await as_of(hours, "rbl") for hours in (-1, 0, 1, 2)] == [None, whole, lists, lists]
    assert await as_of(1, "dns") == whole
    assert await as_of(2, "dns") == await as_of(2, "auth") not in (None, whole)


async def test_rows_of_the_chain_are_found_by_host_verb_and_time(store: Store) -> None:
    await write(store, range(1, 6))
    second = timedelta(seconds=1)

    async def between(host: str, verb: str, first: int, last: int) -> list[int]:
        async with store.reading() as connection:
            rows = await audit.between(connection, host, [verb], NOW + first * second, NOW + last * second)
        return [row.seq for row in rows]

    assert await between("mx1", "delete.approve", 2, 4) == [2, 3]
    assert await between("mx2", "delete.approve", 2, 4) == await between("mx1", "hold", 2, 4) == []

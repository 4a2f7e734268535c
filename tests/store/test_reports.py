"""Reports as rows: one owner at a time, the last whole one of a host, and no more of them than are wanted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.store import reports, tables
from bot.store.database import Store
from bot.store.outbox import Told
from tests.store.subjects import NOW

SOON = timedelta(seconds=60)
CARD = Told("T1", "C1", reports.KIND, "")


async def begin(store: Store, host: str = "mx1", scope: str = "all", owner: str = "a", now: datetime = NOW) -> int:
    async with store.transaction() as transaction:
        number = await reports.begin(transaction, host, scope, CARD, "U1", owner, now, now + SOON)
        await transaction.tell(Told("T1", "C1", reports.KIND, str(number)))
    return number


async def end(store: Store, number: int, owner: str = "a", state: str = reports.DONE, now: datetime = NOW) -> bool:
    async with store.transaction() as transaction:
        return await reports.end(transaction, number, owner, state, {"of": number}, now)


async def take_over(store: Store, owner: str, now: datetime) -> reports.Row | None:
    async with store.transaction() as transaction:
        return await reports.take_over(transaction, owner, now, now + SOON)


async def get(store: Store, number: int) -> reports.Row | None:
    async with store.reading() as connection:
        return await reports.get(connection, number)


async def test_what_was_kept_comes_back_whole(store: Store) -> None:
    number = await begin(store)
    content = {"findings": ["pünktlich \u202e", 1, None], "verdict": "x" * 100_000}
    async with store.transaction() as transaction:
        assert await reports.keep(transaction, number, "a", content, NOW + 2 * SOON)
    row = await get(store, number)
    assert row == reports.Row(number, "mx1", "all", "T1", "C1", "U1", "running", 1, NOW, None, content)
    assert row.card == Told("T1", "C1", "report", str(number))
    assert await get(store, number + 1) is None


async def test_only_its_owner_keeps_or_ends_a_report_and_only_once(store: Store) -> None:
    number = await begin(store)
    assert not await end(store, number, "b")
    assert await end(store, number)
    assert not await end(store, number)
    async with store.transaction() as transaction:
        assert not await reports.keep(transaction, number, "a", {}, NOW)
    row = await get(store, number)
    assert row and (row.state, row.finished_at, row.content) == ("done", NOW, {"of": number})


async def test_a_report_whose_bot_is_gone_is_taken_over_by_one_other(store: Store) -> None:
    number = await begin(store)
    assert await take_over(store, "b", NOW + SOON / 2) is None
    later = NOW + SOON
    taken = await asyncio.gather(*(take_over(store, owner, later) for owner in "bcd"))
    (row,) = [each for each in taken if each]
    assert (row.id, row.runs) == (number, 2)
    assert not await end(store, number, "a")
    assert await take_over(store, "e", later) is None


async def test_a_released_report_is_free_at_once(store: Store) -> None:
    number = await begin(store)
    async with store.transaction() as transaction:
        assert await reports.release(transaction, number, "a", NOW)
    row = await take_over(store, "b", NOW)
    assert row and row.id == number


async def test_one_that_runs_is_found_by_host_scope_and_channel(store: Store) -> None:
    number = await begin(store, scope="dns")

    async def running(host: str, scope: str, channel: str, now: datetime) -> reports.Row | None:
        async with store.reading() as connection:
            return await reports.running(connection, host, scope, channel, now)

    found = await running("mx1", "dns", "C1", NOW)
    assert found and found.id == number
    for other in (("mx2", "dns", "C1"), ("mx1", "all", "C1"), ("mx1", "dns", "C2")):
        assert await running(*other, NOW) is None
    assert await running("mx1", "dns", "C1", NOW + SOON) is None, "its bot is gone"


async def test_the_latest_is_the_last_whole_one_that_was_done(store: Store) -> None:
    async def latest(host: str) -> int | None:
        async with store.reading() as connection:
            row = await reports.latest(connection, host)
        return row.id if row else None

    assert await latest("mx1") is None
    done = await begin(store)
    await end(store, done)
    await end(store, await begin(store, scope="dns"))
    await end(store, await begin(store), state=reports.BROKEN_OFF)
    await end(store, await begin(store, host="mx2"))
    await begin(store)
    assert await latest("mx1") == done


async def test_old_and_too_many_reports_are_forgotten_with_their_cards_but_never_the_last_whole_one(
    store: Store,
) -> None:
    whole = await begin(store)
    await end(store, whole, now=NOW - 90 * SOON)
    old = await begin(store, scope="dns")
    await end(store, old, now=NOW - 90 * SOON)
    runs = await begin(store, scope="tls")
    newer = [await begin(store, scope="dns") for _ in range(4)]
    for number in newer:
        await end(store, number)
    async with store.transaction() as transaction:
        assert await reports.prune(transaction, NOW - SOON, kept=3) == 2
    left = [number for number in (whole, old, runs, *newer) if await get(store, number)]
    assert left == [whole, runs, *newer[1:]]
    assert (await store.outbox.backlog("T1", NOW)).waiting == len(left)


async def test_those_that_nobody_asked_for_are_thinned_out_to_one_a_day_and_the_last(store: Store) -> None:
    hour, noon = timedelta(hours=1), datetime(2026, 3, 1, 12, tzinfo=UTC)
    scopes = ("all", "dns auth rbl")
    async with store.transaction() as transaction:
        for number in reversed(range(24 * 20)):
            at = noon - number * hour
            await reports.add(transaction, "mx1", scopes[number % 2], {}, at, at)
        await reports.add(transaction, "mx2", "all", {}, noon - 400 * hour, noon - 400 * hour)
    async with store.transaction() as transaction:
        assert await reports.thin(transaction, noon)
        assert not await reports.thin(transaction, noon)
        assert not await reports.prune(transaction, noon, kept=1)
    async with store.reading() as connection:
        rows = await connection.execute(select(tables.reports.c.host, tables.reports.c.finished_at))
        left = [(host, noon - finished) for host, finished in rows]
    lately = [age for host, age in left if host == "mx1" and age < reports.LATELY]
    older = [age for host, age in left if host == "mx1" and age >= reports.LATELY]
    assert sorted(lately) == [number * hour for number in range(48)]
    # The last hour of each day, and the one before: of each scope one.
    assert sorted(older) == [age * hour for day in range(60, 9 * 24, 24) for age in (day + 1, day + 2)]
    assert [age for host, age in left if host == "mx2"] == [400 * hour]


async def test_reports_of_people_and_those_that_nobody_asked_for_do_not_count_among_each_other(store: Store) -> None:
    asked_for = await begin(store)
    await end(store, asked_for)
    async with store.transaction() as transaction:
        for _ in range(5):
            await reports.add(transaction, "mx1", "all", {}, NOW, NOW)
        assert await reports.prune(transaction, NOW - SOON, kept=1) == 0
        assert await reports.thin(transaction, NOW + 30 * reports.DAYS) == 4
    assert await get(store, asked_for)
    async with store.reading() as connection:
        row = await reports.latest(connection, "mx1")
    assert row and row.asked_by == "" and row.state == reports.DONE

"""A turn is one bot's; samples are exact where something was measured, and there is nothing where nothing was."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.store import samples, turns
from bot.store.database import Store
from bot.store.samples import HOUR, MINUTE, Sample
from tests.store.subjects import KEY, NOW, count

EVERY = timedelta(minutes=1)
START = datetime.fromtimestamp(int(NOW.timestamp()) // HOUR * HOUR, NOW.tzinfo)


async def take(store: Store, owner: str, now: datetime, job: str = "look at mx1") -> bool:
    async with store.transaction() as transaction:
        return await turns.take(transaction, job, EVERY, owner, now)


async def keep(store: Store, *taken: Sample, host: str = "mx1") -> None:
    async with store.transaction() as transaction:
        for sample in taken:
            await samples.keep(transaction, host, sample)


async def series(store: Store, span: int, host: str = "mx1") -> tuple[Sample, ...]:
    async with store.reading() as connection:
        return await samples.series(connection, host, span, START - timedelta(days=400), START + timedelta(days=1))


async def test_of_two_bots_one_gets_each_turn(store: Store, url: str) -> None:
    async with Store(url, KEY) as other:
        for minute in range(20):
            now = NOW + minute * EVERY
            asking = [take(own, f"{n}", now) for n, own in enumerate((store, other, store, other))]
            assert sorted(await asyncio.gather(*asking)) == [False, False, False, True]


async def test_a_turn_begins_with_its_minute_and_each_job_has_its_own(store: Store) -> None:
    assert await take(store, "one", START + 59.9 * EVERY / 60)
    assert not await take(store, "two", START + 59.99 * EVERY / 60)
    assert await take(store, "two", START + EVERY)
    assert await take(store, "one", START + EVERY, job="look at mx2")
    assert await take(store, "one", START + 90 * EVERY)


async def test_a_clock_that_was_set_back_keeps_nobody_out(store: Store) -> None:
    assert await take(store, "one", NOW + timedelta(days=1))
    assert await take(store, "two", NOW)
    assert not await take(store, "one", NOW)
    assert not await take(store, "two", NOW - EVERY), "a clock that is a little behind is no reason to do it twice"


async def test_turns_that_follow_one_another_never_come_closer_than_they_should(store: Store, url: str) -> None:
    async def take_after(kept: Store, owner: str, now: datetime) -> bool:
        async with kept.transaction() as transaction:
            return await turns.take_after(transaction, "check mx1", EVERY, owner, now)

    async with Store(url, KEY) as other:
        asking = [take_after(kept, own, START + 0.9 * EVERY) for kept, own in ((store, "one"), (other, "two"))]
        assert sorted(await asyncio.gather(*asking)) == [False, True]
    assert not await take_after(store, "one", START + EVERY), "a late turn puts off the next one"
    assert not await take_after(store, "two", START + 0.8 * EVERY), "a clock that is a little behind"
    assert await take_after(store, "one", START + 1.9 * EVERY)
    assert await take_after(store, "one", START - 90 * EVERY), "a clock that was set back"


async def test_an_hour_is_made_of_its_minutes(store: Store) -> None:
    at = int(START.timestamp())
    await keep(
        store,
        Sample(at + 30, deferred=10, active=1, peak=11, oldest=at - 900, free=500, up=True),
        Sample(at + 90, deferred=21, active=None, peak=300, oldest=at - 800, free=400, up=False),
        Sample(at + 95, deferred=20, active=2, peak=30, oldest=at - 800, free=450, up=False),
        Sample(at + HOUR, deferred=7),
        Sample(at + 180),
    )
    assert [each.at - at for each in await series(store, MINUTE)] == [0, 60, 180, HOUR]
    hour, later = await series(store, HOUR)
    assert hour == Sample(at, measured=3, deferred=15, active=2, peak=30, free=450, up=False)
    assert later == Sample(at + HOUR, measured=1, deferred=7)


async def test_a_gap_stays_a_gap_and_each_host_has_its_own(store: Store) -> None:
    at = int(START.timestamp())
    await keep(store, Sample(at, deferred=1), Sample(at + 3 * HOUR, deferred=2))
    await keep(store, Sample(at + HOUR, deferred=9), host="mx2")
    assert [each.at for each in await series(store, HOUR)] == [at, at + 3 * HOUR]
    async with store.reading() as connection:
        assert await samples.latest(connection, "mx1") == Sample(at + 3 * HOUR, deferred=2)
        assert await samples.latest(connection, "mx3") is None


async def test_what_is_usual_at_an_hour_is_from_that_hour_of_former_days(store: Store) -> None:
    at = int(START.timestamp())
    await keep(
        store, *(Sample(at - hours * HOUR, deferred=hours) for hours in (0, 1, 23, 24, 25, 48, 14 * 24, 15 * 24))
    )
    async with store.reading() as connection:
        usual = await samples.at_this_hour(connection, "mx1", NOW)
    assert [each.deferred for each in usual] == [14 * 24, 48, 24]


async def test_minutes_are_kept_for_two_days_hours_for_a_year_and_of_summaries_one_a_day(store: Store) -> None:
    at = int(START.timestamp())
    day = 24 * HOUR
    await keep(store, *(Sample(at - age, deferred=1) for age in (400 * day, 300 * day, 3 * day, day)))
    ages = [timedelta(days=400), timedelta(days=10, hours=10), timedelta(days=10, hours=5), timedelta(days=10)]
    recent = [timedelta(hours=hours) for hours in (30, 20, 1)]
    async with store.transaction() as transaction:
        for host in ("mx1", "mx2"):
            for age in ages + recent:
                await samples.keep_summary(transaction, host, START - age, {"age": age.total_seconds(), "of": host})
        await samples.prune(transaction, START)
    assert [(at - each.at) // day for each in await series(store, MINUTE)] == [1]
    assert [(at - each.at) // day for each in await series(store, HOUR)] == [300, 3, 1]
    assert await count(store, "summaries") == 2 * (2 + len(recent)), (
        "09:00 and 04:00 are of one day, 23:00 is of another"
    )
    async with store.reading() as connection:
        found = await samples.summary_before(connection, "mx2", START - timedelta(days=2))
        assert found is not None
        assert found[1] == {"age": timedelta(days=10).total_seconds(), "of": "mx2"}
        assert await samples.summary_before(connection, "mx2", START - timedelta(days=11)) is None

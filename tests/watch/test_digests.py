"""Digests: what is in them, that each day has one, and that it is told once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from bot.errors import UserError
from bot.store import tables
from bot.store.database import Store
from bot.watch.digest import PROBLEM, UNKNOWN, WELL, YESTERDAY, Deed, NotADigest, Top
from bot.watch.digest_queue import series
from bot.watch.digest_verdict import facts, state, when
from bot.watch.digests import SAID
from handlers.blocks.digest_parts import queue_line
from tests.approvals.world import Clock
from tests.store.subjects import KEY
from tests.watch.digesting import (
    CLEAN,
    DAY,
    DKIM_OK,
    HOUR,
    MINUTE,
    MORNING,
    OPAL,
    OPS,
    PASSES,
    SOON,
    SPAMCOP,
    TEAM,
    Days,
    asked,
    posted,
)


async def test_a_day_without_a_word_is_well_and_its_details_are_in_the_thread(days: Days) -> None:
    await days.well()
    assert await days.digests.post_due()
    assert await posted(days.store) == [("digest", "1"), ("digest_host", "1/mx1")]
    made = await days.digests.get(1)
    assert made and made.asked_by == "" and made.digest.late == 0
    (host,) = made.digest.hosts
    assert state(host, made.digest) == WELL and facts(host, made.digest) == []
    assert host.queue.now == 5 and host.queue.usual == 5 and host.queue.unknown == 0


async def test_what_is_not_known_is_not_well(days: Days) -> None:
    made = await asked(days)
    (host,) = made.digest.hosts
    assert state(host, made.digest) == UNKNOWN
    assert facts(host, made.digest) == ["nothing is known of its queue", "its reputation was not checked"]
    assert (host.queue.now, host.queue.peak, host.queue.usual, host.listed.at) == (None, None, None, None)


async def test_the_queue_has_its_peak_its_gap_and_what_is_usual(days: Days, clock: Clock) -> None:
    def depth(at: datetime) -> int | None:
        before = MORNING - at
        if 6 * HOUR < before < 8 * HOUR:
            return None
        return 900 if 3 * HOUR <= before < 3 * HOUR + 5 * MINUTE else 40

    await days.queue(depth, clock() - DAY)
    (host,) = (made := await asked(days)).digest.hosts
    assert host.queue.peak == (int((MORNING - 3 * HOUR).timestamp()) // 300 * 300, 901)
    assert host.queue.now == 41 and host.queue.usual == 41
    assert host.queue.unknown == pytest.approx(2 * 3600, abs=600)
    assert "its queue is not known for 1 h 5" in facts(host, made.digest)[0]
    drawn = series(host, made.digest.start, made.digest.end, made.digest.zone)
    assert len(drawn.points) > 250 and drawn.highest() == drawn.peak and len(drawn.gaps()) == 1


async def test_a_queue_that_nobody_saw_lately_is_not_known_now(days: Days, clock: Clock) -> None:
    await days.well()
    clock.turn(HOUR)
    (host,) = (made := await asked(days)).digest.hosts
    assert state(host, made.digest) == UNKNOWN
    assert "its queue is not known for the last 1 h" in facts(host, made.digest)


async def test_senders_and_reasons_stand_against_the_day_before(days: Days, clock: Clock) -> None:
    await days.list(clock() - DAY - MINUTE, {"a@x.test": 10, "b@x.test": 5}, {"full": 3})
    await days.list(clock() - 5 * MINUTE, {"a@x.test": 90, "c@x.test": 7}, {"full": 4, "down": 2}, expiring=6)
    (host,) = (await asked(days)).digest.hosts
    assert host.listed.senders == (Top("a@x.test", 90, 10), Top("c@x.test", 7, None))
    assert host.listed.reasons == (Top("full", 4, 3), Top("down", 2, None))
    assert (host.listed.messages, host.listed.messages_before, host.listed.expiring) == (97, 15, 6)


async def test_an_old_listing_says_nothing_of_now_and_is_nothing_to_compare_with(days: Days, clock: Clock) -> None:
    await days.list(clock() - 3 * DAY, {"a@x.test": 10}, {})
    assert (await asked(days)).digest.hosts[0].listed.at is None
    await days.list(clock(), {"a@x.test": 11}, {})
    (host,) = (await asked(days)).digest.hosts
    assert host.listed.before_at is None and host.listed.senders == (Top("a@x.test", 11, None),)


async def test_mutes_that_took_the_place_of_others_are_told_as_the_one_that_was_in_force(
    days: Days, clock: Clock
) -> None:
    ana, begun = replace(OPAL, id="U0ANA"), int(clock().timestamp())
    for name, lasting, who in (("mx1", HOUR, OPAL), ("mx1", 3 * HOUR, OPAL), ("", HOUR, ana), ("mx1", HOUR / 2, ana)):
        await days.mutes.mute("deferred", name, lasting, who)
        clock.turn(MINUTE)
    made = int((clock() - MINUTE).timestamp())
    clock.turn(2 * HOUR)
    await days.mutes.mute("deferred", "mx1", HOUR, OPAL)
    (host,) = (await asked(days)).digest.hosts
    assert [(each.host, each.since, each.until, each.by) for each in host.mutes] == [
        ("", begun + 120, begun + 120 + 3600, "U0ANA"),
        ("mx1", begun, made + 1800, "U0ANA"),
        ("mx1", made + 60 + 7200, made + 60 + 10800, "U0OPAL"),
    ]


async def test_alerts_mutes_deeds_and_certificates_are_told(days: Days, clock: Clock) -> None:
    await days.down(1)
    await days.down(0)
    await days.down(1)
    await days.hold(12)
    await days.hold(30)
    await days.mutes.mute("deferred", "mx1", HOUR, OPAL)
    clock.turn(MINUTE)
    await days.report(CLEAN, DKIM_OK, SOON, PASSES)
    await days.queue(lambda _: 4, clock() - DAY)
    (host,) = (made := await asked(days)).digest.hosts
    assert [(each.title, each.ended_at is None, each.times) for each in host.alerts] == [
        ("Postfix is down", True, 2),
        ("Postfix is down", False, 1),
    ]
    (fires,) = await days.alerts.firing()
    assert host.alerts[0].since == int(fires.since.timestamp()) < host.alerts[0].fired_at, "as its card has it"
    assert host.deeds == (Deed("hold", "U0OPAL", 2, 42),)
    assert [(each.title, each.by) for each in host.mutes] == [("Much deferred mail", "U0OPAL")]
    assert host.reputation.certificates == (SOON.text,) and host.reputation.told == ()
    assert state(host, made.digest) == PROBLEM
    assert facts(host, made.digest)[0].startswith("Postfix is down (since 08:1")
    clock.turn(DAY)
    (host,) = (await asked(days, "yesterday")).digest.hosts
    assert host.alerts[0].ended_at is None, "at the end of yesterday it was open"


async def test_what_was_kept_is_what_was_true_then(days: Days, clock: Clock) -> None:
    await days.down(1)
    made = await asked(days)
    await days.down(0)
    await days.down(0)
    again = await days.digests.get(made.id)
    assert again == made and again.digest.hosts[0].alerts[0].ended_at is None


async def test_a_week_has_its_days_and_the_week_before(days: Days, clock: Clock) -> None:
    await days.queue(lambda at: 10 if at < MORNING - 7 * DAY else 20, clock() - 14 * DAY, every=30 * MINUTE)
    (host,) = (made := await asked(days, "week")).digest.hosts
    assert (host.queue.usual, host.queue.usual_before) == (21, 11)
    assert [day.name for day in host.queue.days][:2] == ["Tue 17 Nov", "Wed 18 Nov"]
    assert {day.peak for day in host.queue.days} == {21}
    assert made.digest.end - made.digest.start == 7 * 86_400


async def test_a_week_tells_the_end_by_the_last_look_and_a_peak_by_its_hour(days: Days, clock: Clock) -> None:
    clock.turn(48 * MINUTE)
    began = clock() - 30 * MINUTE
    await days.queue(lambda at: 900 if at == began + 10 * MINUTE else 10, began)
    (host,) = (made := await asked(days, "week")).digest.hosts
    last = int(clock().timestamp()) // 60 * 60
    assert (host.queue.now, host.queue.now_at) == (11, last)
    assert host.queue.unknown == 7 * 86_400 - (48 * 60 + 20), "the hour that goes on was looked at"
    assert not [fact for fact in facts(host, made.digest) if "for the last" in fact]
    line = queue_line(host, made.digest)
    assert line.startswith("Queue: 11 messages at the end, most seen 901 in the hour from 08:00"), line


async def test_yesterday_is_the_local_day(days: Days, clock: Clock) -> None:
    await days.queue(lambda _: 4, clock() - 2 * DAY)
    digest = (await asked(days, "yesterday")).digest
    assert (when(digest.end - HOUR.seconds, digest), when(digest.end + 60, digest)) == ("23:00", "Tue 24 Nov 00:01")
    end = datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert (digest.start, digest.end) == (int((end - DAY).timestamp()), int(end.timestamp()))
    assert facts(digest.hosts[0], digest) == ["its reputation was not checked"]


async def test_each_day_has_one_whoever_asks_and_however_often(days: Days, url: str, clock: Clock) -> None:
    await days.well()
    async with AsyncExitStack() as stack:
        others = []
        for _ in range(2):
            store = await stack.enter_async_context(Store(url, KEY, clock))
            others.append(Days(store, clock))
        for _ in range(48):
            for _ in range(2):
                await asyncio.gather(*(each.digests.post_due() for each in (days, *others)))
            clock.turn(30 * MINUTE)
    digests = [subject for kind, subject in await posted(days.store) if kind == "digest"]
    assert len(digests) == 1


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)])
@pytest.mark.parametrize("at", ["02:30", "08:00"])
async def test_each_day_has_one_when_the_clocks_change(store: Store, clock: Clock, day: datetime, at: str) -> None:
    """Forward on 29 March, when there is no 02:30, and back on 25 October, when there are two."""
    clock.turn(day - clock())
    days = Days(store, clock, digest_at=at)
    await days.alerts.move_in(TEAM)
    posted_on = []
    for _ in range(4 * 24 * 4):
        if await days.digests.post_due():
            posted_on.append(clock().astimezone(ZoneInfo("Europe/Madrid")))
        clock.turn(15 * MINUTE)
    assert [each.date() for each in posted_on] == [(day + number * DAY).date() for number in range(4)]
    jumped = "03:30" if (at, day.month) == ("02:30", 3) else at
    assert [f"{each:%H:%M}" for each in posted_on] == [at, jumped, at, at]


async def test_one_that_was_missed_comes_late_and_says_so_and_after_four_hours_not_at_all(
    days: Days, clock: Clock
) -> None:
    await days.well()
    clock.turn(3 * HOUR)
    assert await days.digests.post_due()
    made = await days.digests.get(1)
    assert made and made.digest.late == 3 * 3600 + 20
    clock.turn(DAY + HOUR)
    assert not await days.digests.post_due()
    assert len([kind for kind, _ in await posted(days.store) if kind == "digest"]) == 1


async def test_who_was_just_installed_has_missed_nothing(days: Days, clock: Clock) -> None:
    clock.turn(SAID + MINUTE)
    await days.queue(lambda _: 4, clock() - MINUTE)
    assert not await days.digests.post_due()
    clock.turn(DAY - SAID)
    assert await days.digests.post_due()


async def test_nobody_speaks_before_it_is_known_where(store: Store, clock: Clock) -> None:
    made = Days(store, clock)
    assert not await made.digests.post_due()
    assert await posted(store) == []


async def test_never_is_never(store: Store, clock: Clock) -> None:
    made = Days(store, clock, digest_at="never")
    await made.alerts.move_in(TEAM)
    assert not await made.digests.post_due()


async def test_with_changes_alone_a_quiet_day_is_kept_and_not_told(store: Store, clock: Clock) -> None:
    days = Days(store, clock, digest_when="changes")
    await days.alerts.move_in(TEAM)
    await days.well()
    assert not await days.digests.post_due()
    assert await days.digests.get(1), "the next one is compared with it"
    clock.turn(DAY)
    await days.queue(lambda _: 4, clock() - DAY)
    await days.report(SPAMCOP, DKIM_OK, PASSES)
    assert await days.digests.post_due(), "a listing is news"
    clock.turn(DAY)
    await days.queue(lambda _: 4, clock() - DAY)
    assert await days.digests.post_due(), "and is wrong the next day too"
    clock.turn(DAY)
    await days.well()
    assert await days.digests.post_due(), "that it is gone is news"
    clock.turn(DAY)
    await days.well()
    assert not await days.digests.post_due()


async def test_old_ones_are_forgotten_and_one_of_another_version_says_so(days: Days, clock: Clock) -> None:
    made = await asked(days)
    async with days.store.transaction() as transaction:
        await transaction.connection.execute(update(tables.digests).values(made_at=clock() - timedelta(days=29)))
    assert await days.digests.prune() == 0
    clock.turn(2 * DAY)
    assert await days.digests.prune() == 1
    assert await days.digests.get(made.id) is None


async def test_one_that_another_version_made_is_not_shown_as_something_else(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await asked(days)
    monkeypatch.setattr("bot.watch.digest.VERSION", 2)
    with pytest.raises(NotADigest, match="another version"):
        await days.digests.get(made.id)
    await asked(days)


async def test_everybody_together_may_ask_for_ten_within_ten_minutes(days: Days, clock: Clock) -> None:
    for number in range(10):
        await days.digests.post("mx1", YESTERDAY, f"U{number}", TEAM, OPS)
        clock.turn(timedelta(seconds=30))
    with pytest.raises(UserError, match=r"People here have asked for 10 digests .* in 5 min;"):
        await days.digests.post("mx1", YESTERDAY, "U10", TEAM, OPS)
    clock.turn(timedelta(minutes=5))
    await days.digests.post("mx1", YESTERDAY, "U10", TEAM, OPS)

"""Digests: what is in them, that each day has one, and that it is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from bot.errors import UserError
from bot.reputation.findings import Finding, Severity
from bot.store import tables
from bot.store.database import Store
from bot.watch.digest import GONE, NEW, NOT_COMPARED, PROBLEM, STILL, UNKNOWN, WELL, YESTERDAY, Deed, NotADigest, Top
from bot.watch.digest_queue import series
from bot.watch.digest_verdict import facts, state
from bot.watch.digests import SAID, Made
from tests.approvals.world import Clock
from tests.store.migrated import lay_out
from tests.store.subjects import KEY
from tests.watch.digesting import (
    CLEAN,
    DAY,
    DKIM,
    DKIM_OK,
    HOUR,
    MINUTE,
    MORNING,
    OPAL,
    OPS,
    PASSES,
    SILENT,
    SOON,
    SPAMCOP,
    TEAM,
    Days,
)
from tests.watch.subjects import told


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return lay_out(tmp_path)
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.turn(MORNING - made())
    return made


@pytest.fixture
async def store(url: str, clock: Clock) -> AsyncIterator[Store]:
    async with Store(url, KEY, clock) as made:
        yield made


@pytest.fixture
async def days(store: Store, clock: Clock) -> Days:
    made = Days(store, clock)
    await made.alerts.move_in(TEAM)
    return made


async def asked(days: Days, span: str = "day", host: str = "") -> Made:
    made = await days.digests.get(await days.digests.post(host, span, "U0VIC", TEAM, OPS))
    assert made is not None
    return made


async def posted(store: Store) -> list[tuple[str, str]]:
    return [(kind, subject) for kind, subject, _ in await told(store) if kind.startswith("digest")]


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


async def test_listings_and_checks_are_new_then_still_there_then_gone(days: Days, clock: Clock) -> None:
    async def morning(*findings: object) -> dict[str, str]:
        await days.report(*findings)  # type: ignore[arg-type]
        assert await days.digests.post_due()
        made = await days.digests.get(int((await posted(days.store))[-1][1].partition("/")[0]))
        assert made
        clock.turn(DAY)
        return {each.list or each.text: each.change for each in made.digest.hosts[0].reputation.told}

    assert await morning(SPAMCOP, DKIM_OK, PASSES) == {"SpamCop": NOT_COMPARED}
    assert await morning(SPAMCOP, DKIM, PASSES) == {"SpamCop": STILL, DKIM.text: NEW}
    assert await morning(CLEAN, DKIM, PASSES) == {"SpamCop": GONE, DKIM.text: STILL}
    assert await morning(CLEAN, DKIM_OK, PASSES) == {DKIM.text: GONE}
    assert await morning(CLEAN, DKIM_OK, PASSES) == {}


async def test_a_listing_is_there_since_it_was_seen_and_a_check_fails_since_a_digest_said_so(
    days: Days, clock: Clock
) -> None:
    seen = (MORNING - 5 * HOUR).timestamp()
    for _ in range(2):
        await days.report(replace(SPAMCOP, since=seen), DKIM, PASSES)
        assert await days.digests.post_due()
        clock.turn(DAY)
    made = await days.digests.get(2)
    assert made
    told = {each.text: each.since for each in made.digest.hosts[0].reputation.told}
    assert told == {SPAMCOP.text: int(seen), DKIM.text: int(MORNING.timestamp())}


async def test_a_list_that_is_silent_has_let_nobody_go(days: Days, clock: Clock) -> None:
    await days.report(SPAMCOP, DKIM, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    await days.report(SILENT, PASSES)
    (host,) = (made := await asked(days)).digest.hosts
    assert {each.list or each.text: each.change for each in host.reputation.told} == {
        "SpamCop": STILL,
        DKIM.text: STILL,
    }
    assert state(host, made.digest) == PROBLEM
    assert f"Whether this is still so could not be found out: {SPAMCOP.text}" in host.reputation.unknown


@pytest.mark.parametrize(
    "found",
    [
        (replace(SILENT, code="rbl.broken", text="SpamCop failed the test of a list that works."), CLEAN),
        (replace(SILENT, text="Many lists, one of which stands here by its ID, gave no answer."), CLEAN),
        (replace(SILENT, subject="192.0.2.25", text="The lists could not be asked in time.", lists=()), CLEAN),
        (replace(SILENT, code="rbl.internal_error", text="The check failed inside this bot.", lists=()),),
    ],
    ids=["broken", "silent", "not in time", "failed"],
)
async def test_a_list_that_could_not_say_has_let_nobody_go(
    days: Days, clock: Clock, found: tuple[Finding, ...]
) -> None:
    await days.report(SPAMCOP, DKIM_OK, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    await days.report(*found, DKIM_OK, PASSES)
    (host,) = (await asked(days)).digest.hosts
    assert [(each.list, each.change) for each in host.reputation.told] == [("SpamCop", STILL)]


async def test_an_address_that_was_not_asked_about_was_not_let_go(days: Days, clock: Clock) -> None:
    await days.report(SPAMCOP, DKIM_OK, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    of_domain = replace(CLEAN, subject="example.org", text="example.org is on none of the 9 blocklists that answered.")
    hidden = Finding("dns", Severity.UNKNOWN, "sending.unknown", "mx1", "How mx1 sends is not known: it is away.")
    await days.report(hidden, of_domain, DKIM_OK, PASSES, addresses=())
    (host,) = (await asked(days)).digest.hosts
    assert [(each.list, each.change) for each in host.reputation.told] == [("SpamCop", STILL)]
    await days.report(of_domain, DKIM_OK, PASSES, addresses=("192.0.2.99",))
    (host,) = (await asked(days)).digest.hosts
    assert host.reputation.told == ()
    assert host.reputation.unknown == (
        f"It is not looked up any more, as the host does not send by it: {SPAMCOP.text}",
    )


async def test_a_check_that_fails_in_another_way_still_fails(days: Days, clock: Clock) -> None:
    await days.report(SPAMCOP, DKIM, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    revoked = replace(DKIM, code="dkim.revoked", text="The DKIM key s1 of example.org is revoked.")
    policy = replace(SPAMCOP, code="rbl.policy", text="192.0.2.25 is listed by SpamCop (policy).")
    await days.report(policy, revoked, PASSES)
    (host,) = (await asked(days)).digest.hosts
    assert {each.text: each.change for each in host.reputation.told} == {revoked.text: STILL, policy.text: STILL}


async def test_a_report_of_last_week_is_not_what_is_so_now(days: Days, clock: Clock) -> None:
    await days.report(CLEAN, DKIM_OK, PASSES)
    clock.turn(7 * DAY)
    await days.queue(lambda _: 4, clock() - DAY)
    (host,) = (made := await asked(days)).digest.hosts
    assert state(host, made.digest) == UNKNOWN
    assert host.reputation.unknown[0].endswith("blocklists; TLS: last checked 7 d before.")


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


async def test_yesterday_is_the_local_day(days: Days, clock: Clock) -> None:
    await days.queue(lambda _: 4, clock() - 2 * DAY)
    digest = (await asked(days, "yesterday")).digest
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

"""Reputation is watched with real name servers: what turns is told once, and what could not be found out is no news."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.reputation.subjects import subject
from bot.store import reports
from bot.store.database import Store
from bot.store.outbox import Told
from bot.watch.mutes import Mutes
from bot.watch.reputation_watch import EVERY
from bot.watch.rules import Rules, Severity
from tests.approvals.world import Clock
from tests.dns.misbehaving import SILENT, Manner
from tests.dns.world import DnsWorld
from tests.reputation.site import site
from tests.smtp.certificates import Authority
from tests.store.subjects import KEY, TEAM
from tests.watch.digesting import OPAL
from tests.watch.receiving import MINUTE, World

pytestmark = [pytest.mark.real("nsd", "rbldnsd", "unbound"), pytest.mark.takes(240)]

SOONER = Rules({"list_broken": {"lasting": "1h", "calm": "30m"}})
Make = Callable[..., World]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def make(dns: DnsWorld, authority: Authority, tmp_path: Path) -> AsyncIterator[Make]:
    """Plants a site and its empty lists; the bots share a store, and have moved in."""
    clock = Clock()
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY, clock) as store:
        world: World | None = None

        def made(name: str, **given: object) -> World:
            nonlocal world
            world = World(dns, store, clock, site(f"watched-{name}"), **given)  # type: ignore[arg-type]
            world.site.plant(dns, authority, tmp_path)
            world.publish()
            return world

        await World(dns, store, clock, site("nobody")).bot().alerts.move_in(TEAM)
        yield made


async def test_a_listing_is_one_card_and_one_end_whatever_the_list_does_not_say_in_between(make: Make) -> None:
    world = make("listing")
    (name,) = world.names

    async def says(*lines: str) -> None:
        world.patience = 20.0
        world.publish(*lines)
        await world.later()

    async def spoils(manner: Manner) -> None:
        world.patience = 1.0
        world.dns.misbehaving(name).below(name, manner)
        await world.later()
        report = await world.bot().reports.latest("mx1")
        assert report and {each.code for each in report.findings if each.part == "rbl"} == {"rbl.unknown"}

    listed = f"{world.site.address} :127.0.0.4:Infected"
    await says()
    assert await world.firing() == []
    await says(listed)
    (alert,) = await world.firing()
    assert (alert.rule, alert.host, alert.severity) == ("listed", "mx1", Severity.WARNING)
    assert f"{world.site.address} is listed by {name} (taken over)" in alert.text and "Find and stop" in alert.text
    began = world.clock()
    for manner in (SILENT, Manner(rcode="SERVFAIL"), Manner(rcode="REFUSED")):
        await spoils(manner)
    await says(listed)
    await spoils(SILENT)
    assert await world.events() == ["fired"] and await world.cards() == 1
    await says(listed)
    (found,) = (await world.bot().blocklists.look([subject(world.site.address)])).verdicts
    assert found.since == began, "bots were restarted in between, and the list was silent"
    await says()
    assert await world.firing() == []
    await spoils(Manner(rcode="SERVFAIL"))
    await says()
    assert await world.events() == ["fired", "resolved"] and await world.cards() == 1


@pytest.mark.parametrize("how", ["wildcarded", "emptied"])
async def test_a_list_that_breaks_is_one_notice_whatever_number_of_hosts_and_lists_nobody(make: Make, how: str) -> None:
    world = make(how, hosts=3, rules=SOONER)
    await world.later()
    broken = {"ip4trie": ":127.0.0.2:all\n0/0"} if how == "wildcarded" else {"ip4set": "203.0.113.9 :2:Nobody"}
    world.publish(**broken)
    await world.later(4)
    (alert,) = await world.firing()
    assert (alert.rule, alert.host, alert.severity) == ("list_broken", "", Severity.NOTICE)
    assert alert.text.startswith(f"{world.names[0]} fails the test of a list that works")
    world.publish()
    await world.later(3)
    assert await world.events() == ["fired", "resolved"] and await world.cards() == 1


async def test_the_weight_of_a_list_says_how_bad_a_listing_is(make: Make) -> None:
    weights = ("critical", "high", "medium", "low", "info")
    world = make("weights", weights=weights)
    world.publish(f"{world.site.address} :127.0.0.2:Spam")
    await world.later(2)
    found = {alert.subject.rpartition(" ")[2]: alert.severity for alert in await world.firing()}
    assert found == {
        "l0": Severity.CRITICAL,
        "l1": Severity.WARNING,
        "l2": Severity.WARNING,
        "l3": Severity.NOTICE,
    }
    assert await world.cards() == 1 and await world.events() == ["fired"] * 4


async def test_a_check_that_turns_is_an_alert_until_it_passes_and_one_that_failed_before_is_none(
    make: Make, authority: Authority, tmp_path: Path
) -> None:
    world = make("turns")
    good = dict(world.site.records)

    def publish(**records: str) -> None:
        world.site.records = {**good, **records}
        world.site.plant(world.dns, authority, tmp_path)

    publish(dmarc="")
    await world.later(3)
    assert await world.firing() == [], "there was no DMARC record from the start"
    publish(dmarc="", spf="")
    await world.later()
    assert await world.firing() == [], "once is not yet often enough"
    await world.later(2)
    (alert,) = await world.firing()
    assert (alert.rule, alert.severity, alert.subject) == ("check", Severity.CRITICAL, f"spf {world.site.domain}")
    publish()
    await world.later()
    publish(dmarc="")
    await world.later(2)
    (dmarc,) = await world.firing()
    assert dmarc.subject == f"dmarc {world.site.domain}", "it passed meanwhile"
    assert await world.events() == ["fired", "resolved", "fired"]


async def test_what_concerns_all_who_send_for_a_domain_is_said_once(
    make: Make, authority: Authority, tmp_path: Path
) -> None:
    world = make("shared", hosts=3)
    await world.later()
    spf = world.site.records.pop("spf")
    world.site.plant(world.dns, authority, tmp_path)
    await world.later(3)
    assert [(alert.host, alert.subject) for alert in await world.firing()] == [("mx1", f"spf {world.site.domain}")]
    world.site.records["spf"] = spf
    world.site.plant(world.dns, authority, tmp_path)
    await world.later(2)
    assert await world.events() == ["fired", "resolved"]


async def test_a_check_that_turns_is_an_alert_in_a_fleet_of_which_each_host_is_seldom_looked_at(
    make: Make, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.watch.reputation_watch.SPARED", timedelta(hours=1))
    world = make("fleet", hosts=3)

    async def look_at_each() -> None:
        world.clock.turn(timedelta(hours=3))
        for _ in range(world.hosts):
            world.clock.turn(MINUTE)
            await world.bot().watch.look()

    await look_at_each()
    world.site.records.pop("spf")
    world.site.plant(world.dns, authority, tmp_path)
    await look_at_each()
    assert await world.firing() == []
    await look_at_each()
    assert [(alert.host, alert.subject) for alert in await world.firing()] == [("mx1", f"spf {world.site.domain}")]


async def test_a_certificate_that_runs_out_is_told_and_seen_renewed_at_the_next_look(
    make: Make, authority: Authority, tmp_path: Path
) -> None:
    world = make("certificate")
    world.authorities = str(authority.file)

    async def shows(days: int) -> None:
        world.site.left = timedelta(days=days)
        world.site.plant(world.dns, authority, tmp_path)
        with world.site.outside() as world.ends:
            await world.later()

    await shows(80)
    await shows(10)
    assert await world.firing() == [], "while all is well TLS is looked at once a day"
    world.clock.turn(timedelta(hours=23))
    await shows(10)
    alerts = await world.firing()
    assert {(alert.rule, alert.subject) for alert in alerts} == {
        ("certificate", f"mx.{world.site.domain}"),
        ("certificate", f"mx2.{world.site.domain}"),
    }
    assert all(alert.severity is Severity.WARNING and 9 <= (alert.value or 0) <= 10 for alert in alerts)
    await shows(80)
    world.clock.turn(MINUTE)
    assert [row.scope for row in await world.looks()] == ["all", "dns auth rbl", "all", "all"]
    assert len(await world.firing()) == 2, "it has to be so for a while"
    await shows(80)
    assert await world.firing() == []


async def test_a_certificate_that_ran_out_during_a_mute_is_told_soon_after_it(
    make: Make, authority: Authority, tmp_path: Path
) -> None:
    world = make("muted")
    world.authorities = str(authority.file)
    world.site.left = timedelta(days=10)
    world.site.plant(world.dns, authority, tmp_path)
    await Mutes(world.store, world.clock).mute("certificate", "mx1", timedelta(minutes=40), OPAL)
    with world.site.outside() as world.ends:
        await world.later()
        assert await world.firing() == []
        await world.later()
        assert {alert.rule for alert in await world.firing()} == {"certificate"}


async def test_of_two_bots_one_looks_at_each_host_each_half_hour(make: Make, tmp_path: Path) -> None:
    world = make("two", hosts=2)
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY, world.clock) as other:
        first, second = world.bot("one"), world.bot("two")
        second.watch._store = second.reports._store = other
        for _ in range(62):
            world.clock.turn(MINUTE)
            await asyncio.gather(first.watch.look(), second.watch.look())
    assert [len(await world.looks(host)) for host in ("mx1", "mx2")] == [3, 3]
    starts = [row.started_at for host in ("mx1", "mx2") for row in await world.looks(host)]
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(sorted(starts))), "one at a time"
    assert all(later.started_at - earlier.started_at >= EVERY for earlier, later in pairwise(await world.looks()))


async def test_a_host_that_somebody_has_checked_is_looked_at_when_that_is_done(make: Make) -> None:
    world = make("waits")
    now = world.clock()
    async with world.store.transaction() as transaction:
        card = Told(TEAM, "C0OPS", reports.KIND, "")
        number = await reports.begin(transaction, "mx1", "dns", card, "U1", "a", now, now + timedelta(hours=1))
    await world.bot().watch.look()
    assert await world.looks() == []
    async with world.store.transaction() as transaction:
        await reports.end(transaction, number, "a", reports.DONE, None, now)
    for _ in range(5):
        world.clock.turn(MINUTE)
        await world.bot().watch.look()
    assert len(await world.looks()) == 1


async def test_what_somebody_has_mended_and_checked_is_seen_at_once(make: Make) -> None:
    world = make("mended")
    world.publish(f"{world.site.address} :127.0.0.2:Spam")
    await world.later()
    assert len(await world.firing()) == 1
    world.publish()
    world.clock.turn(MINUTE)
    bot = world.bot()
    assert await bot.reports.begin(bot.hosts["mx1"], "rbl", "U1", TEAM, "C0OPS")
    await bot.background.idle()
    world.clock.turn(MINUTE)
    await world.bot().watch.look()
    assert await world.firing() == [] and len(await world.looks()) == 2


async def test_nothing_is_looked_at_before_somebody_can_be_told(dns: DnsWorld, tmp_path: Path) -> None:
    clock = Clock()
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY, clock) as store:
        world = World(dns, store, clock, site("watched-nobody"))
        await world.bot().watch.look()
        assert await world.looks() == []

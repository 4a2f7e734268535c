"""How blocklists are asked: at once and at their pace, under a deadline, with keys that nobody sees."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from bot.reputation.blocklists import Blocklists, made_at_random
from bot.reputation.resolver import Resolver
from bot.reputation.selfcheck import SelfCheck
from bot.reputation.sightings import Sightings
from bot.reputation.subjects import subject
from bot.store.database import Store
from tests.approvals.world import Clock
from tests.dns.misbehaving import SILENT, Manner, MisbehavingServer
from tests.reputation.lists import CLEAN, DIRTY, a, behaves, look, table, verdict, zones
from tests.store.subjects import KEY, sql

# Pace, keys, words, time ----------------------------------------------------------------------------------------------


async def test_a_slow_list_and_dead_ones_do_not_keep_the_others(misbehaving: MisbehavingServer) -> None:
    misbehaving.below("slow.test", Manner(rcode="NXDOMAIN", after=0.5))
    tables = [table(f"quick{number}.test") for number in range(10)]
    for each in tables:
        behaves(misbehaving, each["zone"])
    for number in range(20):
        misbehaving.below(f"dead{number}.test", SILENT)
    dead = [table(f"dead{number}.test") for number in range(20)]
    lists = Blocklists(
        Resolver([misbehaving.address], timeout=60, in_flight=256), zones(*dead, table("slow.test"), *tables)
    )
    sweep = await lists.look([subject(f"192.0.2.{last}") for last in range(1, 9)], 4.0)
    assert sweep.coverage.answered == 10
    assert {(each.cause, len(each.zones)) for each in sweep.coverage.silent} == {("timeout", 20), ("broken_zone", 1)}
    assert (
        len(sweep.verdicts) == 31 * 8 and max(each.seconds for each in sweep.verdicts if "quick" in each.zone.name) < 4
    )


async def test_what_is_known_at_the_deadline_counts_and_the_rest_timed_out(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", Manner(records={"A": ["127.0.0.2"]}, silent=("TXT",)))
    misbehaving.at("8.2.0.192.bl.test", SILENT)
    lists = Blocklists(Resolver([misbehaving.address], timeout=60), zones(table("bl.test")))
    sweep = await lists.look([subject(DIRTY), subject(CLEAN), subject("192.0.2.8")], 3.0)
    assert [each.state for each in sweep.verdicts] == ["listed", "not_listed", "unknown"]
    assert sweep.verdicts[2].cause == "timeout" and sweep.verdicts[2].detail == "no answer within 3 s"


async def test_a_list_is_asked_a_few_questions_at_a_time_its_test_entries_first(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    lists = Blocklists(Resolver([misbehaving.address], timeout=20), zones(table("bl.test")))
    await lists.look([subject(f"192.0.2.{last}") for last in range(1, 9)])
    names = [question.name for question in misbehaving.asked]
    assert set(names[:4]) >= {"2.0.0.127.bl.test", "1.0.0.127.bl.test"} and len(names) == 10


async def test_test_entries_are_asked_again_no_sooner_than_their_time_to_live(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    lists = Blocklists(Resolver([misbehaving.address], timeout=20), zones(table("bl.test")))
    for last in range(1, 5):
        await lists.look([subject(f"192.0.2.{last}")])
    assert misbehaving.questions("2.0.0.127.bl.test", "A") == misbehaving.questions("1.0.0.127.bl.test", "A") == 1


async def test_the_pace_of_a_list_leaves_unknown_what_could_not_be_asked(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    resolver = Resolver([misbehaving.address], timeout=20, per_zone=4, patience=0.0)
    sweep = await Blocklists(resolver, zones(table("bl.test"))).look(
        [subject(f"192.0.2.{last}") for last in range(1, 30)]
    )
    causes = [each.cause for each in sweep.verdicts if each.state == "unknown"]
    assert set(causes) == {"limited"} and not sweep.listings and sweep.exit_status == 3


async def test_a_key_is_masked_wherever_something_is_told(
    misbehaving: MisbehavingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with_key = table("{key}.dq.test", key="ours", contains=["dq.test"])
    echo = {"A": ["127.0.0.2"], "TXT": ['"Listed, see https://dq.test/SECRET26/9.2.0.192.secret26.dq.test"']}
    behaves(misbehaving, "secret26.dq.test")
    misbehaving.at("9.2.0.192.secret26.dq.test", Manner(records=echo))
    misbehaving.at(
        "8.2.0.192.secret26.dq.test", Manner(rcode="SERVFAIL", extended=(22, "no reply for secret26.dq.test"))
    )
    sweep = await look(misbehaving.address, DIRTY, with_key, ours="secret26")
    assert sweep.verdicts[0].reason == "Listed, see https://dq.test/***/9.2.0.192.***.dq.test"
    failed = await look(misbehaving.address, "192.0.2.8", with_key, ours="secret26")
    assert "***.dq.test" in failed.verdicts[0].detail
    assert "secret26" not in repr((sweep, failed)).lower() + caplog.text.lower()


async def test_the_key_is_no_part_of_the_name_that_the_pace_is_kept_by(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "secret26.dq.test")
    resolver = Resolver([misbehaving.address], timeout=20, per_zone=1, patience=0.0)
    with_key = zones(table("{key}.dq.test", key="ours"), ours="secret26")
    sweep = await Blocklists(resolver, with_key).look([subject(f"192.0.2.{last}") for last in range(1, 9)])
    limited = [each.detail for each in sweep.verdicts if each.cause == "limited"]
    assert limited and all("***.dq.test" in each and "secret26" not in each for each in limited)


async def test_the_reason_may_be_missing_or_of_several_parts(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", Manner(records={"A": ["127.0.0.2"], "TXT": ['"one"', '"two " "halves"']}))
    misbehaving.at("8.2.0.192.bl.test", Manner(records={"A": ["127.0.0.2"]}, silent=("TXT",)))
    assert (await verdict(misbehaving.address, DIRTY, table("bl.test"))).reason == "one / two halves"
    found = await verdict(misbehaving.address, "192.0.2.8", table("bl.test"), within=2.0)
    assert (found.state, found.reason) == ("listed", "")


async def test_words_are_asked_of_who_is_listed_alone(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    await verdict(misbehaving.address, CLEAN, table("bl.test"))
    assert not [question for question in misbehaving.asked if question.kind == "TXT"]


async def test_since_when_is_what_bots_of_this_store_saw_themselves_and_unknown_does_not_end_it(
    misbehaving: MisbehavingServer, tmp_path: Path
) -> None:
    behaves(misbehaving, "bl.test")
    clock, began = Clock(), Clock()()

    async def since(manner: Manner) -> int | None:
        """In hours from the beginning, as a bot sees it that was just started; an hour after the one before."""
        misbehaving.at("9.2.0.192.bl.test", manner)
        clock.turn(timedelta(hours=1))
        async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY, clock) as store:
            sightings = Sightings(store, clock)
            resolver = Resolver([misbehaving.address], timeout=20)
            lists = Blocklists(resolver, zones(table("bl.test")), sightings=sightings)
            found = (await lists.look([subject(DIRTY), subject(CLEAN)])).verdicts[0]
        return (found.since - began) // timedelta(hours=1) if found.since else None

    def fleeting(*values: str) -> Manner:
        return Manner(records={"A": values}, ttl=0)

    assert await since(fleeting("127.0.0.2")) is None
    assert await since(fleeting("127.0.0.2")) == 1
    assert await since(Manner(rcode="SERVFAIL")) is None
    assert await since(fleeting("127.0.0.4")) == 1
    assert await since(Manner(rcode="NXDOMAIN", minimum=0)) is None
    assert await since(fleeting("127.0.0.2")) is None
    assert await since(fleeting("127.0.0.2")) == 6


async def test_a_store_that_is_in_trouble_costs_the_times_alone(
    misbehaving: MisbehavingServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", a("127.0.0.2"))
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", KEY) as store:
        await sql(store, "DROP TABLE memory")
        sightings = Sightings(store, Clock())
        lists = Blocklists(Resolver([misbehaving.address]), zones(table("bl.test")), sightings=sightings)
        (found,) = (await lists.look([subject(DIRTY)])).verdicts
    assert found.harms and found.since is None
    assert "since when who is listed is not known" in caplog.text


async def test_one_that_is_stopped_leaves_nothing_under_way(misbehaving: MisbehavingServer) -> None:
    misbehaving.below("bl.test", SILENT)
    before = asyncio.all_tasks()
    looking = asyncio.create_task(look(misbehaving.address, DIRTY, table("bl.test")))
    await asyncio.sleep(0.1)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


def test_names_made_at_random_are_none_that_a_list_has() -> None:
    for _ in range(200):
        octets = [int(octet) for octet in made_at_random("ip4").split(".")]
        assert octets[3] == 127 and 64 <= octets[2] < 192
        nibbles = made_at_random("ip6").split(".")
        mapped = IPv6Address(int("".join(reversed(nibbles)), 16)).ipv4_mapped
        assert mapped is not None and mapped.is_loopback
    assert made_at_random("domain").endswith(".invalid") and made_at_random("domain") != made_at_random("domain")


async def test_of_a_resolver_that_invents_answers_every_list_is_unknown_for_that_reason(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below(".", a("127.0.0.2"))
    resolver = Resolver([misbehaving.address], timeout=20)
    lists = zones(table("one.test"), table("two.test"))
    sweep = await Blocklists(resolver, lists, SelfCheck(resolver, lists)).look([subject(DIRTY)])
    assert [each.cause for each in sweep.verdicts] == ["rewritten", "rewritten"]
    (silence,) = sweep.coverage.silent
    assert misbehaving.address in silence.detail and sweep.exit_status == 3

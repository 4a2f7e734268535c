"""Several servers, lost questions, limits and memory of the resolver."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bot.reputation.answers import Absent, Answer, Unknown
from bot.reputation.cache import LONGEST, Cache
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import NO_SUCH_NAME, SILENT, Manner, MisbehavingServer
from tests.dns.world import DnsWorld

ADDRESS = Manner(records={"A": ["192.0.2.1"]})
OTHER = Manner(records={"A": ["192.0.2.2"]})


@pytest.fixture
def second() -> Iterator[MisbehavingServer]:
    server = MisbehavingServer()
    server.start()
    yield server
    server.close()


def values(result: object) -> tuple[str, ...]:
    assert isinstance(result, Answer), result
    return result.values


@pytest.mark.parametrize(
    "manner", [SILENT, Manner(rcode="SERVFAIL"), Manner(rcode="REFUSED"), Manner(octets=b"rubbish")]
)
async def test_the_next_server_answers_for_one_that_does_not(
    misbehaving: MisbehavingServer, second: MisbehavingServer, manner: Manner
) -> None:
    misbehaving.below(".", manner)
    second.below(".", OTHER)
    resolver = Resolver([misbehaving.address, second.address], timeout=10)
    assert values(await resolver.ask("a.test", "A")) == ("192.0.2.2",)
    assert misbehaving.questions("a.test", "A") == 1


async def test_a_working_first_server_is_the_only_one_asked(
    misbehaving: MisbehavingServer, second: MisbehavingServer
) -> None:
    misbehaving.below(".", NO_SUCH_NAME)
    second.below(".", OTHER)
    assert isinstance(await Resolver([misbehaving.address, second.address]).ask("a.test", "A"), Absent)
    assert second.asked == []


async def test_a_slow_server_may_still_answer_after_the_next_was_asked(
    misbehaving: MisbehavingServer, second: MisbehavingServer
) -> None:
    misbehaving.below(".", Manner(records={"A": ["192.0.2.1"]}, after=2.0))
    second.below(".", SILENT)
    resolver = Resolver([misbehaving.address, second.address], timeout=20)
    assert values(await resolver.ask("a.test", "A")) == ("192.0.2.1",)
    assert second.questions("a.test", "A") >= 1


async def test_when_all_fail_each_is_named_and_the_most_telling_cause_counts(
    misbehaving: MisbehavingServer, second: MisbehavingServer
) -> None:
    misbehaving.below(".", Manner(rcode="SERVFAIL"))
    second.below(".", Manner(rcode="REFUSED"))
    assert await Resolver([misbehaving.address, second.address]).ask("a.test", "A") == Unknown(
        "refused", f"{misbehaving.address} said SERVFAIL; {second.address} said REFUSED"
    )


async def test_a_question_that_was_lost_is_sent_again_long_before_the_time_is_over(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below(".", SILENT)
    asking = asyncio.create_task(Resolver([misbehaving.address], timeout=60).ask("a.test", "A"))
    while misbehaving.questions("a.test", "A") < 1:  # noqa: ASYNC110 (the server is in another thread)
        await asyncio.sleep(0.01)
    misbehaving.below(".", ADDRESS)  # the first question was lost; the second one will be answered
    async with asyncio.timeout(20):
        assert values(await asking) == ("192.0.2.1",)
    assert misbehaving.questions("a.test", "A") == 2


async def test_a_zone_is_asked_no_more_often_than_it_may_be_and_others_do_not_wait(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below(".", ADDRESS)
    resolver = Resolver([misbehaving.address], per_zone=1, patience=0.1, now=lambda: 0.0)
    assert values(await resolver.ask("a.bl.test", "A", zone="bl.test"))
    late = await resolver.ask("b.bl.test", "A", zone="bl.test")
    assert late == Unknown("limited", "too many questions wait for bl.test: not asked within 0.1 s")
    assert values(await resolver.ask("a.bl2.test", "A", zone="bl2.test")) and values(await resolver.ask("b.test", "A"))
    assert values(await resolver.ask("a.bl.test", "A", zone="bl.test"))  # what is known costs no turn
    assert misbehaving.questions("b.bl.test", "A") == 0


async def test_a_turn_at_a_zone_comes_with_time(misbehaving: MisbehavingServer) -> None:
    clock = [0.0]
    misbehaving.below(".", ADDRESS)
    resolver = Resolver([misbehaving.address], per_zone=2, patience=0.1, now=lambda: clock[0])
    ends = [await resolver.ask(f"h{number}.bl.test", "A", zone="bl.test") for number in range(3)]
    assert [isinstance(end, Answer) for end in ends] == [True, True, False]
    clock[0] = 0.5
    assert values(await resolver.ask("h2.bl.test", "A", zone="bl.test"))


async def test_no_more_questions_are_under_way_than_there_are_places(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", Manner(records={"A": ["192.0.2.1"]}, after=0.3))
    resolver = Resolver([misbehaving.address], in_flight=2)
    asking = [asyncio.create_task(resolver.ask(f"h{number}.test", "A")) for number in range(4)]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    assert len({question.name for question in misbehaving.asked}) <= 3
    assert all([values(await each) for each in asking])


async def test_an_answer_holds_for_its_ttl_and_for_an_hour_at_most(misbehaving: MisbehavingServer) -> None:
    clock = [0.0]
    misbehaving.at("a.test", Manner(records={"A": ["192.0.2.1"]}, ttl=100))
    misbehaving.at("b.test", Manner(records={"A": ["192.0.2.1"]}, ttl=86400))
    misbehaving.at("c.test", Manner(records={"A": ["192.0.2.1"]}, ttl=0))
    resolver = Resolver([misbehaving.address], now=lambda: clock[0])

    async def asked(name: str) -> int:
        await resolver.ask(name, "A")
        return misbehaving.questions(name, "A")

    assert [await asked(name) for name in ("a.test", "b.test", "c.test", "c.test")] == [1, 1, 1, 2]
    clock[0] = 99.0
    assert await asked("a.test") == 1
    clock[0] = 100.0
    assert await asked("a.test") == 2
    clock[0] = LONGEST - 1
    assert await asked("b.test") == 1
    clock[0] = LONGEST
    assert await asked("b.test") == 2


@pytest.mark.parametrize(("manner", "again"), [(Manner(minimum=40), False), (Manner(minimum=None), True)])
async def test_a_missing_record_is_believed_only_as_long_as_an_soa_says(
    misbehaving: MisbehavingServer, manner: Manner, again: bool
) -> None:
    misbehaving.below(".", manner)
    resolver = Resolver([misbehaving.address])
    for _ in range(2):
        found = await resolver.ask("a.test", "A")
        assert isinstance(found, Absent) and found.exists
    assert misbehaving.questions("a.test", "A") == (2 if again else 1)


def test_what_was_used_longest_ago_makes_room() -> None:
    cache = Cache(size=2, now=lambda: 0.0)
    for name in ("a.test", "b.test"):
        cache.put(name, "A", Answer(name, 60.0, ("192.0.2.1",)))
    assert cache.get("a.test", "A")
    cache.put("c.test", "A", Answer("c.test", 60.0, ("192.0.2.1",)))
    assert [bool(cache.get(name, "A")) for name in ("a.test", "b.test", "c.test")] == [True, False, True]
    assert len(cache) == 2


def test_an_nxdomain_behind_an_alias_says_nothing_of_other_kinds() -> None:
    cache = Cache(now=lambda: 0.0)
    cache.put("alias.test", "A", Absent("gone.test", 60.0))
    assert cache.get("alias.test", "A") and cache.get("alias.test", "CNAME") is None


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_a_real_resolver_behind_one_that_is_gone_answers(dns: DnsWorld) -> None:
    dns.zone("failover.test", "@ A 192.0.2.1")
    resolver = Resolver([dns.nowhere, dns.resolver], timeout=20)
    assert values(await resolver.ask("failover.test", "A")) == ("192.0.2.1",)

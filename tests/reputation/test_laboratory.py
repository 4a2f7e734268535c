"""Over sixty lists with every trap there is: no false listing and no false "clean"; what can be known is found."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.reputation.blocklists import LONGEST_REASON, Blocklists
from bot.reputation.resolver import Resolver
from bot.reputation.subjects import subject
from tests.dns.misbehaving import Manner, MisbehavingServer
from tests.dns.world import DnsWorld
from tests.reputation.laboratory import ADDRESSES, TRAPS, as_zones, laid, score
from tests.reputation.lists import DIRTY, behaves, look, table


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_no_answer_of_480_is_false_and_every_listing_is_found(dns: DnsWorld) -> None:
    lists = laid(dns)
    assert len(lists) == sum(trap.number for trap in TRAPS) == 60
    resolver = Resolver([dns.resolver], timeout=10, in_flight=256)
    sweep = await Blocklists(resolver, as_zones(lists)).look([subject(each) for each in ADDRESSES], 60.0)
    found = score(lists, {(each.zone.zone, each.subject.text): each.state for each in sweep.verdicts})
    assert (found.answers, dict(found.false_listings), dict(found.false_clean)) == (480, {}, {})
    knowable = [truth for each in lists for truth in each.truth.values()]
    assert found.found == knowable.count("listed")
    assert all(each.cause and each.detail for each in sweep.verdicts if each.state == "unknown")
    # A code for good senders has no meaning in these lists' tables: nobody is called clean by it either.
    praised = sum(len(each.marked) for each in lists if each.trap.name == "a code for good senders")
    told = sum(each.state == "not_listed" for each in sweep.verdicts)
    assert told == knowable.count("not_listed") - praised


ANYWHERE = st.tuples(*[st.integers(0, 255)] * 4)
LOOPBACK = st.tuples(st.just(127), *[st.sampled_from((0, 1, 2, 4, 10, 254, 255))] * 3)
octets = st.one_of(LOOPBACK, ANYWHERE).map(lambda each: ".".join(map(str, each)))
words = st.binary(max_size=255).map(lambda raw: '"' + "".join(f"\\{octet:03}" for octet in raw) + '"')


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(octets, min_size=1, max_size=6, unique=True), st.lists(words, max_size=4, unique=True))
async def test_whatever_a_list_answers_only_its_own_codes_are_listings(
    misbehaving: MisbehavingServer, answers: list[str], texts: list[str]
) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", Manner(records={"A": answers, "TXT": texts}))
    (found,) = (await look(misbehaving.address, DIRTY, table("bl.test"))).verdicts
    wrong = any(not each.startswith("127.") or each.startswith("127.255.255.") for each in answers)
    known = {"127.0.0.2", "127.0.0.4"} & set(answers)
    assert found.state == ("listed" if known and not wrong and "127.0.0.1" not in answers else "unknown")
    assert len(found.reason) <= LONGEST_REASON and bool(found.cause) == (found.state == "unknown")

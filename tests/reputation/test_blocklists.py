"""Each way in which a blocklist misleads, with real servers: rbldnsd behind unbound, and a misbehaving one."""

from __future__ import annotations

import pytest

from bot.reputation.codes import Weight
from tests.dns.misbehaving import NO_SUCH_NAME, SILENT, Manner, MisbehavingServer
from tests.dns.world import DnsWorld
from tests.reputation.lists import CLEAN, DIRTY, a, behaves, look, table, verdict

real = pytest.mark.real("nsd", "rbldnsd", "unbound")

POINTS = "127.0.0.2 :2:Test entry"


# Three answers --------------------------------------------------------------------------------------------------------


@real
async def test_listed_with_its_meaning_and_the_lists_own_words_or_not_listed(dns: DnsWorld) -> None:
    dns.blocklist("rbl-plain.test", ip4set=f"{POINTS}\n{DIRTY} :4:Infected, see https://bl.example/$\n")
    found = await verdict(dns.resolver, DIRTY, table("rbl-plain.test"))
    assert (found.state, found.weight) == ("listed", Weight.HIGH)
    assert [code.meaning for code in found.codes] == ["taken over"] and found.answers == ("127.0.0.4",)
    assert found.reason == f"Infected, see https://bl.example/{DIRTY}"
    assert (await verdict(dns.resolver, CLEAN, table("rbl-plain.test"))).state == "not_listed"


@pytest.mark.parametrize(
    ("manner", "cause"),
    [
        (Manner(rcode="SERVFAIL"), "servfail"),
        (Manner(rcode="REFUSED"), "refused"),
        (Manner(octets=b"\0"), "malformed"),
        (Manner(rcode="SERVFAIL", extended=(6, "")), "bogus"),
        (SILENT, "timeout"),
    ],
)
async def test_no_answer_is_unknown_with_its_cause(misbehaving: MisbehavingServer, manner: Manner, cause: str) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", manner)
    found = await verdict(misbehaving.address, DIRTY, table("bl.test"), within=20 if manner.rcode != "NOERROR" else 2.0)
    assert (found.state, found.cause) == ("unknown", cause) and found.detail
    assert (await verdict(misbehaving.address, CLEAN, table("bl.test"))).state == "not_listed"


async def test_a_name_without_an_address_record_is_not_listed(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", Manner(records={"TXT": ["words alone"]}))
    assert (await verdict(misbehaving.address, DIRTY, table("bl.test"))).state == "not_listed"


async def test_with_the_resolver_gone_every_list_is_unknown(misbehaving: MisbehavingServer) -> None:
    gone = MisbehavingServer()
    gone.start()
    address = gone.address
    gone.close()
    sweep = await look(address, DIRTY, table("one.test"), table("two.test"))
    assert [each.cause for each in sweep.verdicts] == ["unreachable", "unreachable"]
    assert sweep.exit_status == 3 and not sweep.listings and sweep.coverage.answered == 0


# Error answers --------------------------------------------------------------------------------------------------------


@real
@pytest.mark.parametrize("last", ["252", "254", "255"])
async def test_an_error_answer_is_a_refusal_with_its_reason(dns: DnsWorld, last: str) -> None:
    zone = f"rbl-error-{last}.test"
    dns.blocklist(zone, ip4trie=f":127.255.255.{last}:Error: open resolver\n0/0\n")
    found = await verdict(dns.resolver, DIRTY, table(zone, errors={f"127.255.255.{last}": "your resolver is public"}))
    assert (found.state, found.cause) == ("unknown", "refused")
    assert found.detail == f"your resolver is public (127.255.255.{last})"


async def test_an_error_code_that_the_table_does_not_know_is_a_refusal_too(misbehaving: MisbehavingServer) -> None:
    misbehaving.below("bl.test", a("127.255.255.250"))
    found = await verdict(misbehaving.address, DIRTY, table("bl.test"))
    assert (found.state, found.cause) == ("unknown", "refused") and "127.255.255.250" in found.detail


async def test_127_0_0_1_is_no_listing(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", a("127.0.0.1"))
    found = await verdict(misbehaving.address, DIRTY, table("bl.test"))
    assert (found.state, found.cause) == ("unknown", "refused")


@pytest.mark.parametrize("answers", [["127.0.0.255"], ["127.0.0.2", "127.0.0.255"]])
async def test_a_lists_own_blocked_code_spoils_the_whole_answer(
    misbehaving: MisbehavingServer, answers: list[str]
) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", a(*answers))
    found = await verdict(misbehaving.address, DIRTY, table("bl.test", errors={"127.0.0.255": "you are blocked"}))
    assert (found.state, found.cause) == ("unknown", "refused") and "you are blocked" in found.detail


async def test_the_refused_bit_is_no_listing(misbehaving: MisbehavingServer) -> None:
    members = {"kinds": ["domain"], "bits": True, "codes": {"2": "black", "8": "red"}, "errors": {"1": "blocked"}}
    misbehaving.below("uri.test", NO_SUCH_NAME)
    misbehaving.at("test.uri.test", a("127.0.0.14"))
    misbehaving.at("spam.example.uri.test", a("127.0.0.3"))
    found = await verdict(misbehaving.address, "spam.example", table("uri.test", **members))
    assert (found.state, found.cause) == ("unknown", "refused")


@pytest.mark.parametrize("answer", ["192.0.2.80", "10.0.0.1", "126.0.0.2", "128.0.0.2"])
async def test_an_answer_outside_127_is_never_a_listing(misbehaving: MisbehavingServer, answer: str) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", a(answer, "127.0.0.2"))
    found = await verdict(misbehaving.address, DIRTY, table("bl.test"))
    assert (found.state, found.cause) == ("unknown", "broken_zone") and answer in found.detail


async def test_a_code_without_a_meaning_is_neither_listed_nor_clean(misbehaving: MisbehavingServer) -> None:
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", a("127.0.0.77"))
    found = await verdict(misbehaving.address, DIRTY, table("bl.test"))
    assert (found.state, found.cause) == ("unknown", "unknown_code")


# Dead zones -----------------------------------------------------------------------------------------------------------


@real
async def test_an_emptied_zone_is_broken_and_not_clean(dns: DnsWorld) -> None:
    dns.blocklist("rbl-empty.test", ip4set="")
    found = await verdict(dns.resolver, CLEAN, table("rbl-empty.test"))
    assert (found.state, found.cause) == ("unknown", "broken_zone") and "its data are gone" in found.detail


@real
async def test_a_zone_that_is_gone_altogether_is_broken_and_not_clean(dns: DnsWorld) -> None:
    assert (await verdict(dns.resolver, CLEAN, table("rbl-nowhere.test"))).cause == "broken_zone"


@real
async def test_a_wildcarded_zone_is_broken_and_lists_nobody(dns: DnsWorld) -> None:
    dns.blocklist("rbl-world.test", ip4trie=":2:We are closed\n0/0\n")
    found = await verdict(dns.resolver, CLEAN, table("rbl-world.test"))
    assert (found.state, found.cause) == ("unknown", "broken_zone") and "lists the world" in found.detail


@real
async def test_a_parked_domain_is_broken_and_lists_nobody(dns: DnsWorld) -> None:
    dns.zone("rbl-parked.test", "* A 203.0.113.80")
    assert (await verdict(dns.resolver, CLEAN, table("rbl-parked.test"))).cause == "broken_zone"


@real
async def test_a_wildcarded_zone_that_spares_the_test_points_is_found_by_a_random_name(dns: DnsWorld) -> None:
    dns.blocklist("rbl-sly.test", ip4trie=":2:Closed\n0/0\n!127.0.0.1\n")
    found = await verdict(dns.resolver, CLEAN, table("rbl-sly.test"))
    assert (found.state, found.cause) == ("unknown", "broken_zone") and "at random" in found.detail


async def test_a_listing_that_can_not_be_held_against_a_random_name_is_unknown(misbehaving: MisbehavingServer) -> None:
    misbehaving.below("bl.test", Manner(rcode="SERVFAIL"))
    for name, manner in (("2.0.0.127", a("127.0.0.2")), ("1.0.0.127", NO_SUCH_NAME), ("9.2.0.192", a("127.0.0.2"))):
        misbehaving.at(f"{name}.bl.test", manner)
    found = await verdict(misbehaving.address, DIRTY, table("bl.test"))
    assert (found.state, found.cause) == ("unknown", "servfail")


async def test_a_zone_that_serves_its_test_entry_by_error_code_is_refused_as_a_whole(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below("bl.test", NO_SUCH_NAME)
    misbehaving.at("2.0.0.127.bl.test", a("127.255.255.254"))
    assert (await verdict(misbehaving.address, CLEAN, table("bl.test"))).cause == "refused"


@real
async def test_a_resolver_that_rewrites_what_does_not_exist_lists_nobody(dns: DnsWorld) -> None:
    dns.wrong.below(".", a("198.51.100.80"))
    sweep = await look(dns.wrong.address, CLEAN, table("one.test"), table("two.test"))
    assert {each.state for each in sweep.verdicts} == {"unknown"} and sweep.exit_status == 3


@real
async def test_a_zone_whose_signatures_do_not_hold_is_unknown(dns: DnsWorld) -> None:
    dns.zone("rbl-bogus.test", "2.0.0.127 A 127.0.0.2", signed="expired")
    found = await verdict(dns.resolver, CLEAN, table("rbl-bogus.test"))
    assert found.state == "unknown" and found.cause in ("bogus", "servfail")


# Test points of their own ---------------------------------------------------------------------------------------------


@real
async def test_a_list_may_have_a_test_point_of_its_own(dns: DnsWorld) -> None:
    dns.blocklist("rbl-own.test", ip4set="127.0.0.36 :36:Dynamic\n192.0.2.9 :36:Dynamic\n")
    members = {"codes": {"127.0.0.36": "dynamic"}, "listed": {"ip4": "127.0.0.36"}}
    assert (await verdict(dns.resolver, DIRTY, table("rbl-own.test", **members))).state == "listed"
    assert (await verdict(dns.resolver, DIRTY, table("rbl-own.test", codes=members["codes"]))).cause == "broken_zone"


async def test_a_test_point_may_answer_what_is_no_listing_elsewhere(misbehaving: MisbehavingServer) -> None:
    misbehaving.below("bl.test", NO_SUCH_NAME)
    misbehaving.at("2.0.0.127.bl.test", a("127.0.0.1"))
    assert (await verdict(misbehaving.address, CLEAN, table("bl.test"))).cause == "refused"
    assert (await verdict(misbehaving.address, CLEAN, table("bl.test", sample="127.0.0.1-2"))).state == "not_listed"


# Kinds ----------------------------------------------------------------------------------------------------------------


@real
async def test_ipv6_is_asked_in_nibbles_of_lists_with_ipv6_alone(dns: DnsWorld) -> None:
    dns.blocklist(
        "rbl-six.test", ip6trie="0:0:0:0:0:ffff:7f00:2/128 :2:Test\n2001:db8:bad:1::/64 :2:Listed\n", ip4set=POINTS
    )
    both, four = table("rbl-six.test", kinds=["ip4", "ip6"]), table("rbl-six.test")
    assert (await verdict(dns.resolver, "2001:db8:bad:1::25", both)).state == "listed"
    assert (await verdict(dns.resolver, "2001:db8:bad:2::25", both)).state == "not_listed"
    assert (await look(dns.resolver, "2001:db8:bad:1::25", four)).verdicts == ()


@real
async def test_a_list_may_be_alive_for_addresses_and_dead_for_domains(dns: DnsWorld) -> None:
    dns.blocklist("rbl-half.test", ip4set=POINTS, dnset="")
    both = table("rbl-half.test", kinds=["ip4", "domain"])
    assert (await verdict(dns.resolver, "example.org", both)).cause == "broken_zone"
    assert (await verdict(dns.resolver, CLEAN, both)).state == "not_listed"


@real
async def test_a_domain_is_asked_as_the_list_wants_it(dns: DnsWorld) -> None:
    dns.blocklist("rbl-uri.test", dnset="test :2:Test\nspam.example :2:Named\nwww.bad.example :2:Named\n")
    as_host = table("rbl-uri.test", kinds=["domain"], domains="host")
    registrable = table("rbl-uri.test", kinds=["domain"])
    assert (await verdict(dns.resolver, "mail.spam.example", registrable)).state == "listed"
    assert (await verdict(dns.resolver, "mail.spam.example", as_host)).state == "not_listed"
    assert (await verdict(dns.resolver, "www.bad.example", as_host)).state == "listed"
    assert (await verdict(dns.resolver, "www.bad.example", registrable)).state == "not_listed"
    assert (await look(dns.resolver, "co.uk", registrable)).verdicts == ()


# Sets and bits --------------------------------------------------------------------------------------------------------


@real
async def test_several_answers_at_once_are_several_meanings(dns: DnsWorld) -> None:
    dns.blocklist("rbl-set.test", ip4set=f"{POINTS}\n{DIRTY} :2:SBL\n", ip4tset="")
    dns.wrong.forget()
    wrong = dns.misbehaving("rbl-several.test")
    behaves(wrong, "rbl-several.test")
    wrong.at("9.2.0.192.rbl-several.test", a("127.0.0.2", "127.0.0.4", "127.0.0.99"))
    found = await verdict(dns.resolver, DIRTY, table("rbl-several.test"))
    assert [code.meaning for code in found.codes] == ["sent spam", "taken over"]


async def test_bits_are_added_up(misbehaving: MisbehavingServer) -> None:
    members = {"kinds": ["domain"], "bits": True, "codes": {"16": "malware", "64": "abused"}, "errors": {"1": "no"}}
    misbehaving.below("uri.test", NO_SUCH_NAME)
    misbehaving.at("test.uri.test", a("127.0.0.126"))
    misbehaving.at("spam.example.uri.test", a("127.0.0.80"))
    found = await verdict(misbehaving.address, "spam.example", table("uri.test", **members))
    assert [code.meaning for code in found.codes] == ["malware", "abused"]


async def test_a_providers_policy_is_told_apart_and_has_its_own_weight(misbehaving: MisbehavingServer) -> None:
    policy = {"meaning": "no mail server belongs there", "weight": "medium", "policy": True}
    behaves(misbehaving, "bl.test")
    misbehaving.at("9.2.0.192.bl.test", a("127.0.0.10"))
    misbehaving.at("8.2.0.192.bl.test", a("127.0.0.10", "127.0.0.2"))
    members = {"codes": {"127.0.0.2": "sent spam", "127.0.0.10": policy}, "weight": "critical"}
    found = await verdict(misbehaving.address, DIRTY, table("bl.test", **members))
    assert found.policy and found.weight is Weight.MEDIUM
    found = await verdict(misbehaving.address, "192.0.2.8", table("bl.test", **members))
    assert not found.policy and found.weight is Weight.CRITICAL

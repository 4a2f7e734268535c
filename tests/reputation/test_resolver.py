"""Every question ends as an answer, a proven absence, or unknown with its cause."""

from __future__ import annotations

import asyncio

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reputation.answers import Absent, Answer, Unknown
from bot.reputation.resolver import Resolver, read
from tests.dns.misbehaving import NO_SUCH_NAME, SILENT, Manner, MisbehavingServer
from tests.dns.world import DnsWorld

ADDRESS = Manner(records={"A": ["192.0.2.1"]})


def cause(result: object) -> str:
    assert isinstance(result, Unknown), result
    return result.cause


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (SILENT, "timeout"),
        (Manner(rcode="SERVFAIL"), "servfail"),
        (Manner(rcode="SERVFAIL", extended=(7, "")), "bogus"),
        (Manner(rcode="REFUSED"), "refused"),
        (Manner(records={"A": ["192.0.2.1"]}, extended=(15, "by policy")), "rewritten"),
        (Manner(rcode="NXDOMAIN", extended=(17, "")), "rewritten"),
        (Manner(octets=b"rubbish"), "malformed"),
        (Manner(raw=b"rubbish that is long enough"), "malformed"),
        (Manner(truncated=True, over_tcp="close"), "malformed"),
        (Manner(truncated=True, over_tcp="silent"), "timeout"),
        (Manner(recursive=False, minimum=None), "refused"),
    ],
)
async def test_what_is_no_answer_is_unknown_with_its_cause(
    misbehaving: MisbehavingServer, manner: Manner, expected: str
) -> None:
    misbehaving.below(".", manner)
    assert cause(await Resolver([misbehaving.address], timeout=0.5).ask("a.test", "A")) == expected


async def test_a_truncated_answer_is_asked_for_by_tcp(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", Manner(records={"A": ["192.0.2.1"]}, truncated=True))
    result = await Resolver([misbehaving.address]).ask("a.test", "A")
    assert isinstance(result, Answer) and result.values == ("192.0.2.1",)
    assert [question.by for question in misbehaving.asked] == ["udp", "tcp"]


async def test_the_same_question_is_sent_once_and_a_cancelled_asker_leaves_the_others_alone(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below(".", Manner(records={"A": ["192.0.2.1"]}, after=0.3))
    resolver = Resolver([misbehaving.address])
    first, second = (asyncio.create_task(resolver.ask("A.test.", "A")) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    assert isinstance(await second, Answer)
    assert isinstance(await resolver.ask("a.test", "A"), Answer)
    assert misbehaving.questions("a.test", "A") == 1


async def test_an_absence_holds_for_the_soa_minimum_and_nxdomain_for_every_kind(
    misbehaving: MisbehavingServer,
) -> None:
    clock = [0.0]
    misbehaving.below(".", NO_SUCH_NAME)
    resolver = Resolver([misbehaving.address], now=lambda: clock[0])
    assert await resolver.ask("a.test", "A") == Absent("a.test", 30.0)
    clock[0] = 29.0
    assert await resolver.ask("a.test", "TXT") == Absent("a.test", 1.0)
    clock[0] = 30.0
    await resolver.ask("a.test", "A")
    assert misbehaving.questions("a.test", "A") == 2 and misbehaving.questions("a.test", "TXT") == 0


async def test_unknown_is_not_remembered(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", Manner(rcode="SERVFAIL"))
    resolver = Resolver([misbehaving.address])
    assert cause(await resolver.ask("a.test", "A")) == "servfail"
    misbehaving.below(".", ADDRESS)
    assert isinstance(await resolver.ask("a.test", "A"), Answer)


@pytest.mark.parametrize("name", ["", ".", "a..test", "a" * 64 + ".test", ".".join(["a" * 60] * 5), "\\"])
async def test_what_can_be_no_name_is_not_asked(misbehaving: MisbehavingServer, name: str) -> None:
    assert cause(await Resolver([misbehaving.address]).ask(name, "A")) == "malformed"
    assert misbehaving.asked == []


async def test_a_name_with_other_letters_is_asked_in_its_ascii_form(misbehaving: MisbehavingServer) -> None:
    misbehaving.at("xn--bcher-kva.test", ADDRESS)
    assert isinstance(await Resolver([misbehaving.address]).ask("Bücher.test", "A"), Answer)


@given(st.binary(max_size=200))
def test_no_octets_make_the_reader_fail(octets: bytes) -> None:
    name = dns.name.from_text("a.test")
    for head in (b"", b"\0\0\x81\x80", b"\0\0\x81\x80\0\1\0\1\0\0\0\0\1a\4test\0\0\x10\0\1"):
        assert isinstance(read(head + octets, name, "TXT", "192.0.2.53"), Answer | Absent | Unknown)


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_real_servers_answer_sign_and_deny(dns: DnsWorld) -> None:
    dns.zone("resolver.test", '@ MX 10 mx\nmx A 192.0.2.1\nalias CNAME mx\n@ TXT "a" "b" "\\255"', signed="good")
    dns.zone("expired.test", "@ A 192.0.2.1", signed="expired")
    dns.blocklist("bl-resolver.test", ip4set="127.0.0.2 :2:Test point")
    resolver = Resolver([dns.resolver])
    assert await resolver.ask("alias.resolver.test", "A") == Answer(
        "mx.resolver.test", 60.0, ("192.0.2.1",), authentic=True
    )
    assert await resolver.ask("resolver.test", "TXT") == Answer("resolver.test", 60.0, ("ab\\xff",), authentic=True)
    assert await resolver.ask("mx.resolver.test", "TXT") == Absent("mx.resolver.test", 30.0, True, True)
    assert cause(await resolver.ask("expired.test", "A")) == "bogus"
    listed = await resolver.ask("2.0.0.127.bl-resolver.test", "A", zone="bl-resolver.test")
    assert isinstance(listed, Answer) and listed.values == ("127.0.0.2",)
    assert cause(await Resolver([dns.nowhere]).ask("a.test", "A")) == "unreachable"

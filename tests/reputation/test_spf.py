"""SPF is evaluated as RFC 7208 says: its own test suite agrees, and lookups are counted as receivers count them."""

from __future__ import annotations

import pytest

from bot.reputation.resolver import Resolver
from bot.reputation.spf import evaluate
from tests.dns.misbehaving import NO_SUCH_NAME, Manner, MisbehavingServer
from tests.reputation.rfc7208 import Case, cases, serve

CASES = tuple(cases())


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 203


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_suite_of_rfc_7208_agrees(misbehaving: MisbehavingServer, case: Case) -> None:
    serve(misbehaving, case)
    found = await evaluate(Resolver([misbehaving.address], timeout=1), case.host, case.mail_from, case.helo)
    assert found.result in case.results, found
    if case.explanation is not None:
        assert (found.explanation or "DEFAULT") == case.explanation, found


def spf(record: str, **records: list[str]) -> Manner:
    return Manner(records={"TXT": [f'"v=spf1 {record}"'], **records})


@pytest.mark.parametrize(
    ("record", "result", "lookups", "voids"),
    [
        ("ip4:192.0.2.1 -all", "fail", 0, 0),
        ("a mx include:one.test -all", "fail", 4, 0),  # include's own a counts too
        ("a:gone.test -all", "fail", 1, 1),
        ("a:gone.test mx:gone.test -all", "fail", 2, 2),
        ("a:gone.test a:gone2.test a:gone3.test -all", "permerror", 3, 3),
        ("mx:dead.test -all", "fail", 1, 1),  # MX there, its host without an address
        ("mx:null.test -all", "fail", 1, 1),  # the null MX names nobody
        ("redirect=one.test", "fail", 2, 0),
        ("ptr ?all", "neutral", 1, 1),
        ("exists:%{ir}.gone.test -all", "fail", 1, 1),
        (" ".join(f"a:h{n}.test" for n in range(10)) + " -all", "fail", 10, 0),
        (" ".join(f"a:h{n}.test" for n in range(13)) + " -all", "permerror", 13, 0),
        ("ip4:203.0.113.9 a:gone.test a:gone2.test a:gone3.test -all", "pass", 0, 0),  # nothing behind it is looked up
        ("include:none.test -all", "permerror", 1, 0),
    ],
)
async def test_lookups_and_voids_are_counted_as_receivers_count_them(
    misbehaving: MisbehavingServer, record: str, result: str, lookups: int, voids: int
) -> None:
    misbehaving.below(".", NO_SUCH_NAME)
    misbehaving.at("a.test", spf(record, A=["192.0.2.1"], MX=["10 h1.test."]))
    misbehaving.at("one.test", spf("a -all", A=["192.0.2.1"]))
    misbehaving.at("none.test", Manner(records={"A": ["192.0.2.1"], "TXT": ['"nothing about senders"']}))
    misbehaving.at("null.test", Manner(records={"MX": ["0 ."]}))
    misbehaving.at("dead.test", Manner(records={"MX": ["10 gone.test."]}))
    for number in range(13):
        misbehaving.at(f"h{number}.test", Manner(records={"A": ["192.0.2.1"]}))
    found = await evaluate(Resolver([misbehaving.address]), "203.0.113.9", "ana@a.test", "mx.a.test")
    assert (found.result, found.lookups, found.voids) == (result, lookups, voids), found


async def test_what_is_no_address_is_not_evaluated(misbehaving: MisbehavingServer) -> None:
    with pytest.raises(ValueError, match=r"a\.test"):
        await evaluate(Resolver([misbehaving.address]), "a.test", "ana@a.test", "mx.a.test")
    assert misbehaving.asked == []

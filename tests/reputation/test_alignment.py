"""From against what SPF and DKIM vouch for, relaxed and strict, and by the findings about both."""

from __future__ import annotations

import pytest

from bot.reputation import dkim, spf_record
from bot.reputation.alignment import Identifier, check, of_dkim, of_spf
from bot.reputation.records import txt
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import Manner
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes
from tests.reputation.test_dkim_key import WEAK, rsa_key

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

RELAXED, STRICT = "al-relaxed.test", "al-strict.test"


@pytest.fixture
def world(dns: DnsWorld) -> DnsWorld:
    dns.zone(RELAXED, '_dmarc TXT "v=DMARC1; p=none"\n_dmarc.apart TXT "v=DMARC1; p=none; psd=n"')
    dns.zone(STRICT, '_dmarc TXT "v=DMARC1; p=none; adkim=s; aspf=S"')
    dns.zone("al-other.test", '_dmarc TXT "v=DMARC1; p=none"')
    return dns


@pytest.mark.parametrize(
    ("author", "spf", "dkim_", "expected"),
    [
        (RELAXED, RELAXED, RELAXED, "alignment.ok"),
        (RELAXED, f"bounces.{RELAXED}", f"mail.{RELAXED}", "alignment.ok"),
        (f"news.{RELAXED}", RELAXED, f"NEWS.{RELAXED}.", "alignment.ok"),
        (RELAXED, f"apart.{RELAXED}", RELAXED, "alignment.dkim_only"),
        (RELAXED, "al-other.test", f"d.{RELAXED}", "alignment.dkim_only"),
        (RELAXED, RELAXED, "al-other.test", "alignment.spf_only"),
        (RELAXED, "al-other.test", "al-other.test", "alignment.none"),
        (RELAXED, f"not{RELAXED}", "", "alignment.none"),
        (STRICT, STRICT, STRICT, "alignment.ok"),
        (STRICT, f"bounces.{STRICT}", STRICT, "alignment.dkim_only"),
        (STRICT, f"bounces.{STRICT}", f"mail.{STRICT}", "alignment.none"),
    ],
)
async def test_alignment_is_by_organization_or_exact(
    world: DnsWorld, author: str, spf: str, dkim_: str, expected: str
) -> None:
    found = await check(
        Resolver([world.resolver]),
        author,
        spf=[Identifier(spf)] if spf else [],
        dkim=[Identifier(dkim_)] if dkim_ else [],
    )
    assert codes(found) == [expected] and are_told_well(found)


async def test_what_does_not_pass_does_not_align(world: DnsWorld) -> None:
    resolver = Resolver([world.resolver])
    failing, passing = Identifier(RELAXED, False), Identifier(RELAXED)
    assert codes(await check(resolver, RELAXED, spf=[failing], dkim=[passing])) == ["alignment.dkim_only"]
    assert codes(await check(resolver, RELAXED, spf=[failing], dkim=[failing])) == ["alignment.none"]
    assert codes(await check(resolver, RELAXED, spf=[failing], dkim=[failing, passing])) == ["alignment.dkim_only"]


async def test_what_is_not_known_to_pass_leaves_it_unknown(world: DnsWorld) -> None:
    resolver = Resolver([world.resolver])
    doubtful, passing, failing = Identifier(RELAXED, None), Identifier(RELAXED), Identifier(RELAXED, False)
    for spf, signed in ((doubtful, passing), (passing, doubtful), (doubtful, failing), (doubtful, doubtful)):
        found = await check(resolver, RELAXED, spf=[spf], dkim=[signed])
        assert codes(found) == ["alignment.unknown"] and are_told_well(found)


async def test_without_a_resolver_only_equal_names_are_known(world: DnsWorld) -> None:
    resolver = Resolver([world.nowhere], timeout=0.5)
    other, same = Identifier(f"a.{RELAXED}"), Identifier(RELAXED)
    found = await check(resolver, RELAXED, spf=[other], dkim=[other])
    assert codes(found) == ["alignment.unknown"] and are_told_well(found)
    assert codes(await check(resolver, RELAXED, spf=[same], dkim=[other])) == ["alignment.unknown"]
    assert codes(await check(resolver, RELAXED, spf=[same], dkim=[same])) == ["alignment.ok"]


async def test_an_organization_that_can_not_be_found_out_is_unknown(world: DnsWorld) -> None:
    world.misbehaving("al-fails.test").below("al-fails.test", Manner(rcode="SERVFAIL"))
    found = await check(
        Resolver([world.resolver], timeout=2), RELAXED, spf=[Identifier("al-fails.test")], dkim=[Identifier(RELAXED)]
    )
    assert codes(found) == ["alignment.unknown"]


async def test_the_findings_of_spf_and_dkim_say_what_passes(dns: DnsWorld) -> None:
    domain, here, there = "al-found.test", "198.18.75.1", "198.18.75.2"
    dns.zone(
        domain,
        f'@ TXT "v=spf1 ip4:{here} -all"\n'
        + txt(f"good._domainkey.{domain}", f"v=DKIM1; p={rsa_key(2048)}")
        + "\n"
        + txt(f"weak._domainkey.{domain}", f"v=DKIM1; p={WEAK[512]}"),
    )
    resolver, gone = Resolver([dns.resolver]), Resolver([dns.nowhere], timeout=0.3)

    async def spf(resolver: Resolver, *addresses: str) -> bool | None:
        return of_spf(domain, addresses, await spf_record.check(resolver, domain, addresses)).passes

    async def signed(resolver: Resolver, *selectors: str) -> bool | None:
        return of_dkim(domain, await dkim.check(resolver, domain, selectors)).passes

    assert await spf(resolver, here) is True and await spf(resolver, here, there) is False
    assert await spf(gone, here) is None
    assert await signed(resolver, "good") is True and await signed(resolver, "weak", "good") is True
    assert await signed(resolver, "weak") is False
    assert await signed(gone, "good") is None and await signed(resolver) is None

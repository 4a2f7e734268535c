"""The SPF of a sending domain over real zones: the good one, then one fault at a time."""

from __future__ import annotations

import pytest

from bot.reputation.findings import Severity
from bot.reputation.records import txt
from bot.reputation.resolver import Resolver
from bot.reputation.spf_record import check
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, faults, only, publish

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

ADDRESS, IPV6 = "198.18.76.1", "2001:db8:76::1"
HERE = f"ip4:{ADDRESS}"

PARTS = "\n".join(f"p{number} A 198.18.76.{100 + number}" for number in range(12))
"""Hosts of one lookup each."""


def lookups(domain: str, number: int) -> str:
    return " ".join(f"a:p{part}.{domain}" for part in range(number))


async def test_a_good_domain_passes_for_each_address(dns: DnsWorld) -> None:
    dns.zone("spf-good.test", f'@ TXT "other"\n@ TXT "v=spf1 {HERE} ip6:2001:db8:76::/48 -all"')
    found = await check(Resolver([dns.resolver]), "spf-good.test", [ADDRESS, IPV6])
    assert codes(found) == ["spf.ok", "spf.pass", "spf.pass"] and are_told_well(found)
    assert only(found, "spf.ok").evidence == (f'spf-good.test. IN TXT "v=spf1 {HERE} ip6:2001:db8:76::/48 -all"',)


async def test_a_good_record_through_an_include_and_a_redirect_passes(dns: DnsWorld) -> None:
    dns.zone("spf-inner.test", f'@ TXT "v=spf1 {HERE} ~all"')
    dns.zone("spf-outer.test", '@ TXT "v=spf1 include:spf-inner.test -all"')
    dns.zone("spf-away.test", '@ TXT "v=spf1 redirect=spf-outer.test"')
    found = await check(Resolver([dns.resolver]), "spf-away.test", [ADDRESS])
    assert codes(found) == ["spf.ok", "spf.pass"] and "2 lookups" in only(found, "spf.ok").text


@pytest.mark.parametrize(
    ("fault", "record", "severity"),
    [
        ("spf.none", "", Severity.PROBLEM),
        ("spf.none", "v=spf1; {here} -all", Severity.PROBLEM),
        ("spf.several", "v=spf1 {here} -all\nv=spf1 mx -all", Severity.PROBLEM),
        ("spf.syntax", "v=spf1 {here} ipv4:198.18.76.2 -all", Severity.PROBLEM),
        ("spf.too_many_lookups", "v=spf1 {here} {eleven} -all", Severity.PROBLEM),
        ("spf.too_many_lookups", "v=spf1 {eleven} {here} -all", Severity.PROBLEM),
        ("spf.many_lookups", "v=spf1 {here} {nine} -all", Severity.WARNING),
        ("spf.many_lookups", "v=spf1 {nine} a {here} -all", Severity.WARNING),
        ("spf.too_many_voids", "v=spf1 {here} a:x.{domain} a:y.{domain} a:z.{domain} -all", Severity.PROBLEM),
        ("spf.too_many_voids", "v=spf1 a:x.{domain} a:y.{domain} a:z.{domain} {here} -all", Severity.PROBLEM),
        ("spf.anyone", "v=spf1 {here} +all", Severity.PROBLEM),
        ("spf.anyone", "v=spf1 {here} all", Severity.PROBLEM),
        ("spf.anyone", "v=spf1 ip4:0.0.0.0/0 -all", Severity.PROBLEM),
        ("spf.neutral_all", "v=spf1 {here} ?all", Severity.WARNING),
        ("spf.no_all", "v=spf1 {here}", Severity.WARNING),
        ("spf.ptr", "v=spf1 {here} ptr:a.test -all", Severity.WARNING),
        ("spf.permerror", "v=spf1 {here} include:gone.{domain} -all", Severity.PROBLEM),
        ("spf.permerror", "v=spf1 include:gone.{domain} {here} -all", Severity.PROBLEM),
        ("spf.not_passed", "v=spf1 ip4:198.18.76.9 -all", Severity.PROBLEM),
        ("spf.not_passed", "v=spf1 ip4:198.18.76.9 ~all", Severity.PROBLEM),
    ],
)
async def test_each_fault_is_found_and_nothing_else(dns: DnsWorld, fault: str, record: str, severity: Severity) -> None:
    domain = f"{fault.replace('.', '-').replace('_', '-')}.test"
    texts = record.format(here=HERE, domain=domain, nine=lookups(domain, 9), eleven=lookups(domain, 11)).splitlines()
    dns.zone(domain, "\n".join(["@ A 198.18.76.99", PARTS, *(txt(domain, text) for text in texts)]))
    found = await check(Resolver([dns.resolver]), domain, [ADDRESS])
    assert faults(found) == [fault] and are_told_well(found)
    assert only(found, fault).severity is severity and only(found, fault).evidence
    assert "spf.ok" not in codes(found) or fault == "spf.not_passed"


async def test_a_long_record_is_a_warning_and_its_many_strings_are_not(dns: DnsWorld) -> None:
    for domain, count, expected in (("spf-fits.test", 19, []), ("spf-long.test", 25, ["spf.long"])):
        text = " ".join(["v=spf1", HERE, *(f"ip4:198.18.76.{number + 10}/32" for number in range(count)), "-all"])
        assert len(text) > 255
        dns.zone(domain, txt(domain, text))
        found = await check(Resolver([dns.resolver]), domain, [ADDRESS])
        assert faults(found) == expected and only(found, "spf.pass")


async def test_each_address_is_judged_by_itself(dns: DnsWorld) -> None:
    dns.zone("spf-half.test", f'@ TXT "v=spf1 {HERE} ~all"')
    found = await check(Resolver([dns.resolver]), "spf-half.test", [ADDRESS, IPV6])
    assert codes(found) == ["spf.not_passed", "spf.ok", "spf.pass"]
    failed = only(found, "spf.not_passed")
    assert failed.subject == f"spf-half.test from {IPV6}" and "softfail" in failed.text


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ("", "spf.none"),
        ('@ TXT "v=spf1 mx -all"', "spf.not_passed"),
        ('@ TXT "v=spf1 mx +all"', "spf.anyone"),
        ('@ TXT "v=spf1 mx ?all"', "spf.neutral_all"),
        ('@ TXT "v=spf1 mx"', "spf.no_all"),
        ('@ TXT "v=spf1 mx ptr -all"', "spf.ptr"),
        ('@ TXT "v=spf1 mx -all"\n@ TXT "v=spf1 include:spf-inner2.test -all"', "spf.several"),
    ],
)
async def test_what_is_to_be_published_mends_it(dns: DnsWorld, record: str, fault: str) -> None:
    domain, rest = "spf-mended.test", "@ MX 10 mx\nmx A 198.18.76.98"
    dns.zone("spf-inner2.test", '@ TXT "v=spf1 ip4:198.18.76.97 -all"')
    dns.zone(domain, f"{rest}\n{record}")
    found = await check(Resolver([dns.resolver]), domain, [ADDRESS, IPV6])
    publish(dns, domain, rest, *next(finding for finding in found if finding.code == fault).publish)
    mended = await check(Resolver([dns.resolver]), domain, [ADDRESS, IPV6])
    assert codes(mended) == ["spf.ok", "spf.pass", "spf.pass"]


async def test_without_an_address_the_record_is_judged_alone(dns: DnsWorld) -> None:
    """Mail leaves through a relay host, so what SPF says of this host's address does not matter."""
    dns.zone("spf-relayed.test", '@ TXT "v=spf1 ip4:198.18.76.9 -all"')
    assert codes(await check(Resolver([dns.resolver]), "spf-relayed.test", [])) == ["spf.ok"]


async def test_without_a_resolver_it_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.5), "spf-good.test", [ADDRESS])
    assert codes(found) == ["spf.unknown"] and found[0].severity is Severity.UNKNOWN and are_told_well(found)


async def test_an_include_that_does_not_answer_is_unknown_and_no_failure(dns: DnsWorld) -> None:
    dns.misbehaving("spf-silent.test").below("spf-silent.test", SILENT)
    dns.zone("spf-waits.test", '@ TXT "v=spf1 include:spf-silent.test ip4:198.18.76.1 -all"')
    found = await check(Resolver([dns.resolver], timeout=1), "spf-waits.test", [ADDRESS])
    assert codes(found) == ["spf.unknown"] and are_told_well(found)
    assert "did not answer" in found[0].text


async def test_an_address_that_passes_before_the_silent_include_passes(dns: DnsWorld) -> None:
    dns.misbehaving("spf-silent.test").below("spf-silent.test", SILENT)
    dns.zone("spf-early.test", f'@ TXT "v=spf1 {HERE} include:spf-silent.test -all"')
    found = await check(Resolver([dns.resolver], timeout=1), "spf-early.test", [ADDRESS])
    assert codes(found) == ["spf.pass", "spf.unknown"]

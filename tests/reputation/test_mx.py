"""MX records of a sending domain, over real zones: the good domain, then one fault at a time."""

from __future__ import annotations

import pytest

from bot.reputation.findings import Severity
from bot.reputation.mx import check
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, faults, only, publish

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

GOOD = "@ MX 10 a\n@ MX 20 b\na A 198.18.78.1\nb A 198.18.78.2\n"


async def test_a_good_domain_passes(dns: DnsWorld) -> None:
    dns.zone("mx-good.test", GOOD)
    found = await check(Resolver([dns.resolver]), "mx-good.test")
    assert codes(found) == ["mx.ok"] and are_told_well(found)
    assert found[0].evidence == ("mx-good.test. IN MX 10 a.mx-good.test.", "mx-good.test. IN MX 20 b.mx-good.test.")


@pytest.mark.parametrize(
    ("fault", "zone", "severity"),
    [
        ("mx.none", "www A 198.18.78.1", Severity.PROBLEM),
        ("mx.implicit", "@ A 198.18.78.1", Severity.INFO),
        ("mx.null", "@ MX 0 .", Severity.PROBLEM),
        ("mx.null_mixed", f"{GOOD}@ MX 0 .", Severity.PROBLEM),
        ("mx.cname", f"{GOOD}@ MX 30 alias\nalias CNAME a", Severity.PROBLEM),
        ("mx.cname", f"{GOOD}@ MX 30 alias\nalias CNAME gone", Severity.PROBLEM),
        ("mx.no_address", f"{GOOD}@ MX 30 gone", Severity.PROBLEM),
        ("mx.no_address", f"{GOOD}@ MX 30 there\nthere TXT nothing", Severity.PROBLEM),
        ("mx.no_address", f"{GOOD}@ MX 30 198.18.78.1.", Severity.PROBLEM),
        ("mx.single", "@ MX 10 a\na A 198.18.78.1\na AAAA 2001:db8::1", Severity.WARNING),
    ],
)
async def test_each_fault_is_found_and_nothing_else(dns: DnsWorld, fault: str, zone: str, severity: Severity) -> None:
    domain = f"{fault.replace('.', '-').replace('_', '-')}-fault.test"
    dns.zone(domain, zone)
    found = await check(Resolver([dns.resolver]), domain, "mx.host.test")
    assert codes(found) == [fault] and are_told_well(found)
    assert found[0].severity is severity and found[0].evidence


async def test_one_name_with_several_addresses_is_not_a_single_host(dns: DnsWorld) -> None:
    dns.zone("mx-many.test", "@ MX 10 a\na A 198.18.78.1\na A 198.18.78.2")
    assert codes(await check(Resolver([dns.resolver]), "mx-many.test")) == ["mx.ok"]


@pytest.mark.parametrize("fault", ["mx.none", "mx.null", "mx.null_mixed", "mx.cname"])
async def test_what_is_to_be_published_mends_it(dns: DnsWorld, fault: str) -> None:
    zones = {
        "mx.none": "",
        "mx.null": "@ MX 0 .",
        "mx.null_mixed": f"{GOOD}@ MX 0 .",
        "mx.cname": f"{GOOD}@ MX 30 alias\nalias CNAME a",
    }
    domain = f"{fault.replace('.', '-').replace('_', '-')}-mended.test"
    dns.zone(domain, zones[fault])
    found = await check(Resolver([dns.resolver]), domain, f"a.{domain}")
    rest = GOOD.replace("@ MX 10 a\n@ MX 20 b\n", "")
    publish(dns, domain, *only(found, fault).publish, rest)
    assert not [code for code in faults(await check(Resolver([dns.resolver]), domain)) if code != "mx.single"]


async def test_an_address_in_place_of_a_name_is_called_one(dns: DnsWorld) -> None:
    dns.zone("mx-literal.test", "@ MX 10 198.18.78.1.")
    found = await check(Resolver([dns.resolver]), "mx-literal.test")
    assert "takes a name, not an address" in only(found, "mx.no_address").advice


async def test_without_a_resolver_it_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.5), "mx-good.test")
    assert codes(found) == ["mx.unknown"] and found[0].severity is Severity.UNKNOWN and are_told_well(found)


async def test_a_host_that_nobody_answers_for_is_unknown_and_the_others_are_judged(dns: DnsWorld) -> None:
    dns.misbehaving("mx-silent.test").below("mx-silent.test", SILENT)
    dns.zone("mx-half.test", f"{GOOD}@ MX 30 a.mx-silent.test.\n@ MX 40 gone")
    found = await check(Resolver([dns.resolver], timeout=1), "mx-half.test")
    assert codes(found) == ["mx.no_address", "mx.unknown"]

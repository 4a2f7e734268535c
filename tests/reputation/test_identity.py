"""PTR and the host's full name, over real zones: the good host, then one fault at a time."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from bot.reputation.findings import Severity
from bot.reputation.identity import check
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, faults, only

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

NETWORK = "198.18.77"
IPV6_ZONE = "d.1.a.0.8.b.d.0.1.0.0.2.ip6.arpa"
IPV6 = "2001:db8:a1d::25"
IPV6_REST = ".".join(reversed("00000000000000000025"))


def host(dns: DnsWorld, name: str, *, ptr: dict[str, str], zone: str, ptr6: str = "") -> None:
    dns.zone(name, zone)
    dns.reverse(NETWORK, ptr)
    dns.zone(IPV6_ZONE, f"{IPV6_REST} PTR {ptr6}" if ptr6 else "")


async def test_a_good_host_passes_by_ipv4_and_ipv6(dns: DnsWorld) -> None:
    host(
        dns,
        "id-good.test",
        ptr={"25": "PTR mx.id-good.test."},
        ptr6="mx.id-good.test.",
        zone=f"mx A {NETWORK}.25\nmx AAAA {IPV6}",
    )
    found = await check(Resolver([dns.resolver]), "MX.id-good.test.", [f"{NETWORK}.25", IPV6])
    assert codes(found) == ["fqdn.ok", "ptr.ok", "ptr.ok"] and are_told_well(found)
    assert "25.77.18.198.in-addr.arpa. IN PTR mx.id-good.test." in only(found[:2], "ptr.ok").evidence


@pytest.mark.parametrize(
    ("fault", "ptr", "zone", "severity"),
    [
        ("ptr.missing", "TXT none", "mx A 198.18.77.25", Severity.PROBLEM),
        ("ptr.no_forward", "PTR other.{}.", "mx A 198.18.77.25\nother A 198.18.77.9", Severity.PROBLEM),
        ("ptr.no_forward", "PTR gone.{}.", "mx A 198.18.77.25", Severity.PROBLEM),
        (
            "ptr.several",
            "PTR mx.{0}.\n25 PTR www.{0}.",
            "mx A 198.18.77.25\nwww A 198.18.77.25",
            Severity.WARNING,
        ),
        (
            "ptr.generic",
            "PTR ip-198-18-77-25.{}.",
            "mx A 198.18.77.25\nip-198-18-77-25 A 198.18.77.25",
            Severity.WARNING,
        ),
        ("ptr.helo", "PTR web.{}.", "mx A 198.18.77.25\nweb A 198.18.77.25", Severity.WARNING),
        ("fqdn.no_address", "PTR real.{}.", "real A 198.18.77.25\nmx TXT nothing", Severity.PROBLEM),
        ("fqdn.other_address", "PTR real.{}.", "real A 198.18.77.25\nmx A 198.18.77.26", Severity.PROBLEM),
    ],
)
async def test_each_fault_is_found_and_nothing_else(
    dns: DnsWorld, fault: str, ptr: str, zone: str, severity: Severity
) -> None:
    domain = f"id-{fault.replace('.', '-').replace('_', '-')}.test"
    host(dns, domain, ptr={"25": ptr.format(domain)}, zone=zone)
    # The name in EHLO is the PTR's where the fault is that of the FQDN.
    helo = f"real.{domain}" if fault.startswith("fqdn") else ""
    found = await check(Resolver([dns.resolver]), f"mx.{domain}", [f"{NETWORK}.25"], helo)
    assert faults(found) == [fault] and are_told_well(found)
    assert only(found, fault).severity is severity


async def test_the_advice_names_the_provider_and_the_exact_record(dns: DnsWorld) -> None:
    host(dns, "id-advice.test", ptr={}, zone=f"mx A {NETWORK}.25\nmx AAAA {IPV6}")
    found = await check(Resolver([dns.resolver]), "mx.id-advice.test", [f"{NETWORK}.25", IPV6])
    assert faults(found) == ["ptr.missing", "ptr.missing"]
    for finding, record in zip(
        found[1:],
        ("25.77.18.198.in-addr.arpa.", f"{IPV6_REST}.{IPV6_ZONE}."),
        strict=True,
    ):
        assert finding.publish == (f"{record} IN PTR mx.id-advice.test.",)
        assert "not in the zone of your domain" in finding.advice and "no such name" in finding.evidence[0]


async def test_ipv6_is_judged_apart_from_ipv4(dns: DnsWorld) -> None:
    host(dns, "id-six.test", ptr={"25": "PTR mx.id-six.test."}, zone=f"mx A {NETWORK}.25\nmx AAAA {IPV6}")
    found = await check(Resolver([dns.resolver]), "mx.id-six.test", [f"{NETWORK}.25", IPV6])
    assert codes(found) == ["fqdn.ok", "ptr.missing", "ptr.ok"] and only(found, "ptr.missing").subject == IPV6


async def test_a_name_that_is_not_full_is_a_problem_without_a_question(dns: DnsWorld) -> None:
    for name in ("localhost", "mail", "mail.localdomain", ""):
        found = await check(Resolver([dns.nowhere], timeout=0.3), name, [])
        assert codes(found) == ["fqdn.unqualified"]


async def test_without_a_resolver_everything_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.5), "mx.id-good.test", [f"{NETWORK}.25", IPV6])
    assert codes(found) == ["fqdn.unknown", "ptr.unknown", "ptr.unknown"] and are_told_well(found)
    assert {finding.severity for finding in found} == {Severity.UNKNOWN}


async def test_a_forward_name_that_nobody_answers_for_is_unknown_not_a_mismatch(dns: DnsWorld) -> None:
    dns.misbehaving("id-silent.test").below("id-silent.test", SILENT)
    dns.reverse(NETWORK, {"25": "PTR mx.id-silent.test."})
    found = await check(Resolver([dns.resolver], timeout=1), "mx.id-silent.test", [f"{NETWORK}.25"])
    assert codes(found) == ["fqdn.unknown", "ptr.unknown"] and are_told_well(found)


async def test_one_confirmed_name_is_enough_although_another_can_not_be_looked_up(dns: DnsWorld) -> None:
    dns.misbehaving("id-silent.test").below("id-silent.test", SILENT)
    host(
        dns,
        "id-half.test",
        ptr={"25": "PTR mx.id-half.test.\n25 PTR mx.id-silent.test."},
        zone=f"mx A {NETWORK}.25",
    )
    found = await check(Resolver([dns.resolver], timeout=1), "mx.id-half.test", [f"{NETWORK}.25"])
    assert codes(found) == ["fqdn.ok", "ptr.several"]


async def test_an_address_of_the_other_kind_that_is_unknown_does_not_matter(dns: DnsWorld) -> None:
    """The host sends by IPv4 alone, and nobody answers for AAAA."""
    from tests.dns.misbehaving import Manner

    wrong = dns.misbehaving("id-v4.test")
    wrong.below("id-v4.test", Manner(records={"A": [f"{NETWORK}.25"]}, silent=("AAAA",)))
    dns.reverse(NETWORK, {"25": "PTR mx.id-v4.test."})
    found = await check(Resolver([dns.resolver], timeout=1), "mx.id-v4.test", [f"{NETWORK}.25"])
    assert codes(found) == ["fqdn.ok", "ptr.ok"]


async def test_what_is_no_address_is_the_callers_mistake(dns: DnsWorld) -> None:
    with pytest.raises(ValueError, match="not-an-address"):
        await check(Resolver([dns.nowhere]), "mx.id-good.test", ["not-an-address"])
    assert ip_address(IPV6).version == 6

"""All checks of one host and its domain together: the good one passes them all, and nothing is known without a DNS."""

from __future__ import annotations

import pytest

from bot.reputation import alignment, dkim, dmarc, identity, mx, spf_record
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import txt
from bot.reputation.resolver import Resolver
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well
from tests.reputation.test_dkim_key import ed25519_key, rsa_key

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

DOMAIN = "xn--grn-ioa.test"
ADDRESSES = ("198.18.74.25", "2001:db8:74::25")
IPV6_ZONE = "4.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa"


def plant(dns: DnsWorld) -> None:
    """A domain without a fault, and its host."""
    records = (
        "@ MX 10 mx",
        "@ MX 20 mx2",
        f"mx A {ADDRESSES[0]}",
        f"mx AAAA {ADDRESSES[1]}",
        "mx2 A 198.18.74.26",
        '@ TXT "v=spf1 mx -all"',
        txt(f"s1._domainkey.{DOMAIN}", f"v=DKIM1; k=rsa; p={rsa_key(2048)}"),
        txt(f"s2._domainkey.{DOMAIN}", f"v=DKIM1; k=ed25519; p={ed25519_key()}"),
        f'_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@{DOMAIN}"',
    )
    dns.zone(DOMAIN, "\n".join(records))
    dns.reverse("198.18.74", {"25": f"PTR mx.{DOMAIN}."})
    dns.zone(IPV6_ZONE, ".".join(reversed("00000000000000000025")) + f" PTR mx.{DOMAIN}.")


async def all_of(resolver: Resolver, domain: str) -> list[Finding]:
    of_spf = await spf_record.check(resolver, domain, ADDRESSES, f"mx.{domain}")
    of_dkim = await dkim.check(resolver, domain, ["s1", "s2"])
    return [
        *await identity.check(resolver, f"mx.{domain}", ADDRESSES),
        *await mx.check(resolver, domain, f"mx.{domain}"),
        *of_spf,
        *of_dkim,
        *await dmarc.check(resolver, domain),
        *await alignment.check(
            resolver,
            domain,
            spf=[alignment.of_spf(domain, ADDRESSES, of_spf)],
            dkim=[alignment.of_dkim(domain, of_dkim)],
        ),
    ]


@pytest.mark.parametrize("domain", [DOMAIN, f"{DOMAIN.upper()}.", "gr\u00fcn.test"])
async def test_the_good_domain_passes_everything_however_its_name_is_written(dns: DnsWorld, domain: str) -> None:
    plant(dns)
    found = await all_of(Resolver([dns.resolver]), domain)
    assert {finding.severity for finding in found} == {Severity.OK} and are_told_well(found)
    assert {finding.code for finding in found} == {
        "ptr.ok",
        "fqdn.ok",
        "mx.ok",
        "spf.ok",
        "spf.pass",
        "dkim.ok",
        "dmarc.ok",
        "alignment.ok",
    }


async def test_with_the_resolver_gone_everything_is_unknown(dns: DnsWorld) -> None:
    found = await all_of(Resolver([dns.nowhere], timeout=0.5), DOMAIN)
    assert {finding.severity for finding in found} == {Severity.UNKNOWN} and are_told_well(found)
    assert {finding.code for finding in found} == {
        "ptr.unknown",
        "fqdn.unknown",
        "mx.unknown",
        "spf.unknown",
        "dkim.unknown",
        "dmarc.unknown",
        "alignment.unknown",
    }

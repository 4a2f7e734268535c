"""TLS-RPT records over real zones: the good domain, then one fault at a time."""

from __future__ import annotations

import pytest

from bot.reputation.findings import Severity
from bot.reputation.resolver import Resolver
from bot.reputation.tlsrpt import check
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, publish

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

DOMAIN = "tlsrpt-checked.test"


@pytest.mark.parametrize(
    ("code", "severity", "records"),
    [
        ("tlsrpt.ok", Severity.OK, ["v=TLSRPTv1; rua=mailto:tls@tlsrpt-checked.test"]),
        ("tlsrpt.ok", Severity.OK, ["v=TLSRPTv1;rua=https://reports.test/v1?x=1,mailto:a@b.test;", "unrelated"]),
        ("tlsrpt.ok", Severity.OK, ["v=TLSRPTv1; rua=mailto:a@b.test; ext=later"]),
        ("tlsrpt.none", Severity.WARNING, []),
        ("tlsrpt.several", Severity.PROBLEM, ["v=TLSRPTv1; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:c@d.test"]),
        ("tlsrpt.invalid", Severity.PROBLEM, ["v=TLSRPTv1;"]),
        ("tlsrpt.invalid", Severity.PROBLEM, ["v=TLSRPTv1; rua="]),
        ("tlsrpt.invalid", Severity.PROBLEM, ["v=TLSRPTv1; rua=tls@b.test"]),
        ("tlsrpt.invalid", Severity.PROBLEM, ["v=TLSRPTv1; rua=http://reports.test/"]),
        ("tlsrpt.invalid", Severity.PROBLEM, ["v=TLSRPT1; rua=mailto:a@b.test"]),
    ],
)
async def test_each_record_is_what_it_is(dns: DnsWorld, code: str, severity: Severity, records: list[str]) -> None:
    dns.zone(DOMAIN, "\n".join(f'_smtp._tls TXT "{record}"' for record in records))
    found = await check(Resolver([dns.resolver]), DOMAIN)
    assert codes(found) == [code] and found[0].severity is severity and are_told_well(found) and found[0].evidence


@pytest.mark.parametrize("records", ["", '_smtp._tls TXT "v=TLSRPTv1;"'])
async def test_what_is_to_be_published_mends_it(dns: DnsWorld, records: str) -> None:
    dns.zone("tlsrpt-mended.test", records)
    found = await check(Resolver([dns.resolver]), "tlsrpt-mended.test")
    publish(dns, "tlsrpt-mended.test", *found[0].publish)
    assert codes(await check(Resolver([dns.resolver]), "tlsrpt-mended.test")) == ["tlsrpt.ok"]


async def test_without_a_resolver_it_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.3), DOMAIN)
    assert codes(found) == ["tlsrpt.unknown"] and found[0].severity is Severity.UNKNOWN

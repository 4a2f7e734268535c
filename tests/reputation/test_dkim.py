"""DKIM selectors over real zones: the good ones, then one fault at a time."""

from __future__ import annotations

import pytest

from bot.reputation.dkim import check
from bot.reputation.findings import Severity
from bot.reputation.records import txt
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, faults, only, publish
from tests.reputation.test_dkim_key import WEAK, ed25519_key, rsa_key

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")


def key(selector: str, domain: str, record: str) -> str:
    return txt(f"{selector}._domainkey.{domain}", record)


async def test_good_keys_pass_by_a_cname_too(dns: DnsWorld) -> None:
    dns.zone("dkim-provider.test", key("k4", "dkim-provider.test", f"v=DKIM1; p={rsa_key(4096)}"))
    domain = "dkim-good.test"
    records = [
        key("r2", domain, f"v=DKIM1; k=rsa; t=s; p={rsa_key(2048)}"),
        key("ed", domain, f"v=DKIM1; k=ed25519; p={ed25519_key()}"),
        "r4._domainkey CNAME k4._domainkey.dkim-provider.test.",
    ]
    dns.zone(domain, "\n".join(records))
    found = await check(Resolver([dns.resolver]), domain, ["r2", "ed", "r4", "r2"])
    assert codes(found) == ["dkim.ok"] * 3 and are_told_well(found)
    assert [finding.text.rsplit("(", 1)[1] for finding in found] == [
        "RSA, 2048 bits).",
        "Ed25519).",
        "RSA, 4096 bits).",
    ]
    assert found[2].evidence[0] == f"r4._domainkey.{domain}. IN CNAME k4._domainkey.dkim-provider.test."


@pytest.mark.parametrize(
    ("fault", "record", "severity"),
    [
        ("dkim.absent", "", Severity.PROBLEM),
        ("dkim.revoked", "v=DKIM1; p=", Severity.PROBLEM),
        ("dkim.weak", f"v=DKIM1; p={WEAK[512]}", Severity.PROBLEM),
        ("dkim.weak", f"v=DKIM1; p={WEAK[768]}", Severity.PROBLEM),
        ("dkim.undecodable", "v=DKIM1; p=cut off", Severity.PROBLEM),
        ("dkim.undecodable", "v=spf1 -all", Severity.PROBLEM),
        ("dkim.short", f"v=DKIM1; p={rsa_key(1024)}", Severity.WARNING),
        ("dkim.testing", f"v=DKIM1; t=y; p={rsa_key(2048)}", Severity.WARNING),
        ("dkim.sha1", f"v=DKIM1; h=sha1; p={rsa_key(2048)}", Severity.WARNING),
    ],
)
async def test_each_fault_is_found_and_nothing_else(dns: DnsWorld, fault: str, record: str, severity: Severity) -> None:
    domain = f"{fault.replace('.', '-')}.test"
    dns.zone(domain, key("s1", domain, record) if record else "")
    found = await check(Resolver([dns.resolver]), domain, ["s1"])
    assert codes(found) == [fault] and are_told_well(found)
    assert found[0].severity is severity and found[0].evidence and found[0].subject == f"s1._domainkey.{domain}"


async def test_several_records_are_a_problem_although_each_is_good(dns: DnsWorld) -> None:
    domain = "dkim-several.test"
    dns.zone(domain, "\n".join(key("s1", domain, f"v=DKIM1; p={rsa_key(bits)}") for bits in (2048, 3072)))
    found = await check(Resolver([dns.resolver]), domain, ["s1"])
    assert codes(found) == ["dkim.several"] and len(found[0].evidence) == 2


@pytest.mark.parametrize(
    ("record", "mended"),
    [
        ("v=DKIM1; t=y; p={}", "v=DKIM1; p={}"),
        ("v=DKIM1; t=y:s; p={}", "v=DKIM1; t=s; p={}"),
        ("v=DKIM1; h=sha1; p={}", "v=DKIM1; p={}"),
    ],
)
async def test_what_is_to_be_published_mends_it(dns: DnsWorld, record: str, mended: str) -> None:
    domain = "dkim-mended.test"
    dns.zone(domain, key("s1", domain, record.format(rsa_key(2048))))
    (found,) = await check(Resolver([dns.resolver]), domain, ["s1"])
    assert found.publish == (key("s1", domain, mended.format(rsa_key(2048))),)
    publish(dns, domain, *found.publish)
    assert codes(await check(Resolver([dns.resolver]), domain, ["s1"])) == ["dkim.ok"]


async def test_an_alias_that_leads_nowhere_says_so(dns: DnsWorld) -> None:
    dns.zone("dkim-alias.test", "s1._domainkey CNAME s1.dkim-gone.test.")
    found = await check(Resolver([dns.resolver]), "dkim-alias.test", ["s1"])
    assert codes(found) == ["dkim.absent"] and "alias of s1.dkim-gone.test" in found[0].advice


async def test_ed25519_alone_is_mentioned(dns: DnsWorld) -> None:
    dns.zone("dkim-ed.test", key("ed", "dkim-ed.test", f"v=DKIM1; k=ed25519; p={ed25519_key()}"))
    found = await check(Resolver([dns.resolver]), "dkim-ed.test", ["ed"])
    assert codes(found) == ["dkim.ed25519_only", "dkim.ok"] and not faults(found)


async def test_without_a_selector_nothing_is_known(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.3), "dkim-good.test", [])
    assert only(found, "dkim.no_selector").severity is Severity.UNKNOWN and are_told_well(found)


async def test_without_a_resolver_every_selector_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.5), "dkim-good.test", ["r2", "ed"])
    assert codes(found) == ["dkim.unknown"] * 2 and are_told_well(found)


async def test_a_selector_that_nobody_answers_for_is_unknown(dns: DnsWorld) -> None:
    dns.misbehaving("dkim-silent.test").below("dkim-silent.test", SILENT)
    found = await check(Resolver([dns.resolver], timeout=1), "dkim-silent.test", ["s1"])
    assert codes(found) == ["dkim.unknown"] and found[0].severity is Severity.UNKNOWN

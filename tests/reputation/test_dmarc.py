"""The DMARC of a sending domain over real zones: the good ones, then one fault at a time."""

from __future__ import annotations

import pytest

from bot.reputation.dmarc import check
from bot.reputation.findings import Severity
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import NO_SUCH_NAME, Manner
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, faults, only, publish

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

GOOD = "v=DMARC1; p=reject; rua=mailto:dmarc@{}"


def at_dmarc(*texts: str) -> str:
    return "\n".join(f'_dmarc TXT "{text}"' for text in texts)


def zone_of(fault: str, suffix: str = "") -> str:
    return f"{fault.replace('.', '-').replace('_', '-')}{suffix}.test"


async def test_a_good_domain_passes(dns: DnsWorld) -> None:
    dns.zone("dmarc-good.test", at_dmarc(GOOD.format("dmarc-good.test")))
    found = await check(Resolver([dns.resolver]), "DMARC-good.test.")
    assert codes(found) == ["dmarc.ok"] and are_told_well(found)
    assert found[0].evidence == (
        '_dmarc.dmarc-good.test. IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@dmarc-good.test"',
    )


async def test_a_subdomain_has_the_policy_of_its_organization(dns: DnsWorld) -> None:
    dns.zone("dmarc-org.test", at_dmarc(GOOD.format("dmarc-org.test")) + "\na.news A 198.18.79.1")
    found = await check(Resolver([dns.resolver]), "a.news.dmarc-org.test")
    assert codes(found) == ["dmarc.ok"] and "which it has from dmarc-org.test" in found[0].text


@pytest.mark.parametrize(
    ("fault", "record", "severity"),
    [
        ("dmarc.ignored", "v=DMARC1; p=block", Severity.PROBLEM),
        ("dmarc.bad_policy", "v=DMARC1; p=block; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.bad_policy", "v=DMARC1; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.policy_none", "v=DMARC1; p=none; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.testing", "v=DMARC1; p=reject; t=y; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.no_rua", "v=DMARC1; p=reject", Severity.WARNING),
        ("dmarc.bad_rua", "v=DMARC1; p=reject; rua=d@{}", Severity.WARNING),
        ("dmarc.bad_ruf", "v=DMARC1; p=reject; rua=mailto:d@{0}; ruf=", Severity.WARNING),
        ("dmarc.bad_tag", "v=DMARC1; p=reject; adkim=strict; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.removed_tags", "v=DMARC1; p=reject; pct=50; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.removed_tags", "v=DMARC1; p=reject; ri=3600; rua=mailto:d@{}", Severity.WARNING),
        ("dmarc.rua_not_authorised", "v=DMARC1; p=reject; rua=mailto:d@elsewhere.test", Severity.WARNING),
        (
            "dmarc.ruf_not_authorised",
            "v=DMARC1; p=reject; rua=mailto:d@{0}; ruf=mailto:d@elsewhere.test",
            Severity.WARNING,
        ),
        ("dmarc.invalid", "v=dmarc1; p=reject", Severity.PROBLEM),
    ],
)
async def test_each_fault_of_a_record_is_found_and_nothing_else(
    dns: DnsWorld, fault: str, record: str, severity: Severity
) -> None:
    domain = zone_of(fault)
    dns.zone(domain, at_dmarc(record.format(domain)))
    found = await check(Resolver([dns.resolver]), domain)
    if fault == "dmarc.ignored":  # it has no rua, which is why it is ignored
        found = tuple(finding for finding in found if finding.code != "dmarc.no_rua")
    assert codes(found) == [fault] and are_told_well(found)
    assert found[0].severity is severity and found[0].evidence


@pytest.mark.parametrize(
    ("fault", "zone"),
    [
        ("dmarc.none", "@ A 198.18.79.1"),
        ("dmarc.several", at_dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject")),
        ("dmarc.misplaced", '@ TXT "v=DMARC1; p=reject; rua=mailto:a@b.test"\n@ TXT "v=spf1 -all"'),
        ("dmarc.misplaced", '_dmarc.dmarc-misplaced.test TXT "v=DMARC1; p=reject; rua=mailto:a@b.test"'),
    ],
)
async def test_a_record_that_is_not_there_or_not_one_is_a_problem(dns: DnsWorld, fault: str, zone: str) -> None:
    domain = zone_of(fault)
    dns.zone(domain, zone)
    found = await check(Resolver([dns.resolver]), domain)
    assert codes(found) == [fault] and are_told_well(found)
    assert found[0].severity is Severity.PROBLEM and found[0].evidence


@pytest.mark.parametrize(
    ("zone", "left"),
    [
        ("", ["dmarc.policy_none"]),
        (at_dmarc("v=DMARC1; p=block"), ["dmarc.no_rua", "dmarc.policy_none"]),
        (at_dmarc("v=DMARC1; p=block; rua=mailto:d@dmarc-mended.test"), ["dmarc.policy_none"]),
        (at_dmarc("v=DMARC1; p=reject; t=y; rua=mailto:d@dmarc-mended.test"), []),
        (at_dmarc("v=DMARC1; p=reject; pct=1; rf=x; rua=mailto:d@dmarc-mended.test"), []),
        (at_dmarc("v=DMARC1; p=reject;"), []),
        (at_dmarc("v=Dmarc1; p=reject"), ["dmarc.policy_none"]),
        ('@ TXT "v=DMARC1; p=reject; rua=mailto:d@dmarc-mended.test"', []),
    ],
)
async def test_what_is_to_be_published_mends_it(dns: DnsWorld, zone: str, left: list[str]) -> None:
    domain = "dmarc-mended.test"
    dns.zone(domain, zone)
    found = await check(Resolver([dns.resolver]), domain)
    mending = next(finding for finding in found if finding.publish)
    publish(dns, domain, *mending.publish)
    assert faults(await check(Resolver([dns.resolver]), domain)) == left


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        ("v=DMARC1; p=reject; pct=100; rua=mailto:d@dmarc-harmless.test", "dmarc.removed_tags"),
        ("v=DMARC1; p=reject; polcy=none; rua=mailto:d@dmarc-harmless.test", "dmarc.unknown_tags"),
    ],
)
async def test_harmless_tags_are_only_mentioned(dns: DnsWorld, record: str, severity: str) -> None:
    dns.zone("dmarc-harmless.test", at_dmarc(record))
    found = await check(Resolver([dns.resolver]), "dmarc-harmless.test")
    assert codes(found) == sorted(["dmarc.ok", severity]) and not faults(found)


async def test_another_organization_agrees_by_name_or_for_all(dns: DnsWorld) -> None:
    dns.zone("dmarc-reports.test", '*._report._dmarc TXT "v=DMARC1;"')
    dns.zone("dmarc-agreed.test", '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@dmarc-reports.test"')
    assert codes(await check(Resolver([dns.resolver]), "dmarc-agreed.test")) == ["dmarc.ok"]


async def test_what_the_other_organization_has_to_publish_mends_it(dns: DnsWorld) -> None:
    dns.zone("dmarc-deaf.test", '*._report._dmarc TXT "v=DMARC2"')
    dns.zone("dmarc-asks.test", '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@dmarc-deaf.test"')
    found = await check(Resolver([dns.resolver]), "dmarc-asks.test")
    agreed = only(found, "dmarc.rua_not_authorised")
    assert agreed.publish == ('dmarc-asks.test._report._dmarc.dmarc-deaf.test. IN TXT "v=DMARC1"',)
    publish(dns, "dmarc-deaf.test", *agreed.publish)
    assert codes(await check(Resolver([dns.resolver]), "dmarc-asks.test")) == ["dmarc.ok"]


async def test_a_subdomain_of_the_same_organization_need_not_agree(dns: DnsWorld) -> None:
    dns.zone("dmarc-same.test", '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@reports.dmarc-same.test"')
    assert codes(await check(Resolver([dns.resolver]), "dmarc-same.test")) == ["dmarc.ok"]


async def test_the_subdomain_policy_counts_for_a_subdomain_and_np_where_there_is_none(dns: DnsWorld) -> None:
    record = "v=DMARC1; p=reject; sp=none; np=reject; rua=mailto:a@dmarc-sp.test"
    dns.zone("dmarc-sp.test", at_dmarc(record) + "\nthere A 198.18.79.1")
    resolver = Resolver([dns.resolver])
    assert codes(await check(resolver, "there.dmarc-sp.test")) == ["dmarc.policy_none"]
    assert codes(await check(resolver, "gone.dmarc-sp.test")) == ["dmarc.ok"]


async def test_without_a_resolver_it_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.5), "dmarc-good.test")
    assert codes(found) == ["dmarc.unknown"] and found[0].severity is Severity.UNKNOWN and are_told_well(found)


async def test_an_absent_record_below_a_parent_that_does_not_answer_is_unknown(dns: DnsWorld) -> None:
    wrong = dns.misbehaving("dmarc-half.test")
    wrong.below("dmarc-half.test", NO_SUCH_NAME)
    wrong.at("_dmarc.dmarc-half.test", Manner(rcode="SERVFAIL"))
    assert codes(await check(Resolver([dns.resolver], timeout=2), "a.dmarc-half.test")) == ["dmarc.unknown"]


async def test_an_own_record_is_judged_although_the_parent_does_not_answer(dns: DnsWorld) -> None:
    wrong = dns.misbehaving("dmarc-own.test")
    wrong.below("dmarc-own.test", NO_SUCH_NAME)
    wrong.at("_dmarc.dmarc-own.test", Manner(rcode="SERVFAIL"))
    record = "v=DMARC1; p=reject; rua=mailto:d@a.dmarc-own.test"
    wrong.at("_dmarc.a.dmarc-own.test", Manner(records={"TXT": [f'"{record}"']}))
    assert codes(await check(Resolver([dns.resolver], timeout=2), "a.dmarc-own.test")) == ["dmarc.ok"]


async def test_whether_another_organization_agrees_may_be_unknown(dns: DnsWorld) -> None:
    dns.misbehaving("dmarc-mute.test").below("dmarc-mute.test", Manner(rcode="SERVFAIL"))
    dns.zone("dmarc-waits.test", '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@dmarc-mute.test"')
    found = await check(Resolver([dns.resolver], timeout=2), "dmarc-waits.test")
    assert faults(found) == ["dmarc.unknown"] and "dmarc-mute.test agrees" in only(found, "dmarc.unknown").text

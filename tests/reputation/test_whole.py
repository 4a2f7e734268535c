"""The whole report: the good domain passes everything; each fault, planted in a zone of its own, is found, and nothing
else is; with the resolver gone everything is unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.reputation.findings import Severity
from bot.reputation.records import txt
from bot.reputation.report import Report
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well
from tests.reputation.site import Site, site
from tests.reputation.test_dkim_key import rsa_key
from tests.smtp.certificates import Authority

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

Change = Callable[[Site], None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def _set(part: str, record: str) -> Change:
    """Instead of a part of the zone: this; `{domain}` and `{network}` stand for its own."""

    def change(made: Site) -> None:
        made.records[part] = record.format(domain=made.domain, network=made.network)

    return change


def _spf(record: str) -> Change:
    return lambda made: made.spf(record.format(domain=made.domain, network=made.network))


def _key(record: str) -> Change:
    return lambda made: made.records.update(dkim=made.key(record))


def _dmarc(record: str) -> Change:
    return lambda made: made.records.update(dmarc=made.dmarc(record.format(domain=made.domain)))


def _ptr(*names: str) -> Change:
    return lambda made: made.name_address([name.format(domain=made.domain, network=made.network) for name in names])


def _both(*changes: Change) -> Change:
    def change(made: Site) -> None:
        for each in changes:
            each(made)

    return change


def _many(number: int) -> Change:
    """An SPF record that costs so many lookups."""

    def change(made: Site) -> None:
        includes = [f"i{each}.{made.domain}" for each in range(number - 1)]
        made.spf(f"v=spf1 mx {' '.join(f'include:{name}' for name in includes)} -all")
        made.records["more"] = "\n".join(txt(name, "v=spf1 ip4:203.0.113.1 -all") for name in includes)

    return change


def _is(**members: Any) -> Change:
    """Of the site itself: this is so; `{domain}` stands for its own."""

    def change(made: Site) -> None:
        for name, value in members.items():
            setattr(made, name, value.format(domain=made.domain) if isinstance(value, str) else value)

    return change


def _policy(text: str, **members: Any) -> Change:
    return _both(lambda made: made.enforce(text), _is(**members))


def _pinned(tlsa: str, **members: Any) -> Change:
    return _both(lambda made: made.pin(tlsa), _is(**members))


def _long(made: Site) -> None:
    made.spf(f"v=spf1 mx {' '.join(f'ip4:203.0.113.{each}' for each in range(30))} -all")


POLICY = "version: STSv1\nmode: enforce\nmx: *.{domain}\nmax_age: 604800\n"

SPF_LOST = {"alignment.dkim_only"}
DKIM_LOST = {"alignment.spf_only"}

FAULTS: dict[str, tuple[Change, set[str]]] = {
    "ptr-missing": (_ptr(), {"ptr.missing"}),
    "ptr-no-forward": (_ptr("elsewhere.{domain}"), {"ptr.no_forward"}),
    "ptr-several": (_ptr("mx.{domain}", "mx2.{domain}"), {"ptr.several"}),
    "ptr-generic": (
        _both(_set("out", "host-{network}-25.dyn A {network}.25"), _ptr("host-{network}-25.dyn.{domain}")),
        {"ptr.generic"},
    ),
    "ptr-helo": (_both(_set("out", "out A {network}.25"), _ptr("out.{domain}")), {"ptr.helo"}),
    "fqdn-no-address": (
        _set("a", "mx TXT nothing"),
        {"fqdn.no_address", "mx.no_address", "ptr.no_forward", "spf.not_passed"} | SPF_LOST,
    ),
    "fqdn-other-address": (
        _both(_set("a", "mx A {network}.99"), _spf("v=spf1 ip4:{network}.25 -all")),
        {"fqdn.other_address", "ptr.no_forward"},
    ),
    "mx-none": (
        _both(_set("mx", ""), _spf("v=spf1 a:mx.{domain} -all")),
        {"mx.none"},
    ),
    "mx-null": (
        _both(_set("mx", "@ MX 0 ."), _spf("v=spf1 a:mx.{domain} -all")),
        {"mx.null"},
    ),
    "mx-cname": (_set("a2", "mx2 CNAME mx"), {"mx.cname"}),
    "mx-null-mixed": (_set("mx", "@ MX 0 .\n@ MX 10 mx\n@ MX 20 mx2"), {"mx.null_mixed"}),
    "mx-single": (_set("mx", "@ MX 10 mx"), {"mx.single"}),
    "spf-none": (_set("spf", "@ TXT hello"), {"spf.none"} | SPF_LOST),
    "spf-several": (_set("spf", '@ TXT "v=spf1 mx -all"\n@ TXT "v=spf1 a -all"'), {"spf.several"} | SPF_LOST),
    "spf-syntax": (_spf("v=spf1 mx ip4:300.0.0.1 -all"), {"spf.syntax"} | SPF_LOST),
    "spf-many": (_many(10), {"spf.many_lookups"}),
    "spf-too-many": (_many(11), {"spf.too_many_lookups"}),
    "spf-voids": (_spf("v=spf1 mx a:n1.{domain} a:n2.{domain} a:n3.{domain} -all"), {"spf.too_many_voids"}),
    "spf-permerror": (_spf("v=spf1 mx include:gone.{domain} -all"), {"spf.permerror"}),
    "spf-anyone": (_spf("v=spf1 mx +all"), {"spf.anyone"}),
    "spf-no-all": (_spf("v=spf1 mx"), {"spf.no_all"}),
    "spf-neutral": (_spf("v=spf1 mx ?all"), {"spf.neutral_all"}),
    "spf-ptr": (_spf("v=spf1 mx ptr -all"), {"spf.ptr"}),
    "spf-long": (_long, {"spf.long"}),
    "spf-other-host": (_spf("v=spf1 ip4:203.0.113.9 -all"), {"spf.not_passed"} | SPF_LOST),
    "dkim-absent": (_set("dkim", ""), {"dkim.absent"} | DKIM_LOST),
    "dkim-revoked": (_key("v=DKIM1; p="), {"dkim.revoked"} | DKIM_LOST),
    "dkim-weak": (_key(f"v=DKIM1; k=rsa; p={rsa_key(512)}"), {"dkim.weak"} | DKIM_LOST),
    "dkim-undecodable": (_key("v=DKIM1; k=rsa; p=nonsense"), {"dkim.undecodable"} | DKIM_LOST),
    "dkim-short": (_key(f"v=DKIM1; k=rsa; p={rsa_key(1024)}"), {"dkim.short"}),
    "dkim-testing": (_key(f"v=DKIM1; t=y; k=rsa; p={rsa_key(2048)}"), {"dkim.testing"}),
    "dkim-sha1": (_key(f"v=DKIM1; h=sha1; k=rsa; p={rsa_key(2048)}"), {"dkim.sha1"}),
    "dmarc-none": (_set("dmarc", ""), {"dmarc.none"}),
    "dmarc-several": (
        lambda made: made.records.update(more=made.dmarc("v=DMARC1; p=none")),
        {"dmarc.several"},
    ),
    "dmarc-misplaced": (_set("dmarc", '@ TXT "v=DMARC1; p=reject"'), {"dmarc.misplaced"}),
    "dmarc-p-none": (_dmarc("v=DMARC1; p=none; rua=mailto:dmarc@{domain}"), {"dmarc.policy_none"}),
    "dmarc-no-rua": (_dmarc("v=DMARC1; p=reject"), {"dmarc.no_rua"}),
    "dmarc-elsewhere": (_dmarc("v=DMARC1; p=reject; rua=mailto:a@other.test"), {"dmarc.rua_not_authorised"}),
    "alignment-none": (
        _both(_set("spf", ""), _set("dkim", "")),
        {"spf.none", "dkim.absent", "alignment.none"},
    ),
    "port-25-closed": (_is(closed=True), {"outbound.blocked"}),
    "rbl-listed": (_is(listed="127.0.0.4"), {"rbl.listed"}),
    "rbl-refuses": (_is(listed="127.255.255.254"), {"rbl.unknown"}),
    "tls-none": (_is(left=None), {"tls.none"}),
    "tls-soon": (_is(left=timedelta(days=6)), {"tls.soon"}),
    "tls-expired": (_is(left=timedelta(days=-2)), {"tls.expired"}),
    "tlsrpt-invalid": (_set("tlsrpt", '_smtp._tls TXT "v=TLSRPTv1; rua=nobody"'), {"tlsrpt.invalid"}),
    "tls-name": (lambda made: made.names.__setitem__(0, "mail.other.test"), {"tls.name"}),
    "tls-untrusted": (_is(known=False), {"tls.untrusted"}),
    "tls-old": (_is(old=True), {"tls.old"}),
    "smtp-open-relay": (_is(relays=True), {"smtp.open_relay"}),
    "smtp-name": (_is(greets="localhost"), {"smtp.name"}),
    "port-25-nat": (_is(seen_as="8.8.4.4"), {"outbound.other_address"}),
    "port-25-some": (_is(lost=1), {"outbound.some_failed"}),
    "mtasts-mx": (_policy(POLICY.replace("*.{domain}", "mx.{domain}")), {"mtasts.mx"}),
    "mtasts-testing": (_policy(POLICY.replace("enforce", "testing")), {"mtasts.testing"}),
    "mtasts-short": (_policy(POLICY.replace("604800", "3600")), {"mtasts.short"}),
    "mtasts-bad-policy": (_policy("<html>"), {"mtasts.bad_policy"}),
    "mtasts-certificate": (_policy(POLICY, web="www.{domain}"), {"mtasts.certificate"}),
    "mtasts-redirect": (_policy(POLICY, moved="https://www.{domain}/"), {"mtasts.redirect"}),
    "mtasts-several": (
        _set("more", '_mta-sts TXT "v=STSv1; id=1;"\n_mta-sts TXT "v=STSv1; id=2;"'),
        {"mtasts.several"},
    ),
    "mtasts-invalid": (_set("more", '_mta-sts TXT "v=STSv1;"'), {"mtasts.invalid"}),
    "dane-mismatch": (_pinned("3 1 1", own_key=False), {"dane.mismatch"}),
    "dane-usage": (_pinned("1 1 1"), {"dane.usage"}),
    "dane-no-dnssec": (_pinned("3 1 1", signed=False), {"dane.not_validated"}),
    "tlsrpt-none": (_set("tlsrpt", ""), {"tlsrpt.none"}),
    "tlsrpt-several": (_set("more", '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@b.test"'), {"tlsrpt.several"}),
    "mtasts-no-policy": (_set("more", '_mta-sts TXT "v=STSv1; id=1"'), {"mtasts.no_policy"}),
    "dmarc-removed": (_dmarc("v=DMARC1; p=reject; pct=50; rua=mailto:dmarc@{domain}"), {"dmarc.removed_tags"}),
}

FAIL_AND_WARN = (Severity.PROBLEM, Severity.WARNING, Severity.UNKNOWN)


def faults(report: Report) -> set[str]:
    return {finding.code for finding in report.of(*FAIL_AND_WARN)}


async def test_the_good_domain_passes_everything(dns: DnsWorld, authority: Authority, tmp_path: Path) -> None:
    made = site("good")
    made.enforce()
    made.pin()
    made.plant(dns, authority, tmp_path)
    report = await made.report(authority, dns.resolver)
    assert faults(report) == set() and report.worst is Severity.OK and report.exit_status == 0
    areas = ["fqdn", "ptr", "mx", "spf", "dkim", "dmarc", "alignment", "smtp", "tls", "mtasts", "tlsrpt", "dane"]
    assert {f"{area}.ok" for area in areas} | {"spf.pass", "outbound.open", "rbl.not_listed"} <= {
        finding.code for finding in report.of(Severity.OK)
    }


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_found_and_nothing_else(
    dns: DnsWorld, authority: Authority, tmp_path: Path, name: str
) -> None:
    change, expected = FAULTS[name]
    made = site(name)
    change(made)
    made.plant(dns, authority, tmp_path)
    report = await made.report(authority, dns.resolver)
    assert faults(report) == expected
    assert are_told_well(report.of(Severity.PROBLEM, Severity.WARNING, Severity.UNKNOWN))


async def test_with_the_resolver_gone_everything_is_unknown_and_nothing_clean_or_failed(
    dns: DnsWorld, authority: Authority
) -> None:
    report = await site("gone").report(authority, dns.nowhere, limit=0.5)
    asked = [finding for finding in report.findings if not finding.code.startswith("sending.")]
    assert {finding.severity for finding in asked} == {Severity.UNKNOWN}
    assert report.worst is Severity.UNKNOWN and report.exit_status == 3
    areas = {finding.code.partition(".")[0] for finding in asked}
    assert {
        "fqdn",
        "ptr",
        "mx",
        "spf",
        "dkim",
        "dmarc",
        "alignment",
        "rbl",
        "smtp",
        "mtasts",
        "tlsrpt",
        "dane",
    } <= areas

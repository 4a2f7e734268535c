"""The whole report: the good domain passes everything; each fault, planted in a zone of its own, is found, and nothing
else is; with the resolver gone everything is unknown."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.demo.certificates import Authority
from bot.demo.mailserver import MailServer
from bot.reputation.findings import Severity
from bot.reputation.records import txt
from bot.reputation.report import Report
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.settings import HostSettings
from tests.dns.world import DnsWorld
from tests.reputation.hosts import Host, receivers, tools
from tests.reputation.lists import table, zones
from tests.reputation.reading import are_told_well
from tests.reputation.test_dkim_key import rsa_key

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

_networks = itertools.count(1)


@dataclass
class Site:
    """A domain without a fault, and the host that sends for it; each fault changes one thing.

    `records` are lines of its zone by what they are; `reverse` the PTR records of its address; `closed`: port 25 is, to
    the outside; `listed`: what the blocklist answers for the address; `valid`: for how long the
    certificate of its mail servers is, None: they have none.
    """

    domain: str
    network: str
    helo: str = ""
    records: dict[str, str] = field(default_factory=dict)
    reverse: list[str] = field(default_factory=list)
    closed: bool = False
    listed: str = ""
    valid: timedelta | None = timedelta(days=80)

    def __post_init__(self) -> None:
        self.helo = f"mx.{self.domain}"
        self.reverse = [f"mx.{self.domain}"]
        self.records = {
            "mx": "@ MX 10 mx\n@ MX 20 mx2",
            "a": f"mx A {self.address}",
            "a2": f"mx2 A {self.network}.26",
            "spf": '@ TXT "v=spf1 mx -all"',
            "dkim": self.key(f"v=DKIM1; k=rsa; p={rsa_key(2048)}"),
            "tlsrpt": txt(f"_smtp._tls.{self.domain}", f"v=TLSRPTv1; rua=mailto:tls@{self.domain}"),
            "dmarc": self.dmarc(f"v=DMARC1; p=reject; rua=mailto:dmarc@{self.domain}"),
        }

    @property
    def address(self) -> str:
        return f"{self.network}.25"

    @property
    def blocklist(self) -> str:
        return f"bl-{self.domain}"

    def key(self, record: str) -> str:
        return txt(f"s1._domainkey.{self.domain}", record)

    def dmarc(self, record: str) -> str:
        return txt(f"_dmarc.{self.domain}", record)

    def spf(self, record: str) -> None:
        self.records["spf"] = txt(self.domain, record)

    def name_address(self, names: list[str]) -> None:
        self.reverse = names

    def plant(self, dns: DnsWorld) -> None:
        dns.zone(self.domain, "\n".join(self.records.values()))
        zone = ".".join(reversed(self.network.split("."))) + ".in-addr.arpa"
        dns.zone(zone, "\n".join(f"25 PTR {name}." for name in self.reverse))
        receivers(dns)
        listed = f"\n{self.address} :{self.listed}:Spam $" if self.listed else ""
        dns.blocklist(self.blocklist, ip4set=f"127.0.0.2 :127.0.0.2:Test{listed}")

    async def report(self, authority: Authority, *servers: str, limit: float = 5.0) -> Report:
        """The report, its mail servers running meanwhile."""
        sends = {"fqdn": self.helo, "addresses": (self.address,), "domains": (self.domain,), "selectors": ("s1",)}
        settings = HostSettings("mx1", **sends)  # type: ignore[arg-type]
        certificate = authority.server(f"*.{self.domain}", self.valid) if self.valid else None
        lists = zones(table(self.blocklist, weight="critical"))
        with (
            MailServer(self.helo, (self.domain,), certificate) as first,
            MailServer(f"mx2.{self.domain}", (self.domain,), certificate) as second,
        ):

            def road(address: str, _: int) -> tuple[str, int]:
                return "127.0.0.1", (second if address.endswith(".26") else first).port

            asking = tools(Resolver(servers, timeout=limit), lists, road, str(authority.file))
            checks = Checks(asking, {"mx1": settings}, lambda: datetime.now(UTC))
            host = Host(myhostname=self.helo, closed=self.closed)
            async with aclosing(checks.watch(host, first=60)) as reports:
                return [report async for report in reports][-1]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def site(name: str) -> Site:
    return Site(f"{name}.whole.test", f"198.19.{next(_networks)}")


def _set(part: str, record: str) -> Callable[[Site], None]:
    """Instead of a part of the zone: this; `{domain}` and `{network}` stand for its own."""

    def change(made: Site) -> None:
        made.records[part] = record.format(domain=made.domain, network=made.network)

    return change


def _spf(record: str) -> Callable[[Site], None]:
    return lambda made: made.spf(record.format(domain=made.domain, network=made.network))


def _key(record: str) -> Callable[[Site], None]:
    return lambda made: made.records.update(dkim=made.key(record))


def _dmarc(record: str) -> Callable[[Site], None]:
    return lambda made: made.records.update(dmarc=made.dmarc(record.format(domain=made.domain)))


def _ptr(*names: str) -> Callable[[Site], None]:
    return lambda made: made.name_address([name.format(domain=made.domain, network=made.network) for name in names])


def _both(*changes: Callable[[Site], None]) -> Callable[[Site], None]:
    def change(made: Site) -> None:
        for each in changes:
            each(made)

    return change


def _many(number: int) -> Callable[[Site], None]:
    """An SPF record that costs so many lookups."""

    def change(made: Site) -> None:
        includes = [f"i{each}.{made.domain}" for each in range(number - 1)]
        made.spf(f"v=spf1 mx {' '.join(f'include:{name}' for name in includes)} -all")
        made.records["more"] = "\n".join(txt(name, "v=spf1 ip4:203.0.113.1 -all") for name in includes)

    return change


def _long(made: Site) -> None:
    made.spf(f"v=spf1 mx {' '.join(f'ip4:203.0.113.{each}' for each in range(30))} -all")


SPF_LOST = {"alignment.dkim_only"}
DKIM_LOST = {"alignment.spf_only"}

FAULTS: dict[str, tuple[Callable[[Site], None], set[str]]] = {
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
    "port-25-closed": (lambda made: setattr(made, "closed", True), {"outbound.blocked"}),
    "rbl-listed": (lambda made: setattr(made, "listed", "127.0.0.4"), {"rbl.listed"}),
    "rbl-refuses": (lambda made: setattr(made, "listed", "127.255.255.254"), {"rbl.unknown"}),
    "tls-none": (lambda made: setattr(made, "valid", None), {"tls.none"}),
    "tls-soon": (lambda made: setattr(made, "valid", timedelta(days=6)), {"tls.soon"}),
    "tls-expired": (lambda made: setattr(made, "valid", timedelta(days=-2)), {"tls.expired"}),
    "tlsrpt-invalid": (_set("tlsrpt", '_smtp._tls TXT "v=TLSRPTv1; rua=nobody"'), {"tlsrpt.invalid"}),
    "mtasts-no-policy": (_set("more", '_mta-sts TXT "v=STSv1; id=1"'), {"mtasts.no_policy"}),
    "dmarc-removed": (_dmarc("v=DMARC1; p=reject; pct=50; rua=mailto:dmarc@{domain}"), {"dmarc.removed_tags"}),
}

FAIL_AND_WARN = (Severity.PROBLEM, Severity.WARNING, Severity.UNKNOWN)


def faults(report: Report) -> set[str]:
    return {finding.code for finding in report.of(*FAIL_AND_WARN)}


async def test_the_good_domain_passes_everything(dns: DnsWorld, authority: Authority) -> None:
    made = site("good")
    made.plant(dns)
    report = await made.report(authority, dns.resolver)
    assert faults(report) == set() and report.worst is Severity.OK and report.exit_status == 0
    assert {
        "fqdn.ok",
        "ptr.ok",
        "mx.ok",
        "spf.ok",
        "spf.pass",
        "dkim.ok",
        "dmarc.ok",
        "alignment.ok",
        "outbound.open",
    } <= {finding.code for finding in report.findings}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_found_and_nothing_else(dns: DnsWorld, authority: Authority, name: str) -> None:
    change, expected = FAULTS[name]
    made = site(name)
    change(made)
    made.plant(dns)
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
    assert {"fqdn", "ptr", "mx", "spf", "dkim", "dmarc", "alignment", "rbl", "smtp"} <= areas

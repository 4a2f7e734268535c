"""A domain without a fault, and the host that sends for it, in real zones with real servers; a fault is one change."""

from __future__ import annotations

import hashlib
import itertools
import ssl
import warnings
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.demo.mailserver import MailServer
from bot.reputation import relaying
from bot.reputation.records import txt
from bot.reputation.report import Report
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.settings import HostSettings
from tests.dns.world import DnsWorld
from tests.reputation.hosts import Host, receivers, tools
from tests.reputation.lists import table, zones
from tests.reputation.test_dkim_key import rsa_key
from tests.smtp.certificates import Authority, Shown
from tests.smtp.web import Web

_networks = itertools.count(1)

Endpoint = tuple[str, int]


@dataclass
class Site:
    """`records` are lines of its zone by what they are; `reverse` the PTR records of its address; `closed`: port 25 is,
    to the outside; `lost`: so many receivers do not answer; `seen_as`: the address that they see; `listed`: what the
    blocklist answers for it.

    Of its mail servers: what they call themselves, whom their certificate is for and for how long (`left` None: they
    have none), whether the authority is known, whether their TLS is an old one, whether they relay for strangers.
    `policy` is what MTA-STS serves, under a certificate for `web`, or at a place it was `moved` to. `tlsa` is a TLSA
    record's usage, selector and matching; `own_key`: it is of the key that is shown. `signed`: the zone is (DNSSEC).
    """

    domain: str
    network: str
    helo: str = ""
    records: dict[str, str] = field(default_factory=dict)
    reverse: list[str] = field(default_factory=list)
    closed: bool = False
    lost: int = 0
    seen_as: str = ""
    listed: str = ""
    greets: str = ""
    names: list[str] = field(default_factory=list)
    left: timedelta | None = timedelta(days=80)
    known: bool = True
    old: bool = False
    relays: bool = False
    policy: str = ""
    web: str = ""
    moved: str = ""
    tlsa: str = ""
    own_key: bool = True
    signed: bool = False
    shown: Shown | None = None
    of_web: Shown | None = None

    def __post_init__(self) -> None:
        self.helo = self.greets = f"mx.{self.domain}"
        self.reverse = [f"mx.{self.domain}"]
        self.names = [f"*.{self.domain}"]
        self.seen_as = self.address
        self.web = f"mta-sts.{self.domain}"
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

    def enforce(self, policy: str = "version: STSv1\nmode: enforce\nmx: *.{domain}\nmax_age: 604800\n") -> None:
        """Publish an MTA-STS policy."""
        self.policy = policy.format(domain=self.domain)
        self.records["mtasts"] = f'_mta-sts TXT "v=STSv1; id=1;"\nmta-sts A {self.network}.80'

    def pin(self, tlsa: str = "3 1 1") -> None:
        """Publish TLSA records in a signed zone."""
        self.tlsa, self.signed = tlsa, True

    def plant(self, dns: DnsWorld, authority: Authority, folder: Path) -> None:
        """Its certificate and its zones; `folder` is for what the authority does not vouch for."""
        believed = authority if self.known else Authority(folder, "Nobody")
        self.shown = believed.server(*self.names, left=self.left) if self.left else None
        self.of_web = authority.server(self.web)
        dns.zone(self.domain, "\n".join([*self.records.values(), *self._pins()]), signed="good" if self.signed else "")
        zone = ".".join(reversed(self.network.split("."))) + ".in-addr.arpa"
        dns.zone(zone, "\n".join(f"25 PTR {name}." for name in self.reverse))
        receivers(dns)
        listed = f"\n{self.address} :{self.listed}:Spam $" if self.listed else ""
        dns.blocklist(self.blocklist, ip4set=f"127.0.0.2 :127.0.0.2:Test{listed}")

    def _pins(self) -> list[str]:
        if not self.tlsa or not self.shown:
            return []
        public = self.shown.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = hashlib.sha256(public if self.own_key else b"another key").hexdigest()
        return [f"_25._tcp.{name} TLSA {self.tlsa} {digest}" for name in ("mx", "mx2")]

    async def report(self, authority: Authority, *servers: str, limit: float = 5.0) -> Report:
        """The report, its mail servers running meanwhile."""
        sends = {"fqdn": self.helo, "addresses": (self.address,), "domains": (self.domain,), "selectors": ("s1",)}
        settings = HostSettings("mx1", **sends)  # type: ignore[arg-type]
        lists = zones(table(self.blocklist, weight="critical"))
        with self.outside() as ends:

            def road(address: str, port: int) -> Endpoint:
                return ends["web" if port == 443 else "mx2" if address.endswith(".26") else "mx"]

            asking = tools(Resolver(servers, timeout=limit), lists, road, str(authority.file))
            checks = Checks(asking, {"mx1": settings}, lambda: datetime.now(UTC))
            host = Host(myhostname=self.helo, closed=self.closed, lost=self.lost, seen_as=self.seen_as)
            async with aclosing(checks.watch(host, first=60)) as reports:
                return [report async for report in reports][-1]

    @contextmanager
    def outside(self) -> Iterator[dict[str, Endpoint]]:
        """Two mail servers and, for a policy, a web server: where each is."""
        domains = (self.domain, relaying.FOREIGN.partition("@")[2]) if self.relays else (self.domain,)
        certificate = _context(self.shown, old=self.old) if self.shown else None
        status = {"status": 301, "location": self.moved} if self.moved else {}
        with (
            MailServer(self.greets, domains, certificate) as first,
            MailServer(f"mx2.{self.domain}", domains, certificate) as second,
            Web(self.of_web, self.policy, **status) if self.policy else nullcontext() as web,  # type: ignore[arg-type]
        ):
            yield {
                "mx": ("127.0.0.1", first.port),
                "mx2": ("127.0.0.1", second.port),
                "web": web.endpoint if web else ("127.0.0.1", 1),
            }


def _context(shown: Shown, *, old: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.chain, shown.key)
    if old:
        with warnings.catch_warnings(action="ignore"):  # that nobody should
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def site(name: str) -> Site:
    return Site(f"{name}.whole.test", f"198.19.{next(_networks)}")

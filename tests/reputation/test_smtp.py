"""Mail servers seen from the bot: a real Postfix with certificates made for the test, and servers that misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from bot.reputation.findings import Finding, Severity
from bot.reputation.resolver import Resolver
from bot.reputation.smtp import check
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.postfix.instance import SMTP_PORT, PrivatePostfix
from tests.postfix.world import World
from tests.reputation.reading import are_told_well, codes, only
from tests.smtp.certificates import DAY, Authority, Shown, self_signed
from tests.smtp.peer import Manners, Peer, dropping, nobody

pytestmark = pytest.mark.real("postfix", "nsd", "rbldnsd", "unbound")

DOMAIN = "smtp-checked.test"
MX = f"mx.{DOMAIN}"
SOUND = ["smtp.ok", "tls.ok"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def server(outside_world: World, authority: Authority) -> Iterator[PrivatePostfix]:
    with PrivatePostfix(outside_world, settings=good(authority.server(MX))) as postfix:
        with (postfix.config_directory / "master.cf").open("a") as services:
            services.write("tlsmgr unix - - n 1000? 1 tlsmgr\n")
        postfix.start()
        yield postfix


def good(shown: Shown) -> dict[str, str]:
    """Settings of a mail server without a fault."""
    return {
        "myhostname": MX,
        "mydestination": DOMAIN,
        "mynetworks": "192.0.2.77/32",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": f"{shown.key}, {shown.chain}",
        "smtpd_tls_protocols": ">=TLSv1",
        "smtpd_tls_ciphers": "medium",
        "tls_medium_cipherlist": "DEFAULT",
        "smtpd_banner": "$myhostname ESMTP",
        "smtpd_client_restrictions": "",
        "smtpd_sender_restrictions": "",
        "relay_domains": "",
        "smtpd_sasl_auth_enable": "no",
    }


async def seen(
    dns: DnsWorld,
    authority: Authority,
    endpoint: tuple[str, int],
    *,
    zone: str = "@ MX 10 mx\nmx A 192.0.2.25",
    patience: float = 30,
    slow: float = 10,
) -> tuple[Finding, ...]:
    dns.zone(DOMAIN, zone)
    found = await check(
        Resolver([dns.resolver], timeout=1),
        DOMAIN,
        road=lambda address, port: endpoint,
        authorities=str(authority.file),
        foreign="bob@elsewhere.test",
        patience=patience,
        slow=slow,
    )
    assert are_told_well(found)
    return found


async def of_postfix(
    server: PrivatePostfix,
    dns: DnsWorld,
    authority: Authority,
    shown: Shown | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Finding, ...]:
    server.configure(**good(shown or authority.server(MX)) | dict(settings))
    server.restart()
    found = await seen(dns, authority, (server.address, SMTP_PORT))
    assert not server.queue()
    return found


async def test_a_good_server_passes(server: PrivatePostfix, dns: DnsWorld, authority: Authority) -> None:
    found = await of_postfix(server, dns, authority)
    assert codes(found) == SOUND, found
    assert "TLSv1.3" in only(found, "tls.ok").text and "refuses to relay" in only(found, "smtp.ok").text
    assert any("certificate for mx.smtp-checked.test" in line for line in only(found, "tls.ok").evidence)


@pytest.mark.parametrize(
    ("fault", "severity"),
    [
        ("tls.expired", Severity.PROBLEM),
        ("tls.not_yet", Severity.PROBLEM),
        ("tls.soon", Severity.WARNING),
        ("tls.name", Severity.WARNING),
        ("tls.untrusted", Severity.WARNING),
    ],
)
async def test_each_fault_of_a_certificate_is_found_and_nothing_else(
    server: PrivatePostfix, dns: DnsWorld, authority: Authority, folder: Path, fault: str, severity: Severity
) -> None:
    shown = {
        "tls.expired": lambda: authority.server(MX, left=-2 * DAY),
        "tls.not_yet": lambda: authority.server(MX, begins=timedelta(hours=5)),
        "tls.soon": lambda: authority.server(MX, left=20 * DAY),
        "tls.name": lambda: authority.server("mail.other.test"),
        "tls.untrusted": lambda: self_signed(folder, MX),
    }[fault]()
    found = await of_postfix(server, dns, authority, shown)
    assert codes(found) == ["smtp.ok", fault]
    assert only(found, fault).severity is severity


async def test_an_authority_that_nobody_knows_is_not_believed(
    server: PrivatePostfix, dns: DnsWorld, authority: Authority, folder: Path
) -> None:
    found = await of_postfix(server, dns, authority, Authority(folder, "Another authority").server(MX))
    assert codes(found) == ["smtp.ok", "tls.untrusted"]
    assert "vouched for by itself" not in only(found, "tls.untrusted").text


async def test_a_wildcard_is_for_the_server(server: PrivatePostfix, dns: DnsWorld, authority: Authority) -> None:
    assert codes(await of_postfix(server, dns, authority, authority.server(f"*.{DOMAIN}"))) == SOUND
    assert codes(await of_postfix(server, dns, authority, authority.server("*.test"))) == ["smtp.ok", "tls.name"]


async def test_two_faults_are_both_found(server: PrivatePostfix, dns: DnsWorld, authority: Authority) -> None:
    found = await of_postfix(server, dns, authority, authority.server("mail.other.test", left=-2 * DAY))
    assert codes(found) == ["smtp.ok", "tls.expired", "tls.name"]


async def test_a_pinned_certificate_needs_no_authority(
    server: PrivatePostfix, dns: DnsWorld, authority: Authority, folder: Path
) -> None:
    server.configure(**good(self_signed(folder, "whatever.test")))
    server.restart()
    zone = f"@ MX 10 mx\nmx A 192.0.2.25\n_25._tcp.mx TLSA 3 1 1 {'ab' * 32}"
    dns.zone("smtp-pinned.test", zone, signed="good")
    found = await check(
        Resolver([dns.resolver]),
        "smtp-pinned.test",
        road=lambda address, port: (server.address, SMTP_PORT),
        authorities=str(authority.file),
    )
    assert codes(found) == ["smtp.ok", "tls.name", "tls.untrusted"]
    assert {each.severity for each in found} == {Severity.OK, Severity.INFO}


async def test_tls_that_is_too_old_is_found(server: PrivatePostfix, dns: DnsWorld, authority: Authority) -> None:
    old = {"smtpd_tls_protocols": ">=TLSv1, <=TLSv1.1", "tls_medium_cipherlist": "ALL:@SECLEVEL=0"}
    found = await of_postfix(server, dns, authority, settings=old)
    assert codes(found) == ["smtp.ok", "tls.old"]
    assert "TLSv1.1" in only(found, "tls.old").text


@pytest.mark.parametrize(
    ("fault", "severity", "settings", "rest"),
    [
        ("tls.none", Severity.PROBLEM, {"smtpd_tls_security_level": "none"}, ["smtp.ok"]),
        ("tls.broken", Severity.PROBLEM, {"smtpd_tls_chain_files": "/nowhere.pem"}, ["smtp.ok"]),
        ("smtp.open_relay", Severity.PROBLEM, {"mynetworks": "0.0.0.0/0"}, ["tls.ok"]),
        ("smtp.open_relay", Severity.PROBLEM, {"relay_domains": "elsewhere.test"}, ["tls.ok"]),
        ("smtp.name", Severity.WARNING, {"smtpd_banner": "localhost ESMTP"}, ["tls.ok"]),
        ("smtp.turned_away", Severity.UNKNOWN, {"smtpd_client_restrictions": "reject"}, []),
        ("smtp.relay_unknown", Severity.UNKNOWN, {"smtpd_sender_restrictions": "reject"}, ["tls.ok"]),
    ],
)  # fmt: skip
async def test_each_fault_of_a_postfix_is_found_and_nothing_else(
    server: PrivatePostfix,
    dns: DnsWorld,
    authority: Authority,
    fault: str,
    severity: Severity,
    settings: dict[str, str],
    rest: list[str],
) -> None:
    found = await of_postfix(server, dns, authority, settings={"smtpd_delay_reject": "no", **settings})
    assert codes(found) == sorted([fault, *rest])
    assert only(found, fault).severity is severity


async def test_nothing_is_ever_sent(dns: DnsWorld, authority: Authority) -> None:
    with Peer(Manners(replies={"RCPT": "250 2.1.5 Ok"}, tls=authority.server(MX))) as peer:
        found = await seen(dns, authority, peer.endpoint)
    assert codes(found) == ["smtp.open_relay", "tls.ok"]
    assert [line.split()[0] for line in peer.heard] == [
        "EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "RSET", "QUIT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "severity", "manners"),
    [
        ("smtp.silent", Severity.UNKNOWN, Manners(greeting=None)),
        ("smtp.silent", Severity.UNKNOWN, Manners(replies={"EHLO": "250-never ends"})),
        ("smtp.garbage", Severity.PROBLEM, Manners(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("smtp.garbage", Severity.PROBLEM, Manners(raw=b"x" * 4096, endless=True)),
        ("smtp.garbage", Severity.PROBLEM, Manners(raw=b"220-hello\r\n", endless=True)),
        ("smtp.garbage", Severity.PROBLEM, Manners(replies={"EHLO": "\x1b[31m what?"})),
        ("smtp.turned_away", Severity.UNKNOWN, Manners(greeting="421 4.7.0 Too busy")),
        ("smtp.turned_away", Severity.UNKNOWN, Manners(greeting="554 5.7.1 Not you")),
        ("smtp.no_ehlo", Severity.WARNING, Manners(replies={"EHLO": "502 5.5.1 What is EHLO?"})),
    ],
)
async def test_a_server_that_misbehaves_is_told_by_what_it_does(
    dns: DnsWorld, authority: Authority, fault: str, severity: Severity, manners: Manners
) -> None:
    with Peer(manners) as peer:
        found = await seen(dns, authority, peer.endpoint, patience=3 if fault == "smtp.silent" else 30)
    assert codes(found) == [fault] and found[0].severity is severity


async def test_what_a_server_lacks_or_offers_too_early_is_found(dns: DnsWorld, authority: Authority) -> None:
    shown = authority.server(MX)
    with Peer(Manners(hello=("AUTH PLAIN LOGIN",), tls=shown)) as peer:
        assert codes(await seen(dns, authority, peer.endpoint)) == ["smtp.plain_auth", "tls.ok"]
    with Peer(Manners(hello=("AUTH CRAM-MD5 SCRAM-SHA-256",), tls=shown)) as peer:
        assert codes(await seen(dns, authority, peer.endpoint)) == SOUND
    with Peer(Manners(broken_tls=True)) as peer:
        assert codes(await seen(dns, authority, peer.endpoint)) == ["smtp.ok", "tls.broken"]
    with Peer(Manners(after=1.5, tls=shown)) as peer:
        assert codes(await seen(dns, authority, peer.endpoint, slow=1)) == ["smtp.slow", "tls.ok"]
    with Peer(Manners(replies={"RCPT": "450 4.2.0 Greylisted"}, tls=shown)) as peer:
        assert codes(await seen(dns, authority, peer.endpoint)) == ["smtp.relay_unknown", "tls.ok"]


async def test_a_server_that_is_not_reached_is_unknown_and_one_that_refuses_is_not(
    dns: DnsWorld, authority: Authority
) -> None:
    with dropping() as silent:
        found = await seen(dns, authority, silent, patience=1)
    assert codes(found) == ["smtp.unknown"] and found[0].severity is Severity.UNKNOWN
    found = await seen(dns, authority, nobody())
    assert codes(found) == ["smtp.refused"] and found[0].severity is Severity.PROBLEM


async def test_a_domain_that_takes_no_mail_has_no_server_to_look_at(dns: DnsWorld, authority: Authority) -> None:
    for zone in ("@ MX 0 .", "www A 192.0.2.1"):
        found = await seen(dns, authority, nobody(), zone=zone)
        assert codes(found) == ["smtp.no_mx"] and found[0].severity is Severity.NOT_APPLICABLE


async def test_without_a_resolver_it_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.3), DOMAIN)
    assert codes(found) == ["smtp.unknown"] and found[0].severity is Severity.UNKNOWN and are_told_well(found)


async def test_a_server_whose_address_nobody_tells_is_unknown(dns: DnsWorld, authority: Authority) -> None:
    dns.misbehaving("smtp-silent.test").below("smtp-silent.test", SILENT)
    found = await seen(dns, authority, nobody(), zone="@ MX 10 mx.smtp-silent.test.")
    assert codes(found) == ["smtp.unknown"]

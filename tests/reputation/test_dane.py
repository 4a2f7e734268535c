"""DANE over zones that are really signed, validated by a real unbound, and a mail server that shows a certificate."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.reputation.dane import check
from bot.reputation.findings import Finding, Severity
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes
from tests.smtp.certificates import Authority, Shown
from tests.smtp.peer import Manners, Peer, dropping, nobody

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

SIGNED = "dane-signed.test"
MX = f"mx.{SIGNED}"
ZONE = "@ MX 10 mx\nmx A 192.0.2.25\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Shown:
    return authority.server(MX)


def tlsa(shown: Shown, usage: int, selector: int, matching: int, authority: Authority | None = None) -> str:
    """The record's content, made here by the tests' own few lines."""
    certificate = authority.certificate if authority else shown.certificate
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    data = public if selector else certificate.public_bytes(Encoding.DER)
    digest = {0: data, 1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}[matching]
    return f"_25._tcp.mx TLSA {usage} {selector} {matching} {digest.hex()}\n"


async def seen(dns: DnsWorld, end: tuple[str, int], domain: str = SIGNED, patience: float = 20) -> tuple[Finding, ...]:
    resolver = Resolver([dns.resolver], timeout=2)
    found = await check(resolver, domain, road=lambda address, port: end, signed=[SIGNED], patience=patience)
    assert are_told_well(found)
    return found


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("usage", [2, 3])
async def test_a_record_that_fits_passes(
    dns: DnsWorld, authority: Authority, shown: Shown, usage: int, selector: int, matching: int
) -> None:
    record = tlsa(shown, usage, selector, matching, authority if usage == 2 else None)
    dns.zone(SIGNED, ZONE + record + f"_25._tcp.mx TLSA 3 1 1 {'00' * 32}", signed="good")
    with Peer(Manners(tls=shown)) as peer:
        found = await seen(dns, peer.endpoint)
    assert codes(found) == ["dane.ok"]
    assert peer.heard == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "QUIT"]


@pytest.mark.parametrize(
    ("fault", "severity", "record"),
    [
        ("dane.mismatch", Severity.PROBLEM, f"_25._tcp.mx TLSA 3 1 1 {'00' * 32}"),
        ("dane.mismatch", Severity.PROBLEM, f"_25._tcp.mx TLSA 2 0 1 {'00' * 32}"),
        ("dane.usage", Severity.PROBLEM, "of the right key, usage 1"),
        ("dane.none", Severity.INFO, ""),
    ],
)
async def test_each_fault_is_found_and_what_is_to_be_published_mends_it(
    dns: DnsWorld, shown: Shown, fault: str, severity: Severity, record: str
) -> None:
    if "usage 1" in record:
        record = tlsa(shown, 1, 1, 1)
    dns.zone(SIGNED, ZONE + record, signed="good")
    with Peer(Manners(tls=shown)) as peer:
        found = await seen(dns, peer.endpoint)
        assert codes(found) == [fault] and found[0].severity is severity and found[0].evidence
        dns.zone(SIGNED, "\n".join([ZONE, *found[0].publish]), signed="good")
        assert codes(await seen(dns, peer.endpoint)) == ["dane.ok"]


async def test_an_authoritys_certificate_counts_for_its_names_and_its_signature_alone(
    dns: DnsWorld, authority: Authority, shown: Shown
) -> None:
    dns.zone(SIGNED, ZONE + tlsa(shown, 2, 1, 1, authority), signed="good")
    with Peer(Manners(tls=authority.server("mx.other.test"))) as peer:
        assert codes(await seen(dns, peer.endpoint)) == ["dane.mismatch"]
    # Shown beside a certificate that it did not sign, the authority's proves nothing.
    other = Authority(shown.chain.parent, "Another authority").server(MX)
    own = other.chain.read_text().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    other.chain.write_text(own + authority.file.read_text())
    with Peer(Manners(tls=other)) as peer:
        assert codes(await seen(dns, peer.endpoint)) == ["dane.mismatch"]


async def test_without_dnssec_records_have_no_effect_and_that_is_told(dns: DnsWorld, shown: Shown) -> None:
    dns.zone(SIGNED, signed="good")
    dns.zone("dane-unsigned.test", ZONE + tlsa(shown, 3, 1, 1))
    with Peer(Manners(tls=shown)) as peer:
        found = await seen(dns, peer.endpoint, "dane-unsigned.test")
    assert codes(found) == ["dane.unsigned"] and found[0].severity is Severity.WARNING and peer.connections == 0


async def test_a_mail_server_without_a_record_beside_others_is_named(dns: DnsWorld, shown: Shown) -> None:
    dns.zone(SIGNED, ZONE + tlsa(shown, 3, 1, 1) + "@ MX 20 spare\nspare A 192.0.2.26", signed="good")
    with Peer(Manners(tls=shown)) as peer:
        found = await seen(dns, peer.endpoint)
    assert codes(found) == ["dane.ok", "dane.partial"] and f"there is none for spare.{SIGNED}" in found[1].text


async def test_a_resolver_that_does_not_validate_can_not_tell(dns: DnsWorld, shown: Shown) -> None:
    dns.zone("dane-plain.test", ZONE + tlsa(shown, 3, 1, 1))
    resolver = Resolver([dns.resolver])
    found = await check(resolver, "dane-plain.test", road=lambda *_: nobody(), signed=["dane-plain.test"])
    assert codes(found) == ["dane.not_validated"] and found[0].severity is Severity.UNKNOWN


async def test_a_domain_without_dnssec_is_not_told_to_publish_what_has_no_effect(dns: DnsWorld) -> None:
    dns.zone("dane-nothing.test", ZONE)
    found = await seen(dns, nobody(), "dane-nothing.test")
    assert codes(found) == ["dane.none"] and found[0].severity is Severity.INFO and not found[0].publish


async def test_signatures_that_are_out_of_date_are_found(dns: DnsWorld, shown: Shown) -> None:
    dns.zone("dane-expired.test", ZONE + tlsa(shown, 3, 1, 1), signed="expired")
    found = await seen(dns, nobody(), "dane-expired.test")
    assert codes(found) == ["dane.bogus"] and found[0].severity is Severity.PROBLEM


async def test_a_server_that_is_not_reached_is_unknown_and_one_without_tls_is_not(dns: DnsWorld, shown: Shown) -> None:
    dns.zone(SIGNED, ZONE + tlsa(shown, 3, 1, 1), signed="good")
    with dropping() as silent:
        found = await seen(dns, silent, patience=2)
    assert codes(found) == ["dane.unknown"] and found[0].severity is Severity.UNKNOWN
    assert codes(await seen(dns, nobody())) == ["dane.unknown"]
    with Peer() as peer:
        found = await seen(dns, peer.endpoint)
    assert codes(found) == ["dane.mismatch"] and "offers no STARTTLS" in found[0].text


async def test_a_domain_that_takes_no_mail_has_nothing_to_pin(dns: DnsWorld) -> None:
    dns.zone("dane-null.test", "@ MX 0 .")
    found = await seen(dns, nobody(), "dane-null.test")
    assert codes(found) == ["dane.no_mx"] and found[0].severity is Severity.NOT_APPLICABLE


async def test_what_nobody_answers_is_unknown(dns: DnsWorld) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.3), SIGNED)
    assert codes(found) == ["dane.unknown"] and found[0].severity is Severity.UNKNOWN
    dns.misbehaving("dane-silent.test").below("dane-silent.test", SILENT)
    dns.zone("dane-half.test", "@ MX 10 mx.dane-silent.test.")
    assert codes(await seen(dns, nobody(), "dane-half.test")) == ["dane.unknown"]

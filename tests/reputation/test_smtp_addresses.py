"""Mail servers of several addresses, of none that can be reached, and more of them than are looked at."""

from __future__ import annotations

import pytest

from bot.reputation.findings import Severity
from bot.reputation.mailservers import MOST
from bot.reputation.resolver import Resolver
from bot.reputation.smtp import check
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes, only
from tests.reputation.test_smtp import DOMAIN, MX, SOUND, seen
from tests.smtp.certificates import Authority
from tests.smtp.peer import Manners, Peer

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

UNREACHABLE = ("127.255.255.255", 25)
"""A broadcast address, to which there is no connection (tcp(7))."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def test_all_addresses_are_looked_at_and_what_they_share_is_said_once(
    dns: DnsWorld, authority: Authority
) -> None:
    zone = "@ MX 10 mx\nmx A 192.0.2.25\nmx A 192.0.2.26\nmx AAAA 2001:db8::25"
    with Peer(Manners(tls=authority.server(MX))) as peer:
        found = await seen(dns, authority, peer.endpoint, zone=zone)
        assert codes(found) == SOUND and len(only(found, "tls.ok").evidence) == 9
    with Peer() as peer:
        found = await seen(dns, authority, peer.endpoint, zone=zone)
    assert codes(found) == ["smtp.ok", "tls.none"] and len(only(found, "tls.none").evidence) == 3


async def test_ipv6_that_the_bots_machine_does_not_have_is_no_fault(dns: DnsWorld, authority: Authority) -> None:
    dns.zone(DOMAIN, "@ MX 10 mx\nmx A 192.0.2.25\nmx AAAA 2001:db8::25")
    with Peer(Manners(tls=authority.server(MX))) as peer:
        ends = {True: UNREACHABLE, False: peer.endpoint}
        found = await check(
            Resolver([dns.resolver]),
            DOMAIN,
            road=lambda address, port: ends[":" in address],
            authorities=str(authority.file),
        )
    assert codes(found) == ["smtp.no_ipv6", *SOUND] and are_told_well(found)
    assert only(found, "smtp.no_ipv6").severity is Severity.INFO
    both = await check(Resolver([dns.resolver]), DOMAIN, road=lambda address, port: UNREACHABLE)
    assert codes(both) == ["smtp.unknown"], "without IPv4 it is not known how the server answers"


async def test_a_server_on_the_bots_own_machine_is_not_called_an_open_relay(
    dns: DnsWorld, authority: Authority
) -> None:
    dns.zone(DOMAIN, "@ MX 10 mx\nmx A 127.0.0.1")
    with Peer(Manners(replies={"RCPT": "250 2.1.5 Ok"}, tls=authority.server(MX))) as peer:
        found = await check(
            Resolver([dns.resolver]),
            DOMAIN,
            road=lambda address, port: (address, peer.endpoint[1]),
            authorities=str(authority.file),
        )
    assert codes(found) == ["smtp.relay_not_tested", "tls.ok"] and are_told_well(found)
    assert only(found, "smtp.relay_not_tested").severity is Severity.INFO


async def test_servers_beyond_the_first_few_are_named(dns: DnsWorld, authority: Authority) -> None:
    names = [f"mx{number}" for number in range(1, MOST + 2)]
    zone = "\n".join(f"@ MX {at} {name}\n{name} A 192.0.2.{at}" for at, name in enumerate(names, 1))
    with Peer(Manners(tls=authority.server(f"*.{DOMAIN}"))) as peer:
        found = await seen(dns, authority, peer.endpoint, zone=zone)
    assert set(codes(found)) == {*SOUND, "smtp.not_all"} and len(found) == 2 * MOST + 1
    left = only(found, "smtp.not_all")
    assert left.severity is Severity.INFO and left.evidence == (f"mx{MOST + 1}.{DOMAIN}",)

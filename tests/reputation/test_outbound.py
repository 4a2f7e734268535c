"""Whether mail gets out: the real agent on this machine's loopback, receivers that a test plays, and a real DNS."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.agent.probed import Peer as Answered
from bot.agent.probed import Probed
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from bot.reputation.findings import Finding, Severity
from bot.reputation.outbound import check, judge, seen_as
from bot.reputation.resolver import Resolver
from tests.agent.standin import StandIn
from tests.dns.world import DnsWorld
from tests.mailhost.agents import agent, fails
from tests.reputation.reading import are_told_well, codes
from tests.smtp.certificates import Authority
from tests.smtp.peer import Manners, Peer, dropping, nobody

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

RECEIVERS = ("outbound-a.test", "outbound-b.test", "outbound-c.test")
MAIL = [f"192.0.2.{number}" for number in (1, 2, 3)]
WEB = [f"192.0.2.{number}" for number in (101, 102, 103)]

Endpoint = tuple[str, int]


@pytest.fixture
def resolver(dns: DnsWorld) -> Resolver:
    for receiver, mail, web in zip(RECEIVERS, MAIL, WEB, strict=True):
        dns.zone(receiver, f"@ MX 20 later\n@ MX 10 mx\nmx A {mail}\n@ A {web}\nlater A 192.0.2.250")
    return Resolver([dns.resolver])


def host_on(folder: Path, road: Mapping[tuple[str, int], Endpoint]) -> MailHost:
    """A mail host whose agent is the real one, on a stand-in Postfix."""
    standin = StandIn(folder)
    owner = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    standin.parameters.update({"mail_owner": owner, "myhostname": "mail.outbound.test"})
    standin.says("postconf", "".join(f"{name} = {value}\n" for name, value in standin.parameters.items()))
    ways = " ".join(f"{wanted[0]}:{wanted[1]}={end[0]}:{end[1]}" for wanted, end in road.items())
    standin.configure(f"probe_road = {ways}\n")
    return MailHost(CommandLink("mx1", standin.argv))


async def found(
    folder: Path, resolver: Resolver, mail: list[Endpoint], web: list[Endpoint], wait: int = 40
) -> tuple[Finding, ...]:
    road = {(address, 25): end for address, end in zip(MAIL, mail, strict=True)}
    road.update({(address, 443): end for address, end in zip(WEB, web, strict=True)})
    result = await check(host_on(folder, road), resolver, RECEIVERS, wait=wait)
    assert are_told_well(result)
    return result


async def test_a_host_that_reaches_everybody_passes(tmp_path: Path, resolver: Resolver) -> None:
    shown = Authority(tmp_path).server("mx.peer.test")
    manners = Manners(hello=("hello, [203.0.113.5]",), tls=shown)
    with Peer(manners) as one, Peer(manners) as two, Peer(manners) as three, Peer() as web:
        (finding,) = await found(tmp_path, resolver, [one.endpoint, two.endpoint, three.endpoint], [web.endpoint] * 3)
    assert finding.code == "outbound.open" and "which see it as 203.0.113.5" in finding.text
    first = "outbound-a.test, 192.0.2.1 port 25: connected; 220 mx.peer.test ESMTP; 250-mx.peer.test;"
    assert finding.evidence[0].startswith(first) and "TLSv1.3" in finding.evidence[0]
    assert {line for peer in (one, two, three) for line in peer.heard} == {
        "EHLO mail.outbound.test",
        "STARTTLS",
        "QUIT",
    }


@pytest.mark.parametrize("how", ["dropped", "refused"])
async def test_a_closed_port_25_is_told_from_a_network_that_is_gone(
    tmp_path: Path, resolver: Resolver, how: str
) -> None:
    with dropping() as silent, Peer() as web:
        away = silent if how == "dropped" else nobody()
        (finding,) = await found(tmp_path, resolver, [away] * 3, [web.endpoint] * 3, 8)
        assert (finding.code, finding.severity) == ("outbound.blocked", Severity.PROBLEM)
    with dropping() as silent:
        away = silent if how == "dropped" else nobody()
        (tmp_path / "again").mkdir()
        (finding,) = await found(tmp_path / "again", resolver, [away] * 3, [away] * 3, 3)
        assert (finding.code, finding.severity) == ("outbound.no_network", Severity.UNKNOWN)


@pytest.mark.parametrize(
    ("fault", "third"),
    [
        ("outbound.some_failed", None),
        ("outbound.some_failed", Manners(raw=b"rubbish\r\n")),
        ("outbound.some_failed", Manners(greeting=None)),
        ("outbound.turned_away", Manners(greeting="554 5.7.1 Your address is on our list")),
    ],
)
async def test_one_receiver_with_trouble_is_named(
    tmp_path: Path, resolver: Resolver, fault: str, third: Manners | None
) -> None:
    good = Manners(tls=Authority(tmp_path).server("mx.peer.test"))
    with ExitStack() as stack:
        servers = [stack.enter_context(Peer(manners)) for manners in (good, good, third or good)]
        ends = [server.endpoint for server in servers[:2]] + [servers[2].endpoint if third else nobody()]
        (finding,) = await found(
            tmp_path, resolver, ends, [nobody()] * 3, 8 if third and third.greeting is None else 40
        )
    assert (finding.code, finding.severity) == (fault, Severity.WARNING)
    assert "outbound-c.test" in finding.text and "outbound-a.test" not in finding.text


async def test_starttls_that_nobody_offers_was_removed_on_the_way(tmp_path: Path, resolver: Resolver) -> None:
    with Peer(Manners(hello=("XXXXXXXA",))) as server:
        (finding,) = await found(tmp_path, resolver, [server.endpoint] * 3, [nobody()] * 3)
    assert (finding.code, finding.severity) == ("outbound.no_starttls", Severity.WARNING)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("denied", "This host does not allow probe; its agent.ini allows info."),
        ("bad_request", "The request was refused and nothing was done: there is no verb 'probe'."),
    ],
)
async def test_a_host_that_does_not_probe_is_unknown(tmp_path: Path, resolver: Resolver, code: str, text: str) -> None:
    (finding,) = await check(agent(tmp_path, fails(code, text)), resolver, RECEIVERS)
    assert (finding.code, finding.severity) == ("outbound.unknown", Severity.UNKNOWN)
    assert text.rstrip(".") in finding.text and are_told_well([finding])


async def test_without_a_resolver_it_is_unknown_and_nothing_is_probed(tmp_path: Path, dns: DnsWorld) -> None:
    asked = tmp_path / "asked"
    host = agent(tmp_path, f"open({str(asked)!r}, 'w')\n")
    (finding,) = await check(host, Resolver([dns.nowhere], timeout=0.3), RECEIVERS)
    assert (finding.code, finding.severity, asked.exists()) == ("outbound.unknown", Severity.UNKNOWN, False)


async def test_receivers_without_addresses_prove_nothing(tmp_path: Path, resolver: Resolver) -> None:
    (finding,) = await check(agent(tmp_path, ""), resolver, ("outbound-a.test", "nobody-here.test"))
    assert finding.code == "outbound.unknown" and "nobody-here.test has no MX record" in finding.text


def answered(version: int, outcome: str, port: int = 25, number: int = 1) -> Answered:
    address = f"192.0.2.{number}" if version == 4 else f"2001:db8::{number}"
    greeted = port == 25 and outcome == "connected"
    return Answered(address, port, outcome, banner="220 mx" if greeted else "", starttls=greeted or None)


def judged(*peers: Answered) -> list[str]:
    whose = {peer.address: f"receiver-{peer.address[-1]}.test" for peer in peers}
    return codes(judge("mx1", Probed("mail.test", peers), whose))


def test_ipv6_that_is_blocked_is_told_from_ipv6_that_is_not_there() -> None:
    old = [answered(4, "connected", number=number) for number in (1, 2)]
    new = [answered(6, "timeout", number=number) for number in (1, 2)]
    web = [answered(6, "connected", 443, number) for number in (3, 4)]
    assert judged(*old, *new, *web) == ["outbound.blocked_ipv6", "outbound.open"]
    assert judged(*old, *new, *[answered(6, "unreachable", 443, number) for number in (3, 4)]) == ["outbound.open"]


def test_one_receiver_alone_proves_no_closed_port() -> None:
    web = answered(4, "connected", 443, 9)
    assert judged(answered(4, "timeout"), web) == ["outbound.unknown"]
    assert judged(answered(4, "timeout"), answered(4, "timeout", number=2), web) == ["outbound.blocked"]
    assert judged(answered(4, "timeout"), answered(4, "timeout", number=2)) == ["outbound.unknown"]
    assert judged(answered(4, "failed"), answered(4, "failed", number=2), web) == ["outbound.unknown"]


def test_what_peers_see_is_read_from_their_replies() -> None:
    said = ("250-mx at your service, [203.0.113.5]", "250-x [IPv6:2001:db8::5] [not.an.address] [1.2.3]")
    peer = Answered("192.0.2.1", 25, "connected", hello=said)
    assert seen_as(Probed("mail.test", (peer, peer))) == ("203.0.113.5", "2001:db8::5")


@pytest.mark.parametrize(
    ("said", "addresses", "others"),
    [
        ("[203.0.113.5]", ["203.0.113.5"], False),
        ("[8.8.4.5]", ["8.8.4.4"], True),
        ("[8.8.4.5]", ["8.8.4.4", "8.8.4.5"], False),
        ("[8.8.4.5]", ["2001:db8::5"], False),  # of IPv4 nothing else is known
        ("[8.8.4.5]", [], False),
        ("[10.0.0.5]", ["8.8.4.4"], False),  # a proxy within
        ("[192.0.2.1]", ["8.8.4.4"], False),  # its own address
        ("at your service", ["8.8.4.4"], False),
    ],
)
def test_another_address_than_was_thought_is_told(said: str, addresses: list[str], others: bool) -> None:
    peers = (Answered("192.0.2.1", 25, "connected", banner="220 mx", hello=(f"250-hello, {said}",), starttls=True),)
    found = judge("mx1", Probed("mail.test", peers), {"192.0.2.1": "receiver.test"}, addresses)
    assert ("outbound.other_address" in codes(found)) is others and are_told_well(found)

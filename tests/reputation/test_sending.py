"""Under which name, from which addresses, for which domains, and through whom a mail host sends."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.agent.protocol import Info
from bot.errors import HostUnreachable
from bot.reputation.findings import Severity
from bot.reputation.resolver import Resolver
from bot.reputation.sending import Sending, sending
from bot.settings import HostSettings
from tests.dns.misbehaving import NO_SUCH_NAME, SILENT, Manner, MisbehavingServer
from tests.reputation.hosts import Host

BOTH = Manner(records={"A": ["192.0.2.7"], "AAAA": ["2001:db8::7"]})
NAME = "mx1.example.org"
NOTHING = HostSettings("mx1")


class Away(Host):
    async def info(self) -> Info:
        raise HostUnreachable("mx1", "nobody answers on mx1")


async def found(server: MisbehavingServer, host: Host, settings: HostSettings = NOTHING, within: float = 5) -> Sending:
    return await sending(host, settings, Resolver([server.address], timeout=within))


def told(parameters: Mapping[str, str]) -> Host:
    return Host(0.0, closed=False, lost=0, seen_as="", **parameters)


def bound(ipv4: str = "", ipv6: str = "", **parameters: str) -> Host:
    return told({"smtp_bind_address": ipv4, "smtp_bind_address6": ipv6, **parameters})


def codes(sends: Sending) -> list[str]:
    return [finding.code for finding in sends.findings]


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        (bound(), ("192.0.2.7", "2001:db8::7")),
        (bound("192.0.2.25", "2001:db8::25"), ("192.0.2.25", "2001:db8::25")),
        (bound("192.0.2.25"), ("192.0.2.25", "2001:db8::7")),  # each family by itself
        (bound("", "2001:db8::25"), ("192.0.2.7", "2001:db8::25")),
        (bound("192.0.2.25", inet_protocols="ipv4"), ("192.0.2.25",)),
        (bound(inet_protocols="ipv6"), ("2001:db8::7",)),
        (bound(inet_protocols="all"), ("192.0.2.7", "2001:db8::7")),
        (bound(inet_interfaces="127.0.0.1, 192.0.2.26, [::1]"), ("192.0.2.26", "2001:db8::7")),
        (bound(inet_interfaces="192.0.2.26, 192.0.2.27"), ("192.0.2.7", "2001:db8::7")),  # Postfix chooses none
        (bound(inet_interfaces="all"), ("192.0.2.7", "2001:db8::7")),
        (bound("0.0.0.0", "::"), ("192.0.2.7", "2001:db8::7")),  # noqa: S104 (which is any)
        (bound("10.0.0.5"), ("192.0.2.7", "2001:db8::7")),  # NAT: the name tells the public one
    ],
)
async def test_addresses_come_from_postfix_and_else_from_the_name(
    misbehaving: MisbehavingServer, host: Host, addresses: tuple[str, ...]
) -> None:
    misbehaving.at(NAME, BOTH)
    sends = await found(misbehaving, host)
    assert (sends.addresses, codes(sends)) == (addresses, ["sending.ok"])
    assert sends.findings[0].evidence


async def test_settings_come_before_all(misbehaving: MisbehavingServer) -> None:
    settings = HostSettings(
        "mx1",
        fqdn="Out.Example.NET",
        addresses=("2001:db8::99", "192.0.2.99"),
        domains=("example.net", "example.com"),
        selectors=("mail2026",),
    )
    sends = await found(misbehaving, bound("10.0.0.5"), settings)
    assert (sends.fqdn, sends.addresses) == ("out.example.net", ("192.0.2.99", "2001:db8::99"))
    assert (sends.domains, sends.selectors) == (("example.net", "example.com"), ("mail2026",))
    assert codes(sends) == ["sending.ok"] and misbehaving.asked == []


@pytest.mark.parametrize("inside", ["10.0.0.5", "172.16.0.5", "192.168.0.5", "100.64.0.5"])
async def test_an_address_of_the_inside_is_no_answer(misbehaving: MisbehavingServer, inside: str) -> None:
    misbehaving.at(NAME, Manner(records={"A": [inside]}))
    sends = await found(misbehaving, bound(inside))
    assert sends.addresses == () and codes(sends) == ["sending.unknown", "sending.private"]
    assert inside in sends.findings[1].text and "[hosts.NAME]" in sends.findings[1].advice


async def test_a_name_without_an_address_leaves_it_unknown(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", NO_SUCH_NAME)
    sends = await found(misbehaving, bound())
    assert sends.addresses == () and codes(sends) == ["sending.unknown"]
    assert sends.findings[0].evidence == (f"{NAME} A: no such name", f"{NAME} AAAA: no such name")


async def test_a_question_without_an_answer_is_unknown_for_its_family_alone(misbehaving: MisbehavingServer) -> None:
    misbehaving.at(NAME, Manner(records={"A": ["192.0.2.7"]}, silent=("AAAA",)))
    sends = await found(misbehaving, bound(), within=2)
    assert sends.addresses == ("192.0.2.7",) and codes(sends) == ["sending.ok", "sending.unknown"]
    assert sends.findings[1].severity is Severity.UNKNOWN and "IPv6" in sends.findings[1].text


async def test_a_host_that_is_away_is_unknown_and_what_settings_say_stays(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", SILENT)
    sends = await found(misbehaving, Away())
    assert (sends.fqdn, sends.addresses, sends.domains, sends.through) == ("", (), (), "")
    assert codes(sends) == ["sending.unknown"] and "nobody answers" in sends.findings[0].text
    settings = HostSettings("mx1", addresses=("192.0.2.99",), domains=("example.net",))
    sends = await found(misbehaving, Away(), settings)
    assert sends.addresses == ("192.0.2.99",) and codes(sends) == ["sending.unknown"]


@pytest.mark.parametrize(
    ("parameters", "through"),
    [
        ({"relayhost": "[relay.example.net]:587"}, "[relay.example.net]:587"),
        ({"default_transport": "smtp:[relay.example.net]"}, "smtp:[relay.example.net]"),
        ({"default_transport": "smtp:[a.example.net]", "relayhost": "b.example.net"}, "smtp:[a.example.net]"),
        ({"default_transport": "smtp", "relayhost": "", "transport_maps": ""}, ""),
    ],
)
async def test_a_relay_or_a_transport_for_all_is_told(
    misbehaving: MisbehavingServer, parameters: Mapping[str, str], through: str
) -> None:
    misbehaving.at(NAME, BOTH)
    sends = await found(misbehaving, told(parameters))
    assert sends.through == through and codes(sends) == ["sending.through" if through else "sending.ok"]
    assert bool(sends.addresses) is not bool(through)


@pytest.mark.parametrize(
    ("catch_all", "relayhost", "through"),
    [
        ("relay:[c.example.net]:587", "", "relay:[c.example.net]:587"),
        (":[c.example.net]", "[b.example.net]", ":[c.example.net]"),
        ("smtp:", "[b.example.net]", ""),  # to the receivers themselves, whatever relayhost says
        (":", "[b.example.net]", "[b.example.net]"),  # as if there were no line
        ("", "[b.example.net]", "[b.example.net]"),
        ("", "", ""),
    ],
)
async def test_a_line_for_all_mail_in_tables_of_transports_comes_first(
    misbehaving: MisbehavingServer, catch_all: str, relayhost: str, through: str
) -> None:
    misbehaving.at(NAME, BOTH)
    maps = "hash:/etc/postfix/transport"
    sends = await found(misbehaving, Host(catch_all=catch_all, relayhost=relayhost, transport_maps=maps))
    assert sends.through == through and codes(sends) == ["sending.through" if through else "sending.ok"]


async def test_tables_of_transports_that_could_not_be_read_are_told(misbehaving: MisbehavingServer) -> None:
    misbehaving.at(NAME, BOTH)
    sends = await found(misbehaving, Host(catch_all=None, transport_maps="ldap:/etc/postfix/transport.cf"))
    assert codes(sends) == ["sending.ok", "sending.maps"] and sends.through == ""
    assert sends.findings[1].evidence == ("transport_maps = ldap:/etc/postfix/transport.cf",)


@pytest.mark.parametrize(
    ("parameters", "fqdn", "domains"),
    [
        ({"smtp_helo_name": "out.example.org"}, "out.example.org", ("example.org",)),
        ({"myorigin": "example.com"}, NAME, ("example.com",)),
        ({"myorigin": NAME}, NAME, ("example.org",)),
        ({"myorigin": "/etc/mail.name"}, NAME, ("example.org",)),
        ({"myhostname": "example.org"}, "example.org", ("example.org",)),
        ({"mydomain": "localdomain"}, NAME, ()),
    ],
)
async def test_name_and_domains_come_from_postfix(
    misbehaving: MisbehavingServer, parameters: Mapping[str, str], fqdn: str, domains: tuple[str, ...]
) -> None:
    misbehaving.below(".", BOTH)
    sends = await found(misbehaving, told(parameters))
    assert (sends.fqdn, sends.domains) == (fqdn, domains)
    assert codes(sends) == ["sending.ok" if domains else "sending.unknown"]

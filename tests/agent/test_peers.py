"""Whom `probe` may connect to: public addresses on two ports, and what root adds; however it is written."""

from __future__ import annotations

import pytest

from bot.agent.peers import Peers, plain, read

PUBLIC = ("8.8.8.8", "142.250.1.26", "2606:4700::1111", "2a00:1450:4010:c0f::1a")

NOT_PUBLIC = (
    "0.0.0.0",  # noqa: S104 (not bound)
    "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "192.0.0.1",
    "192.0.2.25", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "2002:7f00:1::",
    "2001:0:4136:e378::1", "2001:db8::25", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_met_on_two_ports_and_on_no_other(address: str) -> None:
    assert [port for port in range(1, 1025) if Peers().allows(plain(address), port)] == [25, 443]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_met(address: str) -> None:
    assert not Peers().allows(plain(address), 25) and not Peers().allows(plain(address), 443)


def test_root_adds_networks_and_no_port() -> None:
    peers = read("127.0.0.0/8 fd00::/8", "")
    assert peers.allows("127.9.9.9", 25) and peers.allows("fd00::1", 443)
    assert not peers.allows("127.9.9.9", 2525) and not peers.allows("10.0.0.1", 25) and not peers.allows("fe80::1", 25)


def test_a_road_leads_one_address_and_port_to_loopback_and_allows_no_other() -> None:
    peers = read("", "192.0.2.1:25=127.0.0.1:4025 [2001:db8::1]:443=[::1]:4443")
    assert peers.allows("192.0.2.1", 25) and peers.endpoint("192.0.2.1", 25) == ("127.0.0.1", 4025)
    assert peers.allows("2001:db8::1", 443) and peers.endpoint("2001:db8::1", 443) == ("::1", 4443)
    assert not peers.allows("192.0.2.1", 443) and not peers.allows("192.0.2.2", 25)
    assert not peers.allows("127.0.0.1", 4025) and not peers.allows("127.0.0.1", 25)
    assert peers.endpoint("8.8.8.8", 25) == ("8.8.8.8", 25)


@pytest.mark.parametrize(
    ("networks", "road", "says"),
    [
        ("everything", "", "does not appear to be an IPv4 or IPv6 network"),
        ("10.0.0.1/8", "", "has host bits set"),
        ("", "192.0.2.1:25", "is not of the form"),
        ("", "192.0.2.1:25=127.0.0.1", "has no port"),
        ("", "192.0.2.1:25=127.0.0.1:99999", "has no port"),
        ("", "192.0.2.1:587=127.0.0.1:4025", "a port that is never connected to"),
        ("", "192.0.2.1:25=10.0.0.1:25", "leads to 10.0.0.1, which is not a loopback address"),
        ("", "mx.test:25=127.0.0.1:4025", "does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_a_mistake_of_roots_is_named(networks: str, road: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(networks, road)


@pytest.mark.parametrize(
    "text", ["", "mx.test", "127.1", "0x7f.0.0.1", "2130706433", "fe80::1%eth0", "1.2.3.4 ", "１.2.3.4"]
)
def test_what_is_no_plain_address_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|interface"):
        plain(text)

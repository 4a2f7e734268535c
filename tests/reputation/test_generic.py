"""Names that providers give to whole ranges, and names that people give to mail servers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from bot.reputation.generic import is_generic


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("ip-198-18-77-5.isp.test", "198.18.77.5"),
        ("5.77.18.198.isp.test", "198.18.77.5"),
        ("static.198.18.77.5.clients.isp.test", "198.18.77.5"),
        ("h198-018-077-005.isp.test", "198.18.77.5"),
        ("198018077005.isp.test", "198.18.77.5"),
        ("c6124d05.isp.test", "198.18.77.5"),
        ("5-77-18.net.isp.test", "198.18.77.5"),
        ("dsl-5.isp.test", "198.18.77.5"),
        ("host5.dynamic.isp.test", "198.18.77.5"),
        ("POOL-12.isp.test", "198.18.77.5"),
        ("customer.isp.test", "2001:db8::5"),
        ("2001-db8-a1d-0-12-0-0-5.isp.test", "2001:db8:a1d:0:12::5"),
        ("20010db80a1d00000012000000000005.isp.test", "2001:db8:a1d:0:12::5"),
        ("5.0.0.0.0.0.0.0.0.0.0.0.2.1.0.0.isp.test", "2001:db8:a1d:0:12::5"),
    ],
)
def test_a_name_made_of_the_address_or_of_an_access_networks_words_is_generic(name: str, address: str) -> None:
    assert is_generic(name, ip_address(address))


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("mx1.good.test", "198.18.77.5"),
        ("mail-77-5.good.test", "198.18.77.5"),
        ("mail.dynamic.test", "198.18.77.5"),
        ("mail.cable.test", "198.18.77.5"),
        ("mx-1-2-3.good.test", "198.18.77.5"),
        ("carpool.good.test", "198.18.77.5"),
        ("v6.mx.good.test", "2001:db8:a1d:0:12::5"),
        ("mx0.good.test", "::1"),
    ],
)
def test_a_mail_servers_name_is_not(name: str, address: str) -> None:
    assert not is_generic(name, ip_address(address))

"""Fixtures with a real DNS, for any test below `tests/`.

`dns`: the whole world, for tests with `@pytest.mark.real("nsd", "rbldnsd", "unbound")`; it runs for the session, so a
test gives its zones names that no other test uses. `misbehaving`: the misbehaving server alone, which needs nothing
installed and knows nothing at first.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dns.misbehaving import MisbehavingServer
from tests.dns.world import DnsWorld, sweep


@pytest.fixture(scope="session")
def dns_servers() -> Iterator[DnsWorld]:
    sweep()
    world = DnsWorld()
    try:
        world.start()
        yield world
    finally:
        world.close()


@pytest.fixture
def dns(dns_servers: DnsWorld) -> DnsWorld:
    dns_servers.wrong.forget()
    return dns_servers


@pytest.fixture(scope="session")
def misbehaving_server() -> Iterator[MisbehavingServer]:
    server = MisbehavingServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def misbehaving(misbehaving_server: MisbehavingServer) -> MisbehavingServer:
    misbehaving_server.forget()
    return misbehaving_server

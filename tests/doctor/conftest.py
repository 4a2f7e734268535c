"""Parts of an installation where all is well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.agent.standin import StandIn
from tests.dns.misbehaving import MisbehavingServer
from tests.doctor.clinic import Clinic, clinic, honest
from tests.slack.desk import host


@pytest.fixture
def names(misbehaving: MisbehavingServer) -> MisbehavingServer:
    return honest(misbehaving)


@pytest.fixture
def mx1(tmp_path: Path) -> Iterator[StandIn]:
    """A mail host whose Postfix is made of stand-ins; its agent is real."""
    (tmp_path / "mx1").mkdir()
    standin = StandIn(tmp_path / "mx1")
    standin.start()
    yield standin
    standin.stop()


@pytest.fixture
async def well(tmp_path: Path, names: MisbehavingServer, mx1: StandIn) -> AsyncIterator[Clinic]:
    """Slack, the database, the DNS and one mail host, all well."""
    async with clinic(tmp_path, names.address, [host("mx1", mx1.ini, "default")]) as made:
        yield made

"""The demo's outside world, and what the bot's own checks find in it: what was put there, and nothing else."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import bootstrap
from bot.demo import dnsworld
from bot.demo.host import DemoHost
from bot.demo.outside import Outside
from bot.reputation.findings import Severity
from bot.reputation.report import Report


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with Outside(tmp_path) as made:
        yield made


async def checked(outside: Outside, folder: Path, name: str) -> Report:
    demo = DemoHost(folder / "demo", alive=False, share=0.01, road=outside.ways())
    demo.write()
    settings = bootstrap.demo_settings(folder, demo, outside)
    hosts = bootstrap.mail_hosts(settings.hosts())
    checks = bootstrap.checks(settings, bootstrap.tools(settings, outside), lambda: datetime.now(UTC))
    async with aclosing(checks.watch(hosts[name])) as reports:
        return [report async for report in reports][-1]


@pytest.mark.parametrize(("name", "listed"), [("mx1", {"rbl.listed"}), ("mx2", set())])
async def test_the_checks_find_what_is_wrong_there_and_nothing_else(
    outside: Outside, tmp_path: Path, name: str, listed: set[str]
) -> None:
    report = await checked(outside, tmp_path, name)
    assert (report.fqdn, report.addresses) == (f"{name}.example.org", (dnsworld.HOSTS[name],))
    assert {each.code for each in report.of(Severity.PROBLEM)} == {"spf.permerror"}
    assert {each.code for each in report.of(Severity.WARNING)} == {"alignment.dkim_only", "tls.soon"} | listed
    assert {each.code for each in report.of(Severity.UNKNOWN)} == {"rbl.unknown"}
    assert {"ptr.ok", "fqdn.ok", "mx.ok", "dmarc.ok", "dkim.ok", "smtp.ok", "outbound.open"} <= {
        each.code for each in report.of(Severity.OK)
    }


def test_each_public_address_leads_to_a_server_of_that_name(outside: Outside) -> None:
    for address, server in outside.servers.items():
        where, port = outside.road(address, 25)
        with smtplib.SMTP(where, port, "client.test", timeout=10) as client:
            assert client.ehlo("client.test")[1].split()[0].decode() == server.name
    assert outside.road("203.0.113.9", 25) == ("203.0.113.9", 25)

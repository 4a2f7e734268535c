"""A listing in a real blocklist, from there to Slack: one card, one end; and what a silent list does not change."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.console.workspace import text_of
from bot.demo.dnsworld import HOSTS
from bot.demo.outside import Outside
from bot.reputation.zones import TABLE
from bot.watch.reputation_watch import EVERY
from tests.dns.misbehaving import Manner
from tests.dns.world import DnsWorld
from tests.reputation.hosts import Host
from tests.reputation.site import Site, site
from tests.slack.deleting import Clock, thread
from tests.slack.desk import Desk, desk
from tests.slack.watching import cards, first_lines
from tests.smtp.certificates import Authority

pytestmark = [pytest.mark.real("nsd", "rbldnsd", "unbound"), pytest.mark.takes(120)]

SETTINGS = """
[hosts.mx1]
link = "local"
fqdn = "{site.helo}"
addresses = ["{site.address}"]
domains = ["{site.domain}"]
selectors = ["s1"]

[blocklists.ours]
name = "Our own list"
zone = "{site.blocklist}"
kinds = ["ip4"]
weight = "high"
codes = {{ "127.0.0.2" = "seen by our own traps" }}
"""


@pytest.fixture
def planted(dns: DnsWorld, tmp_path: Path) -> Site:
    made = site("told-in-slack")
    made.plant(dns, Authority(tmp_path), tmp_path)
    (tmp_path / "maildesk.toml").write_text(SETTINGS.format(site=made))
    return made


@pytest.fixture
def outside(planted: Site, tmp_path: Path) -> Iterator[Outside]:
    """An Internet in which the site's mail servers are."""
    with Outside(tmp_path) as made:
        for last in (25, 26):
            made.servers[f"{planted.network}.{last}"] = made.servers[HOSTS["mx2"]]
        yield made


async def test_a_listing_is_one_card_that_ends_when_it_has_gone(
    dns: DnsWorld, planted: Site, outside: Outside, clock: Clock, tmp_path: Path
) -> None:
    given: dict[str, Any] = {
        "maildesk_config": tmp_path / "maildesk.toml",
        "dns_servers": (dns.resolver,),
        "dnsbl_drop": tuple(tomllib.loads(TABLE.read_text())),
        "dns_timeout": 5.0,
    }

    def says(*lines: str) -> None:
        dns.blocklist(planted.blocklist, ttl=1, minimum=1, ip4set="\n".join(["127.0.0.2 :127.0.0.2:Test", *lines]))

    async def looks(ops: Desk) -> None:
        await asyncio.sleep(1.1)  # What lists say is believed for a second here, of the real time.
        clock.ahead += EVERY
        await ops.services.reputation.look()
        await ops.services.background.idle()

    says()
    async with desk([Host(myhostname=planted.helo)], clock, outside=outside, **given) as ops:
        await ops.services.alerts.move_in(ops.workspace.team_id)
        await looks(ops)
        assert cards(ops) == []
        says(f"{planted.address} :127.0.0.2:Seen by a trap of ours")
        await looks(ops)
        (card,) = cards(ops)
        assert f"🟡 mx1: On a blocklist: {planted.address} ours" in first_lines(card)
        assert f"{planted.address} is listed by Our own list (seen by our own traps): many receivers" in text_of(card)
        dns.misbehaving(planted.blocklist).below(planted.blocklist, Manner(rcode="SERVFAIL"))
        await looks(ops)
        assert "🟡" in first_lines(cards(ops)[0]) and len(thread(ops)) == 1
        says(f"{planted.address} :127.0.0.2:Seen by a trap of ours")
        await looks(ops)
        rbl = await ops.say("/mail rbl")
        assert "weight high: seen by our own traps" in rbl and "Seen here since" in rbl
        digest = await ops.say("/mail digest mx1")
        assert "On a blocklist (since" in digest and "never checked" not in digest
        says()
        await looks(ops)
        (record, *_) = cards(ops)
        assert record.ts == card.ts and "🟢 mx1: On a blocklist" in first_lines(record)
        assert [text_of(each)[:1] for each in thread(ops) if each.thread_ts == card.ts] == ["🟡", "🟢"]
        assert len([each for each in cards(ops) if "On a blocklist:" in first_lines(each)]) == 1

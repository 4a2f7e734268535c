"""How long all checks of ten domains take, beside the slowest single answer that they wait for."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime

from bot.reputation.records import txt
from bot.reputation.report import Report
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.settings import HostSettings
from tests.dns.misbehaving import Manner, MisbehavingServer
from tests.reputation.hosts import Host, tools
from tests.reputation.test_dkim_key import rsa_key

DOMAINS = tuple(f"d{number}.bench.test" for number in range(10))
ADDRESS = "198.18.9.25"
USUAL, SLOWEST = 0.02, 1.0
"""Seconds for an answer, and for the slowest one: the DKIM key of one domain."""


async def all_at_once() -> tuple[float, Report]:
    """Seconds for the report of a host that sends for ten domains, and the report."""
    server = MisbehavingServer()
    server.start()
    try:
        _publish(server)
        settings = HostSettings("mx1", fqdn="mx.bench.test", addresses=(ADDRESS,), domains=DOMAINS, selectors=("s1",))
        checks = Checks(tools(Resolver([server.address])), {"mx1": settings}, lambda: datetime.now(UTC))
        started = time.perf_counter()
        async with aclosing(checks.watch(Host(myhostname="mx.bench.test"), first=60)) as reports:
            (report,) = [report async for report in reports]
        return time.perf_counter() - started, report
    finally:
        server.close()


def _publish(server: MisbehavingServer) -> None:
    def at(name: str, after: float = USUAL, **records: str) -> None:
        server.at(name, Manner(records={kind: [value] for kind, value in records.items()}, after=after))

    server.below(".", Manner(rcode="NXDOMAIN", after=USUAL))
    at("mx.bench.test", A=ADDRESS)
    at(f"{'.'.join(reversed(ADDRESS.split('.')))}.in-addr.arpa", PTR="mx.bench.test.")
    for domain in DOMAINS:
        at(domain, MX="10 mx.bench.test.", TXT='"v=spf1 mx -all"')
        at(f"_dmarc.{domain}", TXT=f'"v=DMARC1; p=reject; rua=mailto:dmarc@{domain}"')
        key = txt("s1", f"v=DKIM1; k=rsa; p={rsa_key(2048)}").partition(" TXT ")[2]
        at(f"s1._domainkey.{domain}", SLOWEST if domain == DOMAINS[3] else USUAL, TXT=key)


if __name__ == "__main__":
    seconds, report = asyncio.run(all_at_once())
    print(f"{seconds:.2f} s, {seconds / SLOWEST:.2f} x the slowest answer; {report.checks} checks: {report.verdict}")

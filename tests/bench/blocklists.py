"""Blocklists on real servers: what is false in 480 answers over every trap, beside another checker; and the time.

Alone: `python -m tests.bench.blocklists`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from bot.bootstrap import QUESTIONS
from bot.reputation.blocklists import Blocklists
from bot.reputation.resolver import Resolver
from bot.reputation.subjects import subject
from bot.reputation.sweep import Sweep
from bot.reputation.zones import Zone
from tests.bench.measure import best
from tests.dns.misbehaving import SILENT, Manner
from tests.dns.world import DnsWorld
from tests.reputation.laboratory import ADDRESSES, Laid, Score, as_zones, laid, score
from tests.reputation.lists import table, zones

LISTS = 60
LIMIT = 2.0
"""Seconds that a question, and a whole look, may take."""

ONE_ANSWER = 0.02
"""Seconds of one answer, for the baseline of one question after another; our own test entries do not count in it."""

PYDNSBL = """
import asyncio, json, sys
import aiodns, pydnsbl
from pydnsbl.providers import Provider
port, zones, addresses, limit = json.load(sys.stdin)
async def main():
    loop = asyncio.get_running_loop()
    checker = pydnsbl.DNSBLIpChecker([Provider(zone) for zone in zones], loop=loop)
    servers = {"nameservers": ["127.0.0.1"], "udp_port": port, "tcp_port": port}
    checker._resolver = aiodns.DNSResolver(**servers, timeout=limit, tries=1, loop=loop)
    said = []
    for address in addresses:
        found = await checker.check_async(address)
        failed = {provider.host for provider in found.failed_providers}
        for zone in zones:
            state = "unknown" if zone in failed else "listed" if zone in found.detected_by else "not_listed"
            said.append([zone, address, state])
    print(json.dumps(said))
asyncio.run(main())
"""


@contextmanager
def a_world() -> Iterator[DnsWorld]:
    world = DnsWorld()
    try:
        world.start()
        yield world
    finally:
        world.close()


def look(world: DnsWorld, lists: Sequence[Zone]) -> Sweep:
    """A look of a bot that knows nothing yet, at eight addresses."""
    for zone in lists:
        world.forget(zone.zone)
    made = Blocklists(Resolver([world.resolver], timeout=LIMIT, in_flight=QUESTIONS), lists)
    return asyncio.run(made.look([subject(each) for each in ADDRESSES], LIMIT))


def laboratory(world: DnsWorld) -> Iterator[tuple[str, Score]]:
    """Ours, then the other checker where it is installed; both by the same resolver."""
    lists = laid(world)
    sweep = look(world, as_zones(lists))
    yield "ours", score(lists, {(each.zone.zone, each.subject.text): each.state for each in sweep.verdicts})
    if find_spec("pydnsbl"):
        yield "pydnsbl", _pydnsbl(world, lists)


def _pydnsbl(world: DnsWorld, lists: Sequence[Laid]) -> Score:
    port = int(world.resolver.rpartition(":")[2])
    asked = json.dumps([port, [each.zone for each in lists], ADDRESSES, LIMIT])
    done = subprocess.run(
        (sys.executable, "-W", "ignore", "-c", PYDNSBL), input=asked, capture_output=True, text=True, check=True
    )
    return score(lists, {(zone, address): state for zone, address, state in json.loads(done.stdout)})


def times(world: DnsWorld, runs: int = 3) -> tuple[float, float]:
    """Seconds of a look at 60 lists of which one answers after 500 ms and one never; and at the other 58, the best."""
    lists = zones(*(table(f"b{number}.bench.test") for number in range(LISTS)))
    for number, zone in enumerate(lists[:-2]):
        listed = f"{ADDRESSES[number % 8]} :2:Spam" if number % 10 == 0 else ""
        world.blocklist(zone.zone, ip4set=f"127.0.0.2 :2:Test\n{listed}")
    slow, dead = lists[-2:]
    world.misbehaving(slow.zone).below(slow.zone, Manner(rcode="NXDOMAIN", after=0.5))
    world.misbehaving(slow.zone).at(f"2.0.0.127.{slow.zone}", Manner(records={"A": ["127.0.0.2"]}, after=0.5))
    world.misbehaving(dead.zone).below(dead.zone, SILENT)
    return look(world, lists).seconds, best(runs, lambda: look(world, lists[:-2]).seconds)


def rows() -> Iterator[tuple[str, str, str]]:
    """What is measured, the figure, the ceiling where there is one."""
    with a_world() as world:
        whole, others = times(world)
    one_by_one = (LISTS - 2) * len(ADDRESSES) * ONE_ANSWER
    yield f"{LISTS} lists for 8 addresses, one slow and one dead, limit {LIMIT:g} s", f"{whole / LIMIT:.2f} x", "1.30 x"
    yield "  without those two; x is one question after another at 20 ms", f"{others / one_by_one:.3f} x", "0.050 x"
    with a_world() as world:
        for name, found in laboratory(world):
            false = f"{found.false_listings.total()} / {found.false_clean.total()}"
            what = f"false listings / false clean in {found.answers} answers over every trap"
            yield (what, false, "0 / 0") if name == "ours" else (f"  for comparison: {name}", false, "")


if __name__ == "__main__":
    for what, figure, ceiling in rows():
        print(f"{what:<72}{figure:>9}   {ceiling}", flush=True)

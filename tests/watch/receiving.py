"""Mail hosts whose reputation is looked at again and again, in simulated time, in a real DNS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.background import Background
from bot.mailhost.hosts import MailHosts
from bot.reputation.blocklists import Blocklists
from bot.reputation.checks import Tools
from bot.reputation.reports import Reports
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.reputation.sightings import Sightings
from bot.reputation.zones import Zone
from bot.settings import HostSettings
from bot.store import reports
from bot.store.database import Store
from bot.watch.alerts import Alerts
from bot.watch.model import Alert
from bot.watch.mutes import Mutes
from bot.watch.reputation_watch import EVERY, ReputationWatch
from bot.watch.rules import Rules
from tests.approvals.world import Clock
from tests.dns.world import DnsWorld
from tests.reputation.hosts import Host, nowhere
from tests.reputation.lists import table, zones
from tests.reputation.site import Endpoint, Site
from tests.watch.bots import OPS
from tests.watch.subjects import told

POINT = "127.0.0.2 :127.0.0.2:Test"
MINUTE = timedelta(minutes=1)


class Bot:
    """One bot that watches; what it knows by heart is gone with it. Its road to mail servers is the site's."""

    def __init__(self, world: World, store: Store, owner: str = "bot") -> None:
        site, clock = world.site, world.clock
        resolver = Resolver([world.resolver], timeout=world.patience, now=lambda: clock().timestamp())
        blocklists = Blocklists(resolver, world.lists, sightings=Sightings(store, clock))
        addresses = [f"{site.network}.{25 + number}" for number in range(world.hosts)]
        settings = {
            f"mx{number}": HostSettings(
                f"mx{number}", fqdn=site.helo, addresses=(address,), domains=(site.domain,), selectors=("s1",)
            )
            for number, address in enumerate(addresses, 1)
        }
        self.hosts = MailHosts(
            [
                Host(name=name, myhostname=site.helo, seen_as=address)
                for name, address in zip(settings, addresses, strict=True)
            ]
        )
        tools = Tools(resolver, blocklists, road=world.road, authorities=world.authorities)
        self.store = store
        self.blocklists = blocklists
        self.background = Background()
        checks = Checks(tools, settings, clock)
        self.reports = Reports(store, checks, self.hosts, self.background, clock, owner)
        self.alerts = Alerts(store, world.rules, OPS, clock)
        mutes = Mutes(store, clock)
        self.watch = ReputationWatch(store, self.reports, blocklists, self.hosts, self.alerts, mutes, clock, owner)


class World:
    """A site, its lists and so many hosts that send for it; `bot()` is a bot that was just started."""

    def __init__(
        self,
        dns: DnsWorld,
        store: Store,
        clock: Clock,
        site: Site,
        *,
        hosts: int = 1,
        weights: Sequence[str] = ("high",),
        rules: Rules | None = None,
    ) -> None:
        self.dns = dns
        self.store = store
        self.clock = clock
        self.site = site
        self.hosts = hosts
        self.rules = rules or Rules()
        self.names = [f"{weight}-{site.blocklist}" for weight in weights]
        self.lists: tuple[Zone, ...] = zones(
            *(table(name, weight=weight) for name, weight in zip(self.names, weights, strict=True))
        )
        self.resolver = dns.resolver
        self.patience = 20.0
        self.ends: dict[str, Endpoint] = {}
        self.authorities = ""

    def road(self, address: str, port: int) -> Endpoint:
        if not self.ends:
            return nowhere(address, port)
        return self.ends["web" if port == 443 else "mx2" if address.endswith(".26") else "mx"]

    def publish(self, *lines: str, **datasets: str) -> None:
        """What each of the lists has, beside its test entry; or datasets instead of all that."""
        for name in self.names:
            given: dict[str, Any] = datasets or {"ip4set": "\n".join([POINT, *lines])}
            self.dns.blocklist(name, **given)

    def bot(self, owner: str = "bot") -> Bot:
        return Bot(self, self.store, owner)

    async def later(self, times: int = 1) -> None:
        """The next looks at each host, half an hour apart, each by a bot that was just started."""
        for _ in range(times):
            self.clock.turn(EVERY - self.hosts * MINUTE)
            for _ in range(self.hosts):
                self.clock.turn(MINUTE)
                await self.bot().watch.look()

    async def firing(self) -> list[Alert]:
        return list(await self.bot().alerts.firing())

    async def events(self) -> list[str]:
        """What was told, in order; the cards left out."""
        return [event for _, _, event in await told(self.store) if event]

    async def cards(self) -> int:
        return sum(kind == "alert" for kind, _, _ in await told(self.store))

    async def looks(self, host: str = "mx1") -> list[reports.Row]:
        """The reports on it that nobody asked for."""
        found: list[reports.Row] = []
        async with self.store.reading() as connection:
            number = 1
            while row := await reports.get(connection, number):
                found += [row] if row.host == host and not row.asked_by else []
                number += 1
        return found

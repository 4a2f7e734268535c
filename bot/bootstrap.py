"""The composition root: settings in, services out. Nothing connects here; the first question does."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.actors import Roster
from bot.approvals import lease
from bot.approvals.execution import Executor
from bot.approvals.requests import Approvals
from bot.approvals.trash import Restores
from bot.background import Background
from bot.demo.dnsworld import SELECTOR
from bot.demo.host import DemoHost
from bot.demo.outside import Outside
from bot.doctor import Doctor
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import link_to
from bot.reputation import zones
from bot.reputation.blocklists import Blocklists
from bot.reputation.checks import Tools
from bot.reputation.reports import Reports
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.reputation.selfcheck import SelfCheck
from bot.reputation.sightings import Sightings
from bot.services import Services
from bot.settings import HostSettings, Settings, given
from bot.store.database import Store
from bot.store.key import file_key
from bot.watch.alerts import Alerts
from bot.watch.digests import Digests
from bot.watch.mutes import Mutes
from bot.watch.reputation_watch import ReputationWatch
from bot.watch.rules import Rules
from bot.watch.sampling import Sampling

QUESTIONS = 256
"""DNS questions under way at once: some for every blocklist, so that dead ones do not keep the others."""


def now() -> datetime:
    """The clock: aware, in UTC."""
    return datetime.now(UTC)


def services(
    settings: Settings,
    hosts: MailHosts | None = None,
    now: Callable[[], datetime] = now,
    outside: Outside | None = None,
) -> Services:
    """Every service; `hosts` in place of those that the settings name, `outside` in place of the Internet.

    Raises SettingsError for a mistake in the settings.
    """
    hosts = hosts or mail_hosts(settings.hosts())
    roster = Roster(settings.viewers, settings.operators, settings.approvers)
    background, kept = Background(), store(settings, now)
    asking = tools(settings, outside, Sightings(kept, now))
    alerts = Alerts(kept, rules(settings), settings.ops_channels[0] if settings.ops_channels else "", now)
    mutes = Mutes(kept, now)
    reports = Reports(kept, checks(settings, asking, now), hosts, background, now, lease.process())
    return Services(
        settings=settings,
        hosts=hosts,
        roster=roster,
        background=background,
        store=kept,
        approvals=Approvals(kept, roster, settings, now),
        executor=Executor(kept, hosts, background, now, lease.process(), timedelta(minutes=settings.approval_ttl)),
        restores=Restores(kept, hosts, roster, now),
        resolver=asking.resolver,
        blocklists=asking.blocklists,
        reports=reports,
        alerts=alerts,
        mutes=mutes,
        sampling=Sampling(kept, hosts, alerts, now, lease.process()),
        reputation=ReputationWatch(kept, reports, asking.blocklists, hosts, alerts, mutes, now, lease.process()),
        digests=Digests(kept, alerts, hosts, settings, now, lease.process()),
        doctor=Doctor(settings, hosts, roster, kept, asking.selfcheck, now),
        now=now,
    )


def store(settings: Settings, now: Callable[[], datetime] = now) -> Store:
    """The store, not open yet. Raises StoreError for an address that is none."""
    told = settings.audit_key
    key = file_key(settings.audit_key_file) if told is None else told.get_secret_value().encode()
    return Store(settings.database_url, key, now)


def name_resolver(settings: Settings) -> Resolver:
    """What asks the DNS. Nothing is sent before its first question."""
    return Resolver(settings.dns_servers, timeout=settings.dns_timeout, in_flight=QUESTIONS)


def blocklists(settings: Settings, resolver: Resolver, sightings: Sightings | None = None) -> Blocklists:
    """The lists that the settings leave or add; without `sightings` nobody knows since when anything is listed.

    Raises SettingsError for a mistake in the settings.
    """
    lists = zones.load(settings.dnsbl_drop, settings.blocklist_keys(), settings.blocklists())
    return Blocklists(resolver, lists, SelfCheck(resolver, lists), sightings)


def tools(settings: Settings, outside: Outside | None = None, sightings: Sightings | None = None) -> Tools:
    """What checks ask with; in the demo, the demo's own outside world."""
    resolver = name_resolver(settings)
    lists = blocklists(settings, resolver, sightings)
    if outside is None:
        return Tools(resolver, lists, selfcheck=lists.selfcheck)
    return Tools(resolver, lists, road=outside.road, authorities=str(outside.authority.file))


def checks(settings: Settings, tools: Tools, now: Callable[[], datetime] = now) -> Checks:
    """The checks of how the mail of these hosts is received; nothing is asked yet."""
    return Checks(tools, {host.name: host for host in settings.hosts()}, now)


def rules(settings: Settings) -> Rules:
    """When it is an alert, for each mail host. Raises SettingsError for a mistake in the adjustments."""
    return Rules(settings.alert_rules(), {host.name: host.alerts for host in settings.hosts()})


def mail_hosts(hosts: Iterable[HostSettings]) -> MailHosts:
    """The mail hosts behind their links, by name and by group."""
    hosts = tuple(hosts)
    groups = {host.name: host.groups for host in hosts}
    return MailHosts([MailHost(link_to(host), host.instance) for host in hosts], groups)


def demo_settings(folder: Path, demo: DemoHost, outside: Outside) -> Settings:
    """People of every role, the demo's hosts and DNS, a store in this folder, and nothing of this machine's own."""
    hosts = folder / "maildesk.toml"
    hosts.write_text("\n".join(DEMO_HOST.format(name=name, ini=demo.ini, key=SELECTOR) for name in demo.instances))
    return given(
        approvers=("login:ana", "login:cleo"),
        operators=("login:ben",),
        viewers=("login:vic",),
        maildesk_config=hosts,
        dns_servers=(outside.names.address,),
        database_url=f"sqlite:///{folder}/maildesk.db",
        audit_key_file=folder / "audit.key",
    )


DEMO_HOST = """[hosts.{name}]
link = "local"
instance = "{name}"
ini = "{ini}"
selectors = ["{key}"]
"""

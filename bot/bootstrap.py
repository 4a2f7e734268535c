"""The composition root: settings in, services out. Nothing connects here; the first question does."""

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.actors import Roster
from bot.background import Background
from bot.demo.host import DemoHost
from bot.mailhost.host import MailHost, MailHosts
from bot.mailhost.link import link_to
from bot.services import Services
from bot.settings import HostSettings, Settings


def now() -> datetime:
    """The clock: aware, in UTC."""
    return datetime.now(UTC)


def services(settings: Settings, hosts: MailHosts | None = None) -> Services:
    """Every service; `hosts` in place of those that the settings name. Raises SettingsError for a mistake there."""
    return Services(
        settings=settings,
        hosts=hosts or mail_hosts(settings.hosts()),
        roster=Roster(settings.viewers, settings.operators, settings.approvers),
        background=Background(),
        now=now,
    )


def mail_hosts(hosts: Iterable[HostSettings]) -> MailHosts:
    """The mail hosts behind their links."""
    return MailHosts([MailHost(link_to(host), host.instance) for host in hosts])


def demo_settings() -> Settings:
    """People of every role, and nothing of this machine's own settings."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        approvers=("login:ana", "login:cleo"),
        operators=("login:ben",),
        viewers=("login:vic",),
    )


def demo_hosts(demo: DemoHost) -> MailHosts:
    """The demo's mail hosts, reached by the real agent."""
    return mail_hosts(HostSettings(name, "local", name, ini=str(demo.ini)) for name in demo.instances)

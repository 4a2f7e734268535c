"""The mail hosts as the settings name them: in one line (MAIL_HOSTS), or in a TOML file (MAILDESK_CONFIG)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot import configfile
from bot.errors import SettingsError
from bot.hostvalues import MEMBERS, NAME, wrong

INSTALLED_AGENT = "/usr/local/sbin/maildesk-agent"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How one mail host is reached.

    `local`: the agent of this checkout runs as the bot's own child, with `ini` as its file (for root, in development);
    `sudo`: the installed agent at `agent` runs through `sudo -n`; `ssh`: `user` logs in at `address` with the private
    key in the file `key`, and what runs there is that key's forced command. `timeout`, in seconds, is how long
    connecting may take, and how long the other side may be silent. `groups` are what people call it together with
    others (`@eu`).
    The rest is how it sends, where Postfix and the DNS do not tell: its full name, its public addresses, the domains
    that it sends for, and the DKIM selectors that it signs with. `alerts` are its own adjustments of rules
    (bot/watch/rules.py).
    """

    name: str
    link: Literal["local", "sudo", "ssh"] = "local"
    instance: str = "default"
    agent: str = INSTALLED_AGENT
    ini: str = ""
    address: str = ""
    user: str = "maildesk"
    port: int = 22
    key: str = ""
    known_hosts: str = ""
    timeout: float = 15.0
    groups: tuple[str, ...] = ()
    fqdn: str = ""
    addresses: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    alerts: Mapping[str, Any] = field(default_factory=dict, hash=False)


OF_SSH = ("address", "user", "port", "key", "known_hosts", "timeout")
OF_OTHERS = ("agent", "ini")
"""Members that mean nothing beside another link."""

URL = re.compile(
    r"ssh://(?:(?P<user>[^@/]*)@)?(?:\[(?P<ipv6>[^\]/]*)\]|(?P<address>[^:/@\[\]]*))"
    r"(?::(?P<port>[^/]*))?(?:/(?P<instance>.*))?\Z"
)
WRITTEN = "ssh://USER@ADDRESS[:PORT][/INSTANCE], as in mx2=ssh://maildesk@mx2.example.org"


def hosts_from_list(text: str) -> tuple[HostSettings, ...]:
    """`mx1=local,mx2=sudo:instance2,mx3=ssh://maildesk@mx3.example.org:2222/instance3` as host settings."""
    problems: list[str] = []
    hosts: list[HostSettings] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, rest = entry.partition("=")
        where = f"MAIL_HOSTS: {entry!r}"
        if not rest.startswith("ssh"):
            link, _, instance = rest.partition(":")
            _add(hosts, problems, where, name, {"link": link, "instance": instance or "default"})
        elif (table := _from_url(rest)) is not None:
            _add(hosts, problems, where, name, table)
        else:
            problems.append(f"{where}: a mail host behind ssh is written {WRITTEN}.")
    if not hosts and not problems:
        problems.append("MAIL_HOSTS names no mail host.")
    if problems:
        raise SettingsError(problems)
    return tuple(hosts)


def _from_url(url: str) -> dict[str, Any] | None:
    match = URL.match(url)
    if not match:
        return None
    table: dict[str, Any] = {"link": "ssh", "address": match["ipv6"] or match["address"] or ""}
    if match["user"] is not None:
        table["user"] = match["user"]
    if match["port"] is not None:
        port = match["port"]
        table["port"] = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else port
    if match["instance"]:
        table["instance"] = match["instance"]
    return table


def hosts_from_toml(path: Path) -> tuple[HostSettings, ...]:
    """The tables `[hosts.NAME]` of a TOML file; none where it is about other things alone."""
    content = configfile.content(path)
    tables = content.get("hosts", {})
    if not tables and not content:
        raise SettingsError([f"MAILDESK_CONFIG: {path} has no table [hosts.NAME]."])
    problems: list[str] = []
    hosts: list[HostSettings] = []
    for name, table in tables.items():
        where = f"MAILDESK_CONFIG: [hosts.{name if NAME.match(name) else repr(name)}]"
        if not isinstance(table, dict):
            problems.append(f"{where} is not a table.")
            continue
        _add(hosts, problems, where, name, table)
    if problems:
        raise SettingsError(problems)
    return tuple(hosts)


def _add(hosts: list[HostSettings], problems: list[str], where: str, name: str, table: Mapping[str, Any]) -> None:
    """Append one host, or say each thing that is wrong with it."""
    found: list[str] = []
    if not NAME.match(name):
        found.append("a mail host needs a name of letters, digits, dots and hyphens, as in mx1=local.")
    elif any(host.name.lower() == name.lower() for host in hosts):
        found.append(f"there are two mail hosts named {name}.")
    for member, value in table.items():
        found += wrong(member, value)
    found = found or _at_odds(table)
    problems += [f"{where}: {problem}" for problem in found]
    if not found:
        values: dict[str, Any] = {
            member: tuple(value) if MEMBERS[member][0] == "list" else value for member, value in table.items()
        }
        hosts.append(HostSettings(name=name, **values))


def _at_odds(table: Mapping[str, Any]) -> list[str]:
    """Members that are right for themselves, and not beside each other."""
    link = table.get("link", "local")
    if link != "ssh":
        return [f'{member} is for link = "ssh"; this one is {link}.' for member in OF_SSH if member in table]
    if not table.get("address"):
        return ['link = "ssh" needs an address: the name or IP address that ssh connects to.']
    return [
        f"{member} says nothing behind ssh: the forced command on the host starts its agent."
        for member in OF_OTHERS
        if member in table
    ]

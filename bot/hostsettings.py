"""The mail hosts as the settings name them: in one line (MAIL_HOSTS), or in a TOML file (MAILDESK_CONFIG)."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot import configfile
from bot.errors import SettingsError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
DOMAIN = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]\Z")
SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
EXAMPLES = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32"),
    )
)

INSTALLED_AGENT = "/usr/local/sbin/maildesk-agent"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How one mail host is reached.

    `local`: the agent of this checkout runs as the bot's own child, with `ini` as its file (for root, in development);
    `sudo`: the installed agent at `agent` runs through `sudo -n`.
    The rest is how it sends, where Postfix and the DNS do not tell: its full name, its public addresses, the domains
    that it sends for, and the DKIM selectors that it signs with. `alerts` are its own adjustments of rules
    (bot/watch/rules.py).
    """

    name: str
    link: Literal["local", "sudo"] = "local"
    instance: str = "default"
    agent: str = INSTALLED_AGENT
    ini: str = ""
    fqdn: str = ""
    addresses: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    alerts: Mapping[str, Any] = field(default_factory=dict, hash=False)


TEXTS, LISTS = ("link", "instance", "agent", "ini", "fqdn"), ("addresses", "domains", "selectors")
TABLE = "alerts"
"""The members of a host's table: strings, lists of strings, and a table of tables."""


def hosts_from_list(text: str) -> tuple[HostSettings, ...]:
    """`mx1=local,mx2=sudo:instance2` as host settings."""
    problems: list[str] = []
    hosts: list[HostSettings] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, rest = entry.partition("=")
        link, _, instance = rest.partition(":")
        _add(hosts, problems, f"MAIL_HOSTS: {entry!r}", name, {"link": link, "instance": instance or "default"})
    if not hosts and not problems:
        problems.append("MAIL_HOSTS names no mail host.")
    if problems:
        raise SettingsError(problems)
    return tuple(hosts)


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
    found = len(problems)
    if not NAME.match(name):
        problems.append(f"{where}: a mail host needs a name of letters, digits, dots and hyphens, as in mx1=local.")
    elif any(host.name.lower() == name.lower() for host in hosts):
        problems.append(f"{where}: there are two mail hosts named {name}.")
    for member, value in table.items():
        if member not in (*TEXTS, *LISTS, TABLE):
            known = ", ".join((*TEXTS, *LISTS, TABLE))
            problems.append(f"{where}: {member!r} is not a member of a host's table ({known}).")
        elif member in LISTS and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            problems.append(f'{where}: {member} must be a list of strings, as in ["a", "b"].')
        elif member == TABLE:
            if not isinstance(value, dict):
                problems.append(f"{where}: {member} must be tables, as in [hosts.{name}.{member}.deferred].")
        elif member in TEXTS and not isinstance(value, str):
            problems.append(f"{where}: {member} must be a string.")
        else:
            given = value if member in LISTS else [value]
            problems += [f"{where}: {problem}" for each in given if (problem := _wrong(member, each))]
    if len(problems) == found:
        lists = {member: tuple(table[member]) for member in LISTS if member in table}
        hosts.append(HostSettings(name=name, **{**table, **lists}))


def _wrong(member: str, value: str) -> str:
    """What is wrong with one value of a host's table; empty when nothing is."""
    match member:
        case "link" if value not in ("local", "sudo"):
            return f"{value!r} is not a way to reach a mail host; there are local and sudo."
        case "instance" if not NAME.match(value):
            return f"{value!r} is not the name of a Postfix instance."
        case "agent" | "ini" if not value.startswith("/"):
            return f"{member} must be an absolute path."
        case "fqdn" | "domains" if not DOMAIN.match(value):
            return f"{value!r} is not a full name, such as mail.example.org."
        case "selectors" if not SELECTOR.match(value):
            return f"{value!r} is not a DKIM selector: it is what stands in s= of a signature, such as mail2026."
        case "addresses":
            return _wrong_address(value)
    return ""


def _wrong_address(value: str) -> str:
    try:
        inside = not ipaddress.ip_address(value).is_global and not _for_examples(value)
    except ValueError:
        return f"{value!r} is not an IP address."
    return f"{value} is an address for the inside; give the one that others see." if inside else ""


def _for_examples(value: str) -> bool:
    """Networks for documentation (RFC 5737, RFC 3849) and for tests (RFC 2544): the demo and the tests use them."""
    return any(ipaddress.ip_address(value) in network for network in EXAMPLES)

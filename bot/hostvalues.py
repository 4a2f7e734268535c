"""What the members of a mail host's settings may be, one value at a time."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
DOMAIN = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]\Z")
SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
# A name of RFC 1123 §2.1, of the inside too: it reaches no shell, and stands in commands that a person is shown.
ADDRESS = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\.?\Z")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z")
EXAMPLES = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32"),
    )
)

LINKS = ("local", "sudo", "ssh")
EVERYBODY = ("here", "channel", "everyone")
"""Slack makes mentions of everybody of these, behind an @."""


def wrong(member: str, value: Any) -> list[str]:
    """What is wrong with the value of a member of a host's table, a sentence each; nothing when it may be so."""
    if member not in MEMBERS:
        return [f"{member!r} is not a member of a host's table ({', '.join(MEMBERS)})."]
    kind, look = MEMBERS[member]
    if kind == "tables":
        return [] if isinstance(value, dict) else [f"{member} must be tables, as in [hosts.mx1.{member}.deferred]."]
    if kind == "list":
        if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            return [f'{member} must be a list of strings, as in ["a", "b"].']
        return [problem for each in value if (problem := look(each))]
    if kind in ("text", "path") and not isinstance(value, str):
        return [f"{member} must be a string."]
    if kind == "path" and not value.startswith("/"):
        return [f"{member} must be an absolute path."]
    return [problem] if (problem := look(value)) else []


def _link(value: str) -> str:
    return "" if value in LINKS else f"{value!r} is not a way to reach a mail host; there are local, sudo and ssh."


def _instance(value: str) -> str:
    return "" if NAME.match(value) else f"{value!r} is not the name of a Postfix instance."


def _domain(value: str) -> str:
    return "" if DOMAIN.match(value) else f"{value!r} is not a full name, such as mail.example.org."


def _selector(value: str) -> str:
    if SELECTOR.match(value):
        return ""
    return f"{value!r} is not a DKIM selector: it is what stands in s= of a signature, such as mail2026."


def _where(value: str) -> str:
    if ADDRESS.match(value) or _is_ip_address(value):
        return ""
    return f"{value!r} is neither a name nor an IP address that ssh could connect to."


def _user(value: str) -> str:
    return "" if USER.match(value) else f"{value!r} is not the name of a user there."


def _port(value: Any) -> str:
    if type(value) is int and 0 < value < 65536:
        return ""
    return f"{value!r} is not a port: ports go from 1 to 65535."


def _timeout(value: Any) -> str:
    if type(value) in (int, float) and 1 <= value <= 300:
        return ""
    return f"{value!r} is not a timeout: it goes from 1 to 300 seconds."


def _group(value: str) -> str:
    if not NAME.match(value):
        return f"{value!r} is not a group: it is a name without @, as in eu, and is used as @eu."
    if value.lower() in EVERYBODY:
        return f"{value!r} can't be a group: Slack makes a mention of everybody of @{value}."
    return ""


def _public_address(value: str) -> str:
    try:
        inside = not ipaddress.ip_address(value).is_global and not _for_examples(value)
    except ValueError:
        return f"{value!r} is not an IP address."
    return f"{value} is an address for the inside; give the one that others see." if inside else ""


def _for_examples(value: str) -> bool:
    """Networks for documentation (RFC 5737, RFC 3849) and for tests (RFC 2544): the demo and the tests use them."""
    return any(ipaddress.ip_address(value) in network for network in EXAMPLES)


def _is_ip_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _any(_: Any) -> str:
    return ""


# The members of a host's table: what kind of value each is, and what looks at it (at each of a list).
MEMBERS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "link": ("text", _link),
    "instance": ("text", _instance),
    "agent": ("path", _any),
    "ini": ("path", _any),
    "address": ("text", _where),
    "user": ("text", _user),
    "port": ("number", _port),
    "key": ("path", _any),
    "known_hosts": ("path", _any),
    "timeout": ("number", _timeout),
    "groups": ("list", _group),
    "fqdn": ("text", _domain),
    "addresses": ("list", _public_address),
    "domains": ("list", _domain),
    "selectors": ("list", _selector),
    "alerts": ("tables", _any),
}

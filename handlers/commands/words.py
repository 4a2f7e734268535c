"""What people type behind `/mail`, as Slack's clients send it, made plain."""

import re
from dataclasses import dataclass
from typing import Final

from bot.agent.protocol import Selection
from bot.errors import SelectorError, UserError
from bot.hostvalues import NAME
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.selector import EXAMPLE, Selector, could_be_meant, parse
from bot.text import listed

# Slack's clients set typographic quotes and non-breaking spaces while people type.
_PLAIN: Final = {
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"), '"'),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b"), "'"),
    **dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000\t\r\n"), " "),
}

# With `should_escape`, Slack turns addresses and domains into links: `<mailto:a@b.org|a@b.org>`, `<http://b.org|b.org>`.
_MAILTO = re.compile(r"<mailto:([^|<>]*)(?:\|[^<>]*)?>")
# And what is behind an @ into the person or the user group of that name.
_MENTION = re.compile(r"<(?:@[UW][A-Z0-9]+|!subteam\^[A-Z0-9]+)\|@?([^<>|]*)>")
_LINK = re.compile(r"<https?://([^|<>]*)(?:\|([^<>]*))?>")

DELETION_KEY = re.compile(r"[0-9]{1,12}-[0-9a-z]{1,16}\Z")
"""The key of a request, which is that of the deletion it asked for: `57-k3qf`."""

HOLD_KEY = re.compile(r"h-[0-9a-z]{1,32}\Z")

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+|"')


def typed(text: str) -> str:
    """The text as the person typed it: straight quotes, ordinary spaces, no links, no entities."""
    text = _MAILTO.sub(lambda match: match[1], text)
    text = _MENTION.sub(lambda match: f"@{match[1]}", text)
    text = _LINK.sub(lambda match: match[2] or match[1], text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text.translate(_PLAIN).strip()


@dataclass(frozen=True, slots=True)
class Named:
    """A command's words after the mail host in front of them, if there was one, was taken off."""

    host: MailHost | None
    rest: str


def named(hosts: MailHosts, words: str) -> Named:
    """Take a mail host's name off the front of a command's words. Raises UserError for a group: it takes one host."""
    first, _, rest = words.partition(" ")
    if first.startswith("@"):
        names = listed([host.name for host in hosts.group(first)])
        raise UserError(
            f"One mail host at a time, so nothing was done: {first} is {names}. A whole group can be said to status, "
            "check, rbl, alerts and trash."
        )
    known = {name.lower(): name for name in hosts}
    if first.lower() in known:
        return Named(hosts.named(known[first.lower()]), rest.strip())
    return Named(None, words)


@dataclass(frozen=True, slots=True)
class Several:
    """The mail hosts that are meant, and the other words. `said` is how: `mx1`, `@eu`, or empty for all that are."""

    hosts: tuple[MailHost, ...]
    said: str
    rest: str


def several(hosts: MailHosts, words: str) -> Several:
    """Take a mail host's or a group's name off the front of a command's words; without one, all are meant.

    Raises UserError for a group that there is none of.
    """
    first, _, rest = words.partition(" ")
    if first.startswith("@"):
        return Several(hosts.group(first), first.lower(), rest.strip())
    found = named(hosts, words)
    if found.host:
        return Several((found.host,), found.host.name, found.rest)
    return Several(tuple(hosts.values()), "", found.rest)


def one_host(hosts: MailHosts, words: str) -> tuple[MailHost, str]:
    """The mail host meant and the other words.

    Raises UserError where several hosts leave it open, and where the first word is neither a host's name nor a
    selector's word nor a key, but could be the name of a host that is not known here.
    """
    found = named(hosts, words)
    if found.host:
        return found.host, found.rest
    first = words.partition(" ")[0]
    if NAME.match(first) and not (could_be_meant(first) or HOLD_KEY.match(first) or DELETION_KEY.match(first)):
        known = listed(list(hosts))
        there = f"The mail hosts are {known}" if len(hosts) > 1 else f"The only mail host is {known}"
        raise UserError(
            f"“{first}” is neither a mail host nor a word that picks messages, so nothing was done. {there}. "
            f"Messages are picked as in: {EXAMPLE}"
        )
    return hosts.only(), words


def messages(words: str) -> Selector:
    """A selector for anything but a flush. Raises SelectorError, also for a site."""
    picked = parse(words)
    if picked.site:
        raise SelectorError(f"site: is for a flush only. To pick messages by recipient: to:@{picked.site}")
    return picked


def option(words: str, name: str) -> tuple[bool, str]:
    """Whether `--name` is among the words, and the others. Slack's clients make an em dash of two hyphens."""
    wanted = re.compile(rf"(?:--|[\u2014\u2013]){name}\Z", re.IGNORECASE)
    tokens: list[str] = _WORD.findall(words)
    rest = [token for token in tokens if not wanted.match(token)]
    return len(rest) < len(tokens), " ".join(rest)


EVERYTHING = Selection()


def sorting(words: str, orders: tuple[str, ...]) -> tuple[str, str]:
    """The order asked for by `sort:…` (the first of `orders` when none is), and the other words. Raises UserError."""
    tokens: list[str] = _WORD.findall(words)
    wanted = [token.partition(":")[2] for token in tokens if token.lower().startswith("sort:")]
    rest = " ".join(token for token in tokens if not token.lower().startswith("sort:"))
    if not wanted:
        return orders[0], rest
    if wanted[-1].lower() not in orders:
        raise UserError(
            f"The queue can't be sorted by “{wanted[-1]}”; it can by {listed(orders, 'or')}, as in sort:size."
        )
    return wanted[-1].lower(), rest

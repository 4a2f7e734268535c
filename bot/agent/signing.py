"""Which DKIM selectors this host signs with, by the files of opendkim(8) and rspamd: domains and selectors, never keys.

Only what nobody but root can have written is read: the agent is root, and must not show what it is led to by others.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Callable, Iterator, List, Optional, Tuple

from bot.agent.errors import AgentError
from bot.agent.protocol import SigningKey
from bot.agent.trust import Trust

MAX_BYTES = 64 * 1024
MAX_KEYS = 100

Pair = Tuple[str, str]

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+\Z")
_SELECTOR = re.compile(r"(?=.{1,100}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")


def selectors(trust: Trust, root: str = "/") -> Tuple[SigningKey, ...]:
    """In the order of the files, each once. What can't be read, or is not root's alone, is left out."""
    found: List[SigningKey] = []
    for name, pairs in FILES:
        path = os.path.join(root, name)
        for domain, selector in pairs(_read(trust, path) or ""):
            domain, selector = domain.lower().strip("."), selector.lower()
            if (not domain or _DOMAIN.match(domain)) and _SELECTOR.match(selector):
                key = SigningKey(domain, selector, path)
                if key not in found:
                    found.append(key)
    return tuple(found[:MAX_KEYS])


def _read(trust: Trust, path: str) -> Optional[str]:
    try:
        trust.check(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (AgentError, OSError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = os.read(descriptor, MAX_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data.decode("utf-8", "replace") if len(data) <= MAX_BYTES else None


def _lines(text: str) -> Iterator[List[str]]:
    """The words of each line, without comments."""
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        if words:
            yield words


def _opendkim(text: str) -> Iterator[Pair]:
    """opendkim.conf(5): Domain and Selector, which do not count beside a KeyTable."""
    values = {words[0].lower(): words[1:] for words in _lines(text) if len(words) > 1}
    if "keytable" not in values and "selector" in values:
        for domain in re.split(r"[,\s]+", " ".join(values.get("domain", []))):
            if domain:
                yield domain, values["selector"][0]


def _key_table(text: str) -> Iterator[Pair]:
    """`name domain:selector:file` a line; a domain of `%` is whatever mail is from (opendkim.conf(5), KeyTable)."""
    for words in _lines(text):
        domain, _, rest = words[1].partition(":") if len(words) == 2 else ("", "", "")
        selector, colon, _ = rest.partition(":")
        if domain and colon:
            yield ("" if domain == "%" else domain), selector


_RSPAMD = re.compile(r'(?:"?([\w.-]{1,253})"?\s{0,20})?(\{)|\bselector\s{0,20}[=:]\s{0,20}"?([\w.-]{1,100})"?|(\})')


def _rspamd(text: str) -> Iterator[Pair]:
    """`selector = "…";` within `domain { example.org { … } }`, or for all domains."""
    blocks: List[str] = []
    without_comments = "\n".join(line.partition("#")[0] for line in text.split("\n"))
    for name, opens, selector, closes in _RSPAMD.findall(without_comments):
        if opens:
            blocks.append(name)
        elif closes:
            del blocks[-1:]
        elif not blocks or blocks[0] == "domain":
            yield (blocks[1] if len(blocks) > 1 else ""), selector


def _selector_map(text: str) -> Iterator[Pair]:
    """`domain selector` a line (selector_map of rspamd's dkim_signing)."""
    for words in _lines(text):
        if len(words) == 2:
            yield words[0], words[1]


FILES: Tuple[Tuple[str, Callable[[str], Iterator[Pair]]], ...] = (
    ("etc/opendkim.conf", _opendkim),
    ("etc/opendkim/KeyTable", _key_table),
    ("etc/opendkim/keytable", _key_table),
    ("etc/opendkim/key.table", _key_table),
    ("etc/dkimkeys/KeyTable", _key_table),
    ("etc/rspamd/override.d/dkim_signing.conf", _rspamd),
    ("etc/rspamd/local.d/dkim_signing.conf", _rspamd),
    ("etc/rspamd/dkim_selectors.map", _selector_map),
)

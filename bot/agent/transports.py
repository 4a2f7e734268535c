"""Where transport_maps send all mail: the `*` of transport(5), asked of postmap(1) as trivial-rewrite(8) does."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from bot.agent.errors import AgentError
from bot.agent.postfix import Postfix
from bot.agent.protocol import MAX_TEXT

# Tables that are files: the others (ldap, mysql, tcp …) are somewhere else, and would keep who only asks what stands
# behind an instance waiting for their servers.
FILES = ("btree", "cdb", "cidr", "dbm", "hash", "inline", "lmdb", "pcre", "regexp", "sdbm", "static", "texthash")

WILDCARD = "*"
ANYBODY = "anybody@catch-all.invalid"
"""What patterns are asked as well: one that matches every address need not match `*`."""

_TABLE = re.compile(r"(?:[^\s,{}]|\{(?:[^{}]|\{[^{}]*\})*\})+")


def catch_all(postfix: Postfix, maps: str) -> Optional[str]:
    """What these tables (type:name, as in main.cf) have for `*`, cut at MAX_TEXT; empty: nothing.

    None: no table has it, and not every one could be asked.
    """
    known = True
    for table in _TABLE.findall(maps):
        table = table[len("proxy:") :] if table.startswith("proxy:") else table
        kind = table.partition(":")[0]
        if kind not in FILES:
            known = False
            continue
        try:
            for key in _keys(kind):
                found = postfix.lookup(table, key)
                if found:
                    return found[:MAX_TEXT]
        except AgentError:
            known = False
    return "" if known else None


def _keys(kind: str) -> Tuple[str, ...]:
    return (WILDCARD, ANYBODY) if kind in ("pcre", "regexp") else (WILDCARD,)

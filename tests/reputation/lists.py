"""Blocklists for tests: tables as the settings have them, and what was said of one subject."""

from __future__ import annotations

from typing import Any

from bot.reputation.blocklists import Blocklists
from bot.reputation.resolver import Resolver
from bot.reputation.subjects import subject
from bot.reputation.sweep import Sweep, Verdict
from bot.reputation.zones import Zone, load
from tests.dns.misbehaving import NO_SUCH_NAME, Manner, MisbehavingServer

AT_ONCE = 256
LIMIT = 20.0
"""Seconds: generous, since the machine may be busy."""

CLEAN, DIRTY = "192.0.2.1", "192.0.2.9"
CODES = {"127.0.0.2": "sent spam", "127.0.0.4": "taken over"}


def table(zone: str, **members: Any) -> dict[str, Any]:
    """A list of IPv4 addresses, unless the members say something else."""
    return {"name": zone, "zone": zone, "kinds": ["ip4"], "weight": "high", "codes": CODES, **members}


def zones(*tables: dict[str, Any], **keys: str) -> tuple[Zone, ...]:
    """These lists alone."""
    given = {f"l{number}": each for number, each in enumerate(tables)}
    return tuple(zone for zone in load(keys=keys, tables=given) if zone.id in given)


async def look(address: str, text: str, *tables: dict[str, Any], within: float = LIMIT, **keys: str) -> Sweep:
    """What these lists say of one address or domain, by the resolver at `address`."""
    lists = Blocklists(Resolver([address], timeout=within, in_flight=AT_ONCE), zones(*tables, **keys))
    return await lists.look([subject(text)], 3 * LIMIT)


async def verdict(address: str, text: str, list_table: dict[str, Any], within: float = LIMIT, **keys: str) -> Verdict:
    """What one list says."""
    (found,) = (await look(address, text, list_table, within=within, **keys)).verdicts
    return found


def a(*values: str) -> Manner:
    """A name that has these addresses."""
    return Manner(records={"A": values})


def behaves(wrong: MisbehavingServer, zone: str) -> None:
    """A list on the misbehaving server that has its test entry and nothing else."""
    wrong.below(zone, NO_SUCH_NAME)
    wrong.at(f"2.0.0.127.{zone}", a("127.0.0.2"))

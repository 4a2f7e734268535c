"""Rows of the audit chain: who did what, on which mail host, and how many messages it touched. Never an address."""

from collections.abc import Mapping
from datetime import datetime

from bot.actors import Actor, Role
from bot.store.audit import Entry
from bot.store.database import Store
from bot.text import masked_text

CLOCK = Actor("clock", "clock", Role.NONE)
"""Who it was when it was time and nobody pressed anything."""


def entry(
    by: Actor,
    verb: str,
    host: str,
    subject: str,
    details: Mapping[str, int | str | bool],
    now: datetime,
    outcome: str = "done",
) -> Entry:
    """One row. `subject` is a key, a queue ID or a selector; a selector's addresses are masked here."""
    role = "clock" if by == CLOCK else by.role.label
    return Entry(now, by.id, by.name, role, verb, host, masked_text(subject), outcome, dict(details))


async def record(
    store: Store,
    by: Actor,
    verb: str,
    host: str,
    subject: str,
    counts: Mapping[str, int],
    now: datetime,
    outcome: str = "done",
) -> None:
    """Append a row for what was done without a request: `flush`, `hold`, `release`, `requeue`. Raises StoreError."""
    async with store.transaction() as transaction:
        await transaction.audit(entry(by, verb, host, subject, counts, now, outcome))

"""What was done without a request stands in the audit chain too: counts, and never an address."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.actors import Actor, Role
from bot.record import CLOCK, record
from bot.store.database import Store

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


async def test_who_did_what_and_to_how_many(tmp_path: Path) -> None:
    ana = Actor("U0ANA", "ana", Role.OPERATOR)
    async with Store(f"sqlite:///{tmp_path}/maildesk.db", b"the key of the audit chain of these tests") as store:
        await record(store, ana, "hold", "mx1", "from:jane@example.org", {"held": 3, "gone": 1}, NOW)
        await record(store, CLOCK, "purge", "mx1", "", {}, NOW, outcome="failed")
        clock, hold = await store.audit.latest(2)
        assert await store.audit.verify() == ()
    assert (hold.actor, hold.name, hold.role, hold.verb, hold.host) == ("U0ANA", "ana", "operator", "hold", "mx1")
    assert (hold.subject, hold.outcome, hold.details) == ("from:j…@example.org", "done", {"held": 3, "gone": 1})
    assert (clock.actor, clock.role, clock.outcome) == ("clock", "clock", "failed")

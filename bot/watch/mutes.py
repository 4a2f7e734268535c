"""Mutes: for maintenance nothing begins an alert for a while, which ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from bot.actors import Actor
from bot.store import alerts as kept
from bot.store.audit import Details, Entry
from bot.store.database import Store
from bot.watch.rows import Mute, mutes, show_cards


class Mutes:
    """Who begins or ends one is in the audit chain, and the cards on which something muted fires say so."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def mute(self, rule: str, host: str, lasting: timedelta, by: Actor) -> Mute:
        """Let nothing of this rule (empty: of any) begin to fire on this host (empty: on any) for so long."""
        now = self._now()
        mute = Mute(rule, host, now, now + lasting, by.id, by.name)
        async with self._store.transaction() as transaction:
            await kept.unmute(transaction, rule, host, now)
            await kept.mute(transaction, asdict(mute))
            await show_cards(transaction, mute.covers)
            await transaction.audit(_entry("mute", mute, by, {"minutes": int(lasting.total_seconds() // 60)}))
        return mute

    async def unmute(self, rule: str, host: str, by: Actor) -> int:
        """End that before its time; how many mutes there were."""
        now = self._now()
        mute = Mute(rule, host, now, now, by.id, by.name)
        async with self._store.transaction() as transaction:
            ended = await kept.unmute(transaction, rule, host, now)
            if ended:
                await show_cards(transaction, mute.covers)
                await transaction.audit(_entry("unmute", mute, by, {}))
        return ended

    async def in_force(self, start: datetime | None = None, end: datetime | None = None) -> tuple[Mute, ...]:
        """Those of now, or that were at some time between `start` and `end`."""
        now = self._now()
        async with self._store.reading() as connection:
            return await mutes(connection, start or now, end or now)


def _entry(verb: str, mute: Mute, by: Actor, more: Details) -> Entry:
    details = {"rule": mute.rule or "all", **more}
    return Entry(mute.since, by.id, by.name, by.role.label, verb, mute.host, outcome="done", details=details)

"""Mutes: for maintenance nothing begins an alert for a while, which ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from bot.actors import Actor
from bot.store import alerts as kept
from bot.store.audit import Details, Entry
from bot.store.database import Store, Transaction
from bot.watch.rows import Mute, mutes, show_cards


class Mutes:
    """Who begins or ends one is in the audit chain, and the cards on which something muted fires say so."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def mute(self, rule: str, host: str, lasting: timedelta, by: Actor) -> tuple[Mute, Mute | None]:
        """Let nothing of this rule (empty: of any) begin to fire on this host (empty: on any) for so long.

        The mute, and the one of the same rule and host whose place it takes, longer or shorter as that may be.
        """
        now = self._now()
        mute = Mute(rule, host, now, now + lasting, by.id, by.name)
        async with self._store.transaction() as transaction:
            # Two people who muted at once would both find no mute, and both make one.
            await transaction.alone()
            former = await _of(transaction, rule, host, now)
            await kept.unmute(transaction, rule, host, now)
            await kept.mute(transaction, asdict(mute))
            await show_cards(transaction, mute.covers)
            await transaction.audit(_entry("mute", mute, by, {"minutes": int(lasting.total_seconds() // 60)}))
        return mute, former

    async def unmute(self, rule: str, host: str, by: Actor) -> Mute | None:
        """End that before its time; what was ended, None: there was no such mute."""
        now = self._now()
        mute = Mute(rule, host, now, now, by.id, by.name)
        async with self._store.transaction() as transaction:
            await transaction.alone()
            former = await _of(transaction, rule, host, now)
            if former:
                await kept.unmute(transaction, rule, host, now)
                await show_cards(transaction, mute.covers)
                await transaction.audit(_entry("unmute", mute, by, {}))
        return former

    async def in_force(self, start: datetime | None = None, end: datetime | None = None) -> tuple[Mute, ...]:
        """Those of now, or that were at some time between `start` and `end`."""
        now = self._now()
        async with self._store.reading() as connection:
            return await mutes(connection, start or now, end or now)


async def _of(transaction: Transaction, rule: str, host: str, now: datetime) -> Mute | None:
    """The mute in force of exactly this rule and host."""
    found = await mutes(transaction.connection, now, now)
    return next((mute for mute in found if (mute.rule, mute.host) == (rule, host)), None)


def _entry(verb: str, mute: Mute, by: Actor, more: Details) -> Entry:
    details = {"rule": mute.rule or "all", **more}
    return Entry(mute.since, by.id, by.name, by.role.label, verb, mute.host, outcome="done", details=details)

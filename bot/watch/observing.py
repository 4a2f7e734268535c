"""One observation of a mail host: each rule, each subject, one step further, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.store import alerts as kept
from bot.store.database import Transaction
from bot.store.outbox import Told
from bot.watch.engine import AGAIN, Step, step
from bot.watch.model import Alert, Reading, State
from bot.watch.rows import alert_of, mutes, tell, values_of
from bot.watch.rules import Rule

TOGETHER = timedelta(minutes=5)
"""Alerts of one host that fire so soon after one another share a card."""

Observed = Mapping[str, Sequence[Reading]]
"""The readings by rule. A rule that is not in it was not looked at; a subject that is not in its readings is well."""


class Round:
    """One observation of a host, inside one transaction. `where` is the card to be told, its subject left open."""

    def __init__(self, transaction: Transaction, where: Told, host: str, now: datetime) -> None:
        self._transaction = transaction
        self._where = where
        self._host = host
        self._now = now

    async def go(self, rules: Mapping[str, Rule], observed: Observed) -> None:
        connection = self._transaction.connection
        known: dict[tuple[str, str], Alert] = {}
        for values in await kept.recent(connection, self._host, observed.keys(), self._now - AGAIN):
            known[values["rule"], values["subject"]] = alert_of(values)
        fires = {
            (values["host"], values["rule"], values["subject"])
            for values in await kept.firing(connection, {self._host, ""})
        }
        muted = await mutes(connection, self._now, self._now)
        for name, rule in rules.items():
            if name not in observed:
                continue
            still = any(each in rule.depends for _, each, _ in fires)
            still = still or any(mute.covers(name, self._host) for mute in muted)
            for reading in _complete(rule, observed[name], known):
                before = known.get((name, reading.subject))
                after = step(before, rule, self._host, reading, self._now, still)
                await self._keep(before, after)
                identity = (self._host, name, reading.subject)
                fires.discard(identity)
                if after.alert is not None and after.alert.state is State.FIRING:
                    fires.add(identity)

    async def _keep(self, before: Alert | None, after: Step) -> None:
        alert = after.alert
        if alert is None or alert is before:
            return
        if alert.state is State.OK and alert.fired_at is None:
            await kept.discard(self._transaction, alert.id)
            return
        if alert.state is State.FIRING and alert.card is None:
            alert = replace(alert, card=await self._a_card())
        alert = replace(alert, id=await kept.keep(self._transaction, values_of(alert)))
        if after.refresh or after.transitions:
            card = replace(self._where, subject=str(alert.card))
            await self._transaction.tell(card)
            for transition in after.transitions:
                await tell(self._transaction, card, alert.id, transition)

    async def _a_card(self) -> int:
        """A card for an alert that begins: one that was opened a moment ago, or a new one."""
        where = self._where
        recent = await kept.card_since(self._transaction.connection, self._host, where.channel, self._now - TOGETHER)
        if recent is not None:
            return recent
        return await kept.open_card(self._transaction, self._host, where.workspace, where.channel, self._now)


def _complete(rule: Rule, readings: Sequence[Reading], known: Iterable[tuple[str, str]]) -> Iterable[Reading]:
    """The readings, and that all is well with the subjects that are not among them. A rule that is off sees no harm."""
    seen = readings if rule.enabled else ()
    yield from seen
    subjects = {reading.subject for reading in seen}
    for name, subject in known:
        if name == rule.name and subject not in subjects:
            yield Reading(subject, rule.clears)

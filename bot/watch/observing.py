"""One observation of a mail host: each rule, each subject, one step further, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.store import alerts as kept
from bot.store.database import Transaction
from bot.store.outbox import Told
from bot.watch.engine import SILENCE, Step, step
from bot.watch.model import Alert, Reading, State
from bot.watch.rows import alert_of, keep_and_tell, mutes, place, storable, values_of
from bot.watch.rules import Rule

TOGETHER = timedelta(minutes=5)
"""Alerts of one host that fire so soon after one another share a card."""

Observed = Mapping[str, Sequence[Reading]]
"""The readings by rule, one of each subject.

A rule that is not in it was not looked at; a subject that is not in its readings is well."""

MISSING = "It was not among what was seen last."
"""What is said of such a subject; nobody counted how well it is."""


class Round:
    """One observation of a host, inside one transaction. `where` is the card to be told, its subject left open; `every`
    is how often the host is observed so, at the least."""

    def __init__(
        self, transaction: Transaction, where: Told, host: str, now: datetime, every: timedelta = timedelta(0)
    ) -> None:
        self._transaction = transaction
        self._where = where
        self._host = host
        self._now = now
        self._silence = max(SILENCE, 2 * every)

    async def go(self, rules: Mapping[str, Rule], observed: Observed) -> None:
        connection = self._transaction.connection
        known: dict[tuple[str, str], Alert] = {}
        longest = max(rule.again for rule in rules.values())
        for values in await kept.recent(connection, self._host, observed.keys(), self._now - longest):
            known[values["rule"], values["subject"]] = alert_of(values)
        fires = {
            (values["host"], values["rule"], values["subject"])
            for values in await kept.firing(connection, {self._host, ""})
        }
        muted = await mutes(connection, self._now, self._now)
        for name, rule in rules.items():
            # An alert of a rule that is off is ended elsewhere (Alerts.end_strangers()): nobody sees that it is well.
            if name not in observed or not rule.enabled:
                continue
            still = any(each in rule.depends for _, each, _ in fires)
            still = still or any(mute.covers(name, self._host) for mute in muted)
            for reading in _complete(rule, observed[name], known):
                before = known.get((name, reading.subject))
                after = step(before, rule, self._host, reading, self._now, still, self._silence)
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
            await kept.forget_pending(self._transaction, alert.id)
        elif after.refresh or after.transitions:
            await keep_and_tell(self._transaction, alert, await self._card_of(alert), after.transitions)
        else:
            await kept.keep(self._transaction, values_of(alert))

    async def _card_of(self, alert: Alert) -> Told:
        """Its card, where that was opened. A new one for an alert that begins, or was told in another workspace."""
        where, connection = self._where, self._transaction.connection
        row = None if alert.card is None else await kept.card(connection, alert.card)
        if row is not None and row["workspace"] == where.workspace:
            return place(row)
        number = await kept.card_since(
            connection, self._host, where.workspace, where.channel, self._now - TOGETHER
        ) or await kept.open_card(self._transaction, self._host, where.workspace, where.channel, self._now)
        return replace(where, subject=str(number))


def _complete(rule: Rule, readings: Sequence[Reading], known: Mapping[tuple[str, str], Alert]) -> Iterable[Reading]:
    """The readings, and that all is well with the subjects that are not among them."""
    seen = {reading.subject: reading for reading in map(storable, readings)}
    yield from seen.values()
    for (name, subject), alert in known.items():
        if name == rule.name and subject not in seen:
            before = alert.text.removeprefix(f"{MISSING} Before: ")
            text = f"{MISSING} Before: {before}" if before else MISSING
            yield Reading(subject, rule.clears, text, measured=False)

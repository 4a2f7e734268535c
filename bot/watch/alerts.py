"""The alerts: what is observed becomes rows, cards and things to tell, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from bot.actors import Actor
from bot.errors import UserError
from bot.store import alerts as kept
from bot.store.audit import Entry
from bot.store.database import Store
from bot.store.memory import recall, remember
from bot.store.outbox import Told
from bot.watch import attending
from bot.watch.attending import Deed
from bot.watch.engine import abandoned
from bot.watch.model import Alert, Event, State, Transition
from bot.watch.observing import Observed, Round
from bot.watch.rows import (
    AlertCard,
    Attended,
    alert_of,
    card,
    keep_and_tell,
    place,
    show_cards,
    stale,
    tell,
    values_of,
)
from bot.watch.rules import Rules, Severity

HOME = "watch.home"


class Alerts:
    """`channel` is where alerts are told. Nothing is observed before somebody has moved in (see move_in())."""

    def __init__(self, store: Store, rules: Rules, channel: str, now: Callable[[], datetime]) -> None:
        self.rules = rules
        self._store = store
        self._channel = channel
        self._now = now

    async def move_in(self, workspace: str) -> None:
        """Tell alerts in the channel of this workspace from now on. It outlives a restart, and holds for every bot."""
        home = [workspace, self._channel]
        async with self._store.transaction() as transaction:
            if self._channel and await recall(transaction.connection, HOME) != home:
                await remember(transaction, HOME, home, self._now())

    async def home(self) -> tuple[str, str] | None:
        """The workspace and the channel in which the bot speaks on its own; None before anybody has moved in."""
        async with self._store.reading() as connection:
            home = await recall(connection, HOME)
        return None if home is None else (home[0], home[1])

    async def observe(self, host: str, observed: Observed, every: timedelta = timedelta(0)) -> None:
        """Take in what was seen of a mail host (empty: of the bot itself), as it is so often."""
        now = self._now()
        async with self._store.transaction() as transaction:
            # Two bots that observed at once would both see no alert, and both open one.
            await transaction.alone()
            home = await recall(transaction.connection, HOME)
            if home is not None:
                workspace, channel = home
                round = Round(transaction, Told(workspace, channel, kept.CARD, ""), host, now, every)
                await round.go(self.rules.of(host), observed)

    async def wake(self) -> int:
        """Have the cards shown on which a snooze, or a mute, is over that they still tell of; how many alerts it was.

        Whether somebody is to be reminded then is each alert's next reading's to say.
        """
        now = self._now()
        async with self._store.reading() as connection:
            if not await stale(connection, now):
                return 0
        async with self._store.transaction() as transaction:
            await transaction.alone()
            found = await stale(transaction.connection, now)
            for alert in found:
                row = await kept.card(transaction.connection, alert.card or 0)
                if row is not None:
                    await keep_and_tell(transaction, replace(alert, told_at=now, told_text=alert.text), place(row))
        return len(found)

    async def end_strangers(self, hosts: Collection[str]) -> int:
        """End what is open of mail hosts that are not among these, and of rules that are gone or off.

        Nobody looks at them any more, so nothing else would. How many alerts fired.
        """
        now, fired = self._now(), 0
        async with self._store.transaction() as transaction:
            await transaction.alone()
            for alert in map(alert_of, await kept.still_open(transaction.connection)):
                why = self._strange(alert, hosts)
                if why and alert.state is State.PENDING:
                    await kept.forget_pending(transaction, alert.id)
                elif why and alert.card is not None:
                    row = await kept.card(transaction.connection, alert.card)
                    assert row is not None
                    ended = abandoned(alert, now, why)
                    assert ended.alert is not None
                    await keep_and_tell(transaction, ended.alert, place(row), ended.transitions)
                    fired += 1
        return fired

    def _strange(self, alert: Alert, hosts: Collection[str]) -> str:
        """Why nobody looks at this any more; empty: somebody does."""
        if alert.host and alert.host not in hosts:
            return f"{alert.host} is not watched any more: the settings name it no longer. How it is now is not known."
        rule = self.rules.of(alert.host).get(alert.rule)
        if rule is None or not rule.enabled:
            return "This is not watched any more: the rule is off. How it is now is not known."
        return ""

    async def acknowledge(self, card: int, by: Actor) -> Attended:
        """Say that somebody looks after the alerts of this card.

        Raises UserError when there is nothing to look after.
        """
        return await self._attend(card, by, attending.acknowledge(by, self._now()))

    async def unacknowledge(self, card: int, by: Actor) -> Attended:
        """Say that nobody does: there are reminders again. Raises UserError as above, and when nobody did."""
        return await self._attend(card, by, attending.unacknowledge())

    async def snooze(self, card: int, lasting: timedelta | None, by: Actor) -> Attended:
        """Neither remind nor mention for so long; None: until it gets worse or is over. It takes the place of a snooze
        that there is. Raises UserError as above."""
        return await self._attend(card, by, attending.snooze(lasting, by, self._now()))

    async def unsnooze(self, card: int, by: Actor) -> Attended:
        """End a snooze before its time. Raises UserError as above, and when nothing is snoozed."""
        return await self._attend(card, by, attending.unsnooze(self._now()))

    async def firing(self) -> tuple[Alert, ...]:
        """Every alert that fires now, the worst first, then the oldest."""
        async with self._store.reading() as connection:
            found = [alert_of(values) for values in await kept.firing(connection)]
        return tuple(sorted(found, key=lambda alert: (-alert.severity, alert.fired_at or alert.since)))

    async def open(self) -> tuple[Alert, ...]:
        """Every alert that fires, or would if it lasts."""
        async with self._store.reading() as connection:
            return tuple(map(alert_of, await kept.still_open(connection)))

    async def between(self, host: str, start: datetime, end: datetime) -> tuple[Alert, ...]:
        """The alerts of this host that fired, or still did, in this time; the first to fire first."""
        async with self._store.reading() as connection:
            found = [alert_of(values) for values in await kept.fired_between(connection, host, start, end)]
        return tuple(sorted(found, key=lambda alert: alert.fired_at or alert.since))

    async def get(self, number: int) -> AlertCard | None:
        async with self._store.reading() as connection:
            return await card(connection, number)

    async def posted(self, card: AlertCard) -> str:
        """Slack's time stamp of the card, in its channel; empty while it is not posted."""
        return await self._store.outbox.posted(Told(card.workspace, card.channel, kept.CARD, str(card.id)))

    async def show(self, workspace: str, only: int | None = None) -> None:
        """Let Slack see the cards of what fires anew, or this one of them, where they are of this workspace."""
        async with self._store.transaction() as transaction:
            await show_cards(transaction, lambda *_: True, workspace, only)

    async def transition(self, number: int) -> tuple[Transition, Alert] | None:
        """Something that happened, and the alert that it happened to, as it is now."""
        async with self._store.reading() as connection:
            row = await kept.transition(connection, number)
            values = await kept.get(connection, row["alert"]) if row else None
        if row is None or values is None:
            return None
        return Transition(**{**row, "event": Event(row["event"]), "severity": Severity(row["severity"])}), alert_of(
            values
        )

    async def prune(self, older: timedelta) -> int:
        """Forget alerts that ended longer ago than that; how many there were."""
        async with self._store.transaction() as transaction:
            return await kept.prune(transaction, self._now() - older)

    async def _attend(self, number: int, by: Actor, deed: Deed) -> Attended:
        """Do this to every alert that fires on this card, and have that told."""
        now = self._now()
        async with self._store.transaction() as transaction:
            await transaction.alone()
            shown = await card(transaction.connection, number)
            row = await kept.card(transaction.connection, number)
            if shown is None or row is None:
                raise UserError(
                    "This alert is forgotten by now, so nothing was changed. /mail alerts lists what is open."
                )
            if not shown.firing:
                raise UserError("This alert is over, so there is nothing to do about it any more.")
            where = place(row)
            changed = [
                found
                for alert in shown.firing
                if (found := deed.change(alert, self.rules.of(alert.host).get(alert.rule)))
            ]
            if not changed:
                raise UserError(deed.nothing(shown.firing))
            for alert in changed:
                await kept.keep(transaction, values_of(alert))
            await transaction.tell(where)
            # One person's deed is told once, however many alerts share the card.
            said = Transition(deed.event, now, changed[0].severity, deed.text(shown.firing), by=by.name)
            await tell(transaction, where, changed[0].id, said)
            entry = Entry(now, by.id, by.name, by.role.label, deed.verb, shown.host, f"alert {number}", "done")
            await transaction.audit(entry)
            told = await card(transaction.connection, number)
        assert told is not None
        return Attended(shown, told)

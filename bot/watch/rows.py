"""Alerts, cards and mutes as they are kept: from rows, to rows, and into the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from bot.store import alerts as kept
from bot.store.database import Connection, Transaction
from bot.store.outbox import Told
from bot.watch.model import Alert, Reading, State, Transition
from bot.watch.rules import Severity


@dataclass(frozen=True, slots=True)
class AlertCard:
    """What one card shows: the alerts that share it (the newest of each identity), the worst first; and where it is."""

    id: int
    host: str
    opened_at: datetime
    alerts: tuple[Alert, ...]
    workspace: str = ""
    channel: str = ""

    @property
    def firing(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.alerts if alert.state is State.FIRING)


@dataclass(frozen=True, slots=True)
class Attended:
    """A card as it was before somebody said something of its alerts, and as it is since."""

    before: AlertCard
    card: AlertCard


@dataclass(frozen=True, slots=True)
class Mute:
    """Nothing of `rule` (empty: no rule at all) on `host` (empty: on any) begins to fire; by whom, and until when."""

    rule: str
    host: str
    since: datetime
    until: datetime
    by: str
    name: str

    def covers(self, rule: str, host: str) -> bool:
        return self.rule in ("", rule) and self.host in ("", host)


async def keep_and_tell(
    transaction: Transaction, alert: Alert, card: Told, transitions: Sequence[Transition] = ()
) -> None:
    """Keep the alert as one that this card shows, have the card shown, and what happened told in its thread."""
    number = await kept.keep(transaction, values_of(replace(alert, card=int(card.subject))))
    await transaction.tell(card)
    for transition in transitions:
        await tell(transaction, card, number, transition)


async def tell(transaction: Transaction, card: Told, alert: int, transition: Transition) -> None:
    number = await kept.happened(transaction, values_of(replace(transition, alert=alert)))
    parent = (card.kind, card.subject)
    await transaction.tell(Told(card.workspace, card.channel, kept.TRANSITION, str(number), parent=parent))


async def show_cards(
    transaction: Transaction, wanted: Callable[[str, str], bool], workspace: str = "", only: int | None = None
) -> None:
    """Have the cards shown on which an alert of a wanted (rule, host) fires: those of this workspace, if it is named,
    and only the one of this number, if there is one."""
    fires = [alert_of(values) for values in await kept.firing(transaction.connection)]
    for number in sorted({alert.card for alert in fires if alert.card and wanted(alert.rule, alert.host)}):
        row = await kept.card(transaction.connection, number)
        if row and workspace in ("", row["workspace"]) and only in (None, number):
            await transaction.tell(place(row))


def place(row: kept.Values) -> Told:
    """A card of this row, where it was opened."""
    return Told(row["workspace"], row["channel"], kept.CARD, str(row["id"]))


def storable(reading: Reading) -> Reading:
    """PostgreSQL keeps no NUL, and no database half a surrogate pair; what others say of us may hold both."""
    texts = ("subject", "text", "cause", "selector")
    clean = {name: getattr(reading, name).replace("\0", "\ufffd").encode(errors="replace").decode() for name in texts}
    return replace(reading, **clean)


async def card(connection: Connection, number: int) -> AlertCard | None:
    row = await kept.card(connection, number)
    if row is None:
        return None
    found = [alert_of(values) for values in await kept.on_card(connection, number)]
    found.sort(key=lambda alert: (alert.state is not State.FIRING, -alert.severity, alert.id))
    return AlertCard(row["id"], row["host"], row["opened_at"], tuple(found), row["workspace"], row["channel"])


async def mutes(connection: Connection, start: datetime, end: datetime) -> tuple[Mute, ...]:
    rows = await kept.muted(connection, start, end)
    return tuple(Mute(**{name: value for name, value in row.items() if name != "id"}) for row in rows)


async def stale(connection: Connection, now: datetime) -> list[Alert]:
    """What fires, and was shown last while it was snoozed or muted, as it is not any more."""
    firing = [alert_of(values) for values in await kept.firing(connection)]
    since = min((alert.told_at for alert in firing if alert.told_at), default=now)
    past = [mute for mute in await mutes(connection, since, now) if mute.until <= now]
    return [
        alert for alert in firing if alert.told_at and any(alert.told_at < end <= now for end in _ends(alert, past))
    ]


def _ends(alert: Alert, past: Sequence[Mute]) -> list[datetime]:
    """When its snooze ends, and when mutes of it did."""
    snoozed = [alert.snoozed_until] if alert.snoozed_until else []
    return snoozed + [mute.until for mute in past if mute.covers(alert.rule, alert.host)]


def alert_of(values: kept.Values) -> Alert:
    """An alert from its row."""
    mentioned = values["mentioned"]
    return Alert(
        **{
            **values,
            "state": State(values["state"]),
            "severity": Severity(values["severity"]),
            "mentioned": None if mentioned is None else Severity(mentioned),
            "track": tuple(values["track"]),
        }
    )


def values_of(row: Alert | Transition) -> dict[str, Any]:
    """A row's columns, by name."""
    return {name: int(value) if isinstance(value, Severity) else value for name, value in asdict(row).items()}

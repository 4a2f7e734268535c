"""Alerts, their cards, their transitions, and mutes, as rows. What they mean is bot/watch's to know."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Text, cast, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Transaction
from bot.store.tables import alert_cards, alerts, mutes, outbox, transitions

CARD, TRANSITION = "alert", "transition"
"""The outbox's kinds: a card shows the alerts that share it as they are, a transition stays what it is."""

Values = Mapping[str, Any]
"""The columns of a row, by name; `track` as a list."""


async def recent(connection: AsyncConnection, host: str, rules: Collection[str], ended_after: datetime) -> list[Values]:
    """The newest alert of each identity of these rules on this host that is open, or ended after that moment."""
    last = (
        select(func.max(alerts.c.id))
        .where(alerts.c.host == host, alerts.c.rule.in_(rules))
        .where(or_(alerts.c.ended_at.is_(None), alerts.c.ended_at > ended_after))
        .group_by(alerts.c.rule, alerts.c.subject)
    )
    return await _alerts(connection, alerts.c.id.in_(last))


async def still_open(connection: AsyncConnection) -> list[Values]:
    """Every alert that waits or fires."""
    return await _alerts(connection, alerts.c.ended_at.is_(None))


async def firing(connection: AsyncConnection, hosts: Collection[str] | None = None) -> list[Values]:
    """The alerts that fire, on these hosts or on all, the oldest first."""
    where = [alerts.c.state == "firing", alerts.c.ended_at.is_(None)]
    if hosts is not None:
        where.append(alerts.c.host.in_(hosts))
    return await _alerts(connection, *where)


async def on_card(connection: AsyncConnection, card: int) -> list[Values]:
    """The alerts that fired on this card; of those that came again the newest."""
    fired = (alerts.c.card == card, alerts.c.fired_at.is_not(None))
    newest = select(func.max(alerts.c.id)).where(*fired).group_by(alerts.c.rule, alerts.c.host, alerts.c.subject)
    return await _alerts(connection, alerts.c.id.in_(newest))


async def fired_between(connection: AsyncConnection, host: str, start: datetime, end: datetime) -> list[Values]:
    """The alerts of a host that fired in this time, or before it and ended in it or later."""
    after = or_(alerts.c.ended_at.is_(None), alerts.c.ended_at >= start)
    return await _alerts(connection, alerts.c.host == host, alerts.c.fired_at < end, after)


async def get(connection: AsyncConnection, alert: int) -> Values | None:
    found = await _alerts(connection, alerts.c.id == alert)
    return found[0] if found else None


async def keep(transaction: Transaction, values: Values) -> int:
    """Insert an alert (`id` 0), or write it over; its number."""
    row = {**values, "track": json.dumps(values["track"])}
    number = row.pop("id")
    if number:
        await transaction.connection.execute(update(alerts).where(alerts.c.id == number).values(**row))
        return int(number)
    return int((await transaction.connection.execute(insert(alerts).values(**row).returning(alerts.c.id))).scalar_one())


async def forget_pending(transaction: Transaction, alert: int) -> None:
    """Forget an alert that never fired."""
    await transaction.connection.execute(delete(alerts).where(alerts.c.id == alert, alerts.c.fired_at.is_(None)))


async def open_card(transaction: Transaction, host: str, workspace: str, channel: str, now: datetime) -> int:
    values = {"host": host, "workspace": workspace, "channel": channel, "opened_at": now}
    return int(
        (
            await transaction.connection.execute(insert(alert_cards).values(**values).returning(alert_cards.c.id))
        ).scalar_one()
    )


async def card(connection: AsyncConnection, number: int) -> Values | None:
    row = (await connection.execute(select(alert_cards).where(alert_cards.c.id == number))).mappings().first()
    return None if row is None else {**row}


async def card_since(
    connection: AsyncConnection, host: str, workspace: str, channel: str, moment: datetime
) -> int | None:
    """The newest card of this host that was opened there after that moment."""
    newest = (
        select(func.max(alert_cards.c.id))
        .where(alert_cards.c.host == host, alert_cards.c.workspace == workspace, alert_cards.c.channel == channel)
        .where(alert_cards.c.opened_at > moment)
    )
    number: int | None = await connection.scalar(newest)
    return number


async def happened(transaction: Transaction, values: Values) -> int:
    """Insert a transition; its number."""
    row = {name: value for name, value in values.items() if name != "id"}
    inserted = await transaction.connection.execute(insert(transitions).values(**row).returning(transitions.c.id))
    return int(inserted.scalar_one())


async def transition(connection: AsyncConnection, number: int) -> RowMapping | None:
    return (await connection.execute(select(transitions).where(transitions.c.id == number))).mappings().first()


async def transitions_of(connection: AsyncConnection, alert: int) -> Sequence[RowMapping]:
    """What happened to an alert, in order."""
    wanted = select(transitions).where(transitions.c.alert == alert).order_by(transitions.c.id)
    return (await connection.execute(wanted)).mappings().all()


async def mute(transaction: Transaction, values: Values) -> int:
    """Insert a mute; its number."""
    inserted = await transaction.connection.execute(insert(mutes).values(**values).returning(mutes.c.id))
    return int(inserted.scalar_one())


async def muted(connection: AsyncConnection, start: datetime, end: datetime) -> Sequence[RowMapping]:
    """The mutes that were in force in that time, or are (`start` and `end` the same)."""
    wanted = select(mutes).where(mutes.c.since <= end, mutes.c.until > start).order_by(mutes.c.id)
    return (await connection.execute(wanted)).mappings().all()


async def unmute(transaction: Transaction, rule: str, host: str, now: datetime) -> int:
    """End the mutes of exactly this rule and host that are in force; how many there were."""
    wanted = (mutes.c.rule == rule, mutes.c.host == host, mutes.c.until > now)
    return (await transaction.connection.execute(update(mutes).where(*wanted).values(until=now))).rowcount


async def prune(transaction: Transaction, before: datetime) -> int:
    """Forget alerts that ended before that moment, with their transitions, cards and what told of them; how many.

    A card stays while something in its thread is kept: of an alert that was told in another workspace since, say.
    """
    connection = transaction.connection
    old = list(await connection.scalars(select(alerts.c.id).where(alerts.c.ended_at < before)))
    told = list(await connection.scalars(select(transitions.c.id).where(transitions.c.alert.in_(old))))
    await _forget(transaction, TRANSITION, told)
    await connection.execute(delete(transitions).where(transitions.c.id.in_(told)))
    await connection.execute(delete(alerts).where(alerts.c.id.in_(old)))
    used = select(alerts.c.card).where(alerts.c.card.is_not(None))
    thread = outbox.alias("thread")
    named = (outbox.c.kind == CARD, outbox.c.subject == cast(alert_cards.c.id, Text))
    unused = (
        select(alert_cards.c.id)
        .where(alert_cards.c.opened_at < before, alert_cards.c.id.not_in(used))
        .where(~exists().where(*named, thread.c.parent == outbox.c.id))
    )
    cards = list(await connection.scalars(unused))
    await _forget(transaction, CARD, cards)
    await connection.execute(delete(alert_cards).where(alert_cards.c.id.in_(cards)))
    await connection.execute(delete(mutes).where(mutes.c.until < before))
    return len(old)


async def _forget(transaction: Transaction, kind: str, numbers: Sequence[int]) -> None:
    told = (outbox.c.kind == kind, outbox.c.subject.in_([str(number) for number in numbers]))
    await transaction.connection.execute(delete(outbox).where(*told))


async def _alerts(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Values]:
    found = await connection.execute(select(alerts).where(*where).order_by(alerts.c.id))
    return [{**row, "track": json.loads(row["track"])} for row in found.mappings().all()]

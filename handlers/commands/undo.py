"""What the undo buttons need to know: who pressed one first, and which messages a release has released.

It is kept in the store, so an undo outlives a restart of the bot. A hold is remembered on the mail host itself, by its
key; a release is not, and is remembered here, for as long as addresses are kept.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.actors import Actor
from bot.agent.protocol import Identity
from bot.errors import UserError
from bot.mailhost.asking import Target
from bot.store.database import Store
from bot.store.memory import KEPT, PRESSED, RELEASED, forget, recall, remember
from bot.text import clock
from handlers.blocks.request_record import Undone

ABANDONED = timedelta(minutes=35)
"""A press whose end was not seen counts for so long: a change may take half an hour (bot/mailhost/host.py)."""


@dataclass(slots=True)
class Press:
    """One press under way; `moved` is how many messages it moved, `left` how many it could not for the moment."""

    moved: int = 0
    left: int = 0


async def remember_released(store: Store, messages: Sequence[Target], now: datetime) -> str:
    """Remember what was released; the key for its undo button."""
    key = f"r-{secrets.token_hex(4)}"
    lines = [each if isinstance(each, str) else _line(each) for each in messages]
    async with store.transaction() as transaction:
        await remember(transaction, RELEASED + key, lines, now)
    return key


async def released(store: Store, key: str) -> tuple[Target, ...]:
    """The messages that were released. Raises UserError when they are forgotten."""
    async with store.reading() as connection:
        lines = await recall(connection, RELEASED + key)
    if lines is None:
        raise UserError(
            f"This bot no longer knows which messages these were: it forgets them after {KEPT.days} days. Nothing was "
            "done. Say which ones: /mail hold and their IDs, or a filter such as from:@example.org"
        )
    return tuple(each if isinstance(each, str) else Identity(*each) for each in lines)


async def undone(store: Store, key: str) -> Undone | None:
    """The undo of this key, if it was pressed and is over, or undid some of it."""
    async with store.reading() as connection:
        pressed = await recall(connection, PRESSED + key)
    if not pressed or not (pressed["over"] or pressed["left"]):
        return None
    return Undone(pressed["by"], datetime.fromisoformat(pressed["at"]), pressed["moved"], pressed["left"])


@asynccontextmanager
async def first(store: Store, key: str, by: Actor, now: datetime) -> AsyncIterator[Press]:
    """Only the first press counts: another one raises UserError.

    A press whose work failed does not count, and one that left something to undo lets another one go on with that.
    """
    async with store.transaction() as transaction:
        await transaction.alone()
        before = await recall(transaction.connection, PRESSED + key)
        if before and (before["over"] or (before["busy"] and _at(before) > now - ABANDONED)):
            at = clock(_at(before).timestamp())
            raise UserError(f"This undo was pressed before, by {before['name']}, {at}. Nothing more was done.")
        moved, left = (before["moved"], before["left"]) if before else (0, 0)
        value: dict[str, Any] = {"by": by.id, "name": by.name, "at": now.isoformat(), "over": False, "busy": False}
        value |= {"moved": moved, "left": left}
        await remember(transaction, PRESSED + key, {**value, "busy": True}, now)
    press = Press()
    try:
        yield press
    except BaseException:
        async with store.transaction() as transaction:
            if left:
                await remember(transaction, PRESSED + key, {**before, "busy": False}, now)
            else:
                await forget(transaction, PRESSED + key)
        raise
    done = {"over": not press.left, "moved": moved + press.moved, "left": press.left}
    async with store.transaction() as transaction:
        await remember(transaction, PRESSED + key, {**value, **done}, now)


def _at(pressed: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(pressed["at"])


def _line(each: Identity) -> list[str | int]:
    return [each.queue_id, each.arrival_time, each.message_size, each.sender]

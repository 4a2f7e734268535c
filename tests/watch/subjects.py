"""What Slack would be told, read from the store."""

from __future__ import annotations

from sqlalchemy import Text, cast, select

from bot.store.database import Store
from bot.store.tables import outbox, transitions


async def told(store: Store) -> list[tuple[str, str, str]]:
    """Each row of the outbox: its kind, its subject, and of a transition the event; in order."""
    wanted = (
        select(outbox.c.kind, outbox.c.subject, transitions.c.event)
        .outerjoin(transitions, (outbox.c.kind == "transition") & (outbox.c.subject == cast(transitions.c.id, Text)))
        .order_by(outbox.c.id)
    )
    async with store.reading() as connection:
        return [(kind, subject, event or "") for kind, subject, event in await connection.execute(wanted)]

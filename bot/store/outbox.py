"""The outbox: what Slack must get, written in the same transaction as the state that it tells of.

One row is one card (or one message in a card's thread). A row says which subject it shows, not what of it: whoever
sends it reads the subject as it is then, so a burst of changes needs one post. A row waits while its revision is above
the one that was sent. A worker claims it for a while, the lease; after that another one may.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, literal, not_, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.tables import Moment, outbox
from bot.store.upsert import insert_into

if TYPE_CHECKING:
    from bot.store.database import Store


@dataclass(frozen=True, slots=True)
class Told:
    """A card: `kind` says how its subject is shown, and where.

    `parent` is (kind, subject) of the card in whose thread it goes, in the same workspace and channel.
    """

    workspace: str
    channel: str
    kind: str
    subject: str
    parent: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed row. `ts` is Slack's name of the message, empty before it is posted; `attempted`: a post was begun and
    its end is not known; `parent_ts` is empty for what is in no thread."""

    id: int
    workspace: str
    channel: str
    kind: str
    subject: str
    revision: int
    ts: str
    attempted: bool
    attempts: int
    parent_ts: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FailedItem:
    """What Slack refused for good, and its reason."""

    kind: str
    subject: str
    error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What Slack does not have yet; `oldest` is since when the oldest of it waits."""

    waiting: int
    oldest: datetime | None
    failed: tuple[FailedItem, ...]


_waits = outbox.c.revision > outbox.c.sent_revision


async def tell(connection: AsyncConnection, card: Told, now: datetime) -> None:
    """Insert the card's row, or let it be sent again. Raises LookupError for a parent that was never told."""
    parent = None
    if card.parent is not None:
        kind, subject = card.parent
        named = _named(card.workspace, card.channel, kind, subject)
        parent = await connection.scalar(select(outbox.c.id).where(*named))
        if parent is None:
            raise LookupError(f"{card.kind} {card.subject} belongs under {kind} {subject}, which was never told")
    row = {"workspace": card.workspace, "channel": card.channel, "kind": card.kind, "subject": card.subject}
    await connection.execute(
        insert_into(connection, outbox)
        .values(**row, parent=parent, since=now, due=now, created_at=now)
        .on_conflict_do_update(
            index_elements=list(row),
            set_={
                "revision": outbox.c.revision + 1,
                "since": case((_waits, outbox.c.since), else_=literal(now, Moment)),
                "due": now,
                "failed_at": None,
                "error": "",
            },
        )
    )


def _named(workspace: str, channel: str, kind: str, subject: str) -> tuple[ColumnElement[bool], ...]:
    return (
        outbox.c.workspace == workspace,
        outbox.c.channel == channel,
        outbox.c.kind == kind,
        outbox.c.subject == subject,
    )


_parent = outbox.alias("parent")
_parent_ts = select(_parent.c.ts).where(_parent.c.id == outbox.c.parent).scalar_subquery()
_can_be_posted = and_(
    outbox.c.failed_at.is_(None),
    or_(outbox.c.parent.is_(None), exists().where(_parent.c.id == outbox.c.parent, _parent.c.ts != "")),
)
_free: dict[str, Any] = {"lease_owner": None, "lease_until": None}
_absent: dict[str, Any] = {"attempted": False}


class Outbox:
    """Claims and settles rows. A settling call of a worker that lost its lease to another one changes nothing."""

    def __init__(self, store: "Store") -> None:
        self._store = store

    async def claim(
        self, workspace: str, owner: str, now: datetime, lease: timedelta, busy: Collection[str] = ()
    ) -> Item | None:
        """The row that is due the longest, for this owner alone until the lease is over; None when nothing is due.

        Rows of the channels in `busy` are left for later.
        """
        claimable = (
            outbox.c.workspace == workspace,
            outbox.c.channel.not_in(busy),
            _waits,
            outbox.c.due <= now,
            _can_be_posted,
            or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now),
        )
        async with self._store.transaction() as transaction:
            # PostgreSQL: a row that another worker is just claiming is passed over. SQLite has one writer.
            oldest = await transaction.connection.scalar(
                select(outbox.c.id)
                .where(*claimable)
                .order_by(outbox.c.due, outbox.c.id)
                .limit(1)
                .with_for_update(skip_locked=True, of=outbox)
            )
            if oldest is None:
                return None
            await transaction.connection.execute(
                update(outbox).where(outbox.c.id == oldest).values(lease_owner=owner, lease_until=now + lease)
            )
            row = (
                (
                    await transaction.connection.execute(
                        select(outbox, func.coalesce(_parent_ts, "").label("parent_ts")).where(outbox.c.id == oldest)
                    )
                )
                .mappings()
                .one()
            )
        return Item(**{name: row[name] for name in Item.__slots__})

    async def attempting(self, item: Item, owner: str) -> bool:
        """Say, before a new message is posted, that it may be there from now on; False if the lease was lost."""
        return await self._settle(item, owner, {"attempted": True})

    async def sent(self, item: Item, owner: str, ts: str, now: datetime) -> bool:  # noqa: ARG002
        """The message `ts` shows this revision; False if the lease was lost."""
        done = {"sent_revision": item.revision, "ts": ts, "attempted": False, "attempts": 0, "error": ""}
        return await self._settle(item, owner, {**done, **_free})

    async def later(self, item: Item, owner: str, due: datetime, error: str, *, absent: bool = False) -> None:
        """It did not go through; try again when it is `due`. `absent`: surely no message was posted."""
        again = {"due": due, "error": error, "attempts": outbox.c.attempts + 1}
        await self._settle(item, owner, {**again, **_free, **(_absent if absent else {})})

    async def failed(self, item: Item, owner: str, error: str, now: datetime, *, absent: bool = False) -> None:
        """Slack refuses it for good. If it was told anew meanwhile, that is still tried. `absent` as in later()."""
        unchanged = outbox.c.revision == item.revision
        await self._settle(
            item,
            owner,
            {
                "error": error,
                "failed_at": case((unchanged, literal(now, Moment)), else_=None),
                "attempts": outbox.c.attempts + 1,
                **_free,
                **(_absent if absent else {}),
            },
        )

    async def lost(self, item: Item, owner: str, now: datetime) -> None:
        """The message is no longer there: it is to be posted anew."""
        await self._settle(item, owner, {"ts": "", "attempted": False, "due": now, **_free})

    async def posted(self, card: Told) -> str:
        """Slack's time stamp of the card; empty while it is not posted."""
        named = _named(card.workspace, card.channel, card.kind, card.subject)
        async with self._store.reading() as connection:
            return str(await connection.scalar(select(outbox.c.ts).where(*named)) or "")

    async def forget_delivered(
        self, before: datetime, kinds: Collection[str], still: Collection[tuple[str, str]]
    ) -> int:
        """Forget what of these kinds was told last before that moment, and is sent; how many messages.

        Who tells a forgotten card again has it posted anew: so those in `still` (kind, subject) stay, which may change
        yet. A card stays while a message in its thread does.
        """
        old = and_(
            outbox.c.kind.in_(kinds),
            tuple_(outbox.c.kind, outbox.c.subject).not_in(still),
            not_(_waits),
            outbox.c.failed_at.is_(None),
            outbox.c.due < before,
        )
        thread = outbox.alias("thread")
        alone = not_(exists().where(thread.c.parent == outbox.c.id))
        async with self._store.transaction() as transaction:
            replies = await transaction.connection.execute(delete(outbox).where(old, outbox.c.parent.is_not(None)))
            cards = await transaction.connection.execute(delete(outbox).where(old, alone))
            return replies.rowcount + cards.rowcount

    async def next_due(self, workspace: str, now: datetime) -> datetime | None:
        """When something can be claimed next, in the past if something can now; None if nothing waits."""
        leased = and_(outbox.c.lease_until > now, outbox.c.lease_until > outbox.c.due)
        async with self._store.reading() as connection:
            due: datetime | None = await connection.scalar(
                select(func.min(case((leased, outbox.c.lease_until), else_=outbox.c.due))).where(
                    outbox.c.workspace == workspace, _waits, _can_be_posted
                )
            )
            return due

    async def backlog(self, workspace: str, now: datetime) -> Backlog:  # noqa: ARG002
        """What waits (back-off and threads included), and what failed, oldest first."""
        mine = outbox.c.workspace == workspace
        async with self._store.reading() as connection:
            waiting, oldest = (
                await connection.execute(
                    select(func.count(), func.min(outbox.c.since)).where(mine, _waits, outbox.c.failed_at.is_(None))
                )
            ).one()
            failed = await connection.execute(
                select(outbox.c.kind, outbox.c.subject, outbox.c.error, outbox.c.failed_at)
                .where(mine, outbox.c.failed_at.is_not(None))
                .order_by(outbox.c.failed_at, outbox.c.id)
            )
            return Backlog(waiting, oldest, tuple(FailedItem(*row) for row in failed))

    async def retry_failed(self, workspace: str, now: datetime) -> int:
        """Let everything that failed be tried again, now; how many there are."""
        again = {"failed_at": None, "error": "", "attempts": 0, "due": now}
        async with self._store.transaction() as transaction:
            done = await transaction.connection.execute(
                update(outbox).where(outbox.c.workspace == workspace, outbox.c.failed_at.is_not(None)).values(**again)
            )
            transaction.told = transaction.told or done.rowcount > 0
            return done.rowcount

    async def _settle(self, item: Item, owner: str, values: dict[str, Any]) -> bool:
        async with self._store.transaction() as transaction:
            done = await transaction.connection.execute(
                update(outbox).where(outbox.c.id == item.id, outbox.c.lease_owner == owner).values(**values)
            )
            return done.rowcount == 1

"""The digests: made from the store alone, kept as they were made, and told in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.errors import UserError
from bot.settings import Settings
from bot.store import digests as rows
from bot.store import samples
from bot.store.claims import claim
from bot.store.database import Connection, Store
from bot.store.outbox import Told
from bot.text import duration
from bot.watch.alerts import Alerts
from bot.watch.digest import DAY, PROBLEM, WARNING, WEEK, YESTERDAY, Digest, HostDigest, NotADigest, kept, read
from bot.watch.digest_host import Reader
from bot.watch.digest_time import Slot, day_of, due
from bot.watch.digest_verdict import is_worth_it, state

KEPT = timedelta(days=30)
"""Digests hold addresses, and are forgotten with those of requests."""

SAID = timedelta(minutes=10)
"""A digest that is later than that says so."""

OFTEN = timedelta(minutes=10)
OWN, ALL = 3, 10
"""So many digests one person, and all of them together, may ask for in that time: each is a message or more in the
channel, and a picture."""

BEFORE = timedelta(hours=12)
"""What is compared with was made so long before the end at the least: yesterday's may have been late."""


@dataclass(frozen=True, slots=True)
class Made:
    """A digest with its number, and who asked for it (empty: the clock)."""

    id: int
    digest: Digest
    asked_by: str


class Digests:
    """`hosts` are the names of the mail hosts; `owner` is this process's name among the bots that share the store."""

    def __init__(
        self,
        store: Store,
        alerts: Alerts,
        hosts: Iterable[str],
        settings: Settings,
        now: Callable[[], datetime],
        owner: str,
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._hosts = tuple(hosts)
        self._settings = settings
        self._now = now
        self._owner = owner

    async def post_due(self) -> bool:
        """Make and tell the daily digest if it is time (the clock's job); whether this bot did.

        One that was missed is told up to four hours late. With DIGEST_WHEN=changes one in which nothing is wrong, and
        nothing new, is kept and not told.
        """
        now, home = self._now(), await self._alerts.home()
        slot = due(now, self._settings.digest_at, self._settings.timezone)
        if slot is None or home is None:
            return False
        workspace, channel = home
        job, day = f"digest in {workspace} {channel}", slot.day.isoformat()
        async with self._store.reading() as connection:
            if await rows.claimed(connection, job, day):
                return False
        late = now - slot.at
        digest = await self._make(DAY, self._hosts, now - timedelta(days=1), now, late if late > SAID else timedelta())
        told = await self._is_told(digest, slot, late)
        async with self._store.transaction() as transaction:
            if not await claim(transaction, job, day, self._owner, now):
                return False
            number = await rows.keep(transaction, day, "", kept(digest), now)
            if told:
                for card in _cards(Told(workspace, channel, rows.CARD, str(number)), digest):
                    await transaction.tell(card)
        return told

    async def post(self, host: str, span: str, asked_by: str, workspace: str, channel: str) -> int:
        """Make and tell one now, of this host (empty: of all) and of DAY, YESTERDAY or WEEK; its number.

        Raises UserError for one too many.
        """
        now = self._now()
        async with self._store.reading() as connection:
            await _check_often(connection, asked_by, now)
        start, end = self._span(span, now)
        digest = await self._make(span, [host] if host else self._hosts, start, end, timedelta())
        async with self._store.transaction() as transaction:
            await transaction.alone()
            await _check_often(transaction.connection, asked_by, now)
            number = await rows.keep(transaction, "", asked_by, kept(digest), now)
            for card in _cards(Told(workspace, channel, rows.CARD, str(number)), digest):
                await transaction.tell(card)
        return number

    async def get(self, number: int) -> Made | None:
        """Raises NotADigest for one that another version made."""
        async with self._store.reading() as connection:
            row = await rows.get(connection, number)
        return Made(row.id, read(row.content), row.asked_by) if row else None

    async def prune(self) -> int:
        """Forget old digests, and what told of them; how many digests there were."""
        before = self._now() - KEPT
        await self._store.outbox.forget_delivered(before, (rows.CARD, rows.DETAILS), [])
        async with self._store.transaction() as transaction:
            return await rows.prune(transaction, before)

    def _span(self, span: str, now: datetime) -> tuple[datetime, datetime]:
        if span == YESTERDAY:
            zone = self._settings.timezone
            today = now.astimezone(ZoneInfo(zone)).date()
            return day_of(today - timedelta(days=1), zone)
        return now - timedelta(days=7 if span == WEEK else 1), now

    async def _make(self, span: str, hosts: Sequence[str], start: datetime, end: datetime, late: timedelta) -> Digest:
        zone = self._settings.timezone
        async with self._store.reading() as connection:
            before = await _before(connection, end - BEFORE if span != WEEK else start + BEFORE)
            made = []
            for name in hosts:
                reader = Reader(connection, self._alerts.rules.of(name), span, start, end, zone)
                earlier = before.of(name) if before else None
                made.append(await reader.host(name, earlier.reputation if earlier else None))
            reader = Reader(connection, self._alerts.rules.of(""), span, start, end, zone)
            itself = HostDigest("", alerts=await reader.alerts(""))
        seconds = int(start.timestamp()), int(end.timestamp())
        return Digest(span, *seconds, zone, tuple(made), itself, int(late.total_seconds()))

    async def _is_told(self, digest: Digest, slot: Slot, late: timedelta) -> bool:
        if late > SAID and not await self._was_there(slot.at):
            return False
        if self._settings.digest_when == "always":
            return True
        async with self._store.reading() as connection:
            before = await _before(connection, datetime.fromtimestamp(digest.end, UTC) - BEFORE)
        return is_worth_it(digest, before)

    async def _was_there(self, moment: datetime) -> bool:
        """Whether there was a bot before: what was just installed has missed nothing."""
        async with self._store.reading() as connection:
            if await rows.daily_before(connection, moment):
                return True
            span = moment - timedelta(days=2), moment
            found = [await samples.series(connection, host, samples.HOUR, *span) for host in self._hosts]
        return any(found)


async def _check_often(connection: Connection, asked_by: str, now: datetime) -> None:
    asked = await rows.asked_since(connection, now - OFTEN)
    own = [at for who, at in asked if who == asked_by]
    everybody = [at for _, at in asked]
    for moments, most, who in ((own, OWN, "You have"), (everybody, ALL, "People here have")):
        if len(moments) >= most:
            again = duration((moments[-most] + OFTEN - now).total_seconds())
            raise UserError(
                f"{who} asked for {most} digests within {OFTEN // timedelta(minutes=1)} minutes, so no further one was "
                f"made: they are in the channel. The next can be made in {again}; /mail status looks at any time."
            )


async def _before(connection: Connection, moment: datetime) -> Digest | None:
    """The daily digest of that moment; None where there is none that can be read."""
    row = await rows.daily_before(connection, moment)
    try:
        return read(row.content) if row else None
    except NotADigest:
        return None


def details(digest: Digest) -> tuple[str, ...]:
    """The hosts whose details stand in the digest's thread: not there where the digest itself tells them."""
    if len(digest.hosts) == 1 and not is_short(digest):
        return ()
    return tuple(host.name for host in digest.hosts)


def is_short(digest: Digest) -> bool:
    """Whether two lines tell it: nothing is wrong that is known, with any host or with the bot itself."""
    return not any(state(host, digest) in (PROBLEM, WARNING) for host in (*digest.hosts, digest.itself))


def _cards(card: Told, digest: Digest) -> list[Told]:
    """The digest, and what stands in its thread."""
    parent = (card.kind, card.subject)
    thread = [
        Told(card.workspace, card.channel, rows.DETAILS, f"{card.subject}/{name}", parent) for name in details(digest)
    ]
    return [card, *thread]

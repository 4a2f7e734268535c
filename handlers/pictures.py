"""The pictures of cards: each is uploaded once, before its card is posted, and no card waits long for its picture.

What is known of a file is kept under its card's outbox row, with the digest of its bytes: an edit, or another attempt,
shows the same file unless the picture has changed. Slack processes a file after it has answered, and until then refuses
a message that shows it: so the message is tried again for a while. A card whose picture can't be had goes out without
it, and a line in its place says so.
"""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum

from bot.services import Services
from bot.store.database import Store
from bot.store.memory import PICTURE, forget, recall, remember
from bot.store.outbox import Item
from handlers.blocks.kit import Card, Picture, image
from handlers.blocks.outbox import without_picture
from handlers.posting import Held, NotTaken
from handlers.refusals import Refusal
from handlers.uploading import Uploads

logger = logging.getLogger(__name__)

TRIES = 5
"""After so many attempts at its card a picture is not tried any more."""
PATIENCE = timedelta(seconds=60)
"""How long Slack may take to process a file."""
AGAIN = timedelta(minutes=10)
"""How long no file is offered after Slack has refused them for good: somebody may have reinstalled the app by then."""
LATE = "Slack has not got it ready in time"
REFUSED = "pictures_refused."
"""Under this, and the workspace, is remembered why Slack takes no files, until it takes one: unlike what is known of
a file it is not forgotten with time.
"""


class Stage(StrEnum):
    """How far a file is. SENT: Slack has the bytes, and perhaps their completion."""

    SENT = "sent"
    COMPLETE = "complete"
    SHOWN = "shown"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of Slack's, and the SHA-256 of its bytes; `at` is when it was sent, in seconds since the epoch."""

    digest: str
    file: str
    stage: Stage
    at: float


class Pictures:
    """The pictures of one workspace's cards. Several workers may share a store: each row is one worker's at a time."""

    def __init__(self, services: Services, uploads: Uploads) -> None:
        self._store = services.store
        self._now = services.now
        self._uploads = uploads
        self._refused = ""
        self._refused_until = services.now()

    async def put_in(self, item: Item, card: Card) -> Card:
        """The card with its picture, or with the line in place of it. Raises NotTaken or Held: try again later."""
        picture = card.picture
        if picture is None:
            return card
        try:
            png = await picture.make()
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("reference %s: the picture of %s %s can't be drawn", reference, item.kind, item.subject)
            return card.with_block(without_picture(f"it could not be drawn, reference {reference} in the bot's log"))
        try:
            kept = await self._file(item, picture, png)
        except (NotTaken, Held) as error:
            lasting = isinstance(error, NotTaken) and error.refusal.lasting
            if not lasting and item.attempts < TRIES:
                raise
            code = error.refusal.code if isinstance(error, NotTaken) else "ratelimited"
            await self._not_taken(item, code, lasting=lasting)
            return card.with_block(without_picture(f"Slack did not take its file ({code})"))
        if kept.stage is Stage.GIVEN_UP:
            return card.with_block(without_picture(LATE))
        return card.with_block(image(kept.file, picture.alt))

    async def is_waited_for(self, item: Item, refusal: Refusal) -> bool:
        """Whether the message was refused for its picture's file alone, and is to be tried again."""
        if refusal.code != "invalid_blocks" or not any("slack_file" in place for place in refusal.places):
            return False
        kept = await self._kept(item)
        if kept is None or kept.stage is Stage.GIVEN_UP:
            return False
        waited = timedelta(seconds=self._now().timestamp() - kept.at)
        if kept.stage is Stage.SHOWN or (kept.stage is Stage.SENT and waited > PATIENCE):
            # Somebody has deleted the file, or its completion did not arrive: it is uploaded anew.
            await self._forget(_key(item))
        elif waited > PATIENCE:
            logger.error("the picture of %s %s: %s (%s)", item.kind, item.subject, LATE, kept.file)
            await self._keep(item, replace(kept, stage=Stage.GIVEN_UP))
        return True

    async def posted(self, item: Item, card: Card) -> None:
        """The card is in Slack, as it is here."""
        kept = await self._kept(item) if _files(card) else None
        if kept and kept.file in _files(card) and kept.stage is not Stage.SHOWN:
            await self._keep(item, replace(kept, stage=Stage.SHOWN))

    async def _file(self, item: Item, picture: Picture, png: bytes) -> Kept:
        digest = hashlib.sha256(png).hexdigest()
        kept = await self._kept(item)
        if kept is None or kept.digest != digest:
            if self._now() < self._refused_until:
                raise NotTaken("files.*", Refusal(self._refused, sure=True, lasting=True))
            file = await self._uploads.send(picture.name, png, picture.alt)
            kept = await self._keep(item, Kept(digest, file, Stage.SENT, self._now().timestamp()))
        if kept.stage is Stage.SENT:
            kept = await self._completed(item, kept, picture.name)
        return kept

    async def _completed(self, item: Item, kept: Kept, title: str) -> Kept:
        try:
            await self._uploads.complete(kept.file, title)
        except NotTaken as error:
            if error.refusal.code != "file_not_found":
                raise
            # An earlier completion may have been taken without an answer. If it was not, the post will be refused.
            return kept
        self._refused = ""
        await self._forget(_refused_key(item.workspace))
        return await self._keep(item, replace(kept, stage=Stage.COMPLETE))

    async def _not_taken(self, item: Item, code: str, *, lasting: bool) -> None:
        """Tell the admin: once for each reason that lasts."""
        if not lasting:
            logger.warning("%s %s goes without its picture: %s", item.kind, item.subject, code)
            return
        if self._now() >= self._refused_until:
            self._refused_until = self._now() + AGAIN
        if code != self._refused:
            logger.error("cards go without their pictures: Slack does not take files (%s)", code)
            async with self._store.transaction() as transaction:
                await remember(transaction, _refused_key(item.workspace), code, self._now())
        self._refused = code

    async def _kept(self, item: Item) -> Kept | None:
        async with self._store.reading() as connection:
            found = await recall(connection, _key(item))
        return None if found is None else Kept(**{**found, "stage": Stage(found["stage"])})

    async def _keep(self, item: Item, kept: Kept) -> Kept:
        async with self._store.transaction() as transaction:
            await remember(transaction, _key(item), asdict(kept), self._now())
        return kept

    async def _forget(self, key: str) -> None:
        async with self._store.transaction() as transaction:
            await forget(transaction, key)


async def refused(store: Store, workspace: str) -> str:
    """Slack's word for why it takes no files; empty while it does, or was not asked."""
    async with store.reading() as connection:
        return str(await recall(connection, _refused_key(workspace)) or "")


def _key(item: Item) -> str:
    return f"{PICTURE}{item.id}"


def _refused_key(workspace: str) -> str:
    return f"{REFUSED}{workspace}"


def _files(card: Card) -> Sequence[str]:
    return [block["slack_file"]["id"] for block in card.blocks if "slack_file" in block]

"""`/mail hold` and `/mail release`: each is the other's undo, in the channel's sight."""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.agent.protocol import Identity, Released
from bot.errors import UserError
from bot.mailhost.host import Change, MailHost, Progress, Target
from bot.text import clock
from handlers.access import Body
from handlers.blocks import change, notice
from handlers.blocks.change import Deed
from handlers.blocks.kit import packed, unpacked
from handlers.blocks.message import identity
from handlers.commands.changing import Ended, in_sight, targets
from handlers.commands.command import Command
from handlers.commands.undo import Undos
from handlers.commands.words import messages, one_host
from handlers.door import Door, Request

HOLD_KEY = re.compile(r"h-[0-9a-z]{1,32}\Z")

Find = Callable[[], Awaitable[Sequence[Target]]]
Release = Callable[[Progress], Awaitable[Change[Released]]]


@dataclass(frozen=True, slots=True)
class Undone:
    """The record of an undo, and how many messages are left to undo."""

    record: change.Record
    left: int


Undo = Callable[[str, Progress], Awaitable[Undone]]


class Holding:
    """Hold and release, and the undo of each."""

    def __init__(self, undos: Undos) -> None:
        self._undos = undos

    async def hold(self, request: Request) -> None:
        host, rest = one_host(request.services.hosts, request.words)
        if not rest:
            raise UserError(which("hold"))
        picked = messages(rest)
        await self._hold(request, host, picked.text, lambda: targets(host, picked))

    async def release(self, request: Request) -> None:
        host, rest = one_host(request.services.hosts, request.words)
        if not rest:
            raise UserError(which("release"))
        if HOLD_KEY.match(rest):
            await self._release(request, host, rest, lambda progress: host.release_hold(rest, progress=progress))
        else:
            picked = messages(rest)
            await self._release_some(request, host, picked.text, lambda: targets(host, picked))

    async def hold_message(self, request: Request) -> None:
        name, message = identity(request.value)

        async def find() -> Sequence[Target]:
            return [message]

        await self._hold(request, request.services.hosts.named(name), message.queue_id, find)

    async def release_message(self, request: Request) -> None:
        name, message = identity(request.value)

        async def find() -> Sequence[Target]:
            return [message]

        await self._release_some(request, request.services.hosts.named(name), message.queue_id, find)

    async def undo_hold(self, request: Request) -> None:
        name, key = unpacked(request.value, str, str)
        host = request.services.hosts.named(name)

        async def undo(at: str, progress: Progress) -> Undone:
            done = await host.release_hold(key, progress=progress)
            return Undone(change.undone_hold(request.actor.id, at, done), change.left(done))

        await self._undo(request, key, undo)

    async def undo_release(self, request: Request) -> None:
        name, key = unpacked(request.value, str, str)
        host, released = request.services.hosts.named(name), self._undos.released(key)

        async def undo(at: str, progress: Progress) -> Undone:
            done = await host.hold(released, progress=progress)
            return Undone(change.undone_release(host.name, request.actor.id, at, done), change.left(done))

        await self._undo(request, key, undo)

    async def _undo(self, request: Request, key: str, undo: Undo) -> None:
        """The first press undoes it, and the card that it was pressed on becomes the record of it.

        Where some of it could not be undone yet, the button stays for the rest.
        """
        at = clock(request.services.now().timestamp())
        opening = change.undone(request.blocks, change.undoing(request.actor.id), 0)

        async def progress(done: int, total: int | None, text: str) -> None:
            await live.show(notice.progress(opening.blocks, done, total, text))

        with self._undos.first(key, request.actor.name, at):
            before = change.as_it_was(request.blocks)
            async with request.reply.live(opening, lambda _: before, in_place=True) as live:
                done = await undo(at, progress)
                await live.end(change.undone(request.blocks, done.record, done.left))
        if done.left:
            self._undos.again(key)

    async def _hold(self, request: Request, host: MailHost, what: str, find: Find) -> None:
        async def work(deed: Deed, progress: Progress) -> Ended:
            done = await host.hold(await find(), progress=progress)
            card = change.held(deed, done, request.services.settings.channel_addresses, secrets.token_hex(4))
            return Ended(card, change.number(done))

        await in_sight(request, host, "holds", what, work)

    async def _release_some(self, request: Request, host: MailHost, what: str, find: Find) -> None:
        identities: dict[str, Target] = {}

        async def release(progress: Progress) -> Change[Released]:
            found = await find()
            identities.update((each.queue_id, each) for each in found if isinstance(each, Identity))
            return await host.release(found, progress=progress)

        await self._release(request, host, what, release, identities)

    async def _release(
        self,
        request: Request,
        host: MailHost,
        what: str,
        release: Release,
        identities: Mapping[str, Target] = MappingProxyType({}),
    ) -> None:
        """Release, and remember what was released: by identity where that is known, for the undo."""

        async def work(deed: Deed, progress: Progress) -> Ended:
            done = await release(progress)
            again = [
                identities.get(each.queue_id, each.queue_id) for each in done.outcomes if each.outcome == "released"
            ]
            undo = packed(host.name, self._undos.remember(again)) if again else None
            addresses = request.services.settings.channel_addresses
            return Ended(change.released(deed, done, undo, addresses, secrets.token_hex(4)), change.number(done))

        await in_sight(request, host, "releases", what, work)

    def commands(self) -> tuple[Command, ...]:
        return (
            Command(
                name="hold",
                usage="hold [host] selector",
                summary="Keep messages in the queue, undelivered and without expiring, until they are released",
                examples=("/mail hold from:hacked@example.org", "/mail hold 4VbXm8dz3kzJ1Q"),
                run=self.hold,
            ),
            Command(
                name="release",
                usage="release [host] selector | key",
                summary="Let held messages go on: those picked, or those of one hold by its key",
                examples=("/mail release h-4k2fq9", "/mail release to:@example.org"),
                run=self.release,
            ),
        )

    def register(self, app: AsyncApp, door: Door) -> None:
        @app.action("hold.undo")
        async def undo_hold(ack: AsyncAck, body: Body) -> None:
            await door.admit(ack, body, self.undo_hold, "release")

        @app.action("release.undo")
        async def undo_release(ack: AsyncAck, body: Body) -> None:
            await door.admit(ack, body, self.undo_release, "hold")

        @app.action("message.hold")
        async def hold_message(ack: AsyncAck, body: Body) -> None:
            await door.admit(ack, body, self.hold_message, "hold")

        @app.action("message.release")
        async def release_message(ack: AsyncAck, body: Body) -> None:
            await door.admit(ack, body, self.release_message, "release")


def which(verb: str) -> str:
    """What is said when nothing was said to hold or to release."""
    key = "\n• /mail release h-4k2fq9 – what was put on hold with this key" if verb == "release" else ""
    return (
        f"Which messages? Nothing was done. You can say, for example:\n"
        f"• /mail {verb} 4VbXm8dz3kzJ1Q – one message, or several IDs\n"
        f"• /mail {verb} from:@example.org older:2h – what a filter picks; /mail queue shows beforehand which\n"
        f"• /mail {verb} all – everything that can be{key}"
    )

"""`/mail hold` and `/mail release`: each is the other's undo, in the channel's sight."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.agent.outcomes import Held, Released
from bot.agent.protocol import Identity
from bot.errors import UserError
from bot.mailhost.asking import Progress, Target
from bot.mailhost.host import Change, MailHost
from bot.text import clock, plural
from handlers.access import Body
from handlers.blocks import change, notice
from handlers.blocks.change import Deed
from handlers.blocks.kit import packed, unpacked
from handlers.blocks.message import identity
from handlers.commands.changing import Ended, in_sight, recorded, targets, typed
from handlers.commands.command import Command
from handlers.commands.undo import first, released, remember_released
from handlers.commands.words import DELETION_KEY, HOLD_KEY, messages, one_host
from handlers.door import Door, Request

Release = Callable[[Progress], Awaitable[Change[Released]]]


@dataclass(frozen=True, slots=True)
class Undone:
    """The record of an undo, and what it did."""

    record: change.Record
    done: Change[Held] | Change[Released]


Undo = Callable[[str, Progress], Awaitable[Undone]]


async def hold(request: Request) -> None:
    host, rest = one_host(request.services.hosts, request.words)
    if not rest:
        raise UserError(which("hold"))
    picked = messages(rest)
    await _hold(request, host, picked.text, await targets(request, host, picked, "held"))


async def release(request: Request) -> None:
    host, rest = one_host(request.services.hosts, request.words)
    if not rest:
        raise UserError(which("release"))
    # A request that was decided by holding instead has put its messages on hold under its own key.
    if HOLD_KEY.match(rest) or DELETION_KEY.match(rest):
        asked = await request.services.approvals.by_key(rest)
        if asked and asked.left_in_trash and not asked.restorations:
            raise UserError(
                f"{rest} put nothing on hold: it deleted mail, and {plural(asked.left_in_trash, 'message')} of it "
                f"{'lies' if asked.left_in_trash == 1 else 'lie'} in the trash of {asked.host}. Nothing was released. "
                f"To bring that back: /mail restore {rest}"
            )
        await _release(request, host, rest, lambda progress: host.release_hold(rest, progress=progress))
    else:
        picked = messages(rest)
        await _release_some(request, host, picked.text, await targets(request, host, picked, "released"))


async def hold_message(request: Request) -> None:
    name, message = identity(request.value)
    await _hold(request, request.services.hosts.named(name), message.queue_id, [message])


async def release_message(request: Request) -> None:
    name, message = identity(request.value)
    await _release_some(request, request.services.hosts.named(name), message.queue_id, [message])


async def undo_hold(request: Request) -> None:
    name, key = unpacked(request.value, str, str)
    host = request.services.hosts.named(name)

    async def undo(at: str, progress: Progress) -> Undone:
        done = await host.release_hold(key, progress=progress)
        return Undone(change.undone_hold(request.actor.id, at, done), done)

    await _undo(request, "release", host, key, undo)


async def undo_release(request: Request) -> None:
    name, key = unpacked(request.value, str, str)
    host, again = request.services.hosts.named(name), await released(request.services.store, key)

    async def undo(at: str, progress: Progress) -> Undone:
        done = await host.hold(again, progress=progress)
        return Undone(change.undone_release(host.name, request.actor.id, at, done), done)

    await _undo(request, "hold", host, key, undo)


async def _undo(request: Request, verb: str, host: MailHost, key: str, undo: Undo) -> None:
    """The first press undoes it, and the card that it was pressed on becomes the record of it.

    Where some of it could not be undone yet, the button stays for the rest.
    """
    now = request.services.now()
    opening = change.undone(request.blocks, change.undoing(request.actor.id), 0)

    async def progress(done: int, total: int | None, text: str) -> None:
        await live.show(notice.progress(opening.blocks, done, total, text))

    async with first(request.services.store, key, request.actor, now) as press:
        before = change.as_it_was(request.blocks)
        async with (
            recorded(request, verb, host.name, key) as counts,
            request.reply.live(opening, lambda _: before, in_place=True) as live,
        ):
            undone = await undo(clock(now.timestamp()), progress)
            counts.update(undone.done.result.counts)
            press.moved, press.left = change.number(undone.done), change.left(undone.done)
            await live.end(change.undone(request.blocks, undone.record, press.left))
    await request.services.approvals.show(key)


async def _hold(request: Request, host: MailHost, what: str, found: Sequence[Target]) -> None:
    async def work(deed: Deed, progress: Progress) -> Ended:
        done = await host.hold(found, progress=progress)
        addresses = request.services.settings.channel_addresses
        card = change.held(deed, done, addresses, secrets.token_hex(4), typed(found))
        return Ended(card, change.number(done), done.result.counts)

    await in_sight(request, host, "hold", what, work)


async def _release_some(request: Request, host: MailHost, what: str, found: Sequence[Target]) -> None:
    await _release(request, host, what, lambda progress: host.release(found, progress=progress), found)


async def _release(
    request: Request,
    host: MailHost,
    what: str,
    letting_go: Release,
    found: Sequence[Target] = (),
) -> None:
    """Release, and remember what was released: by identity where `found` has that, for the undo."""
    services = request.services
    identities = {each.queue_id: each for each in found if isinstance(each, Identity)}

    async def work(deed: Deed, progress: Progress) -> Ended:
        done = await letting_go(progress)
        again: list[Target] = [
            identities.get(each.queue_id, each.queue_id) for each in done.outcomes if each.outcome == "released"
        ]
        undo = packed(host.name, await remember_released(services.store, again, services.now())) if again else None
        addresses = services.settings.channel_addresses
        card = change.released(deed, done, undo, addresses, secrets.token_hex(4), typed(found))
        return Ended(card, change.number(done), done.result.counts)

    await in_sight(request, host, "release", what, work)


COMMANDS = (
    Command(
        name="hold",
        usage="hold [host] selector",
        summary="Keep messages in the queue, undelivered and without expiring, until they are released",
        examples=("/mail hold mx1 from:hacked@example.org", "/mail hold mx1 4VbXm8dz3kzJ1Q"),
        run=hold,
    ),
    Command(
        name="release",
        usage="release [host] selector | key",
        summary="Let held messages go on: those picked, or those of one hold by its key",
        examples=("/mail release mx1 h-4k2fq9", "/mail release mx1 to:@example.org"),
        run=release,
    ),
)


def register(app: AsyncApp, door: Door) -> None:
    @app.action("hold.undo")
    async def undone_hold(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, undo_hold, "release")

    @app.action("release.undo")
    async def undone_release(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, undo_release, "hold")

    @app.action("message.hold")
    async def held_message(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, hold_message, "hold")

    @app.action("message.release")
    async def released_message(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, release_message, "release")


def which(verb: str) -> str:
    """What is said when nothing was said to hold or to release."""
    key = "\n• /mail release h-4k2fq9 – what was put on hold with this key" if verb == "release" else ""
    return (
        f"Which messages? Nothing was done. You can say, for example:\n"
        f"• /mail {verb} 4VbXm8dz3kzJ1Q – one message, or several IDs\n"
        f"• /mail {verb} from:@example.org older:2h – what a filter picks; /mail queue shows beforehand which\n"
        f"• /mail {verb} all – everything that can be{key}"
    )

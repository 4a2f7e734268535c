"""`/mail flush`: deferred mail is tried again now, in the channel's sight."""

from collections.abc import Awaitable, Callable, Collection

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.agent.outcomes import Flushed
from bot.agent.protocol import Term
from bot.mailhost.asking import Progress
from bot.mailhost.host import Change, MailHost
from bot.mailhost.selector import Selector, parse
from handlers.access import Body
from handlers.blocks.change import Deed
from handlers.blocks.flush import flushed
from handlers.blocks.kit import unpacked
from handlers.blocks.message import identity
from handlers.commands.changing import Ended, in_sight, targets, typed
from handlers.commands.command import Command
from handlers.commands.words import one_host
from handlers.door import Door, Request

WHOLE = ((), (Term("queue", "deferred"),))
"""Selections that `postqueue -f` covers by itself: it takes up whatever is deferred."""


async def run(request: Request) -> None:
    host, rest = one_host(request.services.hosts, request.words)
    await flush(request, host, parse(rest) if rest else None)


async def flush(request: Request, host: MailHost, picked: Selector | None) -> None:
    """Flush what is picked; None: everything that is deferred."""
    if picked is None or (not picked.site and picked.selection.terms in WHOLE):
        await _flush(request, host, picked.text if picked else "all", lambda progress: host.flush(progress=progress))
    elif picked.site:
        await _flush(request, host, picked.text, lambda progress: host.flush(site=picked.site, progress=progress))
    else:
        found = await targets(request, host, picked, "flushed")
        await _flush(request, host, picked.text, lambda progress: host.flush(found, progress=progress), typed(found))


async def _from_status(request: Request) -> None:
    (name,) = unpacked(request.value, str)
    await flush(request, request.services.hosts.named(name), None)


async def _from_message(request: Request) -> None:
    name, message = identity(request.value)
    host = request.services.hosts.named(name)
    await _flush(request, host, message.queue_id, lambda progress: host.flush([message], progress=progress))


async def _flush(
    request: Request,
    host: MailHost,
    what: str,
    asked: Callable[[Progress], Awaitable[Change[Flushed]]],
    typed: Collection[str] = (),
) -> None:
    services = request.services

    async def work(deed: Deed, progress: Progress) -> Ended:
        done = await asked(progress)
        result = done.result
        now, addresses = services.now().timestamp(), services.settings.channel_addresses
        return Ended(flushed(deed, done, now, addresses, typed), result.asked, {"asked": result.asked, **result.counts})

    await in_sight(request, host, "flush", what, work)


COMMAND = Command(
    name="flush",
    usage="flush [host] [selector | site:example.org]",
    summary="Try deferred mail again now; nothing is deleted",
    examples=("/mail flush mx1", "/mail flush mx1 to:@example.org", "/mail flush mx1 site:example.org"),
    run=run,
)


def register(app: AsyncApp, door: Door) -> None:
    @app.action("status.flush")
    async def from_status(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _from_status, "flush")

    @app.action("message.flush")
    async def from_message(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _from_message, "flush")

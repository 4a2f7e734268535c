"""`/mail delete`, `expire` and `purge`: requests for what destroys mail. Somebody else's press carries them out."""

from bot.approvals.model import Kind
from bot.approvals.model import Request as Asked
from bot.approvals.requests import Where
from bot.errors import UserError
from bot.text import clock
from handlers.blocks.notice import note
from handlers.blocks.request_words import asked
from handlers.commands.command import Command
from handlers.commands.restore import host_of
from handlers.commands.words import DELETION_KEY, messages, named, one_host, option
from handlers.door import Request


async def delete(request: Request) -> None:
    final, words = option(request.words, "final")
    await _ask(request, Kind.FINAL if final else Kind.DELETE, words)


async def expire(request: Request) -> None:
    await _ask(request, Kind.EXPIRE, request.words)


async def purge(request: Request) -> None:
    services = request.services
    found = named(services.hosts, request.words)
    key = found.rest.lower()
    if not DELETION_KEY.match(key):
        raise UserError(
            "Which deletion? Nothing was asked for. Give its key, as in /mail purge 57-k3qf; /mail trash lists them. "
            "What is past its retention is purged by itself."
        )
    host = found.host or await host_of(request, key, "purge")
    async with request.reply.patience(f"Looking for {key} in the trash of {host.name} …"):
        made = await services.approvals.ask_purge(host, key, request.actor, _where(request))
    await _told(request, made)


async def _ask(request: Request, kind: Kind, words: str) -> None:
    host, rest = one_host(request.services.hosts, words)
    if not rest:
        raise UserError(_which(kind))
    picked = messages(rest)
    async with request.reply.patience(f"Reading the queue of {host.name} …"):
        made = await request.services.approvals.ask(kind, host, picked, request.actor, _where(request))
    await _told(request, made)


def _where(request: Request) -> Where:
    return Where(request.workspace, request.reply.channel)


async def _told(request: Request, made: Asked) -> None:
    until = clock(made.expires_at.timestamp())
    await request.reply.privately(
        note(f"Asked: request {made.key}, to {asked(made)}. The card is in the channel; it waits until {until}.")
    )


def _which(kind: Kind) -> str:
    """What is said when nothing was said to delete or to expire."""
    verb = kind.verb
    return (
        f"Which messages? Nothing was asked for. You can say, for example:\n"
        f"• /mail {verb} 4VbXm8dz3kzJ1Q – one message, or several IDs\n"
        f"• /mail {verb} from:@example.org older:2h – what a filter picks; /mail queue shows beforehand which\n"
        f"• /mail {verb} all – everything that is in the queue now"
    )


COMMANDS = (
    Command(
        name="delete",
        usage="delete [host] selector [--final]",
        summary="Ask to delete messages; an approver decides, /mail restore brings them back (not with --final)",
        examples=(
            "/mail delete mx1 from:hacked@example.org",
            "/mail delete mx1 4VbXm8dz3kzJ1Q",
            "/mail delete mx1 all deferred",
        ),
        run=delete,
    ),
    Command(
        name="expire",
        usage="expire [host] selector",
        summary="Ask to send messages back to their senders as undeliverable; beware of forged senders",
        examples=("/mail expire mx1 from:jane@example.org older:2d",),
        run=expire,
    ),
    Command(
        name="purge",
        usage="purge [host] key",
        summary="Ask to destroy what one deletion keeps in the trash, before its time is over",
        examples=("/mail purge 57-k3qf",),
        run=purge,
    ),
)

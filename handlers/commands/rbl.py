"""`/mail rbl`: is an address or a domain on a blocklist; without a word, the addresses of all mail hosts."""

import secrets
from collections.abc import Sequence

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.reputation.ours import Ours, ours
from bot.reputation.subjects import subject
from bot.text import listed
from handlers.access import Body
from handlers.blocks import notice
from handlers.blocks import rbl as blocks
from handlers.blocks.kit import unpacked
from handlers.commands.command import Command
from handlers.commands.words import several
from handlers.door import Door, Request


async def run(request: Request) -> None:
    await _look(request, request.words)


async def _look(request: Request, words: str) -> None:
    found = several(request.services.hosts, words)
    if not found.rest:
        await _say(request, words, Ours((), ()), found.hosts)
    elif found.said or len(found.rest.split()) > 1:
        raise UserError(
            "One address or domain at a time, or a mail host; no blocklist was asked. For example: /mail rbl 192.0.2.25"
        )
    else:
        await _say(request, words, Ours((subject(found.rest),), ()), [])


async def _say(request: Request, words: str, known: Ours, hosts: Sequence[MailHost]) -> None:
    """Ask, of what is known and of the addresses of these hosts, and say in the channel what came of it."""
    services = request.services
    what = listed([each.name for each in hosts] or [each.text for each in known.subjects])
    opening = notice.note(f"Asking blocklists about {what} …")
    async with request.reply.live(opening, lambda error: notice.not_done(opening.blocks, error)) as live:
        if hosts:
            await services.blocklists.try_resolver()
            settings = {host.name: host for host in services.settings.hosts()}
            known = await ours(hosts, settings, services.resolver)
        sweep = await services.blocklists.look(known.subjects)
        await live.end(blocks.sweep(sweep, known.notes, words, request.actor.id, secrets.token_hex(4)))


async def _again(request: Request) -> None:
    (words,) = unpacked(request.value, str)
    await _look(request, words)


COMMAND = Command(
    name="rbl",
    usage="rbl [host | @group | address | domain]",
    summary="Is it on a blocklist: which, why, and how to get off it; without a word, the hosts' own addresses",
    examples=("/mail rbl", "/mail rbl 192.0.2.25", "/mail rbl example.org"),
    run=run,
)


def register(app: AsyncApp, door: Door) -> None:
    @app.action("rbl.again")
    async def again(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _again, "rbl")

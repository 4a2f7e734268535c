"""`/mail show`: one message, to the asker alone."""

import secrets

from bot.actors import NEEDED
from bot.agent.queueid import is_queue_id
from bot.errors import UserError
from bot.mailhost.host import MailHost
from handlers.blocks.message import message
from handlers.commands.command import Command
from handlers.commands.words import named
from handlers.door import Request

EXAMPLE = "/mail show 4VbXm8dz3kzJ1Q"


async def run(request: Request) -> None:
    found = named(request.services.hosts, request.words)
    host, rest = found.host or request.services.hosts.only(), found.rest
    if not rest:
        raise UserError(f"Which message? Give its queue ID, as in {EXAMPLE}. /mail queue lists them.")
    if not is_queue_id(rest):
        raise UserError(f"“{rest[:100]}” is not a queue ID. One looks like this: {EXAMPLE}. /mail queue lists them.")
    await show(request, host, rest)


async def show(request: Request, host: MailHost, queue_id: str) -> None:
    async with request.reply.patience(f"Looking for {queue_id} on {host.name} …"):
        shown = await host.show(queue_id)
    verbs = [verb for verb in NEEDED if request.actor.may(verb)]
    now = request.services.now().timestamp()
    await request.reply.privately(message(host.name, shown, now, verbs, secrets.token_hex(4)))


COMMAND = Command(
    name="show",
    usage="show [host] ID",
    summary="One message: envelope, each recipient with its reason, who submitted it, headers; never the body",
    examples=("/mail show mx1 4VbXm8dz3kzJ1Q",),
    run=run,
)

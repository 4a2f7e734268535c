"""`/mail doctor`: what is missing in this installation, and what mends it; for the person who asked alone."""

from functools import partial

from bot.errors import UserError
from handlers import doctor
from handlers.blocks import doctor as blocks
from handlers.blocks.notice import note
from handlers.commands.command import Command
from handlers.commands.words import named
from handlers.door import Request


async def run(request: Request) -> None:
    hosts = request.services.hosts
    found = named(hosts, request.words)
    if found.rest:
        name = found.rest.split()[0]
        hosts.named(name)  # Says which hosts there are.
        raise UserError("One mail host at a time: /mail doctor HOST. Without a name everything is looked at.")
    host = found.host.name if found.host else ""
    await request.reply.privately(note(f"Looking at {host or 'everything'}; this can take half a minute …"))
    lines = await request.services.doctor.look(host, partial(doctor.lines, request.services))
    await request.reply.privately(blocks.doctor(lines))


COMMAND = Command(
    name="doctor",
    usage="doctor [host]",
    summary="What is missing in this installation, or wrong with it, and the command that mends it",
    examples=("/mail doctor", "/mail doctor mx1"),
    run=run,
)

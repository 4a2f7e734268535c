"""`/mail` and its subcommands: the table, and the dispatch by it."""

from dataclasses import replace

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from handlers.access import Body, require
from handlers.commands import (
    alerts,
    attending,
    check,
    delete,
    digest,
    doctor,
    flush,
    hold,
    mutes,
    queue,
    rbl,
    requests,
    requeue,
    restore,
    show,
    status,
)
from handlers.commands.help import Help
from handlers.commands.words import typed
from handlers.door import Door, Request

OTHERS = (
    *(status.COMMAND, check.COMMAND, rbl.COMMAND, digest.COMMAND, queue.COMMAND, show.COMMAND, flush.COMMAND),
    *hold.COMMANDS,
    requeue.COMMAND,
    *delete.COMMANDS,
    *restore.COMMANDS,
    *requests.COMMANDS,
    alerts.COMMAND,
    *attending.COMMANDS,
    *mutes.COMMANDS,
    doctor.COMMAND,
)
"""Every command but help, in the order in which help tells of them."""


def register(app: AsyncApp, door: Door) -> Help:
    """Register every command and its buttons; what knows of all of them is returned."""
    helping = Help(OTHERS)
    commands = {name: command for command in (*OTHERS, helping.command) for name in (command.name, *command.also)}

    async def dispatch(request: Request) -> None:
        name, _, rest = typed(request.words).partition(" ")
        command = commands.get(name.lower() or "help")
        if command is None:
            await helping.unknown(request, name)
            return
        require(request.actor, command.name, request.services.roster)
        await command.run(replace(request, words=rest.strip()))

    @app.command("/mail")
    async def mail(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, dispatch)

    status.register(app, door)
    check.register(app, door)
    rbl.register(app, door)
    queue.register(app, door)
    flush.register(app, door)
    hold.register(app, door)
    return helping

"""`/mail requeue`: Postfix takes messages in anew, in the channel's sight."""

from bot.errors import UserError
from bot.mailhost.asking import Progress
from handlers.blocks.change import Deed
from handlers.blocks.requeue import requeued
from handlers.commands.changing import Ended, in_sight, targets, typed
from handlers.commands.command import Command
from handlers.commands.words import messages, one_host
from handlers.door import Request


async def run(request: Request) -> None:
    host, rest = one_host(request.services.hosts, request.words)
    if not rest:
        raise UserError(
            "Which messages? Nothing was done. You can say, for example:\n"
            "• /mail requeue 4VbXm8dz3kzJ1Q – one message, or several IDs\n"
            "• /mail requeue deferred to:@example.org – what a filter picks, after its transport was changed"
        )
    picked = messages(rest)
    found = await targets(request, host, picked, "requeued")

    async def work(deed: Deed, progress: Progress) -> Ended:
        done = await host.requeue(found, progress=progress)
        shown = requeued(deed, done, request.services.settings.channel_addresses, typed(found))
        return Ended(shown, done.result.counts.get("requeued", 0), done.result.counts)

    await in_sight(request, host, "requeue", picked.text, work)


COMMAND = Command(
    name="requeue",
    usage="requeue [host] selector",
    summary="Have Postfix take messages in anew, with its settings of now; they get new queue IDs",
    examples=("/mail requeue mx1 deferred to:@example.org",),
    run=run,
)

"""`/mail trash` and `/mail restore`: what deletions keep, and the way back."""

import asyncio
from collections.abc import Sequence

from bot.agent.outcomes import TrashListing
from bot.agent.queueid import is_queue_id
from bot.approvals.model import Request as Asked
from bot.approvals.model import Restoration
from bot.approvals.requests import Where
from bot.approvals.trash import nothing_there
from bot.errors import AgentRefused, HostError, OutcomeUnknown, UserError
from bot.mailhost.asking import Progress
from bot.mailhost.host import MailHost
from handlers.blocks import notice
from handlers.blocks import trash as blocks
from handlers.blocks.change import Deed
from handlers.blocks.kit import Card
from handlers.blocks.request_restored import number_back
from handlers.commands.changing import Ended, shown_in_sight
from handlers.commands.command import Command
from handlers.commands.words import DELETION_KEY, named, several
from handlers.door import Request

EXAMPLE = "/mail restore 57-k3qf"


async def restore(request: Request) -> None:
    services = request.services
    found = named(services.hosts, request.words)
    key, *queue_ids = found.rest.split() or [""]
    if not DELETION_KEY.match(key.lower()):
        raise UserError(
            f"Which deletion? Nothing was restored. Give its key, as in {EXAMPLE}; queue IDs behind it restore only "
            "those. /mail trash lists what can be restored."
        )
    for queue_id in queue_ids:
        if not is_queue_id(queue_id):
            raise UserError(
                f"“{queue_id[:100]}” is not a queue ID, so nothing was restored. /mail trash {key.lower()} lists them."
            )
    key = key.lower()
    host = found.host or await host_of(request, key, "restore")

    async def work(deed: Deed, progress: Progress) -> Ended:
        done = await bring_back(request, host, key, queue_ids, progress)
        shown = blocks.restored(deed, key, done, services.settings.channel_addresses)
        return Ended(shown, number_back(done), done.counts)

    # The restores' own service writes it into the audit chain.
    await shown_in_sight(request, host, "restore", " ".join([key, *queue_ids]), work)


async def bring_back(
    request: Request, host: MailHost | None, key: str, queue_ids: Sequence[str] = (), progress: Progress | None = None
) -> Restoration:
    """Restore, and write it into the request's record. Raises what Restores.restore() raises."""
    where = Where(request.workspace, request.reply.channel)
    try:
        return await request.services.restores.restore(host, key, queue_ids, request.actor, where, progress)
    except OutcomeUnknown as error:
        raise OutcomeUnknown(
            error.host,
            f"no answer came to the restore of {key}, so it is not known yet how far it got. The bot asks again by "
            f"itself, and the record of {key} will say what came of it. Nothing has to be done twice.",
        ) from None


async def host_of(request: Request, key: str, verb: str) -> MailHost:
    """The host of the request with this key, or the only host there is. Raises UserError when several are left."""
    hosts = request.services.hosts
    known = await request.services.approvals.by_key(key)
    if not known and len(hosts) > 1:
        raise UserError(
            f"This bot knows no deletion {key}, so nothing was done. /mail trash lists them; another bot's is named "
            f"with its mail host, as in /mail {verb} {next(iter(hosts))} {key}."
        )
    return hosts.named(known.host) if known else hosts.only()


async def trash(request: Request) -> None:
    services = request.services
    found = several(services.hosts, request.words)
    key = found.rest.lower()
    if key and not DELETION_KEY.match(key):
        services.hosts.named(found.rest)  # Says which hosts there are, unless this is one behind another.
        raise UserError(f"One mail host at a time: /mail trash {found.rest}. Without a name it shows them all.")
    if key:
        host = named(services.hosts, request.words).host or await host_of(request, key, "trash")
        await request.reply.privately(await _one(request, host, key))
        return
    names = ", ".join(host.name for host in found.hosts)
    async with request.reply.patience(f"Looking into the trash of {names} …"):
        cards = await asyncio.gather(*(_all(request, host) for host in found.hosts))
    for card in cards:
        await request.reply.privately(card)


async def _all(request: Request, host: MailHost) -> Card:
    try:
        listing = await host.trash()
    except HostError as error:
        return notice.error(str(error))
    return blocks.trash(host.name, listing, await _known(request, listing))


async def _known(request: Request, listing: TrashListing) -> dict[str, Asked]:
    """This bot's requests for these deletions, by key."""
    keys = [each.key for each in listing.deletions if each.kept][: blocks.ROWS]
    found = await asyncio.gather(*(request.services.approvals.by_key(key) for key in keys))
    return {each.key: each for each in found if each}


async def _one(request: Request, host: MailHost, key: str) -> Card:
    known = await request.services.approvals.by_key(key)
    if known and known.host.lower() != host.name.lower():
        raise UserError(f"{key} is a deletion on {known.host}, not on {host.name}: /mail trash {key}")
    try:
        async with request.reply.patience(f"Looking for {key} in the trash of {host.name} …"):
            listing = await host.trash(key)
    except AgentRefused:
        # The host knows no such deletion; where there was none, the request knows why.
        if known and (why := nothing_there(known)):
            raise UserError(why) from None
        raise
    return blocks.deletion(host.name, listing, known)


COMMANDS = (
    Command(
        name="restore",
        usage="restore [host] key [IDs]",
        summary="Bring back what a deletion keeps in the trash, or some messages of it",
        examples=(EXAMPLE, "/mail restore 57-k3qf 4VbXm8dz3kzJ1Q"),
        run=restore,
    ),
    Command(
        name="trash",
        usage="trash [host | @group | key]",
        summary="What was deleted and can be restored, how much disk it takes, and until when",
        examples=("/mail trash", "/mail trash 57-k3qf"),
        run=trash,
    ),
)

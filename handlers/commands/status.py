"""`/mail status`: is it well, and if not what hurts; one mail host whole, several in a line each."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import StoreError, UserError
from bot.mailhost.host import MailHost
from bot.mailhost.look import Look, look
from bot.mailhost.looks import looks
from bot.reputation.report import NotAReport
from bot.services import Services
from bot.store import samples
from handlers.access import Body
from handlers.blocks import notice, overview, status
from handlers.blocks.alerts import in_a_line
from handlers.blocks.blind import unwritten
from handlers.blocks.kit import Card, packed, unpacked
from handlers.blocks.outbox import pictureless, undelivered
from handlers.blocks.report import last_result
from handlers.commands.command import Command
from handlers.commands.words import Several, several
from handlers.door import Door, Request
from handlers.pictures import refused

FIRST = 1.0
"""Seconds until a card shows who has answered at the soonest, while others are still waited for."""
EVERY = 2.0
"""Seconds from one edit of it to the next, once it took some."""


async def run(request: Request) -> None:
    hosts = request.services.hosts
    meant = several(hosts, request.words)
    if meant.said and meant.rest:
        raise UserError(f"One mail host at a time: /mail status {meant.said}. Without a name it shows them all.")
    if meant.rest:
        hosts.named(meant.rest)  # Says which hosts there are.
    if len(meant.hosts) > 1 or meant.said.startswith("@"):
        opening = notice.note(f"Looking at {_names(meant)} …")
        async with request.reply.live(opening, lambda error: notice.not_done(opening.blocks, error)) as live:
            async for seen, card in _overviews(request, meant):
                await (live.tell(card) if any(look.waiting for look in seen) else live.end(card))
    else:
        await _say(request, meant.hosts[0])


def _names(meant: Several) -> str:
    if len(meant.hosts) <= NAMED:
        return ", ".join(host.name for host in meant.hosts)
    return f"{len(meant.hosts)} mail hosts"


NAMED = 10


async def _say(request: Request, host: MailHost) -> None:
    opening = notice.note(f"Looking at {host.name} …")
    async with request.reply.live(opening, lambda error: notice.not_done(opening.blocks, error)) as live:
        await live.end(await _card(request, host))


async def _card(request: Request, host: MailHost) -> Card:
    services = request.services
    seen, notes, fires, welcome = await asyncio.gather(
        look(host, services.now), _notes(request), _firing(services, [host]), reputations(services, [host])
    )
    addresses = services.settings.channel_addresses
    known = [] if seen.reachable else [*(await _last_known(request, [seen])).values()]
    revision = secrets.token_hex(4)
    return status.status(seen, request.actor.id, addresses, revision, [*known, *fires, *welcome], notes)


async def _overviews(request: Request, meant: Several) -> AsyncIterator[tuple[Sequence[Look], Card]]:
    """The overview as it grows; in the last one nobody is waited for any more."""
    services = request.services
    addresses, revision = services.settings.channel_addresses, secrets.token_hex(4)
    fires, notes = await _firing(services, meant.hosts), await _notes(request)
    welcome = [*fires, *await reputations(services, meant.hosts)]
    async with aclosing(looks(meant.hosts, services.now, FIRST, EVERY)) as all_seen:
        async for seen in all_seen:
            known = await _last_known(request, seen)
            whole = overview.Overview(seen, known, meant.said, welcome, notes)
            yield seen, overview.overview(whole, request.actor.id, addresses, revision)


async def _last_known(request: Request, seen: Sequence[Look]) -> dict[str, str]:
    """Of each host that has not answered, a line of what was seen of it last, if anything was."""
    services = request.services
    try:
        async with services.store.reading() as connection:
            latest = {each.host: await samples.latest(connection, each.host) for each in seen if not each.answered}
    except StoreError:
        return {}
    now = services.now().timestamp()
    return {host: status.last_known(sample, now) for host, sample in latest.items()}


async def _notes(request: Request) -> list[str]:
    """What Slack should have and has not, a line each; mail hosts are looked at even when the store is in trouble."""
    services = request.services
    try:
        backlog = await services.store.outbox.backlog(request.workspace, services.now())
        without = pictureless(await refused(services.store, request.workspace))
    except StoreError:
        return unwritten(services.store.health.trouble, services.now())
    return [*unwritten(services.store.health.trouble, services.now()), *undelivered(backlog, services.now()), *without]


async def _firing(services: Services, hosts: Iterable[MailHost]) -> list[str]:
    """A line for each host of which alerts fire: how many, and the worst."""
    try:
        firing = await services.alerts.firing()
    except StoreError:
        return []  # The notes say so.
    found = {host.name: [each for each in firing if each.host == host.name] for host in hosts}
    return [in_a_line(name, alerts, services.alerts.rules.of(name)) for name, alerts in found.items() if alerts]


async def reputations(services: Services, hosts: Iterable[MailHost]) -> list[str]:
    """A line for each host: what the last whole report of it said, and how long ago."""
    reports, now = services.reports, services.now()
    lines = []
    for host in hosts:
        try:
            lines.append(last_result(host.name, await reports.latest(host.name), now))
        except NotAReport:
            lines.append(last_result(host.name, None, now))
        except StoreError:
            lines.append(f"Reputation of {host.name}: not known, since the database can't be read.")
    return lines


async def _refresh(request: Request) -> None:
    (name,) = unpacked(request.value, str)
    await request.reply.edit_clicked(await _card(request, request.services.hosts.named(name)))


async def _refresh_overview(request: Request) -> None:
    hosts = request.services.hosts
    (said,) = unpacked(request.value, str) if request.value != packed() else ("",)
    async for _, card in _overviews(request, several(hosts, said)):
        await request.reply.edit_clicked(card)


async def _chosen(request: Request) -> None:
    await _say(request, request.services.hosts.named(request.value))


COMMAND = Command(
    name="status",
    usage="status [host | @group]",
    summary="Is it well, and if not, what hurts",
    examples=("/mail status",),
    run=run,
)


def register(app: AsyncApp, door: Door) -> None:
    @app.action("status.refresh")
    async def refresh(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _refresh, "status")

    @app.action("status.overview")
    async def refresh_overview(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _refresh_overview, "status")

    @app.action("status.host")
    async def chosen(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _chosen, "status")

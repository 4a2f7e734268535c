"""`/mail status`: is it well, and if not what hurts; one mail host whole, several in a line each."""

import asyncio
import secrets
from collections.abc import Sequence

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import StoreError, UserError
from bot.mailhost.host import MailHost
from bot.mailhost.look import look
from bot.reputation.report import NotAReport
from handlers.access import Body
from handlers.blocks import notice, status
from handlers.blocks.blind import unwritten
from handlers.blocks.kit import Card, unpacked
from handlers.blocks.outbox import pictureless, undelivered
from handlers.blocks.report import last_result
from handlers.commands.command import Command
from handlers.commands.words import named
from handlers.door import Door, Request
from handlers.pictures import refused


async def run(request: Request) -> None:
    hosts = request.services.hosts
    found = named(hosts, request.words)
    wanted = hosts.named(found.rest) if found.rest else found.host
    if found.host and found.rest:
        raise UserError(f"One mail host at a time: /mail status {found.host.name}. Without a name it shows them all.")
    if wanted is None and len(hosts) > 1:
        await _say(request, f"Looking at {', '.join(hosts)} …", None)
    else:
        host = wanted or hosts.only()
        await _say(request, f"Looking at {host.name} …", host)


async def _say(request: Request, text: str, host: MailHost | None) -> None:
    opening = notice.note(text)
    async with request.reply.live(opening, lambda error: notice.not_done(opening.blocks, error)) as live:
        await live.end(await (_card(request, host) if host else _overview(request)))


async def _card(request: Request, host: MailHost) -> Card:
    services = request.services
    seen, notes, welcome = await asyncio.gather(look(host, services.now), _notes(request), _reputation(request, [host]))
    addresses = services.settings.channel_addresses
    return status.status(seen, request.actor.id, addresses, secrets.token_hex(4), welcome, notes)


async def _overview(request: Request) -> Card:
    services = request.services
    hosts = list(services.hosts.values())
    looks = await asyncio.gather(*(look(host, services.now) for host in hosts))
    addresses, welcome = services.settings.channel_addresses, await _reputation(request, hosts)
    return status.overview(looks, request.actor.id, addresses, secrets.token_hex(4), welcome, await _notes(request))


async def _notes(request: Request) -> list[str]:
    """What Slack should have and has not, a line each; mail hosts are looked at even when the store is in trouble."""
    services = request.services
    try:
        backlog = await services.store.outbox.backlog(request.workspace, services.now())
        without = pictureless(await refused(services.store, request.workspace))
    except StoreError:
        return unwritten(services.store.health.trouble, services.now())
    return [*unwritten(services.store.health.trouble, services.now()), *undelivered(backlog, services.now()), *without]


async def _reputation(request: Request, hosts: Sequence[MailHost]) -> list[str]:
    """A line for each host: what the last whole report of it said, and how long ago."""
    reports, now = request.services.reports, request.services.now()
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
    await request.reply.edit_clicked(await _overview(request))


async def _chosen(request: Request) -> None:
    host = request.services.hosts.named(request.value)
    await _say(request, f"Looking at {host.name} …", host)


COMMAND = Command(
    name="status",
    usage="status [host]",
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

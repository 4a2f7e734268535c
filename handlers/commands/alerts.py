"""`/mail alerts`: what fires now, who looks after it, and where its card is."""

import asyncio
from datetime import datetime

from bot.errors import StoreError, UserError
from bot.services import Services
from bot.store import samples
from bot.text import listed
from handlers.blocks import alerts as blocks
from handlers.blocks.alert_words import Known
from handlers.blocks.blind import unwritten
from handlers.commands.command import Command
from handlers.commands.meant import LONG, meant
from handlers.commands.words import several
from handlers.door import Request


async def alerts(request: Request) -> None:
    """What fires, with a link to each card; one that somebody deleted is posted anew.

    While the database can't be read, that it can't, since when, and what does not happen meanwhile.
    """
    try:
        await _tell(request)
    except StoreError as error:
        trouble = request.services.store.health.trouble
        if trouble is None:
            raise
        unread = unwritten(trouble, request.services.now())
        raise UserError(" ".join([*unread, "What fires is not known."])) from error


async def _tell(request: Request) -> None:
    services = request.services
    found = several(services.hosts, request.words)
    if found.rest:
        raise UserError(_too_much(services, found.rest))
    hosts = [host.name for host in found.hosts]
    firing = [each for each in await services.alerts.firing() if not found.said or each.host in hosts]
    mutes = [mute for mute in await services.mutes.in_force() if not found.said or mute.host in ("", *hosts)]
    numbers = list(dict.fromkeys(each.card for each in firing[: blocks.SHOWN] if each.card))
    links = dict(zip(numbers, await asyncio.gather(*(_link(request, each) for each in numbers)), strict=True))
    looked = {host: await last_look(services, host) for host in hosts}

    def draw(host: str) -> Known:
        rules, settings = services.alerts.rules.of(host), services.settings
        return Known(rules, mutes, services.now(), settings.channel_addresses, settings.timezone)

    await request.reply.privately(blocks.alerts(firing, looked, mutes, draw, links, services.store.health.trouble))


def _too_much(services: Services, words: str) -> str:
    """What is said of words that name neither a mail host nor a group, or that stand behind one."""
    hosts, rules = services.hosts, services.alerts.rules.of("")
    there = f"/mail alerts takes a mail host, {listed([*hosts, *hosts.groups], 'or')}, or nothing, for all alerts"
    found = meant(words, hosts, rules)
    if found.strange:
        return f"“{found.strange[:LONG]}” is no mail host: {there}."
    if found.rules:
        return f"“{found.rule}” is a rule, by which alerts are not picked here: {there}."
    return f"One mail host at a time: /mail alerts {found.host}. Without a name it shows all alerts."


async def _link(request: Request, number: int) -> str:
    """Where the card is; empty where that can't be said."""
    found = await place(request.services, request.workspace, number)
    address = await request.reply.permalink(*found) if found else ""
    if address is None:
        await request.services.alerts.show(request.workspace, number)
    return address or ""


async def place(services: Services, workspace: str, number: int) -> tuple[str, str] | None:
    """The channel and the time stamp of a card; None where it is of another workspace, or not posted yet."""
    shown = await services.alerts.get(number)
    if shown is None or shown.workspace != workspace:
        return None
    ts = await services.alerts.posted(shown)
    return (shown.channel, ts) if ts else None


async def last_look(services: Services, host: str) -> datetime | None:
    """When the newest sample of this host was taken."""
    async with services.store.reading() as connection:
        newest = await samples.latest(connection, host)
    return datetime.fromtimestamp(newest.at, services.now().tzinfo) if newest else None


COMMAND = Command(
    name="alerts",
    usage="alerts [host | @group]",
    summary="What fires now, who looks after it, what is snoozed and what is muted",
    examples=("/mail alerts", "/mail alerts mx1"),
    run=alerts,
)

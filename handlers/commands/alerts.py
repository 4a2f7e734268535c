"""`/mail alerts` and `/mail snooze`: what fires now, and quiet about some of it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import UserError
from bot.services import Services
from bot.store import samples
from bot.text import clock, listed
from bot.watch.model import Alert
from bot.watch.rows import AlertCard
from bot.watch.rules import duration
from handlers.blocks import alerts as blocks
from handlers.blocks.alert_buttons import SNOOZES
from handlers.blocks.alert_words import Known
from handlers.blocks.notice import note
from handlers.commands.command import Command
from handlers.commands.words import named
from handlers.door import Request

LONGEST = timedelta(days=30)
NUMBER = 10
"""The most digits that the number of an alert has."""


async def alerts(request: Request) -> None:
    """What fires, with a link to each card; one that somebody deleted is posted anew."""
    services = request.services
    found = named(services.hosts, request.words)
    if found.rest:
        services.hosts.named(found.rest)  # Says which hosts there are, unless this is one behind another.
        raise UserError(f"One mail host at a time: /mail alerts {found.rest}. Without a name it shows all alerts.")
    hosts = [found.host.name] if found.host else list(services.hosts)
    firing = [each for each in await services.alerts.firing() if not found.host or each.host == found.host.name]
    mutes = [mute for mute in await services.mutes.in_force() if not found.host or mute.host in ("", found.host.name)]
    numbers = list(dict.fromkeys(each.card for each in firing[: blocks.SHOWN] if each.card))
    links = dict(zip(numbers, await asyncio.gather(*(_link(request, each) for each in numbers)), strict=True))
    looked = {host: await last_look(services, host) for host in hosts}

    def draw(host: str) -> Known:
        rules, addresses = services.alerts.rules.of(host), services.settings.channel_addresses
        return Known(rules, mutes, services.now(), addresses)

    await request.reply.privately(blocks.alerts(firing, looked, mutes, draw, links))


async def _link(request: Request, number: int) -> str:
    """Where the card is; empty where that can't be said: it is of another workspace, or not posted yet."""
    service = request.services.alerts
    shown = await service.get(number)
    if shown is None or shown.workspace != request.workspace:
        return ""
    ts = await service.posted(shown)
    address = await request.reply.permalink(shown.channel, ts) if ts else ""
    if address is None:
        await service.show(request.workspace, number)
    return address or ""


async def last_look(services: Services, host: str) -> datetime | None:
    """When the newest sample of this host was taken."""
    async with services.store.reading() as connection:
        newest = await samples.latest(connection, host)
    return datetime.fromtimestamp(newest.at, services.now().tzinfo) if newest else None


# Snooze ---------------------------------------------------------------------------------------------------------------


async def snooze(request: Request) -> None:
    what, lasting = _how_long(request.words)
    firing = await request.services.alerts.firing()
    wanted = _wanted(request, what, firing)
    numbers = dict.fromkeys(each.card for each in wanted if each.card)
    done = [await request.services.alerts.snooze(number, lasting, request.actor) for number in numbers]
    await request.reply.privately(note(_snoozed(done, lasting, request.services.now())))


def _how_long(words: str) -> tuple[str, timedelta | None]:
    """The words for what is meant, and how long; None is until it changes. Raises UserError."""
    what, _, last = words.rpartition(" ")
    if last.lower() in SNOOZES:
        return what.strip(), SNOOZES[last.lower()][1]
    return what.strip(), time_of(last, f"Nothing was snoozed. Say how long at the end: {listed([*SNOOZES], 'or')}.")


def time_of(word: str, otherwise: str) -> timedelta:
    """A time such as `2h`, from a minute to 30 days. Raises UserError, with `otherwise` for what is none."""
    try:
        lasting = duration(word.lower())
    except ValueError:
        raise UserError(f"“{word[:60]}” is no time. {otherwise}" if word else otherwise) from None
    if not timedelta(minutes=1) <= lasting <= LONGEST:
        raise UserError(
            f"“{word[:60]}” is too {'long' if lasting > LONGEST else 'short'}: say 1m to 30d. Nothing was done."
        )
    return lasting


def _wanted(request: Request, what: str, firing: Sequence[Alert]) -> Sequence[Alert]:
    """The alerts that fire of this number, or of this host, rule, or both. Raises UserError when there are none."""
    digits = what.removeprefix("#")
    if digits.isascii() and digits.isdecimal() and len(digits) <= NUMBER:
        wanted = [each for each in firing if each.card == int(digits)]
        if not wanted:
            raise UserError(f"No alert {digits} fires now, so nothing was snoozed. {_there(firing)}")
        return wanted
    found = named(request.services.hosts, what.replace("/", " "))
    rule = found.rest.lower()
    rules = request.services.alerts.rules.of(found.host.name if found.host else "")
    if not what or (rule and rule not in rules):
        said = f"“{what[:60]}” is no alert." if what else "Which alert?"
        raise UserError(
            f"{said} Nothing was snoozed. {_there(firing)} Say the number, the host, or host/rule, and how long, as in "
            "/mail snooze 12 8h or /mail snooze mx1/deferred changes."
        )
    wanted = [each for each in firing if each.rule == (rule or each.rule)]
    wanted = [each for each in wanted if found.host is None or each.host == found.host.name]
    if not wanted:
        raise UserError(f"Nothing of {what[:60]} fires now, so nothing was snoozed. {_there(firing)}")
    return wanted


def _there(firing: Sequence[Alert]) -> str:
    shown = [f"{each.card} ({each.host}/{each.rule})" if each.host else f"{each.card} ({each.rule})" for each in firing]
    if not shown:
        return "No alert fires now."
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return f"What fires now: {', '.join(shown[:10])}{more}."


def _snoozed(done: Sequence[AlertCard], lasting: timedelta | None, now: datetime) -> str:
    what = listed([f"alert {each.id} of {each.host or 'this bot'}" for each in done])
    until = "until it changes" if lasting is None else f"until {clock((now + lasting).timestamp())}"
    together = " All alerts on the same card are." if any(len(each.firing) > 1 for each in done) else ""
    return f"Snoozed {until}: {what}.{together}"


COMMANDS = (
    Command(
        name="alerts",
        usage="alerts [host]",
        summary="What fires now, who looks after it, what is snoozed and what is muted",
        examples=("/mail alerts",),
        run=alerts,
    ),
    Command(
        name="snooze",
        usage="snooze number | host/rule 1h|8h|3d|changes",
        summary="Neither remind nor mention for a while, or until it gets worse",
        examples=("/mail snooze 12 8h", "/mail snooze mx1/deferred changes"),
        run=snooze,
    ),
)

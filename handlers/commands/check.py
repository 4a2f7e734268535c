"""`/mail check`: all checks of how a mail host's mail is received; the outbox posts the report and completes it."""

import secrets

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.reputation.report import SCOPES, Scope
from bot.reputation.reports import Asked
from bot.services import Services
from bot.text import listed
from handlers.access import Body
from handlers.blocks import report as blocks
from handlers.blocks.kit import Card, unpacked
from handlers.blocks.notice import note
from handlers.commands.command import Command
from handlers.commands.words import several
from handlers.door import Door, Request

NARROWER = ("dns", "auth", "rbl", "tls", "all")


async def run(request: Request) -> None:
    """One message for each mail host that is meant: the one that is named, those of a group, or all."""
    hosts = request.services.hosts
    found = several(hosts, request.words)
    scope = found.rest.lower() or "all"
    if scope not in SCOPES:
        if not found.said and len(found.rest.split()) == 1:
            hosts.named(found.rest)  # Says which hosts there are.
        example = found.said or next(iter(hosts))
        raise UserError(
            f"“{found.rest[:100]}” is nothing that can be checked, so nothing was done. A check can be narrowed to "
            f"{listed(NARROWER[:-1], 'or')}, as in /mail check {example} auth."
        )
    for host in found.hosts:
        await _begin(request, host, scope)


async def _begin(request: Request, host: MailHost, scope: Scope) -> None:
    reports = request.services.reports
    if not await reports.begin(host, scope, request.actor.id, request.workspace, request.reply.channel):
        text = f"{host.name} is being checked already; the message in the channel completes itself."
        await request.reply.privately(note(text))


async def render_report(services: Services, subject: str) -> Card | None:
    """The card of a report as it is now; None when it is no longer kept."""
    asked = await services.reports.get(int(subject)) if subject.isdecimal() else None
    return blocks.report(asked.id, asked.report, asked.asked_by) if asked else None


async def _again(request: Request) -> None:
    name, scope = unpacked(request.value, str, str)
    if scope not in SCOPES:
        raise UserError("This button was made by another version of this bot. Type /mail check.")
    await _begin(request, request.services.hosts.named(name), scope)


async def _all(request: Request) -> None:
    await _show_page(request, in_place=False)


async def _turn(request: Request) -> None:
    await _show_page(request, in_place=True)


async def _show_page(request: Request, *, in_place: bool) -> None:
    number, page = unpacked(request.value, int, int)
    asked = await _kept(request, number)
    shown = blocks.everything(number, asked.report, page, secrets.token_hex(4))
    await request.reply.privately(shown, in_place=in_place)


async def _providers(request: Request) -> None:
    (number,) = unpacked(request.value, int)
    await request.reply.privately(blocks.providers((await _kept(request, number)).report))


async def _kept(request: Request, number: int) -> Asked:
    asked = await request.services.reports.get(number)
    if asked is None:
        raise UserError("This report is no longer kept. /mail check makes a new one.")
    return asked


COMMAND = Command(
    name="check",
    usage="check [host | @group] [dns|auth|rbl|tls|all]",
    summary="Is its mail welcome elsewhere: names, SPF, DKIM, DMARC, blocklists, TLS; what is wrong, what to publish",
    examples=("/mail check", "/mail check mx1 auth"),
    run=run,
)


def register(app: AsyncApp, door: Door) -> None:
    @app.action("report.again")
    async def again(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _again, "check")

    @app.action("report.all")
    async def everything(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _all, "check")

    @app.action("report.previous")
    async def previous(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _turn, "check")

    @app.action("report.next")
    async def following(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _turn, "check")

    @app.action("report.providers")
    async def providers(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _providers, "check")

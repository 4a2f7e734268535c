"""`/mail queue`: one page of ten messages after the other, to the asker alone."""

import secrets

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.agent.protocol import SORTS
from handlers.access import Body
from handlers.blocks.kit import unpacked
from handlers.blocks.queue import PAGE, Asked, Turn, host_of, page, turn
from handlers.commands import show
from handlers.commands.command import Command
from handlers.commands.words import EVERYTHING, messages, one_host, sorting
from handlers.door import Door, Request


async def run(request: Request) -> None:
    sort, words = sorting(request.words, SORTS)
    host, rest = one_host(request.services.hosts, words)
    text = messages(rest).text if rest else ""
    await show_page(request, Asked(host.name, text, sort))


async def show_page(request: Request, asked: Asked, turned: Turn | None = None, *, in_place: bool = False) -> None:
    """The first page of what is asked, or the one that a button turns to."""
    host = request.services.hosts.named(asked.host)
    selection = messages(asked.selector).selection if asked.selector else EVERYTHING
    after = turned.cursor if turned and turned.forward else None
    before = turned.cursor if turned and not turned.forward else None
    async with request.reply.patience(f"Reading the queue of {host.name} …"):
        listing = await host.list(selection, sort=asked.sort, limit=PAGE, after=after, before=before)
    await request.reply.privately(page(asked, listing, secrets.token_hex(4)), in_place=in_place)


async def _turned(request: Request) -> None:
    wanted = turn(request.value)
    await show_page(request, wanted.asked, wanted, in_place=True)


async def _first(request: Request) -> None:
    host, selector, sort = unpacked(request.value, str, str, str)
    await show_page(request, Asked(host, selector, sort), in_place=True)


async def _from_status(request: Request) -> None:
    (host,) = unpacked(request.value, str)
    await show_page(request, Asked(host, "", SORTS[0]))


async def _message(request: Request) -> None:
    await show.show(request, request.services.hosts.named(host_of(request.block_id)), request.value)


COMMAND = Command(
    name="queue",
    usage="queue [host] [selector] [sort:age|size|sender]",
    summary="The messages, ten at a time, to you alone",
    examples=(
        "/mail queue mx1",
        "/mail queue mx1 deferred from:@example.org older:2h",
        '/mail queue mx1 reason:"rate limit" sort:size',
    ),
    run=run,
)


def register(app: AsyncApp, door: Door) -> None:
    @app.action("queue.next")
    async def following(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _turned, "queue")

    @app.action("queue.previous")
    async def previous(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _turned, "queue")

    @app.action("queue.first")
    async def first(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _first, "queue")

    @app.action("queue.message")
    async def message(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _message, "show")

    @app.action("status.queue")
    async def from_status(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _from_status, "queue")

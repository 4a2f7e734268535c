"""`/mail pending` and `/mail audit`: what is open, and what was done."""

import asyncio

from bot.approvals.model import Request as Asked
from bot.errors import UserError
from handlers.blocks.audit import audit as audit_card
from handlers.blocks.pending import SHOWN
from handlers.blocks.pending import pending as pending_card
from handlers.commands.command import Command
from handlers.door import Request

ROWS, MOST = 10, 50


async def pending(request: Request) -> None:
    services = request.services
    if request.words:
        raise UserError("/mail pending takes no further word: it shows every open request, of all mail hosts.")
    requests = await services.approvals.open()
    links = await asyncio.gather(*(_link(request, each) for each in requests[:SHOWN]))
    await request.reply.privately(pending_card(requests, services.now(), links))


async def _link(request: Request, asked: Asked) -> str:
    """Where the request's card is; empty where that can't be said: it is of another workspace, or not posted yet.

    A card that somebody deleted, and without which nobody could decide, is posted anew.
    """
    approvals = request.services.approvals
    ts = await approvals.card(asked) if asked.workspace == request.workspace else ""
    address = await request.reply.permalink(asked.channel, ts) if ts else ""
    if address is None:
        await approvals.show(asked.key)
    return address or ""


async def audit(request: Request) -> None:
    chain = request.services.store.audit
    if request.words and not (request.words.isascii() and request.words.isdecimal() and int(request.words[:9]) > 0):
        raise UserError(f"How many rows? A number from 1 to {MOST}, as in /mail audit {ROWS}.")
    wanted = min(int(request.words[:9] or ROWS), MOST)
    await request.reply.privately(audit_card(await chain.latest(wanted), str(await chain.head())))


COMMANDS = (
    Command(
        name="pending",
        usage="pending",
        summary="The requests that wait for a decision or are under way",
        examples=("/mail pending",),
        run=pending,
    ),
    Command(
        name="audit",
        usage="audit [number]",
        summary="Who did what lately, from the audit chain, and the chain's head",
        examples=("/mail audit", "/mail audit 30"),
        run=audit,
    ),
)

"""Requests to destroy mail, Slack's side: the card, its buttons, the number that is typed, the whole list.

The outbox posts and edits the card. A press decides, or says to its person alone why it does not.
"""

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.actors import Actor
from bot.approvals.model import Decision, State
from bot.approvals.model import Request as Asked
from bot.approvals.policy import ALWAYS_TYPED, typed_number
from bot.errors import UserError
from bot.services import Services
from handlers.access import Body
from handlers.blocks import request_modal as modal
from handlers.blocks.kit import Card, unpacked
from handlers.blocks.notice import note
from handlers.blocks.request import Deciders, request_card
from handlers.blocks.request_record import ended
from handlers.blocks.request_restored import nothing_left
from handlers.commands.restore import bring_back
from handlers.commands.undo import undone
from handlers.door import Door, Request

# What the outbox asks for ---------------------------------------------------------------------------------------------


async def render_request(services: Services, subject: str) -> Card | None:
    """The card of a request as it is now; None when there is no such request."""
    asked = await _known(services, subject)
    if asked is None:
        return None
    head = await services.store.audit.head() if asked.state.over else None
    audit = str(head) if head and head.seq else ""
    deciders = await _deciders(services, asked) if asked.state is State.PENDING else Deciders(())
    released = await undone(services.store, asked.key) if asked.decision is Decision.HOLD else None
    return request_card(asked, deciders, services.settings.channel_addresses, audit, released)


async def render_request_ended(services: Services, subject: str) -> Card | None:
    """What the asker is told in the card's thread."""
    asked = await _known(services, subject)
    return ended(asked) if asked else None


async def _known(services: Services, subject: str) -> Asked | None:
    try:
        return await services.approvals.get(int(subject))
    except (UserError, ValueError):
        return None


async def _deciders(services: Services, asked: Asked) -> Deciders:
    """Who may approve it now, the asker among them only if they may confirm their own."""
    asker = Actor(asked.asked_by.id, asked.asked_by.name, services.roster.role(asked.asked_by.id))
    own = await services.approvals.requirement(asked, asker, Decision.APPROVE)
    typed = asked.kind in ALWAYS_TYPED or asked.messages > asked.policy.typed_over
    return Deciders(services.roster.who_may("approve"), asker_too=own.allowed, typed=typed or own.only_approver)


# Decisions ------------------------------------------------------------------------------------------------------------


async def _approve(request: Request) -> None:
    """Approve, or ask for the number first where it has to be typed."""
    request_id, revision = unpacked(request.value, int, int)
    approvals = request.services.approvals
    asked = await approvals.get(request_id)
    if asked.state is State.PENDING and asked.revision == revision:
        needed = await approvals.requirement(asked, request.actor, Decision.APPROVE)
        if needed.allowed and needed.typed:
            why = needed.why if needed.only_approver else ""
            await request.window.open(modal.typing(asked, why, request.reply.channel))
            return
    await _decide(request, request_id, revision, Decision.APPROVE)


async def _typed(request: Request) -> None:
    """The number was typed in the window, and it was the right one."""
    remembered = modal.kept(request.window.view)
    typed = modal.number_typed(request.window.view)
    await _decide(request, remembered.request_id, remembered.revision, Decision.APPROVE, typed)


def wrong_number(body: Body) -> dict[str, str]:
    """What is wrong with the number in a window that was sent, by block; empty when it is the one to type."""
    try:
        number = modal.kept(body["view"]).number
        typed = modal.number_typed(body["view"])
    except (UserError, KeyError):
        return {}  # A window of another version of this bot: the work after this says so.
    if typed_number(typed) == number:
        return {}
    return {
        modal.NUMBER: f"The number of messages is {number:,}. Type it to approve, or press Cancel: nothing is done."
    }


async def _deny(request: Request) -> None:
    await _pressed(request, Decision.DENY)


async def _hold(request: Request) -> None:
    await _pressed(request, Decision.HOLD)


async def _cancel(request: Request) -> None:
    await _pressed(request, Decision.CANCEL)


async def _pressed(request: Request, decision: Decision) -> None:
    request_id, revision = unpacked(request.value, int, int)
    await _decide(request, request_id, revision, decision)


async def _decide(request: Request, request_id: int, revision: int, decision: Decision, typed: str = "") -> None:
    services = request.services
    decided = await services.approvals.decide(
        request_id, revision, decision, request.actor, typed=typed, workspace=request.workspace
    )
    if not decided.state.over:
        services.executor.kick(decided.id)


# The way back, and the list -------------------------------------------------------------------------------------------


async def _restore(request: Request) -> None:
    """Bring everything back; the card tells of it."""
    request_id, _ = unpacked(request.value, int, int)
    asked = await request.services.approvals.get(request_id)
    if not asked.left_in_trash:
        raise UserError(f"Nothing of {asked.key} is in the trash of {asked.host} any more. Nothing was done.")
    async with request.reply.patience(f"Restoring {asked.key} on {asked.host} …"):
        done = await bring_back(request, None, asked.key)
    if not any(done.counts.values()):
        await request.reply.privately(note(nothing_left(asked.host, asked.key)))


async def _list(request: Request) -> None:
    request_id, _ = unpacked(request.value, int, int)
    asked = await request.services.approvals.get(request_id)
    channel = request.reply.channel
    view_id = await request.window.open(modal.reading(asked, channel))
    await request.window.change(await _page(request, asked, 0), view_id)


async def _turn(request: Request) -> None:
    request_id, page = unpacked(request.value, int, int)
    asked = await request.services.approvals.get(request_id)
    await request.window.change(await _page(request, asked, page))


async def _page(request: Request, asked: Asked, page: int) -> modal.View:
    approvals = request.services.approvals
    listed = await _listed(request.services, asked)
    manifest, outcomes = await approvals.manifest(listed.id), await approvals.outcomes(listed.id)
    identities = manifest.identities if manifest else None
    return modal.whole(asked, identities, outcomes, page, request.reply.channel)


async def _file(request: Request) -> None:
    (request_id,) = unpacked(request.value, int)
    approvals = request.services.approvals
    asked = await approvals.get(request_id)
    listed = await _listed(request.services, asked)
    manifest = await approvals.manifest(listed.id)
    if manifest is None:
        raise UserError(f"The list of {asked.key} is no longer kept: addresses are forgotten after 30 days.")
    content = modal.as_file(asked, manifest.identities, await approvals.outcomes(listed.id))
    await request.window.send_file(f"{asked.key}.tsv", f"{asked.key} on {asked.host}: {asked.messages:,}", content)
    await request.reply.privately(note(f"The list of {asked.key} is in your direct messages with this bot."))


async def _listed(services: Services, asked: Asked) -> Asked:
    """The request whose list it is: a purge is of the mail of the deletion that it names."""
    return (await services.approvals.by_key(asked.target_key) if asked.target_key else None) or asked


def register(app: AsyncApp, door: Door) -> None:
    # Whoever may look may press; what the press needs is the policy's to say, with the reason.
    @app.action("request.approve")
    async def approve(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _approve, "pending")

    @app.view("request.typed")
    async def typed(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _typed, "pending", wrong_number(body))

    @app.action("request.deny")
    async def deny(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _deny, "pending")

    @app.action("request.hold")
    async def hold(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _hold, "pending")

    @app.action("request.cancel")
    async def cancel(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _cancel, "pending")

    @app.action("request.restore")
    async def restore(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _restore, "restore")

    @app.action("request.list")
    async def whole(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _list, "queue")

    @app.action("request.previous")
    async def previous(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _turn, "queue")

    @app.action("request.next")
    async def following(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _turn, "queue")

    @app.action("request.file")
    async def file(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _file, "queue")

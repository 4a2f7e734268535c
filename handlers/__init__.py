"""Everything that mentions a channel, a block or an action_id: Slack's side of each feature."""

import re
from collections.abc import Mapping

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import UserError
from bot.services import Services
from handlers import alerts, approvals, commands, home
from handlers.access import Body
from handlers.commands import check, digest
from handlers.delivery import Render
from handlers.door import Door, Request

OUTBOX: Mapping[str, Render] = {
    "request": approvals.render_request,
    "request_ended": approvals.render_request_ended,
    "report": check.render_report,
    "alert": alerts.render_alert,
    "transition": alerts.render_transition,
    "digest": digest.render_digest,
    "digest_host": digest.render_details,
}
"""Each kind of outbox row, and what renders its subject."""


def register(app: AsyncApp, services: Services) -> None:
    """The table of contents: whatever Slack can send, and the module that answers it."""
    door = Door(app.client, services)
    helping = commands.register(app, door)
    approvals.register(app, door)
    alerts.register(app, door)
    home.register(app, door, services, helping)

    # Bolt asks its listeners in order, so this one gets the buttons that no other knows.
    @app.action(re.compile(".*"))
    async def unknown(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _unknown)


async def _unknown(_: Request) -> None:
    raise UserError(
        "This button was made by another version of this bot, which now knows no such one. Type /mail help."
    )

"""The app's Home tab. It checks the role alone: there is no channel."""

import asyncio

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.actors import Role
from bot.mailhost.look import look
from handlers.access import Body
from handlers.blocks.home import home
from handlers.commands.help import Help
from handlers.door import Door, Request


def register(app: AsyncApp, door: Door, helping: Help) -> None:
    async def opened(request: Request) -> None:
        services = request.services
        hosts = services.hosts.values() if request.actor.role > Role.NONE else ()
        looks = await asyncio.gather(*(look(host, services.now) for host in hosts))
        await request.reply.privately(
            home(
                request.actor,
                helping.entries(services.roster),
                tuple(services.hosts),
                looks,
                services.settings.ops_channels,
            )
        )

    @app.event("app_home_opened")
    async def home_opened(ack: AsyncAck, body: Body) -> None:
        if body["event"].get("tab", "home") == "home":
            await door.admit(ack, body, opened)

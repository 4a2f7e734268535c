"""The bot as people meet it: its real app on the local workspace over a WebSocket, its real agent on mail hosts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp

from bot import bootstrap
from bot.console.workspace import Message, Workspace, text_of
from bot.demo.outside import Outside
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import link_to
from bot.services import Services
from bot.settings import HostSettings, Settings
from handlers.app import build_app, serve
from tests.store.migrated import lay_out

OPS, LOUNGE = "C0OPS", "C0LOUNGE"
VIC, OPAL, APRIL, NOEL, GUEST = "U0VIC", "U0OPAL", "U0APRIL", "U0NOEL", "U0GUEST"
"""A viewer, an operator, an approver, a member without a role, a guest."""


def utc() -> datetime:
    return datetime.now(UTC)


def host(name: str, ini: Path, instance: str | None = None) -> MailHost:
    """A mail host whose agent is this checkout's, started for each request."""
    return MailHost(link_to(HostSettings(name, "local", instance or name, ini=str(ini))), instance or name)


@dataclass
class Desk:
    """A running bot, and what its people do and see."""

    workspace: Workspace
    services: Services
    app: AsyncApp

    async def type(self, text: str, user: str = OPAL, channel: str = OPS) -> list[Message]:
        """What this person sees anew after this command and all its work."""
        before = self._seen(user, channel)
        receipt = await self.workspace.command(user, channel, text)
        assert receipt.acked, receipt
        await self.services.background.idle()
        return self._new(before, user, channel)

    async def press(self, message: Message, what: str, option: str | None = None, user: str = OPAL) -> list[Message]:
        """What this person sees anew, or changed, after this press and all its work."""
        before = self._seen(user, message.channel)
        more: Any = {"confirmed": True} if option is None else {}
        receipt = await self.workspace.press(user, message, what, *([option] if option else []), **more)
        assert receipt is not None and receipt.acked, receipt
        await self.services.background.idle()
        return self._new(before, user, message.channel)

    async def say(self, text: str, user: str = OPAL, channel: str = OPS) -> str:
        """The words of the one message that answers this command."""
        (message,) = await self.type(text, user, channel)
        return text_of(message)

    def _seen(self, user: str, channel: str) -> set[Message]:
        return {message.ts + str(message.revision) for message in self.workspace.messages(channel, user)}  # type: ignore

    def _new(self, before: set[Any], user: str, channel: str) -> list[Message]:
        return [m for m in self.workspace.messages(channel, user) if m.ts + str(m.revision) not in before]


@asynccontextmanager
async def desk(
    hosts: Sequence[MailHost],
    now: Callable[[], datetime] = utc,
    store: Path | None = None,
    outside: Outside | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    **settings: Any,
) -> AsyncIterator[Desk]:
    """A bot that serves these mail hosts, connected until the block ends; `store` is the folder of one that remains.

    `outside` is its Internet, if it has one; `groups` are those that hosts are in, by name.
    """
    async with Workspace(ack_seconds=60.0) as workspace:  # Slack waits for three seconds; this machine may be busy.
        people = {VIC: "vic", OPAL: "opal", APRIL: "april", NOEL: "noel"}
        for user, name in people.items():
            workspace.add_user(user, name)
        workspace.add_user(GUEST, "guest", is_restricted=True)
        for channel, name in ((OPS, "ops"), (LOUNGE, "lounge")):
            workspace.add_channel(channel, name, [*people, GUEST])
        with tempfile.TemporaryDirectory(prefix="maildesk-desk-") as folder:
            lay_out(store or Path(folder))
            made = services(workspace, hosts, settings, now, store or Path(folder), outside, groups)
            async with made.store:
                app = build_app(made)
                stop = asyncio.Event()
                serving = asyncio.create_task(serve(app, made, stop), name="serve")
                try:
                    await workspace.connected()
                    yield Desk(workspace, made, app)
                finally:
                    stop.set()
                    await serving
                    await made.background.close()
                    await made.hosts.close()


def services(
    workspace: Workspace,
    hosts: Sequence[MailHost],
    given: Mapping[str, Any],
    now: Callable[[], datetime] = utc,
    folder: Path | None = None,
    outside: Outside | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Services:
    """The services of a bot that serves these mail hosts in this workspace; its store, in that folder, is not open."""
    values: dict[str, Any] = {
        "slack_bot_token": SecretStr(workspace.bot_token),
        "slack_app_token": SecretStr(workspace.app_token),
        "slack_api_url": workspace.api_url,
        "ops_channels": (OPS,),
        "viewers": (VIC,),
        "operators": (OPAL,),
        "approvers": (APRIL,),
        "database_url": f"sqlite:///{folder or '/nonexistent'}/maildesk.db",
        "audit_key": SecretStr("the key of the desk's audit chain"),
        **({"dns_servers": (outside.names.address,)} if outside else {}),
        **given,
    }
    return bootstrap.services(Settings(_env_file=None, **values), MailHosts(hosts, groups), now, outside)  # type: ignore[call-arg]

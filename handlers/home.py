"""The app's Home tab. It checks the role alone: there is no channel.

Whoever has opened it sees it anew when something in it changes, now and then, for an hour.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.actors import Actor, Role
from bot.approvals.model import Decision, State
from bot.errors import MaildeskError, StoreError
from bot.mailhost.look import Look
from bot.mailhost.looks import within
from bot.services import Services
from handlers.access import Body
from handlers.alerts import known
from handlers.blocks.blind import blind, unwritten
from handlers.blocks.help import Entry
from handlers.blocks.home import ALERTS, Decidable, Fleet, home
from handlers.blocks.kit import Card
from handlers.commands.alerts import last_look, place
from handlers.commands.help import Help
from handlers.commands.status import reputations
from handlers.door import Door, Request
from handlers.reply import SLACK_ERRORS

logger = logging.getLogger(__name__)

PAUSE = 30.0
"""Seconds between two refreshes of one person's tab, and for which a look at the mail hosts is good."""
FRESH = 5.0
"""Seconds for which it is good enough for a tab that is opened: who opens one while a host is slow waits for one look,
and not for that of each who came before.
"""
PATIENCE = 20.0
"""Seconds for which a tab waits for the mail hosts; who has not answered by then is shown so."""
WATCHED = 3600.0
"""Seconds after its opening for which a tab is refreshed."""
ACTIONS = 5
"""How many of the last actions are shown."""


@dataclass(slots=True)
class Tab:
    """An open tab: whose and of which workspace, when it was opened and shown last (monotonic seconds), and what it
    showed."""

    user: str
    name: str
    workspace: str
    opened: float
    shown: float = 0.0
    showed: Hashable = None


class Homes:
    """The Home tabs that were opened lately."""

    def __init__(self, client: AsyncWebClient, services: Services, entries: Callable[[], Sequence[Entry]]) -> None:
        self._client = client
        self._services = services
        self._entries = entries
        self._tabs: dict[str, Tab] = {}
        self._looks: tuple[Look, ...] = ()
        self._looked = -PAUSE
        self._watching = False
        self._addresses: dict[tuple[str, str], str] = {}
        self._showing = asyncio.Lock()

    async def opened(self, request: Request) -> None:
        actor = request.actor
        self._tabs[actor.id] = Tab(actor.id, actor.name, request.workspace, time.monotonic())
        if time.monotonic() - self._looked >= FRESH:
            self._looked = -PAUSE
        await self._show(self._tabs[actor.id], None)
        if not self._watching:
            self._watching = True
            self._services.background.stand(self._watch(), "refresh Home tabs")

    async def tell(self, user: str, note: Card | None) -> None:
        """Show this person's tab anew, with the answer to a press above it; who was not let in sees that alone."""
        tab = self._tabs.get(user)
        try:
            if tab is not None:
                await self._show(tab, note)
                return
        except MaildeskError as error:
            logger.warning("the Home tab of %s could not be shown: %s", user, error)
        if note is not None:
            await self._publish(user, note)

    async def _watch(self) -> None:
        """Refresh what has changed until no tab is watched any more."""
        try:
            while self._tabs:
                await self._services.store.wait_told(PAUSE)
                now = time.monotonic()
                self._tabs = {user: tab for user, tab in self._tabs.items() if now - tab.opened < WATCHED}
                for tab in tuple(self._tabs.values()):
                    if now - tab.shown >= PAUSE and self._services.roster.role(tab.user) > Role.NONE:
                        await self._refresh(tab)
        finally:
            self._watching = False

    async def _refresh(self, tab: Tab) -> None:
        try:
            if await self._state() != tab.showed:
                await self._show(tab, None)
        except (MaildeskError, *SLACK_ERRORS) as error:
            tab.shown = time.monotonic()
            logger.warning("the Home tab of %s could not be refreshed: %s", tab.user, error)
        except Exception:
            tab.shown = time.monotonic()
            logger.exception("the Home tab of %s could not be refreshed", tab.user)

    async def _state(self) -> Hashable:
        """What a tab shows that the store knows of: when it is another, the tab is out of date."""
        services = self._services
        alerts = [
            (each.id, each.severity, each.text, each.acknowledged_at, each.snoozed_until)
            for each in await services.alerts.firing()
        ]
        requests = [(each.id, each.revision) for each in await services.approvals.open()]
        mutes = await services.mutes.in_force()
        return (tuple(alerts), tuple(requests), mutes, str(await services.store.audit.head()))

    async def _show(self, tab: Tab, note: Card | None) -> None:
        async with self._showing:
            services = self._services
            actor = Actor(tab.user, tab.name, services.roster.role(tab.user))
            state: Hashable = None
            fleet = unread = None
            try:
                state = await self._state()
                fleet = await self._fleet(actor, tab.workspace) if actor.role > Role.NONE else None
            except StoreError:
                if services.store.health.trouble is None:
                    raise
                unread = await self._unread() if actor.role > Role.NONE else None
            hosts, channels = tuple(services.hosts), services.settings.ops_channels
            await self._publish(tab.user, home(actor, self._entries(), hosts, fleet or unread, channels, note))
            tab.shown, tab.showed = time.monotonic(), state

    async def _fleet(self, actor: Actor, workspace: str) -> Fleet:
        services = self._services
        looks = await self._looked_at()
        firing = await services.alerts.firing()
        drawn = {host: await known(services, host) for host in {each.host for each in firing}}
        alerts = [(each, drawn[each.host]) for each in firing]
        links = await self._links_to([each.card for each in firing[:ALERTS] if each.card], workspace)
        looked = {host: await last_look(services, host) for host in services.hosts}
        unseen = blind(looked, services.store.health.trouble, services.now())
        done = await services.store.audit.latest(ACTIONS)
        zone = services.settings.timezone
        checked = dict(zip(services.hosts, await reputations(services, services.hosts.values()), strict=True))
        return Fleet(looks, alerts, await self._decidable(actor), done, unseen, zone, links, reputations=checked)

    async def _looked_at(self) -> Sequence[Look]:
        """How the mail hosts are, or were a moment ago."""
        if time.monotonic() - self._looked >= PAUSE:
            self._looks = await within(PATIENCE, tuple(self._services.hosts.values()), self._services.now)
            self._looked = time.monotonic()
        return self._looks

    async def _unread(self) -> Fleet:
        """What can be told while the database can't be read: how the mail hosts are, and since when it is so."""
        services = self._services
        lines = unwritten(services.store.health.trouble, services.now())
        return Fleet(await self._looked_at(), (), (), (), lines, services.settings.timezone, alerts_known=False)

    async def _links_to(self, numbers: Sequence[int], workspace: str) -> dict[int, str]:
        """The addresses of these cards, as far as Slack gives them; it is asked once for each message."""
        links, asked, self._addresses = {}, self._addresses, {}
        for number in dict.fromkeys(numbers):
            found = await place(self._services, workspace, number)
            if found is None:
                continue
            with suppress(*SLACK_ERRORS):
                links[number] = self._addresses[found] = asked.get(found) or await self._address(*found)
        return links

    async def _address(self, channel: str, ts: str) -> str:
        return str((await self._client.chat_getPermalink(channel=channel, message_ts=ts))["permalink"])

    async def _decidable(self, actor: Actor) -> list[Decidable]:
        """The open requests that this person may approve now."""
        found = []
        for request in await self._services.approvals.open():
            if request.state is not State.PENDING:
                continue
            needed = await self._services.approvals.requirement(request, actor, Decision.APPROVE)
            if needed.allowed:
                found.append(Decidable(request, needed.typed))
        return found

    async def _publish(self, user: str, page: Card) -> None:
        await self._client.views_publish(user_id=user, view={"type": "home", "blocks": list(page.blocks)})


def register(app: AsyncApp, door: Door, services: Services, helping: Help) -> None:
    homes = Homes(app.client, services, lambda: helping.entries(services.roster))
    door.at_home = homes.tell

    @app.event("app_home_opened")
    async def home_opened(ack: AsyncAck, body: Body) -> None:
        if body["event"].get("tab", "home") == "home":
            await door.admit(ack, body, homes.opened)

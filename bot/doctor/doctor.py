"""Looks at everything at once; each part says its lines, and none keeps another from saying its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bot.actors import Roster
from bot.doctor import here, mailhosts, names, people, storage
from bot.doctor.lines import Line, ok, warning
from bot.errors import StoreError
from bot.mailhost.hosts import MailHosts
from bot.reputation.selfcheck import SelfCheck
from bot.settings import Settings
from bot.store.database import Store

logger = logging.getLogger(__name__)

Outside = Callable[[], Awaitable[Sequence[Line]]]
"""What another part has to say: Slack's side (handlers/doctor.py) is handed in."""

PATIENCE = 60.0
"""Seconds for each part but a mail host, which has its own (bot/doctor/mailhosts.py)."""


class Doctor:
    """Nothing is looked at before look(); nothing is changed by it."""

    def __init__(
        self,
        settings: Settings,
        hosts: MailHosts,
        roster: Roster,
        store: Store,
        selfcheck: SelfCheck | None,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._hosts = hosts
        self._roster = roster
        self._store = store
        self._selfcheck = selfcheck
        self._now = now

    async def look(self, host: str = "", slack: Outside | None = None) -> list[Line]:
        """Every line, in the order in which one sets an installation up; with `host`, of that mail host alone.

        Raises UserError for a host that there is none of.
        """
        if host:
            name = self._hosts.named(host).name
            return await _within(name, self._host(name), None)
        opened = not self._store.is_open
        hindered = await self._open() if opened else None
        try:
            parts = await asyncio.gather(
                _within("settings", self._here()),
                _within(people.ABOUT, self._people(slack)),
                _within(storage.ABOUT, self._database(hindered)),
                _within(names.ABOUT, names.lines(self._selfcheck)),
                *(_within(name, self._host(name), None) for name in self._hosts),
            )
        finally:
            if opened:
                await self._store.close()
        return [line for part in parts for line in part]

    async def _open(self) -> Line | None:
        """At a shell the store is opened for this, and makes nothing; what hinders that. The bot's own is open."""
        file = self._store.database.file
        if file is not None and not storage.is_there(file):
            return storage.missing(file)
        try:
            await self._store.open(make=False)
        except StoreError as error:
            return storage.trouble(error)
        return None

    async def _here(self) -> list[Line]:
        file = self._store.database.file
        machine = here.lines(self._settings, file.parent if file else None, self._now())
        return [ok("settings", f"They can be read; the bot runs as {here.user()} here."), *machine]

    async def _people(self, slack: Outside | None) -> list[Line]:
        """Slack first: it is what user groups are read from."""
        told = list(await slack()) if slack else []
        return [*told, *people.lines(self._settings, self._roster)]

    async def _database(self, hindered: Line | None) -> list[Line]:
        return [hindered] if hindered else await storage.lines(self._store)

    async def _host(self, name: str) -> list[Line]:
        settings = next((each for each in self._settings.hosts() if each.name == name), None)
        if settings is None:
            return [warning(name, "The settings do not name this mail host any more.", "Restart the bot")]
        return await mailhosts.lines(self._hosts[name], settings, lambda: self._now().timestamp())


async def _within(about: str, part: Awaitable[list[Line]], seconds: float | None = PATIENCE) -> list[Line]:
    """A part's lines. What nobody thought of keeps no other part from saying its own."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await part
    except Exception as error:
        if limit.expired():
            return [
                warning(about, f"This could not be found out within {seconds:.0f} s.", "maildesk doctor, once more")
            ]
        logger.warning("doctor could not look at %s", about, exc_info=error)
        text = f"This could not be found out: {type(error).__name__}: {error}."
        return [warning(about, text, "If it stays so, it is a mistake of Maildesk's: please report it with its log")]

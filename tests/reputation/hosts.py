"""A mail host for tests of what is asked about it, and not of it."""

from __future__ import annotations

import asyncio

from bot.agent.protocol import Info
from bot.mailhost.host import MailHost
from bot.mailhost.link import link_to
from bot.settings import HostSettings

PARAMETERS = {"myhostname": "mx1.example.org", "mydomain": "example.org", "smtp_bind_address": "192.0.2.25"}


class Host(MailHost):
    """A mail host that says of itself what it is told to say, after a while."""

    def __init__(self, after: float = 0.0, **parameters: str) -> None:
        super().__init__(link_to(HostSettings("mx1")), "mx1")
        self._after = after
        self._parameters = {**PARAMETERS, **parameters}

    async def info(self) -> Info:
        await asyncio.sleep(self._after)
        return Info("1", 1, "3.11", "mx1", ("mx1",), (), True, self._parameters, "", 0, (), None)

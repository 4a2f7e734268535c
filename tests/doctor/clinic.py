"""An installation where all is well, for tests that break one thing of it: Slack, a mail host, DNS, the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bot.console.workspace import Workspace
from bot.doctor import Level, Line
from bot.mailhost.host import MailHost
from bot.services import Services
from handlers import doctor
from tests.dns.misbehaving import NO_SUCH_NAME, Manner, MisbehavingServer
from tests.slack import desk

BEN = "U0BEN"
SOA = Manner(records={"SOA": ["ns.test. admin.test. 1 3600 600 86400 60"]})


def honest(resolver: MisbehavingServer) -> MisbehavingServer:
    """One that knows what exists and denies what does not."""
    resolver.below(".", NO_SUCH_NAME)
    for parent in ("com", "net", "org"):
        resolver.at(parent, SOA)
    return resolver


@dataclass
class Clinic:
    """`settings` are what the next look goes by; `hosts` are its mail hosts."""

    workspace: Workspace
    folder: Path
    hosts: Sequence[MailHost] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    now: Callable[[], datetime] = desk.utc

    def services(self) -> Services:
        return desk.services(self.workspace, self.hosts, self.settings, self.now, self.folder)

    async def look(self, host: str = "") -> list[Line]:
        """Every line, as `maildesk doctor` finds them: the store is opened for it."""
        services = self.services()
        return await services.doctor.look(host, partial(doctor.lines, services))

    async def wrong(self) -> list[Line]:
        return [line for line in await self.look() if line.level is not Level.OK]


@asynccontextmanager
async def clinic(folder: Path, name_server: str, hosts: Sequence[MailHost] = ()) -> AsyncIterator[Clinic]:
    """All is well; the database was made by a bot that ran before."""
    async with Workspace() as workspace:
        for user, name in ((desk.VIC, "vic"), (desk.OPAL, "opal"), (desk.APRIL, "april"), (BEN, "ben")):
            workspace.add_user(user, name)
        workspace.add_channel(desk.OPS, "ops", [desk.OPAL])
        made = Clinic(
            workspace,
            folder,
            hosts,
            {"approvers": (desk.APRIL, BEN), "dns_servers": (name_server,), "mail_hosts": "mx1=local"},
        )
        async with made.services().store:
            pass
        yield made

"""A mail host, a workspace and people that outlive the bots which serve them, and those bots, which can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot import bootstrap
from bot.approvals.model import Request, State
from bot.console.workspace import Message, Receipt, Workspace, text_of
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import CommandLink
from bot.services import Services
from bot.settings import Settings
from bot.store import tables
from tests.postfix.hosts import agent_argv
from tests.postfix.instance import PrivatePostfix
from tests.postfix.waiting import eventually
from tests.slack.desk import APRIL, OPAL, OPS
from tests.slack.mail import check_places
from tests.slack.mortal import SharedClock
from tests.slack.nursery import Nursery
from tests.slack.processes import processes, state
from tests.store.migrated import lay_out

LEASE = timedelta(seconds=61)
PATIENCE = 60.0  # seconds, on a machine that has other things to do


class Site:
    """`bot` is the PID of the one that serves now; `services` look into the store that they share; `app`: mortal.py."""

    def __init__(
        self,
        postfix: PrivatePostfix,
        workspace: Workspace,
        nursery: Nursery,
        folder: Path,
        agent: Sequence[str],
        values: dict[str, Any],
    ) -> None:
        self.postfix = postfix
        self.workspace = workspace
        self.folder = folder
        self.agent = tuple(agent)
        self.clock = SharedClock(folder / "clock")
        self.bot = 0
        self.starts = 0
        self.app: dict[str, float] = {}
        self._starting = asyncio.Lock()
        self._nursery = nursery
        self._values: dict[str, Any] = {
            "slack_bot_token": workspace.bot_token,
            "slack_app_token": workspace.app_token,
            "slack_api_url": workspace.api_url,
            "ops_channels": [OPS],
            "operators": [OPAL],
            "approvers": [APRIL],
            "approval_typed_over": 1000,
            "database_url": lay_out(folder),
            "audit_key": "the key of the site's own audit chain",
            **values,
        }
        settings = Settings(_env_file=None, **self._values)  # type: ignore[call-arg]
        hosts = MailHosts([MailHost(CommandLink("mx1", self.agent))])
        self.services: Services = bootstrap.services(settings, hosts, self.clock)

    # Bots, agents, and their ends

    async def start(self, ends: str = "") -> None:
        """A new bot, after the lease of the one before; it dies at the moment of this name (mortal.py)."""
        if self.starts:
            self.clock.turn(LEASE)
        sockets = self.workspace.sockets
        await eventually(lambda: not sockets.connections, timeout=PATIENCE, what="nobody is connected")
        self.starts += 1
        self.bot = self._nursery.start(
            {
                "settings": self._values,
                "agent": self.agent,
                "clock": str(self.folder / "clock"),
                "log": str(self.folder / "log"),
                "ends": ends,
                "app": self.app,
            }
        )
        await eventually(lambda: bool(sockets.connections) or not self.alive, timeout=PATIENCE, what="it is connected")

    @property
    def alive(self) -> bool:
        """Whether the bot lives: one that is dead is a zombie until it is waited for."""
        return bool(self.bot) and state(self.bot) not in ("Z", "")

    def kill_bot(self) -> None:
        if self.bot:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.bot, signal.SIGKILL)
            assert self._nursery.wait(self.bot) == -signal.SIGKILL, self.log()
            self.bot = 0
            self.workspace.sockets.drop()  # what is at its other end is gone, and need not be found out

    def kill(self, victims: Collection[str]) -> None:
        """Kill those of `bot`, `agent` and `postsuper` that live, the last one last: nobody sees what became of it."""
        if "bot" in victims:
            self.kill_bot()
        for name in ("agent", "postsuper"):
            if name in victims:
                for pid in self.found(name):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def found(self, program: str) -> list[int]:
        """The agents (whoever started them), or the postsuper(1), of this mail host that live."""
        configuration = self.postfix.config_directory
        if program == "agent":
            return processes(b"bot.agent", str(configuration.parent / "agent.ini").encode())
        return processes(program.encode(), str(configuration).encode())

    async def left_alone(self) -> None:
        """Wait until no bot and no agent is at work any more."""
        self.kill_bot()
        await eventually(
            lambda: not self.found("agent") and not self.found("postsuper"), timeout=PATIENCE, what="no agent is left"
        )

    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text()[-4000:] if log.exists() else ""

    # People, who do it again if nothing came of it

    async def requests(self) -> list[int]:
        async with self.services.store.reading() as connection:
            return list((await connection.scalars(select(tables.requests.c.id))).all())

    async def asked(self, text: str) -> Message:
        """The card of this request."""
        known = len(await self.requests())

        async def there() -> bool:
            return len(await self.requests()) > known

        await self.again_until(there, lambda: self.workspace.command(OPAL, OPS, text))
        return await self.card()

    async def decided(self, action: str, user: str = APRIL) -> None:
        """Somebody presses, on the card as it is then, until it is decided."""
        card = await self.card()
        await self.again_until(self._decided, lambda: self.workspace.press(user, card, action, confirmed=True))

    async def decided_by_number(self, number: int) -> None:
        """An approver presses, and types the number, until it is decided."""
        card = await self.card()

        async def typed() -> Receipt | None:
            if not self.workspace.views(APRIL):
                receipt = await self.workspace.press(APRIL, card, "request.approve")
                if receipt is None or not receipt.acked:
                    return receipt
                await self.workspace.wait(lambda: self.workspace.views(APRIL), PATIENCE, "the window for the number")
            return await self.workspace.submit(APRIL, self.workspace.views(APRIL)[-1], {"number": str(number)})

        await self.again_until(self._decided, typed)

    async def restored(self) -> None:
        """Somebody presses the record's button, once, and waits until the record tells of it."""
        await self.workspace.press(OPAL, await self.card(), "request.restore", confirmed=True)
        async with asyncio.timeout(PATIENCE):
            while not (await self.request()).restorations:
                await self.goes_on()

    async def _decided(self) -> bool:
        return await self.state() is not State.PENDING

    async def again_until(
        self, done: Callable[[], Awaitable[bool]], deed: Callable[[], Awaitable[Receipt | None]]
    ) -> None:
        """A person does something, and does it again when the bot has died over it."""
        async with asyncio.timeout(PATIENCE):
            while not await done():
                await self.bot_lives()
                bot, receipt = self.bot, await deed()
                while receipt and receipt.acked and bot == self.bot and self.alive:
                    if await done():
                        return
                    await asyncio.sleep(0.03)

    async def bot_lives(self) -> None:
        """Start another one if the last one is dead."""
        async with self._starting:
            if not self.alive:
                self.kill_bot()
                await self.start()

    async def over(self) -> Request:
        """The newest request once it is over; the clock is put forward to whatever is waited for."""
        async with asyncio.timeout(PATIENCE):
            while not (await self.state()).over:
                await self.goes_on()
        return await self.request()

    async def goes_on(self) -> None:
        """A moment in which a bot lives, and the clock is at whatever the newest request waits for."""
        await self.bot_lives()
        async with self.services.store.reading() as connection:
            due = await connection.scalar(
                select(tables.requests.c.next_try).order_by(tables.requests.c.id.desc()).limit(1)
            )
        if due is not None and due > self.clock():
            self.clock.turn(due - self.clock())
        await asyncio.sleep(0.01)

    async def told(self) -> Message:
        """The card, once Slack has all that it must get."""
        async with asyncio.timeout(PATIENCE):
            while (await self.services.store.outbox.backlog(self.workspace.team_id, self.clock())).waiting:
                await self.bot_lives()
                await asyncio.sleep(0.03)
        return await self.card()

    async def state(self) -> State:
        """That of the newest request: one line of it, which is read again and again."""
        async with self.services.store.reading() as connection:
            newest = select(tables.requests.c.state).order_by(tables.requests.c.id.desc()).limit(1)
            return State((await connection.scalars(newest)).one())

    async def request(self) -> Request:
        return await self.services.approvals.get(max(await self.requests()))

    async def card(self) -> Message:
        """The newest card in the channel; it is waited for."""

        def found() -> Message | None:
            cards = [each for each in self.workspace.messages(OPS) if not each.thread_ts]
            return cards[-1] if len(cards) >= number else None

        async with asyncio.timeout(PATIENCE):
            number = len(await self.requests())
            while (card := found()) is None:
                await self.bot_lives()
                await asyncio.sleep(0.02)
        return card

    async def check(self, request: Request, home: Mapping[str, str], recipients: Mapping[str, str]) -> None:
        """The messages are in the trash or in the queue (`home`: which, by queue ID), and all that is said is true.

        `recipients` (by queue ID) are each one message's, by which one that was requeued is known.
        """
        kept = check_places(self.postfix, home, recipients, request.key)
        assert request.result is not None
        assert request.result.counts.get("deleted", 0) == len(kept) == request.left_in_trash
        assert sum(request.result.counts.values()) == len(home), request.result
        if outcomes := await self.services.approvals.outcomes(request.id):
            assert sorted(each.queue_id for each in outcomes if each.outcome == "deleted") == kept
            assert request.result.counts == Counter(each.outcome for each in outcomes)
            assert "gone" not in request.result.counts, "nothing has left the queue but by us"
        part = f"{len(kept):,}" if len(kept) == request.messages else f"{len(kept):,} of {request.messages:,}"
        await self.check_told(request, f"Deleted {part} messages on mx1")

    async def check_told(self, request: Request, headline: str, last: str = "end") -> None:
        """Of each request one card. The newest is the record; in its thread stands one word with the headline in it,
        and in the audit chain one settlement, which is its `last` row there.
        """
        words = text_of(await self.told())
        assert words.startswith(headline), words
        roots = [each for each in self.workspace.messages(OPS) if not each.thread_ts]
        assert len(roots) == len(await self.requests())
        (word,) = [text_of(each) for each in self.workspace.messages(OPS) if each.thread_ts == roots[-1].ts]
        assert headline in word
        audit = self.services.store.audit
        rows = [row for row in await audit.latest(1000) if row.subject == request.key]
        steps = Counter((row.verb, row.outcome) for row in rows if row.outcome != "unknown")
        assert [each for each in steps.values() if each > 1] == [], steps
        end = f"{request.kind}.{last}"
        assert sum(row.verb == end and row.outcome != "unknown" for row in rows) == 1, steps
        assert await audit.verify() == ()


@asynccontextmanager
async def site(
    postfix: PrivatePostfix, nursery: Nursery, folder: Path, agent: Sequence[str] = (), **values: Any
) -> AsyncIterator[Site]:
    """A site without a bot yet, with its files in a new folder; at its end nothing of it runs any more."""
    folder.mkdir()  # noqa: ASYNC240 - a moment
    async with Workspace(SharedClock(folder / "clock"), ack_seconds=2.0) as workspace:
        for user, name in ((OPAL, "opal"), (APRIL, "april")):
            workspace.add_user(user, name)
        workspace.add_channel(OPS, "ops", [OPAL, APRIL])
        made = Site(postfix, workspace, nursery, folder, agent or agent_argv(postfix), values)
        async with made.services.store:
            try:
                yield made
            finally:
                await made.left_alone()
                await made.services.background.close()
                await made.services.hosts.close()

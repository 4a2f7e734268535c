"""Weeks of bad weather in a minute: what Slack, the way to it, the bot and its people do, in an order of chance.

People do each thing once: what nobody heard, nobody does. What came of it all is in the store, and `check()` holds
Slack against that.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select

from bot.approvals.intents import OWNER
from bot.approvals.model import Request, State
from bot.approvals.records import CARD, ENDING
from bot.console.workspace import Message, controls, faults, text_of
from bot.store import reports, tables
from bot.store.outbox import Backlog
from handlers import OUTBOX
from tests.slack.desk import APRIL, OPAL, OPS
from tests.slack.killing import PATIENCE, Site

TIMEOUT, PING = 2.0, 0.5
"""Seconds that the bot gives Slack for one call, and from one ping of its socket to the next."""

PAIR = 2
"""So many messages each request is about."""

# Nothing that Slack takes late (test_outbox.py has that): here the clock is put forward by more than a lease within a
# moment, so that a message would be looked for before it is there.
WEATHER = (
    faults.rate_limited(1),
    faults.server_error(500),
    faults.server_error(503, applied=True),
    faults.no_answer(),
    faults.no_answer(applied=False),
    faults.reset(),
    faults.reset(applied=True),
    faults.refused("internal_error"),
)
POSTING = (*WEATHER, faults.rate_limited(60), faults.refused("not_in_channel"))
ASIDE = ("users.info", "auth.test", "apps.connections.open", "views.open", "response_url", "conversations.*")
AWAY = (faults.reset(), faults.server_error(503), faults.refused("internal_error"))


class Storm:
    """`queue_ids` are of messages that nobody has asked to delete yet."""

    def __init__(self, site: Site, seed: int, queue_ids: list[str]) -> None:
        self.site = site
        self.slack = site.workspace
        self.chance = random.Random(seed)
        self._queue_ids = queue_ids
        site.app = {"TIMEOUT": TIMEOUT, "PING": PING}

    async def opening(self) -> None:
        """Three requests, and a deletion that was carried out, while the weather is fine."""
        await self.site.start()
        for final in (" --final", "", ""):
            await self.site.asked(f"/mail delete {self._pair()}{final}")
        await self.site.decided("request.approve")
        await self.site.over()

    async def rages(self, deeds: int) -> None:
        """Each kind of deed once, and so many more."""
        weights: dict[Callable[[], Awaitable[object]], int] = {
            self.ask: 4,
            self.decide: 6,
            self.restore: 3,
            self.purge: 2,
            self.check_host: 2,
            self.fail_to_post: 8,
            self.fail_aside: 3,
            self.drop: 2,
            self.be_away: 1,
            self.kill: 3,
            self.pass_time: 4,
        }
        chosen = [*weights, *self.chance.choices([*weights], [*weights.values()], k=deeds)]
        self.chance.shuffle(chosen)
        for deed in chosen:
            await self.site.bot_lives()
            await deed()
            await asyncio.sleep(self.chance.uniform(0, 0.2))

    # People

    def _pair(self) -> str:
        return " ".join(self._queue_ids.pop() for _ in range(PAIR))

    async def ask(self) -> None:
        if len(self._queue_ids) >= PAIR:
            final = self.chance.choice(["", "", " --final"])
            await self.slack.command(OPAL, OPS, f"/mail delete {self._pair()}{final}")

    async def decide(self) -> None:
        """Type the number, where a window waits for it; else press one of the buttons that decide."""
        if views := self.slack.views(APRIL):
            await self.slack.submit(APRIL, views[-1], {"number": str(PAIR)})
            if self.slack.views(APRIL):
                await self.slack.close(APRIL, all_of_them=True)
            return
        action = self.chance.choice([*["request.approve"] * 5, "request.deny", "request.hold", "request.cancel"])
        await self._press(OPAL if action == "request.cancel" else APRIL, action)

    async def restore(self) -> None:
        await self._press(OPAL, "request.restore")

    async def purge(self) -> None:
        if keys := [each.key for each in await self.requests() if each.left_in_trash]:
            await self.slack.command(OPAL, OPS, f"/mail purge {self.chance.choice(keys)}")

    async def check_host(self) -> None:
        await self.slack.command(OPAL, OPS, "/mail check dns")

    async def _press(self, user: str, action: str) -> None:
        """On one of the cards that are there, as it is there."""
        roots = [each for each in self.slack.messages(OPS) if not each.thread_ts]
        if cards := [each for each in roots if action in [control.action_id for control in controls(each)]]:
            await self.slack.press(user, self.chance.choice(cards), action, confirmed=True)

    # Slack, the bot, and time

    async def fail_to_post(self) -> None:
        method = self.chance.choice(["chat.postMessage", "chat.postMessage", "chat.update"])
        self.slack.faults.add(method, self.chance.choice(POSTING), times=self.chance.randint(1, 2))

    async def fail_aside(self) -> None:
        self.slack.faults.add(self.chance.choice(ASIDE), self.chance.choice(WEATHER), times=1)

    async def drop(self) -> None:
        self.slack.sockets.drop()

    async def be_away(self) -> None:
        """For minutes nothing of Slack can be reached, and whatever was connected is not any more."""
        self.slack.faults.add("*", self.chance.choice(AWAY))
        self.slack.sockets.drop()
        for _ in range(self.chance.randint(1, 5)):
            self.site.clock.turn(timedelta(minutes=1))
            await asyncio.sleep(0.3)
        self.slack.faults.clear()

    async def kill(self) -> None:
        self.site.kill_bot()

    async def pass_time(self) -> None:
        await self.turn(self.chance.uniform(0, 30))

    async def turn(self, seconds: float) -> None:
        """Put the clock forward, once Slack has read whatever is on its way to it."""
        await self.slack.quiet()
        self.site.clock.turn(timedelta(seconds=seconds))

    # And in the end

    async def clears(self) -> None:
        """The weather is fine again, a bot is started anew, and all that was begun comes to its end, and is told."""
        self.slack.faults.clear()
        self.site.kill_bot()
        async with asyncio.timeout(2 * PATIENCE):
            while await self._under_way():
                await self.site.goes_on()
                if not self.site.found("agent"):
                    await self.turn(2)
                await asyncio.sleep(0.05)
            while (backlog := await self._backlog()).waiting or backlog.failed:
                await self.site.bot_lives()
                await self.turn(10)
                await asyncio.sleep(0.05)
        await self.slack.quiet()

    async def _under_way(self) -> bool:
        if any(not each.state.over and each.state is not State.PENDING for each in await self.requests()):
            return True
        restores = select(func.count()).where(tables.memory.c.key.startswith(OWNER, autoescape=True))
        running = select(func.count()).where(tables.reports.c.state == reports.RUNNING)
        async with self.site.services.store.reading() as connection:
            return bool(await connection.scalar(restores) or await connection.scalar(running))

    async def _backlog(self) -> Backlog:
        return await self.site.services.store.outbox.backlog(self.slack.team_id, self.site.clock())

    async def requests(self) -> list[Request]:
        return [await self.site.services.approvals.get(number) for number in await self.site.requests()]

    async def check(self) -> None:
        """Each request and report has one card, which shows what the store says; each end is told once, below it."""
        requests = await self.requests()
        async with self.site.services.store.reading() as connection:
            numbers = (await connection.scalars(select(tables.reports.c.id))).all()
            columns = tables.outbox.c
            rows = {row.id: row for row in await connection.execute(select(columns.id, columns.kind, columns.subject))}
        found = [(rows[outbox_id(message)], message) for message in self.slack.messages(OPS)]
        there = sorted((row.kind, int(row.subject)) for row, _ in found)
        ended = [each for each in requests if each.state.over and each.state is not State.CANCELLED]
        wanted = [(CARD, each.id) for each in requests] + [(ENDING, each.id) for each in ended]
        wanted += [(reports.KIND, number) for number in numbers]
        assert there == sorted(wanted), f"there: {there}; wanted: {sorted(wanted)}"
        roots = {(row.kind, row.subject): message for row, message in found}
        for row, message in found:
            card = await OUTBOX[row.kind](self.site.services, row.subject)
            assert card is not None
            current = replace(message, text=card.text, blocks=card.blocks)
            if row.kind == ENDING:
                # It says how it ended; what was restored since is the card's to tell.
                assert told_at_its_end(message) == told_at_its_end(current)
                assert message.thread_ts == roots[CARD, row.subject].ts
            else:
                assert read(message) == read(current), f"{read(message)} is not {read(current)}"
                assert not message.thread_ts
        assert await self.site.services.store.audit.verify() == ()


def outbox_id(message: Message) -> int:
    """By which message of the outbox it was posted; all are."""
    assert message.metadata, text_of(message)
    return int(message.metadata["event_payload"]["outbox"])


def read(message: Message) -> tuple[str, str, list[tuple[str, str, object]]]:
    """All that can be read and pressed, but for the audit chain's head when it was written."""
    pressed = [(each.block_id, each.action_id, each.element.get("value")) for each in controls(message)]
    return message.text, re.sub(r"audit \d+:\w+", "audit", text_of(message)), pressed


def told_at_its_end(message: Message) -> str:
    return re.split(r"[,.]", message.text)[0]

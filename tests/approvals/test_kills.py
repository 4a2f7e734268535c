"""The bot is killed at each of its steps, before and after each commit and each word with the mail host, and started
again: in the end each request has ended once, as the host's journal says, and nothing is deleted twice or unasked."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.approvals.model import Decision, Kind, Request, State
from tests.approvals import fakehost
from tests.approvals.world import APRIL, HERE, OPAL, Bot, Killed, Life, World, copied, mail, person

PAUSE = timedelta(minutes=3)

Story = Callable[[World, Bot], Awaitable[None]]


async def deletes(world: World, bot: Bot) -> None:
    await bot.approve(await bot.ask("all"))


async def deletes_for_good(world: World, bot: Bot) -> None:
    await bot.approve(await bot.ask("all", kind=Kind.FINAL), typed="4")


async def holds_instead(world: World, bot: Bot) -> None:
    await bot.decide(await bot.ask("all"), Decision.HOLD, OPAL)


async def expires(world: World, bot: Bot) -> None:
    await bot.approve(await bot.ask("all", kind=Kind.EXPIRE), typed="4")


async def loses_an_answer(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.DIES_WITHIN)
    await bot.approve(await bot.ask("all"))
    world.clock.turn(PAUSE)
    await bot.tick()


async def waits_for_the_host(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.GONE)
    await bot.approve(await bot.ask("all"))
    world.clock.turn(PAUSE)
    await bot.tick()


async def purges(world: World, bot: Bot) -> None:
    deleted = await bot.approve(await bot.ask("all"))
    purge = await bot.approvals.ask_purge(bot.host, deleted.key, person(OPAL), HERE)
    await bot.approve(purge, typed="4")


async def denies(world: World, bot: Bot) -> None:
    await bot.decide(await bot.ask("all"), Decision.DENY, APRIL)


async def restores(world: World, bot: Bot) -> None:
    deleted = await bot.approve(await bot.ask("all"))
    await bot.restores.restore(None, deleted.key, [mail(1).queue_id, mail(2).queue_id], person(OPAL), HERE)


SOON = [
    deletes,
    deletes_for_good,
    holds_instead,
    expires,
    loses_an_answer,
    waits_for_the_host,
    purges,
    denies,
    restores,
]
LATE = [deletes, holds_instead, loses_an_answer, purges]


@pytest.mark.parametrize(("story", "late"), [*[(each, False) for each in SOON], *[(each, True) for each in LATE]])
@pytest.mark.takes(300)
async def test_a_bot_killed_at_any_step_ends_what_it_began(
    template: Path, tmp_path: Path, story: Story, late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    for step in range(200):
        folder = tmp_path / str(step)
        folder.mkdir()
        copied(template, folder)
        world = World(folder)
        world.queue(*range(4))
        life = Life(step)
        with contextlib.suppress(Killed):
            async with world.bot(life) as bot:
                await story(world, bot)
        killed = life.over
        requests = await world.in_the_end(late)
        check(world, requests, story)
        if not killed:
            assert step > 5
            return
    pytest.fail("the story never came to its end")


def check(world: World, requests: tuple[Request, ...], story: Story) -> None:
    everything = {mail(number) for number in range(4)}
    deleted = [identity for _, identity in world.agent.deletions]
    assert len(deleted) == len(set(deleted)), "a message was deleted twice"
    kept = {each.identity for journal in world.agent.journals.values() for each in journal.kept.values()}
    for request in requests:
        journal = world.agent.journals.get(request.key)
        if request.state is State.DONE and request.kind is not Kind.PURGE:
            assert journal is not None and journal.finished
            assert request.result is not None
            assert request.result.counts == fakehost._counts(journal.outcomes)
            assert request.left_in_trash == len(journal.kept)
            told = [each.counts for each in request.restorations]
            assert told == ([{"restored": journal.restored}] if journal.restored else [])
        elif request.kind is not Kind.PURGE:
            assert journal is None
            assert request.state in (State.EXPIRED, State.DENIED, State.NOT_BEGUN)
        if request.state is State.DENIED or request.decision is Decision.HOLD:
            assert not deleted
    if not requests or requests[0].state is not State.DONE:
        assert {each.identity for each in world.agent.queue.values()} == everything
    else:
        purged = {identity for key, identity in world.agent.deletions if world.agent.journals[key].purged}
        final = set(deleted) if requests[0].kind is Kind.FINAL else set()
        assert {each.identity for each in world.agent.queue.values()} | kept | purged | final == everything

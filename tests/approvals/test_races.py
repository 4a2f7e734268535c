"""What happens in the same instant: two approvers, two bots, a slow bot and the one that takes over from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.approvals import lease
from bot.approvals.model import Decision, State
from bot.errors import AlreadyDecided, MaildeskError, NotAllowed
from bot.store import tables
from tests.approvals import fakehost
from tests.approvals.world import ANTON, APRIL, HERE, OPAL, OTTO, Bot, World, copied, mail, person

ROUNDS = 100


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def shared(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> World:
    """A world whose store several bots share."""
    if request.param == "sqlite":
        copied(template, tmp_path)
        return World(tmp_path)
    return World(tmp_path, url=str(request.getfixturevalue("postgresql_url")))


@pytest.fixture
async def two(shared: World) -> AsyncIterator[tuple[Bot, Bot]]:
    async with shared.bot() as one, shared.bot() as other:
        yield one, other


@pytest.mark.takes(300)
async def test_two_approvers_at_once_a_hundred_times_over(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    for number in range(ROUNDS):
        shared.queue(number)
        request = await one.ask("all")
        clicks = (one.approve(request, APRIL), other.approve(request, ANTON))
        answers = await asyncio.gather(*clicks, return_exceptions=True)
        lost = [answer for answer in answers if isinstance(answer, AlreadyDecided)]
        won = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert (len(won), len(lost)) == (1, 1), answers
        assert "already approved by" in str(lost[0])
        assert won[0].state is State.DONE
    assert len(shared.agent.deletions) == ROUNDS
    assert len(shared.agent.asked) == ROUNDS
    rows = await one.store.audit.latest(10_000)
    assert [row.verb for row in rows].count("delete.approve") == ROUNDS
    assert [row.verb for row in rows].count("delete.end") == ROUNDS
    assert await one.store.audit.verify() == ()


async def test_approve_deny_cancel_and_hold_at_once_settle_once(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    for number in range(10):
        shared.queue(number)
        request = await one.ask("all")
        answers = await asyncio.gather(
            one.decide(request, Decision.APPROVE, APRIL),
            other.decide(request, Decision.DENY, ANTON),
            one.decide(request, Decision.CANCEL, OPAL),
            other.decide(request, Decision.HOLD, OTTO),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, AlreadyDecided) for answer in answers) == 3, answers
        settled = await other.approvals.get(request.id)
        deleted = mail(number) in {identity for _, identity in shared.agent.deletions}
        assert deleted == (settled.decision is Decision.APPROVE)
        shared.agent.queue.clear()


async def test_own_confirmations_at_once_do_not_exceed_the_limit(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    requests = []
    for number in range(4):
        first = number * 10
        shared.queue(*range(first, first + 10))
        ids = " ".join(mail(each).queue_id for each in range(first, first + 10))
        requests.append(await one.ask(ids, by=APRIL))
    answers = await asyncio.gather(
        *(bot.approve(request, by=APRIL) for bot, request in zip((one, other, one, other), requests, strict=True)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, NotAllowed) for answer in answers) == 2, answers
    assert len(shared.agent.deletions) == 20


async def test_asking_at_once_does_not_exceed_the_number_that_may_wait(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    shared.queue(1)
    answers = await asyncio.gather(*(bot.ask("all") for bot in (one, other) * 8), return_exceptions=True)
    assert sum(isinstance(answer, MaildeskError) for answer in answers) == 6
    assert len(await one.approvals.open()) == 10


async def test_two_bots_that_look_at_once_carry_out_once(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    for number in range(10):
        shared.queue(number)
        request = await one.ask("all")
        await one.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
        await asyncio.gather(one.tick(), other.tick())
        assert (await one.approvals.get(request.id)).state is State.DONE
    assert len(shared.agent.asked) == 10


async def test_a_slow_bot_keeps_its_lease_and_a_lapsed_one_is_taken_over(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    shared.queue(1, 2, 3)
    shared.agent.gate = asyncio.Event()
    request = await one.ask("all")
    decided = await one.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
    one.executor.kick(decided.id)
    await shared.agent.was_asked(1)
    await other.tick()
    assert len(shared.agent.asked) == 1
    # The first bot's word does not come any more, though it lives: the second asks with the same key.
    shared.clock.turn(lease.LEASE)
    sweeping = asyncio.create_task(other.tick())
    await shared.agent.was_asked(2)
    shared.agent.gate.set()
    await asyncio.gather(sweeping, one.background.idle())
    done = await one.approvals.get(request.id)
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"deleted": 3}
    assert len(shared.agent.deletions) == 3
    rows = [row.verb for row in await one.store.audit.latest(100)]
    assert rows.count("delete.end") == 1


async def test_who_lost_the_lease_writes_nothing_any_more(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    shared.queue(1)
    slow = shared.agent.gate = asyncio.Event()
    shared.agent.ahead.append(fakehost.DIES_BEFORE)
    request = await one.ask("all")
    await one.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
    one.executor.kick(request.id)
    await shared.agent.was_asked(1)
    shared.clock.turn(lease.LEASE)
    quick = shared.agent.gate = asyncio.Event()
    await other.executor.sweep()
    await shared.agent.was_asked(2)
    slow.set()
    await one.background.idle()
    assert (await one.approvals.get(request.id)).state is State.EXECUTING
    quick.set()
    await other.background.idle()
    assert (await one.approvals.get(request.id)).state is State.DONE


async def test_a_lease_is_renewed_while_the_host_works(template: Path, tmp_path: Path) -> None:
    copied(template, tmp_path)
    world = World(tmp_path, renew=0.01)
    world.queue(1)
    world.agent.gate = asyncio.Event()
    async with world.bot() as one, world.bot() as other:
        request = await one.ask("all")
        await one.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
        one.executor.kick(request.id)
        await world.agent.was_asked(1)
        world.clock.turn(timedelta(seconds=59))
        # Once the lease is renewed by the clock of now, it holds for another minute.
        await _until(one, world.clock() + lease.LEASE)
        world.clock.turn(timedelta(seconds=59))
        await other.tick()
        assert len(world.agent.asked) == 1
        world.agent.gate.set()
        await one.background.idle()


async def test_a_bot_that_stops_in_order_gives_its_lease_back(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    shared.queue(1, 2, 3)
    shared.agent.gate = asyncio.Event()
    request = await one.ask("all")
    await one.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
    one.executor.kick(request.id)
    await shared.agent.was_asked(1)
    await one.background.close()
    shared.agent.gate = None
    await other.tick()
    done = await other.approvals.get(request.id)
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"deleted": 3}
    assert len(shared.agent.deletions) == 3


async def test_a_restore_of_a_bot_that_stops_in_order_is_taken_up_at_once(shared: World, two: tuple[Bot, Bot]) -> None:
    one, other = two
    shared.queue(1, 2, 3)
    request = await one.approve(await one.ask("all"))
    shared.agent.gate = asyncio.Event()
    restoring = asyncio.create_task(one.restores.restore(None, request.key, (), person(OTTO), HERE))
    await shared.agent.was_asked(2)
    restoring.cancel()
    await asyncio.gather(restoring, return_exceptions=True)
    shared.agent.gate = None
    await other.tick()
    record = await other.approvals.get(request.id)
    assert [each.counts for each in record.restorations] == [{"restored": 3}]


async def _until(bot: Bot, moment: datetime) -> None:
    """Wait until the lease holds until then."""
    async with asyncio.timeout(20):
        while True:
            async with bot.store.reading() as connection:
                if await connection.scalar(select(tables.requests.c.lease_until)) == moment:
                    return

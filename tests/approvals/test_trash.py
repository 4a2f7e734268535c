"""What was deleted comes back, and its record says what is left; an answer that got lost is asked for again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.approvals import lease
from bot.approvals.model import Decision, Kind, Person, Request, State
from bot.errors import AgentRefused, HostUnreachable, NotAllowed, OutcomeUnknown, UserError
from tests.approvals import fakehost
from tests.approvals.world import APRIL, HERE, NOEL, OPAL, OTTO, VIC, Bot, World, mail, person


async def deleted(bot: Bot) -> Request:
    return await bot.approve(await bot.ask("all"))


async def test_a_restore_brings_back_what_was_deleted_and_the_record_says_so(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    some = await bot.restores.restore(None, request.key, [mail(1).queue_id, mail(2).queue_id], person(OTTO), HERE)
    assert (some.by, some.counts) == (Person(OTTO, "otto"), {"restored": 2})
    record = await bot.approvals.get(request.id)
    assert (record.state, record.left_in_trash, record.restorations) == (State.DONE, 8, (some,))
    assert record.revision == request.revision + 1
    rest = await bot.restores.restore(bot.host, request.key, (), person(OPAL), HERE)
    assert rest.counts == {"restored": 8}
    record = await bot.approvals.get(request.id)
    assert (record.left_in_trash, record.restorations, record.purged_at) == (0, (some, rest), None)
    assert {each.identity for each in world.agent.queue.values()} == {mail(number) for number in range(10)}
    rows = [(row.name, row.verb, dict(row.details)) for row in await bot.store.audit.latest(2)]
    assert rows == [("opal", "restore", {"restored": 8}), ("otto", "restore", {"restored": 2})]


async def test_what_can_not_be_restored(world: World, bot: Bot) -> None:
    final = await bot.approve(await bot.ask(mail(0).queue_id, kind=Kind.FINAL), typed="1")
    held = await bot.decide(await bot.ask(mail(1).queue_id), Decision.HOLD, OPAL)
    waiting = await bot.ask("all")
    denied = await bot.decide(await bot.ask("all"), Decision.DENY, APRIL)
    for request, why in (
        (final, "was a final deletion: nothing is kept of it. Nothing was restored"),
        (held, "put the messages on hold and deleted none: release them instead"),
        (waiting, "waits for a decision: nothing is deleted yet"),
        (denied, "Nothing was deleted under"),
    ):
        with pytest.raises(UserError, match=why):
            await bot.restores.restore(None, request.key, (), person(OPAL), HERE)
    with pytest.raises(UserError, match="This bot knows no deletion 9-abcd"):
        await bot.restores.restore(None, "9-abcd", (), person(OPAL), HERE)
    with pytest.raises(AgentRefused, match="There is no deletion 9-abcd on this host"):
        await bot.restores.restore(bot.host, "9-abcd", (), person(OPAL), HERE)
    assert [asked for asked in world.agent.asked if asked.startswith("restore")] == ["restore 9-abcd"]


async def test_restoring_is_for_operators(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    for nobody in (VIC, NOEL):
        with pytest.raises(NotAllowed, match="for operators and approvers"):
            await bot.restores.restore(None, request.key, (), person(nobody), HERE)


@pytest.mark.parametrize("meets", [fakehost.DIES_BEFORE, fakehost.DIES_WITHIN, fakehost.DIES_AFTER])
async def test_a_restore_whose_answer_was_lost_is_asked_for_again(world: World, bot: Bot, meets: str) -> None:
    request = await deleted(bot)
    world.agent.ahead.append(meets)
    with pytest.raises(OutcomeUnknown):
        await bot.restores.restore(
            None, request.key, [mail(number).queue_id for number in range(4)], person(OTTO), HERE
        )
    assert (await bot.approvals.get(request.id)).restorations == ()
    await bot.restores.sweep()
    record = await bot.approvals.get(request.id)
    assert [(each.by.name, each.counts) for each in record.restorations] == [("otto", {"restored": 4})]
    assert record.left_in_trash == 6
    await bot.restores.sweep()
    assert (await bot.approvals.get(request.id)).restorations == record.restorations


async def test_a_restore_that_was_never_asked_of_the_host_is_not_remembered(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    world.agent.ahead.append(fakehost.GONE)
    with pytest.raises(HostUnreachable):
        await bot.restores.restore(None, request.key, (), person(OTTO), HERE)
    world.clock.turn(lease.LEASE)
    await bot.restores.sweep()
    assert world.agent.queue == {}


async def test_a_host_that_is_away_does_not_forget_a_lost_restore(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    world.agent.ahead.extend([fakehost.DIES_WITHIN, fakehost.GONE])
    with pytest.raises(OutcomeUnknown):
        await bot.restores.restore(None, request.key, (), person(OTTO), HERE)
    await bot.restores.sweep()
    assert (await bot.approvals.get(request.id)).restorations == ()
    world.clock.turn(lease.LEASE)
    await bot.restores.sweep()
    record = await bot.approvals.get(request.id)
    assert [each.counts for each in record.restorations] == [{"restored": 10}]


async def test_a_restore_that_was_taken_over_is_recorded_once(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    slow = world.agent.gate = asyncio.Event()
    restoring = asyncio.create_task(bot.restores.restore(None, request.key, (), person(OTTO), HERE))
    await world.agent.was_asked(2)
    world.clock.turn(lease.LEASE)
    world.agent.gate = None
    async with world.bot() as other:
        await other.restores.sweep()
    slow.set()
    restoration = await restoring
    assert restoration.counts == {"restored": 10}
    assert (await bot.approvals.get(request.id)).restorations == (restoration,)
    assert [row.verb for row in await bot.store.audit.latest(100)].count("restore") == 1


async def test_mail_past_its_retention_is_purged_and_the_record_says_so(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    assert await bot.restores.purge_due(bot.host) == 0
    world.clock.turn(timedelta(days=8))
    assert await bot.restores.purge_due(bot.host) == 10
    record = await bot.approvals.get(request.id)
    assert (record.left_in_trash, record.purged_at) == (0, world.clock())
    (row,) = await bot.store.audit.latest(1)
    assert (row.name, row.role, row.verb, row.details["messages"]) == ("clock", "clock", "purge", 10)
    with pytest.raises(UserError, match="can't come back: what it deleted was destroyed for good"):
        await bot.restores.restore(None, request.key, (), person(OPAL), HERE)


async def test_what_slack_was_told_is_forgotten_once_the_record_can_not_change_any_more(world: World, bot: Bot) -> None:
    await deleted(bot)
    while item := await bot.store.outbox.claim(HERE.workspace, "worker", world.clock(), lease.LEASE):
        await bot.store.outbox.sent(item, "worker", "100.1", world.clock())
    world.clock.turn(timedelta(days=31))
    assert await bot.approvals.forget_told() == 1, "what was said in the thread; the record has a button still"
    await bot.host.purge()
    await bot.restores.look(bot.host)
    while item := await bot.store.outbox.claim(HERE.workspace, "worker", world.clock(), lease.LEASE):
        assert item.ts == "100.1"
        await bot.store.outbox.sent(item, "worker", item.ts, world.clock())
    assert await bot.approvals.forget_told() == 0
    world.clock.turn(timedelta(days=31))
    assert await bot.approvals.forget_told() == 1


async def test_what_somebody_else_did_to_the_trash_is_seen_there(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    await bot.host.restore(request.key, [mail(1).queue_id])
    await bot.restores.purge_due(bot.host)
    assert (await bot.approvals.get(request.id)).left_in_trash == 9
    world.clock.turn(timedelta(days=8))
    world.agent.ahead.append(fakehost.DIES_AFTER)
    with pytest.raises(OutcomeUnknown):
        await bot.restores.purge_due(bot.host)
    await bot.restores.purge_due(bot.host)
    record = await bot.approvals.get(request.id)
    assert record.left_in_trash == 0 and record.purged_at is not None

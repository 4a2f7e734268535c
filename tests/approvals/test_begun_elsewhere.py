"""A restore that a bot on another store began, and that was cut short: this bot finishes what was begun."""

from __future__ import annotations

import pytest

from bot.agent.protocol import Identity
from bot.approvals import lease
from bot.approvals.model import Request, State
from bot.errors import OutcomeUnknown
from bot.mailhost.host import MailHost
from bot.record import CLOCK
from tests.approvals import fakehost
from tests.approvals.test_trash import deleted
from tests.approvals.world import HERE, OTTO, Bot, World, mail, person

FOUR = [mail(number).queue_id for number in range(4)]


async def cut_short(world: World, request: Request, ids: list[str] = FOUR, meets: str = fakehost.DIES_WITHIN) -> None:
    """What a bot that this one knows nothing of asked the host for."""
    world.agent.ahead.append(meets)
    host = MailHost(world.agent)
    with pytest.raises(OutcomeUnknown):
        await host.restore(request.key, ids)


async def test_what_was_begun_is_finished_and_nothing_more(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    await cut_short(world, request)
    assert (await bot.host.info()).unfinished == (request.key,)
    await bot.restores.finish_begun()
    assert set(world.agent.queue) == set(FOUR)
    assert (await bot.host.info()).unfinished == ()
    record = await bot.approvals.get(request.id)
    assert [(each.by.id, each.counts) for each in record.restorations] == [(CLOCK.id, {"by_others": 4})]
    assert record.left_in_trash == 6
    (row,) = await bot.store.audit.latest(1)
    assert (row.role, row.verb, row.subject, dict(row.details)) == ("clock", "restore", request.key, {"by_others": 4})
    await bot.restores.finish_begun()
    assert (await bot.approvals.get(request.id)).restorations == record.restorations


async def test_what_is_restored_from_here_is_left_to_its_own_sweep(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    world.agent.ahead.append(fakehost.DIES_WITHIN)
    with pytest.raises(OutcomeUnknown):
        await bot.restores.restore(None, request.key, FOUR, person(OTTO), HERE)
    await bot.restores.finish_begun()
    assert (await bot.approvals.get(request.id)).restorations == ()
    await bot.restores.sweep()
    (restoration,) = (await bot.approvals.get(request.id)).restorations
    assert (restoration.by.name, restoration.counts) == ("otto", {"restored": 4})


async def test_a_deletion_that_is_not_finished_is_not_ended_by_it(world: World, bot: Bot) -> None:
    host = MailHost(world.agent)
    identities: tuple[Identity, ...] = tuple(mail(number) for number in range(10))
    world.agent.ahead.append(fakehost.DIES_WITHIN)
    with pytest.raises(OutcomeUnknown):
        await host.delete("99-abcd", identities)
    await bot.restores.finish_begun()
    assert not [asked for asked in world.agent.asked if asked.startswith("restore")]
    assert (await host.delete("99-abcd", identities)).result.counts == {"deleted": 10}


async def test_a_deletion_of_another_bot_is_finished_and_not_recorded_here(world: World, bot: Bot) -> None:
    identities = tuple(mail(number) for number in range(10))
    host = MailHost(world.agent)
    await host.delete("99-abcd", identities)
    world.agent.ahead.append(fakehost.DIES_WITHIN)
    with pytest.raises(OutcomeUnknown):
        await host.restore("99-abcd", FOUR)
    await bot.restores.finish_begun()
    assert set(world.agent.queue) == set(FOUR)
    assert await bot.store.audit.latest(5) == ()


async def test_a_host_that_is_away_is_asked_another_time(world: World, bot: Bot) -> None:
    request = await deleted(bot)
    await cut_short(world, request)
    world.agent.ahead.append(fakehost.GONE)
    await bot.restores.finish_begun()
    assert (await bot.approvals.get(request.id)).state is State.DONE
    world.clock.turn(lease.LEASE)
    await bot.restores.sweep()
    assert (await bot.approvals.get(request.id)).left_in_trash == 6

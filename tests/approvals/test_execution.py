"""What was decided is carried out once, and ends as the agent's journal says, whatever the mail host does."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.agent.outcomes import Outcome
from bot.approvals import lease, manifest
from bot.approvals.model import Decision, Kind, State
from bot.errors import NotAllowed, OutcomeUnknown, UserError
from bot.store import tables
from tests.approvals import fakehost
from tests.approvals.world import ANTON, APRIL, HERE, OPAL, Bot, MortalStore, World, mail, person


async def test_exactly_the_messages_that_were_listed_are_deleted(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    world.queue(10, 11)
    done = await bot.approve(request)
    assert done.state is State.DONE
    assert done.result is not None and done.result.counts == {"deleted": 10}
    assert done.left_in_trash == 10
    assert sorted(world.agent.queue) == [mail(10).queue_id, mail(11).queue_id]
    assert [outcome.outcome for outcome in await bot.approvals.outcomes(request.id) or ()] == ["deleted"] * 10


async def test_a_message_whose_queue_id_was_reused_survives(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    other = world.agent.reuse(mail(3).queue_id)
    del world.agent.queue[mail(4).queue_id]
    done = await bot.approve(request)
    assert done.result is not None and done.result.counts == {"deleted": 8, "gone": 1, "changed": 1}
    assert done.result.failures == (Outcome(other.queue_id, "changed"),)
    assert [each.identity for each in world.agent.queue.values()] == [other]


@pytest.mark.parametrize(
    ("kind", "typed", "counts", "left"),
    [
        (Kind.FINAL, "10", {"deleted": 10}, 0),
        (Kind.EXPIRE, "10", {"expired": 10}, 0),
    ],
)
async def test_the_other_kinds(
    world: World, bot: Bot, kind: Kind, typed: str, counts: dict[str, int], left: int
) -> None:
    done = await bot.approve(await bot.ask("all", kind=kind), typed=typed)
    assert done.state is State.DONE and done.result is not None
    assert (done.result.counts, done.left_in_trash) == (counts, left)
    assert len(world.agent.queue) == (0 if kind is Kind.FINAL else 10)


async def test_holding_instead_uses_the_same_key_and_deletes_nothing(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    done = await bot.decide(request, Decision.HOLD, OPAL)
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"held": 10}
    assert world.agent.asked == [f"hold {request.key}"]
    assert {each.queue for each in world.agent.queue.values()} == {"hold"}
    assert world.agent.deletions == []


async def test_a_purge_destroys_what_a_deletion_kept_and_its_record_says_so(world: World, bot: Bot) -> None:
    deleted = await bot.approve(await bot.ask("all"))
    purge = await bot.approvals.ask_purge(bot.host, deleted.key, person(OPAL), HERE)
    assert (purge.messages, purge.digest, purge.target_key) == (10, deleted.digest, deleted.key)
    with pytest.raises(UserError, match="No number was typed, and 10 was expected"):
        await bot.approve(purge)
    done = await bot.approve(purge, typed="10")
    assert done.state is State.DONE and done.result is not None
    assert (done.result.counts, done.result.kept_bytes) == ({"purged": 10}, 10_000)
    record = await bot.approvals.get(deleted.id)
    assert (record.left_in_trash, record.purged_at) == (0, world.clock())
    with pytest.raises(UserError, match="was destroyed for good"):
        await bot.approvals.ask_purge(bot.host, deleted.key, person(OPAL), HERE)


async def test_a_purge_whose_answer_was_lost_ends_with_what_the_trash_remembers(world: World, bot: Bot) -> None:
    deleted = await bot.approve(await bot.ask("all"))
    purge = await bot.approvals.ask_purge(bot.host, deleted.key, person(OPAL), HERE)
    world.agent.ahead.append(fakehost.DIES_AFTER)
    assert (await bot.approve(purge, typed="10")).state is State.UNKNOWN
    (_, done) = await world.in_the_end()
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"purged": 10}


@pytest.mark.parametrize("meets", [fakehost.DIES_BEFORE, fakehost.DIES_WITHIN, fakehost.DIES_AFTER])
@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.HOLD])
async def test_an_answer_that_never_came_is_asked_for_until_the_journal_says(
    world: World, bot: Bot, meets: str, decision: Decision
) -> None:
    world.agent.ahead.extend([meets, fakehost.GONE, fakehost.BUSY, meets])
    request = await bot.decide(await bot.ask("all"), decision, APRIL)
    assert request.state is State.UNKNOWN
    assert request.result is not None and "it is not known" in request.result.text
    for _ in range(6):
        world.clock.turn(timedelta(minutes=2))
        await bot.tick()
    done = await bot.approvals.get(request.id)
    assert done.state is State.DONE and done.result is not None
    assert done.result.counts == {"deleted" if decision is Decision.APPROVE else "held": 10}
    assert len(world.agent.deletions) == (10 if decision is Decision.APPROVE else 0)


@pytest.mark.parametrize("meets", [fakehost.GONE, fakehost.BUSY, fakehost.DOWN])
async def test_a_host_that_can_not_be_asked_is_tried_again_until_it_can(world: World, bot: Bot, meets: str) -> None:
    world.agent.ahead.extend([meets] * 3)
    request = await bot.approve(await bot.ask("all"))
    assert request.state is State.EXECUTING
    assert request.doing.startswith("mx1: ")
    for _ in range(4):
        world.clock.turn(timedelta(minutes=2))
        await bot.tick()
    assert (await bot.approvals.get(request.id)).state is State.DONE


async def test_a_host_that_can_not_be_asked_in_time_is_not_asked_after_it(world: World, bot: Bot) -> None:
    world.agent.ahead.extend([fakehost.GONE] * 100)
    request = await bot.approve(await bot.ask("all"))
    for _ in range(20):
        world.clock.turn(timedelta(minutes=2))
        await bot.tick()
    ended = await bot.approvals.get(request.id)
    assert ended.state is State.NOT_BEGUN
    assert ended.result is not None and "the agent can't be started" in ended.result.text
    assert world.agent.journals == {}


async def test_a_request_that_died_before_it_began_is_not_begun_after_its_time(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.DIES_BEFORE)
    request = await bot.approve(await bot.ask("all"))
    assert request.state is State.UNKNOWN
    world.clock.turn(timedelta(minutes=31))
    await bot.tick()
    assert (await bot.approvals.get(request.id)).state is State.NOT_BEGUN
    assert len(world.agent.queue) == 10


async def test_a_refusal_ends_it_at_once(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.DENIED)
    ended = await bot.approve(await bot.ask("all"))
    assert ended.state is State.FAILED
    assert ended.result is not None and ended.result.text == "mx1: This host does not allow it. Nothing was done."


async def test_a_defect_before_anything_was_changed_ends_it_too(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.DEFECT)
    ended = await bot.approve(await bot.ask("all"))
    assert ended.state is State.FAILED
    assert len(world.agent.queue) == 10


@pytest.mark.parametrize("meets", [fakehost.DENIED, fakehost.DEFECT])
async def test_after_a_lost_answer_a_refusal_proves_nothing(world: World, bot: Bot, meets: str) -> None:
    world.agent.ahead.extend([fakehost.DIES_AFTER, *[meets] * 100])
    request = await bot.approve(await bot.ask("all"))
    world.clock.turn(timedelta(minutes=2))
    await bot.tick()
    assert (await bot.approvals.get(request.id)).state is State.UNKNOWN
    world.clock.turn(timedelta(minutes=30))
    await bot.tick()
    ended = await bot.approvals.get(request.id)
    # The trash can be read all the same, and it remembers the deletion.
    assert ended.state is State.DONE and ended.result is not None and ended.result.counts == {"deleted": 10}
    assert ended.left_in_trash == 10


async def test_what_can_not_be_kept_is_not_deleted(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.NO_ROOM)
    ended = await bot.approve(await bot.ask("all"))
    assert ended.state is State.FAILED
    assert ended.result is not None and ended.result.not_kept == "the disk is full"
    assert len(world.agent.queue) == 10


async def test_nothing_that_could_be_done_is_a_failure_and_mail_that_left_by_itself_is_not(
    world: World, bot: Bot
) -> None:
    for message in world.agent.queue.values():
        message.queue = "maildrop"
    stuck = await bot.ask("all")
    assert (await bot.approve(stuck)).state is State.FAILED
    gone = await bot.ask("all")
    world.agent.queue.clear()
    done = await bot.approve(gone)
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"gone": 10}


async def test_a_list_that_was_changed_in_the_database_is_not_used(world: World, bot: Bot) -> None:
    request = await bot.ask(mail(1).queue_id)
    other = manifest.packed(manifest.frozen([mail(2)]))
    async with bot.store.transaction() as transaction:
        await transaction.connection.execute(update(tables.manifests).values(lines=other))
    ended = await bot.approve(request)
    assert ended.state is State.FAILED
    assert ended.result is not None and "is not the one whose digest is" in ended.result.text
    assert world.agent.asked == []


async def test_a_host_that_is_configured_no_more_is_waited_for_and_then_given_up(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    world.agent.host = "mx9"
    async with world.bot() as other:
        assert (await other.approve(request)).state is State.EXECUTING
        world.clock.turn(timedelta(minutes=31))
        await other.tick()
        ended = await other.approvals.get(request.id)
    assert ended.state is State.NOT_BEGUN
    assert ended.result is not None and "no mail host of that name any more" in ended.result.text


async def test_what_the_host_left_unfinished_is_taken_up_again_though_it_had_ended(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.DENIED)
    request = await bot.approve(await bot.ask("all"))
    assert request.state is State.FAILED
    # The store is older than the host: it was brought back from a copy, say.
    world.agent.ahead.append(fakehost.DIES_WITHIN)
    listed = await bot.approvals.manifest(request.id)
    assert listed is not None
    with pytest.raises(OutcomeUnknown):
        await bot.host.delete(request.key, listed.identities)
    (done,) = await world.in_the_end()
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"deleted": 10}


async def test_above_the_limit_another_approver_approves(world: World, bot: Bot) -> None:
    world.queue(*range(10, 24))
    with pytest.raises(NotAllowed, match=r"24 messages, where the limit is 20 in 1 h\. Another approver"):
        await bot.approve(await bot.ask("all", by=APRIL), by=APRIL)
    assert (await bot.approve(await bot.ask("all", by=APRIL), by=ANTON)).state is State.DONE


async def test_progress_is_told_now_and_then(world: World, bot: Bot) -> None:
    gate = world.agent.gate = asyncio.Event()
    request = await bot.ask("all")
    await bot.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
    bot.executor.kick(request.id)
    await world.agent.was_asked(1)
    # The first word comes at once and is not worth a change of the card; the next one is.
    world.clock.turn(timedelta(seconds=3))
    gate.set()
    await bot.background.idle()
    done = await bot.approvals.get(request.id)
    # Approved, begun, one step, ended.
    assert (done.state, done.revision, done.doing) == (State.DONE, request.revision + 4, "")


async def test_progress_that_can_not_be_written_does_not_stop_the_work(
    world: World, bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    gate = world.agent.gate = asyncio.Event()
    request = await bot.ask("all")
    await bot.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
    bot.executor.kick(request.id)
    await world.agent.was_asked(1)
    world.clock.turn(timedelta(seconds=3))
    assert isinstance(bot.store, MortalStore)
    bot.store.failures = 1
    gate.set()
    await bot.background.idle()
    assert (await bot.approvals.get(request.id)).state is State.DONE
    assert "was not written: The disk is full" in caplog.text


async def test_an_end_that_can_not_be_written_is_asked_for_again(
    world: World, bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    gate = world.agent.gate = asyncio.Event()
    request = await bot.ask("all")
    await bot.approvals.decide(request.id, None, Decision.APPROVE, person(APRIL))
    bot.executor.kick(request.id)
    await world.agent.was_asked(1)
    assert isinstance(bot.store, MortalStore)
    bot.store.failures = 1
    gate.set()
    await bot.background.idle()
    assert (await bot.approvals.get(request.id)).state is State.EXECUTING
    assert "is taken up again once the store answers: The disk is full" in caplog.text
    world.clock.turn(lease.LEASE)
    await bot.tick()
    done = await bot.approvals.get(request.id)
    assert done.state is State.DONE and done.result is not None and done.result.counts == {"deleted": 10}


async def test_what_was_restored_on_the_host_before_the_end_was_heard_is_told(world: World, bot: Bot) -> None:
    world.agent.ahead.append(fakehost.DIES_AFTER)
    request = await bot.approve(await bot.ask("all"))
    assert request.state is State.UNKNOWN
    await bot.host.restore(request.key, [mail(number).queue_id for number in range(4)])
    world.clock.turn(timedelta(minutes=2))
    await bot.tick()
    done = await bot.approvals.get(request.id)
    assert (done.state, done.left_in_trash) == (State.DONE, 6)
    assert done.result is not None and done.result.text.startswith("4 messages of it were restored on mx1 since")


async def test_a_deletion_that_is_over_here_and_not_on_its_host_is_finished_there(world: World, bot: Bot) -> None:
    request = await bot.approve(await bot.ask("all"))
    world.agent.journals[request.key].finished = False
    world.clock.turn(timedelta(minutes=11))
    await bot.tick()
    assert world.agent.journals[request.key].finished
    assert world.agent.asked == [f"delete {request.key}"] * 2
    assert await bot.approvals.get(request.id) == request

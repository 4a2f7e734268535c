"""Requests are made for a list of messages, decided once, in time, by somebody who may; and each change is told."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Count, Identity
from bot.approvals import manifest, records
from bot.approvals.model import Decision, Kind, Person, Policy, Restoration, Result, State
from bot.errors import AlreadyDecided, HostUnreachable, NotAllowed, UserError
from bot.mailhost.host import MailHost
from bot.mailhost.link import Event
from bot.mailhost.selector import parse
from bot.store import tables
from tests.approvals import fakehost
from tests.approvals.world import ANTON, APRIL, HERE, NOEL, OPAL, OTTO, START, VIC, Bot, World, mail, person


async def cards(bot: Bot) -> list[tuple[str, str, int]]:
    """What Slack is to get: kind, subject and revision."""
    columns = tables.outbox.c
    async with bot.store.reading() as connection:
        rows = await connection.execute(select(columns.kind, columns.subject, columns.revision).order_by(columns.id))
        return [tuple(row) for row in rows]


async def trail(bot: Bot) -> list[str]:
    """The audit chain, the oldest row first."""
    assert await bot.store.audit.verify() == ()
    return [f"{row.name} {row.verb} {row.outcome}" for row in reversed(await bot.store.audit.latest(100))]


async def test_a_request_is_for_the_messages_of_this_moment(world: World, bot: Bot) -> None:
    request = await bot.ask("deferred")
    assert request.key.startswith("1-") and len(request.key) == 6
    assert (request.state, request.host, request.selector) == (State.PENDING, "mx1", "deferred")
    assert (request.asked_by, request.asked_at) == (Person(OPAL, "opal"), START)
    assert request.expires_at == START + timedelta(minutes=30)
    assert request.policy == Policy(20, 100, 1800, 2)
    preview = request.preview
    assert (preview.messages, preview.bytes, preview.queues) == (10, 10_000, {"deferred": 10})
    assert (preview.oldest, preview.newest) == (mail(0).arrival_time, mail(9).arrival_time)
    assert preview.senders.top[0] == Count("s0@example.org", 4)
    assert [each.identity for each in preview.sample] == [mail(number) for number in range(5)]
    assert preview.retention == 7 * 86400
    listed = await bot.approvals.manifest(request.id)
    assert listed is not None and listed.identities == tuple(mail(number) for number in range(10))
    assert listed.digest == request.digest
    assert await bot.approvals.get(request.id) == request
    assert await bot.approvals.by_key(request.key) == request
    assert await bot.approvals.open() == (request,)
    assert await cards(bot) == [("request", "1", 1)]


async def test_typed_ids_are_looked_up_too(world: World, bot: Bot) -> None:
    world.queue(99)
    request = await bot.ask(f"{mail(3).queue_id} {mail(1).queue_id} FFFFFF1")
    listed = await bot.approvals.manifest(request.id)
    assert listed is not None and listed.identities == (mail(1), mail(3))


async def test_what_can_not_be_asked_for(world: World, bot: Bot) -> None:
    with pytest.raises(UserError, match="Nothing on mx1 matches hold, so nothing was asked for"):
        await bot.ask("hold")
    for nobody in (VIC, NOEL):
        with pytest.raises(NotAllowed, match="takes an operator or approver") as refused:
            await bot.ask("all", by=nobody)
        assert refused.value.who == (OPAL, OTTO, APRIL, ANTON)
    world.roster.approvers = ()
    with pytest.raises(UserError, match="Nobody could approve this"):
        await bot.ask("all")
    assert await bot.approvals.open() == ()
    assert await trail(bot) == []


async def test_a_queue_that_can_not_be_read_is_no_request(world: World, bot: Bot) -> None:
    class Away:
        host = "mx1"

        async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
            raise HostUnreachable("mx1", "the agent can't be started.")
            yield {}

        async def close(self) -> None:
            pass

    with pytest.raises(HostUnreachable):
        await bot.approvals.ask(Kind.DELETE, MailHost(Away()), parse("all"), person(OPAL), HERE)
    assert await bot.approvals.open() == ()


async def test_ten_requests_of_one_person_may_wait(world: World, bot: Bot) -> None:
    asked = [await bot.ask("all") for _ in range(10)]
    with pytest.raises(UserError, match="10 of your requests wait for a decision already"):
        await bot.ask("all")
    await bot.ask("all", by=OTTO)
    await bot.decide(asked[0], Decision.CANCEL, OPAL)
    await bot.ask("all")
    world.clock.turn(timedelta(minutes=31))
    await bot.ask("all")


async def test_only_the_first_click_decides(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    await bot.approve(request, by=APRIL)
    for decision in Decision:
        with pytest.raises(AlreadyDecided, match=r"already approved by april at 2026-03-01 09:30 UTC\. Your click did"):
            await bot.decide(request, decision, ANTON)
    assert len(world.agent.deletions) == 10
    assert await trail(bot) == [
        "opal delete.ask done",
        "april delete.approve done",
        "clock delete.begin begun",
        "clock delete.end done",
    ]
    assert await cards(bot) == [("request", "1", 4), ("request_ended", "1", 1)]


async def test_an_old_copy_of_the_card_decides_nothing(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    with pytest.raises(UserError, match="is an old one"):
        await bot.decide(request, Decision.APPROVE, APRIL, revision=request.revision - 1)
    assert (await bot.decide(request, Decision.APPROVE, APRIL, revision=request.revision)).state is State.DONE


async def test_another_workspace_decides_nothing(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    for revision, team in ((1, ""), (1, "T0OTHER"), (None, "T0OTHER")):
        with pytest.raises(NotAllowed, match="in another workspace"):
            await bot.approvals.decide(request.id, revision, Decision.APPROVE, person(APRIL), "", team)
    assert (await bot.approvals.get(request.id)).state is State.PENDING


async def test_the_role_is_the_rosters_at_the_moment_of_the_click(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    world.roster.approvers = (ANTON,)
    with pytest.raises(NotAllowed, match="you have no role here") as refused:
        await bot.approve(request, by=APRIL)
    assert refused.value.who == (ANTON,)
    world.roster.approvers = (ANTON, APRIL)
    assert (await bot.approve(request, by=APRIL)).state is State.DONE


async def test_the_number_is_typed_for_many_messages(world: World, bot: Bot) -> None:
    world.queue(*range(10, 120))
    request = await bot.ask("all")
    required = await bot.approvals.requirement(request, person(APRIL), Decision.APPROVE)
    assert required.typed and "Type the number of messages, 120" in required.why
    with pytest.raises(UserError, match="You typed “12”, and 120 was expected: the number of messages"):
        await bot.approve(request, typed="12")
    done = await bot.approve(request, typed=" 120 ")
    assert done.state is State.DONE and done.typed and not done.alone


async def test_time_ends_a_request_and_a_click_after_it_does_nothing(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    world.clock.turn(timedelta(minutes=30))
    with pytest.raises(AlreadyDecided, match=r"was over at 2026-03-01 10:00 UTC\. Nothing was done; ask for it again"):
        await bot.approve(request)
    assert await bot.approvals.expire_due() == 1
    assert await bot.approvals.expire_due() == 0
    ended = await bot.approvals.get(request.id)
    assert (ended.state, ended.finished_at) == (State.EXPIRED, world.clock())
    assert await trail(bot) == ["opal delete.ask done", "clock delete.expire expired"]
    assert await cards(bot) == [("request", "1", 2), ("request_ended", "1", 1)]


async def test_denying_cancelling_and_who_may(world: World, bot: Bot) -> None:
    denied, cancelled, withdrawn = [await bot.ask("all") for _ in range(3)]
    with pytest.raises(NotAllowed, match="Denying is for approvers, and for opal, who asked; you are an operator here"):
        await bot.decide(denied, Decision.DENY, OTTO)
    assert (await bot.decide(denied, Decision.DENY, APRIL)).state is State.DENIED
    with pytest.raises(NotAllowed, match="Only opal, who asked for it, can cancel it; an approver can deny it"):
        await bot.decide(cancelled, Decision.CANCEL, APRIL)
    assert (await bot.decide(cancelled, Decision.CANCEL, OPAL)).state is State.CANCELLED
    assert (await bot.decide(withdrawn, Decision.DENY, OPAL)).state is State.CANCELLED
    # Who cancelled knows it; the others read of the denial in the thread.
    assert [card for card in await cards(bot) if card[0] == "request_ended"] == [("request_ended", "1", 1)]
    assert world.agent.asked == []


async def test_an_approver_confirms_a_few_of_their_own_in_an_hour(world: World, bot: Bot) -> None:
    world.queue(*range(10, 40))
    first = " ".join(mail(number).queue_id for number in range(15))
    done = await bot.approve(await bot.ask(first, by=APRIL), by=APRIL)
    assert done.alone and not done.only_approver
    six = await bot.ask(" ".join(mail(number).queue_id for number in range(15, 21)), by=APRIL)
    with pytest.raises(NotAllowed, match="You confirmed 15 of your own before this one") as refused:
        await bot.approve(six, by=APRIL)
    assert refused.value.who == (ANTON,)
    five = await bot.ask(" ".join(mail(number).queue_id for number in range(25, 30)), by=APRIL)
    assert (await bot.approve(five, by=APRIL)).alone
    world.clock.turn(timedelta(minutes=29))
    with pytest.raises(NotAllowed):
        await bot.approve(six, by=APRIL)
    # Who asked and confirmed it alone does not need a thread that tells them of it.
    assert not [card for card in await cards(bot) if card[0] == "request_ended"]


async def test_the_only_approver_types_the_number_instead(world: World, bot: Bot) -> None:
    world.roster.approvers = (APRIL,)
    world.queue(*range(10, 25))
    request = await bot.ask("all", by=APRIL)
    with pytest.raises(UserError, match="No number was typed, and 25 was expected"):
        await bot.approve(request, by=APRIL)
    done = await bot.approve(request, by=APRIL, typed="25")
    assert (done.state, done.alone, done.only_approver, done.typed) == (State.DONE, True, True, True)
    (row,) = [row for row in await bot.store.audit.latest(10) if row.verb == "delete.approve"]
    assert row.details == {"messages": 25, "typed": True, "alone": True, "only_approver": True}


async def test_a_group_that_can_not_be_read_counts_as_more_than_one_approver(world: World, bot: Bot) -> None:
    world.roster.approvers = (APRIL, "S0GROUP")
    world.queue(*range(10, 25))
    request = await bot.ask("all", by=APRIL)
    assert request.policy.approvers is None
    with pytest.raises(NotAllowed, match="Another approver can approve it"):
        await bot.approve(request, by=APRIL, typed="25")


async def test_what_is_not_there_is_said(bot: Bot) -> None:
    with pytest.raises(UserError, match="There is no request 7 here"):
        await bot.approvals.get(7)
    with pytest.raises(UserError, match="There is no request 7 here"):
        await bot.approvals.decide(7, None, Decision.APPROVE, person(APRIL))
    assert await bot.approvals.by_key("7-abcd") is None


async def test_addresses_are_forgotten_after_thirty_days_and_the_counts_stay(world: World, bot: Bot) -> None:
    request = await bot.approve(await bot.ask("from:s1@example.org older:1s all"))
    assert await bot.approvals.forget_addresses() == 0
    world.clock.turn(timedelta(days=29))
    assert await bot.approvals.forget_addresses() == 0
    assert await bot.approvals.manifest(request.id) is not None
    world.clock.turn(timedelta(days=2))
    assert await bot.approvals.forget_addresses() == 1
    assert await bot.approvals.forget_addresses() == 0
    record = await bot.approvals.get(request.id)
    assert await bot.approvals.manifest(request.id) is None
    assert await bot.approvals.outcomes(request.id) is None
    assert record.selector == "from:s…@example.org older:1s"
    assert (record.preview.sample, record.preview.senders.top) == ((), ())
    assert (record.messages, record.digest, record.result) == (request.messages, request.digest, request.result)


async def test_no_text_of_a_record_keeps_an_address(world: World, bot: Bot) -> None:
    request = await bot.ask("all")
    said = "mail from jane@example.org is in the way"
    once = Restoration(Person(OPAL, "opal"), START, {"failed": 1}, (Outcome("A00001", "failed", said),))
    result = Result({"failed": 1}, said, not_kept=said, failures=(Outcome("A00001", "failed", said),))
    left = str(records.without_addresses(replace(request, result=result, restorations=(once,))))
    assert "jane@" not in left and left.count("mail from j") == 4


async def test_a_list_that_is_still_needed_is_kept(world: World, bot: Bot) -> None:
    world.agent.ahead.extend([fakehost.DIES_WITHIN, *[fakehost.GONE] * 100])
    request = await bot.approve(await bot.ask("all"))
    world.clock.turn(timedelta(days=31))
    assert await bot.approvals.forget_addresses() == 0
    (done,) = await world.in_the_end()
    assert done.id == request.id and done.state is State.DONE


def test_a_digest_can_be_made_again_by_hand() -> None:
    lines = b'["A00001", 1, 2, "a@example.org"]\n["A00002", 3, 4, "MAILER-DAEMON"]\n'
    listed = manifest.frozen([Identity("A00002", 3, 4, "MAILER-DAEMON"), Identity("A00001", 1, 2, "a@example.org")])
    assert listed.digest == hashlib.sha256(lines).hexdigest()
    assert manifest.unpacked(manifest.packed(listed), listed.digest) == listed

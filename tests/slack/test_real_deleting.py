"""Deleting on a real Postfix from Slack: who may, exactly what was previewed, and what is left of it in the queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from bot.approvals.model import State
from bot.console.workspace import Message, text_of
from tests.postfix.hosts import mail_host
from tests.postfix.instance import Entry, PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST
from tests.postfix.test_delete import trash
from tests.postfix.waiting import eventually
from tests.postfix.world import World
from tests.slack.deleting import Clock, actions, alone, asked, card, kept, request, sums, typed, verbs
from tests.slack.desk import APRIL, NOEL, OPAL, Desk
from tests.slack.desk import desk as serving
from tests.slack.test_real_postfix import deliveries, filled

pytestmark = pytest.mark.real("postfix")

NEWS, ALL = 12, 17
DELETE = "/mail delete from:news@shop.test"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ops(postfix: PrivatePostfix, clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Settings come by `parametrize("ops", [{…}], indirect=True)`."""
    async with serving([mail_host(postfix)], clock, **getattr(request, "param", {})) as made:
        yield made


def picked(postfix: PrivatePostfix, picks: Callable[[Entry], bool]) -> list[str]:
    return sorted(entry.queue_id for entry in postfix.queue() if picks(entry))


SELECTORS: dict[str, Callable[[Entry], bool]] = {
    "all": lambda entry: True,
    "all deferred": lambda entry: entry.queue_name == "deferred",
    "hold": lambda entry: entry.queue_name == "hold",
    "from:news@shop.test": lambda entry: entry.sender == "news@shop.test",
    "to:@grey.test": lambda entry: entry.recipients[0].address == "eve@grey.test",
    'reason:"421"': lambda entry: entry.recipients[0].address == "bob@gmail.test",
    "larger:10k deferred": lambda entry: entry.message_size > 10_240 and entry.queue_name == "deferred",
}


@pytest.mark.parametrize("kind", ["postfix", "short_postfix"])
async def test_what_was_previewed_is_deleted_and_restored_whatever_named_it(
    kind: str, request: pytest.FixtureRequest, world: World
) -> None:
    mta: PrivatePostfix = request.getfixturevalue(kind)
    filled(mta, world)
    before, files = mta.queue(), sums(mta)
    ids = sorted(entry.queue_id for entry in before)
    selections = {selector: picked(mta, picks) for selector, picks in SELECTORS.items()}
    selections |= {ids[0]: ids[:1], f"{ids[1]} {ids[2]} {ids[5]}": [ids[1], ids[2], ids[5]]}
    async with serving([mail_host(mta)]) as ops:
        for selector, expected in selections.items():
            question = await asked(ops, f"/mail delete {selector}")
            number = f"{len(expected)} message{'s' if len(expected) > 1 else ''}"
            assert f"asks to delete {number} on mx1" in text_of(question), selector
            assert mta.queue() == before, "asking does nothing"
            await ops.press(question, "request.approve", user=APRIL)
            record = card(ops)
            assert f"Deleted {number} on mx1" in text_of(record) and record.ts == question.ts
            assert picked(mta, lambda entry: True) == sorted({*ids} - {*expected}), selector
            assert kept(mta) == expected, selector
            await ops.press(record, "request.restore")
            assert f"Restored {number}: U0OPAL" in text_of(card(ops))
            assert sorted(mta.queue(), key=str) == sorted(before, key=str), "the same IDs, queues and reasons"
            assert sums(mta) == files, "the same bytes"
            assert kept(mta) == []
        assert await ops.services.store.audit.verify() == ()


async def test_mail_that_arrives_later_is_not_touched(ops: Desk, postfix: PrivatePostfix, world: World) -> None:
    filled(postfix, world)
    question = await asked(ops, DELETE)
    (late,) = postfix.defer("news@shop.test", "bob@gmail.test")
    await ops.press(question, "request.approve", user=APRIL)
    assert picked(postfix, lambda entry: entry.sender == "news@shop.test") == [late.queue_id]


@pytest.mark.parametrize("ops", [{"approvers": (APRIL, NOEL), "approval_self_max": 14}], indirect=True)
async def test_an_approver_confirms_their_own_up_to_the_limit_and_no_further(
    ops: Desk, postfix: PrivatePostfix, world: World
) -> None:
    filled(postfix, world)
    await ops.press(await asked(ops, DELETE, APRIL), "request.approve", user=APRIL)
    assert "who asked for it too" in text_of(card(ops))
    assert len(kept(postfix)) == NEWS
    question = await asked(ops, "/mail delete from:ann@home.test", APRIL)
    await ops.press(question, "request.approve", user=APRIL)
    assert "more than you can confirm alone" in text_of(alone(ops, APRIL)[-1])
    assert len(postfix.queue()) == ALL - NEWS
    await ops.press(question, "request.approve", user=NOEL)
    assert "approved by U0NOEL" in text_of(card(ops))
    assert postfix.queue() == []


@pytest.mark.parametrize("ops", [{"approval_typed_over": 10}], indirect=True)
async def test_above_a_number_the_approver_types_it(ops: Desk, postfix: PrivatePostfix, world: World) -> None:
    filled(postfix, world)
    question = await asked(ops, DELETE)
    await ops.workspace.press(APRIL, question, "request.approve")
    await ops.services.background.idle()
    assert (await typed(ops, "11", APRIL)).errors
    assert len(postfix.queue()) == ALL and not trash(postfix).exists()
    assert not (await typed(ops, str(NEWS), APRIL)).errors
    assert "the number typed" in text_of(card(ops))
    assert len(kept(postfix)) == NEWS and len(postfix.queue()) == ALL - NEWS


async def test_a_denial_a_cancel_and_the_end_of_its_time_leave_the_queue_as_it_was(
    ops: Desk, postfix: PrivatePostfix, world: World, clock: Clock
) -> None:
    filled(postfix, world)
    before, files = postfix.queue(), sums(postfix)
    await ops.press(await asked(ops, "/mail delete all"), "request.deny", user=APRIL)
    assert "Denied by U0APRIL" in text_of(card(ops))
    await ops.press(await asked(ops, "/mail delete all"), "request.cancel")
    assert "Cancelled by U0OPAL" in text_of(card(ops))
    question = await asked(ops, "/mail delete all")
    clock.ahead = timedelta(minutes=31)
    await ops.press(question, "request.approve", user=APRIL)
    assert "was over at" in text_of(alone(ops, APRIL)[-1])
    await ops.services.approvals.expire_due()
    await ops.services.background.idle()
    assert "Nobody decided before" in text_of(card(ops)) and actions(card(ops)) == []
    states = [(await request(ops, number)).state for number in (1, 2, 3)]
    assert states == [State.DENIED, State.CANCELLED, State.EXPIRED]
    assert (postfix.queue(), sums(postfix)) == (before, files)
    assert not trash(postfix).exists(), "no agent was asked for a change"


async def test_held_instead_and_undone_each_is_delivered_once(ops: Desk, postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@home.test", "eve@grey.test", count=5)
    before, files = postfix.queue(), sums(postfix)
    await ops.press(await asked(ops, "/mail delete from:ann@home.test"), "request.hold")
    assert "Put 5 messages on hold on mx1, instead of deleting" in text_of(card(ops))
    assert postfix.count("hold") == 5 and kept(postfix) == []
    await ops.press(card(ops), "hold.undo")
    assert (sorted(postfix.queue(), key=str), sums(postfix)) == (sorted(before, key=str), files)
    world.domain("grey.test", ACCEPT)
    await ops.type("/mail flush")
    await eventually(lambda: not postfix.queue(), timeout=30)
    assert deliveries(world, injected) == [1] * 5


async def test_a_message_that_got_the_queue_id_of_another_survives_and_is_told_as_changed(
    ops: Desk, postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    one, two = postfix.defer("ann@home.test", "eve@grey.test", count=2)
    # Mail of the same sender, size and second would be the same to everybody: postqueue(1) tells no more of it.
    (other,) = postfix.defer("joe@home.test", "eve@grey.test")
    question = await asked(ops, f"/mail delete {one.queue_id} {two.queue_id}")
    places = {path.name: path for path in postfix.files("deferred")}
    places[other.queue_id].rename(places[one.queue_id])
    await ops.press(question, "request.approve", user=APRIL)
    words = text_of(card(ops))
    assert "Deleted 1 of 2 messages on mx1" in words
    assert "1 changed: the queue ID belongs to another message now, which was let go" in words
    assert f"{one.queue_id} changed" in words
    assert [(entry.queue_name, entry.queue_id) for entry in postfix.queue()] == [("deferred", one.queue_id)]
    assert kept(postfix) == [two.queue_id]
    world.domain("grey.test", ACCEPT)
    await ops.type("/mail flush")
    await eventually(lambda: not postfix.queue(), timeout=30)
    assert deliveries(world, [one, two, other]) == [0, 0, 1]


async def by_number(ops: Desk, question: Message, number: int) -> Message:
    """The card after an approval for which the number was typed."""
    await ops.workspace.press(APRIL, question, "request.approve")
    await ops.services.background.idle()
    assert not (await typed(ops, str(number), APRIL)).errors
    return card(ops)


async def test_a_final_deletion_leaves_nothing_of_the_mail(ops: Desk, postfix: PrivatePostfix, world: World) -> None:
    filled(postfix, world)
    record = await by_number(ops, await asked(ops, f"{DELETE} --final"), NEWS)
    assert f"Deleted {NEWS} messages for good on mx1" in text_of(record)
    assert "request.restore" not in actions(record)
    assert picked(postfix, lambda entry: entry.sender == "news@shop.test") == []
    assert len(postfix.queue()) == ALL - NEWS
    assert kept(postfix) == [] and postfix.count("defer") == ALL - NEWS
    assert "nothing is kept of it" in await ops.say(f"/mail restore {(await request(ops)).key}")


async def test_a_purge_destroys_the_mail_of_one_deletion_and_no_other(
    ops: Desk, postfix: PrivatePostfix, world: World
) -> None:
    filled(postfix, world)
    await ops.press(await asked(ops, DELETE), "request.approve", user=APRIL)
    await ops.press(await asked(ops, "/mail delete to:@grey.test"), "request.approve", user=APRIL)
    first, second = (await request(ops, 1)).key, (await request(ops, 2)).key
    purged = await by_number(ops, await asked(ops, f"/mail purge {first}"), NEWS)
    assert f"Purged {NEWS} messages from the trash on mx1: {first}" in text_of(purged)
    assert (kept(postfix, first), len(kept(postfix, second))) == ([], 3)
    assert "news@shop.test" not in (trash(postfix) / first / "journal").read_text()
    assert "destroyed for good" in await ops.say(f"/mail restore {first}")
    await ops.type(f"/mail restore {second}")
    assert len(postfix.queue()) == ALL - NEWS


async def test_an_expiry_sends_the_mail_back_to_its_sender_at_the_next_attempt(
    ops: Desk, postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    world.domain("home.test", ACCEPT)
    injected = postfix.defer("ann@home.test", "eve@grey.test", count=3)
    postfix.defer("joe@home.test", "eve@grey.test")
    question = await asked(ops, "/mail expire from:ann@home.test")
    assert "Beware of backscatter" in text_of(question)
    record = await by_number(ops, question, 3)
    assert "Expired 3 messages on mx1" in text_of(record)
    assert await verbs(ops) == ["expire.ask", "expire.approve", "expire.begin", "expire.end"]
    assert world.delivered() == [] and len(postfix.queue()) == 4, "only marked"
    await ops.type("/mail flush")
    await eventually(lambda: len(world.delivered()) == 3, timeout=30)
    assert {(each.sender, each.recipient) for each in world.delivered()} == {("", "ann@home.test")}
    await eventually(lambda: [entry.sender for entry in postfix.queue()] == ["joe@home.test"])
    assert deliveries(world, injected) == [0, 0, 0]


@pytest.mark.takes(240)
async def test_requeued_mail_gets_new_ids_and_is_delivered_once(
    ops: Desk, postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@home.test", "eve@grey.test", count=4)
    (told,) = await ops.type("/mail requeue from:ann@home.test")
    assert "requeued 4 messages on mx1" in text_of(told) and told.ephemeral_to == ""
    assert not {each.queue_id for each in injected} & {entry.queue_id for entry in postfix.queue("deferred")}
    postfix.run("postqueue", "-f")  # else pickup(8) looks into the maildrop once a minute
    await eventually(lambda: postfix.settled() and postfix.count("deferred") == 4, timeout=90)
    world.domain("grey.test", ACCEPT)
    await ops.type("/mail flush")
    await eventually(lambda: not postfix.queue(), timeout=30)
    assert deliveries(world, injected) == [1] * 4
    assert await verbs(ops) == ["requeue", "flush"]


async def test_nobody_has_to_be_at_work_for_it_but_two_people_and_a_stopped_postfix_is_no_matter(
    ops: Desk, postfix: PrivatePostfix, world: World
) -> None:
    filled(postfix, world)
    before, files = postfix.queue(), sums(postfix)
    postfix.stop()
    try:
        # A few: without its logging server postsuper(1) takes a second for each.
        await ops.press(await asked(ops, "/mail delete from:ann@home.test", OPAL), "request.approve", user=APRIL)
        assert f"Deleted {ALL - NEWS} messages on mx1" in text_of(card(ops))
        assert len(postfix.queue()) == NEWS
        await ops.press(card(ops), "request.restore")
    finally:
        postfix.start()
    assert (sorted(postfix.queue(), key=str), sums(postfix)) == (sorted(before, key=str), files)

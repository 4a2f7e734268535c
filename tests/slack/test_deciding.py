"""Who decides on a request and how: a second person, alone, by a typed number, once, in time, or not at all."""

import asyncio
from datetime import timedelta

import pytest

from bot.approvals.model import State
from bot.console.workspace import text_of
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.deleting import DELETE, Clock, actions, alone, asked, card, request, thread, typed, verbs
from tests.slack.desk import APRIL, NOEL, OPAL, VIC, Desk

TWO = {"approvers": (APRIL, NOEL)}


async def test_an_approver_confirms_their_own_within_the_limit(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, "/mail delete from:@home.test", APRIL)
    assert "U0APRIL" in text_of(question).splitlines()[1]
    await ops.press(question, "request.approve", user=APRIL)
    assert "approved by U0APRIL" in text_of(card(ops)) and "who asked for it too" in text_of(card(ops))
    assert not {*small.fine} & small.queue().keys()
    assert thread(ops) == [], "whoever did it alone has seen it"


@pytest.mark.parametrize("ops", [{**TWO, "approval_self_max": 5}], indirect=True)
async def test_above_the_limit_it_takes_another_approver(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE, APRIL)
    assert "Who may approve" in text_of(question) and "U0APRIL" not in text_of(question).splitlines()[1]
    (refused,) = await ops.press(question, "request.approve", user=APRIL)
    assert refused.ephemeral_to == APRIL
    assert "more than you can confirm alone" in text_of(refused)
    assert "Who may: U0NOEL." in text_of(refused)
    assert small.count("deferred") == DEAD + FINE
    await ops.press(question, "request.approve", user=NOEL)
    assert "approved by U0NOEL" in text_of(card(ops))


@pytest.mark.parametrize("ops", [{"approval_self_max": 5}], indirect=True)
async def test_the_only_approver_types_the_number_in_place_of_a_second_person(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE, APRIL)
    await ops.workspace.press(APRIL, question, "request.approve")
    await ops.services.background.idle()
    (window,) = ops.workspace.views(APRIL)
    assert "You are the only approver" in text_of(window)
    await typed(ops, str(DEAD), APRIL)
    assert ops.workspace.views(APRIL) == []
    assert "is the only approver there is, the number typed" in text_of(card(ops))
    assert small.count("deferred") == FINE


@pytest.mark.parametrize("ops", [{"approval_typed_over": 5}], indirect=True)
async def test_a_wrong_number_is_shown_in_the_window_and_does_nothing(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    assert f"Delete {DEAD} messages …" in text_of(question)
    await ops.workspace.press(APRIL, question, "request.approve")
    await ops.services.background.idle()
    for wrong in (str(DEAD + 1), "yes", "-12", "12.0"):
        receipt = await typed(ops, wrong, APRIL)
        assert receipt.errors == {
            "number": f"The number of messages is {DEAD}. Type it to approve, or press Cancel: nothing is done."
        }
    assert (await request(ops)).state is State.PENDING
    assert small.count("deferred") == DEAD + FINE
    receipt = await typed(ops, f" {DEAD} ", APRIL)
    assert receipt.errors == {}
    assert "the number typed" in text_of(card(ops))
    assert small.count("deferred") == FINE


@pytest.mark.parametrize("ops", [{"approval_typed_over": 5}], indirect=True)
async def test_a_window_that_is_sent_after_the_decision_says_who_was_faster(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    await ops.workspace.press(APRIL, question, "request.approve")
    await ops.services.background.idle()
    await ops.press(question, "request.cancel")
    await typed(ops, str(DEAD), APRIL)
    (told,) = alone(ops, APRIL)
    assert "cancelled by opal" in text_of(told)
    assert small.count("deferred") == DEAD + FINE


@pytest.mark.parametrize(
    ("user", "action"), [(APRIL, "request.deny"), (OPAL, "request.cancel"), (OPAL, "request.deny")]
)
async def test_a_denial_and_a_cancel_leave_everything_as_it_was(
    ops: Desk, small: SmallHost, user: str, action: str
) -> None:
    before = small.queue()
    question = await asked(ops, DELETE)
    await ops.press(question, action, user=user)
    assert "Nothing was deleted on mx1." in text_of(card(ops))
    assert f"{'Denied' if user == APRIL else 'Cancelled'} by {user}" in text_of(card(ops))
    assert actions(card(ops)) == []
    assert small.queue() == before
    (refused,) = await ops.press(question, "request.approve", user=APRIL)
    assert f"{'denied by april' if user == APRIL else 'cancelled by opal'}" in text_of(refused)
    assert small.queue() == before


@pytest.mark.parametrize(
    ("user", "action", "why"),
    [
        (VIC, "request.approve", "Approving is for approvers; you are a viewer here. Nothing was done."),
        (OPAL, "request.approve", "Approving is for approvers; you are an operator here. Nothing was done."),
        (VIC, "request.deny", "Denying is for approvers, and for opal, who asked; you are a viewer here."),
        (VIC, "request.hold", "Holding is for operators and approvers; you are a viewer here."),
        (APRIL, "request.cancel", "Only opal, who asked for it, can cancel it; an approver can deny it."),
    ],
)
async def test_who_may_not_is_told_alone_why_and_who_may(
    ops: Desk, small: SmallHost, user: str, action: str, why: str
) -> None:
    before = small.queue()
    question = await asked(ops, DELETE)
    (refused,) = await ops.press(question, action, user=user)
    assert refused.ephemeral_to == user
    assert why in text_of(refused)
    assert ("Who may: " in text_of(refused)) == (action != "request.cancel")
    assert (await request(ops)).state is State.PENDING
    assert small.queue() == before


async def test_a_double_click_decides_once(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    presses = [ops.workspace.press(APRIL, question, "request.approve", confirmed=True) for _ in range(2)]
    await asyncio.gather(*presses)
    await ops.services.background.idle()
    (told,) = alone(ops, APRIL)
    assert "approved by april" in text_of(told)
    assert (await verbs(ops)).count("delete.approve") == 1
    assert (await verbs(ops)).count("delete.begin") == 1
    assert small.count("deferred") == FINE


@pytest.mark.parametrize("ops", [TWO], indirect=True)
async def test_of_two_who_press_at_once_one_decides_and_the_other_reads_who(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    await asyncio.gather(
        ops.workspace.press(APRIL, question, "request.approve", confirmed=True),
        ops.workspace.press(NOEL, question, "request.deny"),
    )
    await ops.services.background.idle()
    settled = await request(ops)
    assert settled.decided_by
    winner, loser = (APRIL, NOEL) if settled.decided_by.id == APRIL else (NOEL, APRIL)
    assert alone(ops, winner) == []
    (told,) = alone(ops, loser)
    assert f"by {settled.decided_by.name}" in text_of(told)
    assert small.count("deferred") == (FINE if winner == APRIL else DEAD + FINE)


async def test_a_click_after_the_time_is_over_does_nothing_and_the_card_says_so(
    later: Desk, small: SmallHost, clock: Clock
) -> None:
    question = await asked(later, DELETE)
    clock.ahead = timedelta(minutes=31)
    (refused,) = await later.press(question, "request.approve", user=APRIL)
    assert refused.ephemeral_to == APRIL
    assert "was over at" in text_of(refused) and "Nothing was done; ask for it again." in text_of(refused)
    assert small.count("deferred") == DEAD + FINE
    assert await later.services.approvals.expire_due() == 1
    await later.services.background.idle()
    assert "Nothing was deleted on mx1. Nobody decided before" in text_of(card(later))
    assert actions(card(later)) == []
    assert "Nobody decided in time." in text_of(thread(later)[0])
    assert (await request(later)).state is State.EXPIRED


async def test_holding_instead_needs_no_second_person_and_can_be_undone(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    await ops.press(question, "request.hold")
    record = card(ops)
    assert f"Put {DEAD} messages on hold on mx1, instead of deleting" in text_of(record)
    assert small.count("hold") == DEAD + 1
    await ops.press(record, "hold.undo")
    assert f"Undone: U0OPAL released {DEAD} messages again" in text_of(card(ops))
    assert small.count("hold") == 1
    (refused,) = await ops.press(record, "hold.undo", user=APRIL)
    assert "This undo was pressed before, by opal" in text_of(refused)


async def test_what_was_held_instead_is_released_by_its_key(ops: Desk, small: SmallHost) -> None:
    await ops.press(await asked(ops, DELETE), "request.hold")
    await ops.type(f"/mail release {(await request(ops)).key}")
    assert small.count("hold") == 1

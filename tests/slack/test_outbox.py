"""Whatever Slack and the process do, each card is there once and current, and each thread message in its thread."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.console.workspace import Message, faults
from bot.store.outbox import Told
from handlers.delivery import SETTLES
from tests.slack.board import SPEED, STEPS, TIMEOUT, Board, board

OPS, ALERTS = "C0OPS", "C0ALERTS"
BETWEEN = 1.0
SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"


@pytest.fixture(autouse=True)
def paced(no_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is in production, but for a shorter lease: a killed worker's row is waited for."""
    monkeypatch.setattr("handlers.outbox.BETWEEN", BETWEEN)
    monkeypatch.setattr("handlers.outbox.LEASE", timedelta(seconds=30))


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Board]:
    async with board(tmp_path, OPS, ALERTS) as made:
        await made.begin()
        yield made


def posts(board: Board, method: str = "chat.postMessage") -> int:
    return sum(call.method == method for call in board.workspace.calls)


async def test_a_card_is_posted_with_its_outbox_id_and_edited_in_place(told: Board) -> None:
    await told.change("one", OPS)
    await told.all_said()
    (first,) = told.messages(OPS)
    assert first.metadata == {"event_type": "maildesk", "event_payload": {"outbox": 1}}
    await told.change("one", OPS)
    await told.all_said()
    (second,) = told.messages(OPS)
    assert (second.ts, second.text, second.metadata) == (first.ts, "one is at 2", first.metadata)
    assert posts(told) == 1


async def test_a_burst_of_changes_is_one_post_of_the_newest_state(told: Board) -> None:
    told.workspace.faults.add("chat.postMessage", faults.rate_limited(60), times=1)
    for _ in range(20):
        await told.change("one", OPS)
    await told.all_said()
    (message,) = told.messages(OPS)
    assert [revision.text for revision in told.workspace.revisions(message)] == ["one is at 20"]
    assert posts(told) == 2


async def test_a_thread_message_waits_for_its_card(told: Board) -> None:
    told.workspace.faults.add("chat.postMessage", faults.server_error(503), times=2)
    await told.change("one", OPS)
    await told.remark("done", "one", OPS)
    await told.all_said()
    told.check()


async def test_one_channel_gets_a_message_a_second_and_others_do_not_wait_for_it(told: Board) -> None:
    for number in range(5):
        await told.change(f"n{number}", OPS)
    await told.change("other", ALERTS)
    await told.all_said()
    times = [float(message.ts) for message in told.messages(OPS)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # The call itself takes a while, so a message may follow the one before it by a little less.
    assert min(gaps) >= BETWEEN - 0.5, gaps
    assert float(told.messages(ALERTS)[0].ts) < times[-1]


async def test_retry_after_is_honoured_for_every_channel(told: Board) -> None:
    told.workspace.faults.add("chat.postMessage", faults.rate_limited(60), times=1)
    began = told.clock.now()
    await told.change("one", OPS)
    await told.workspace.wait(lambda: posts(told) == 1)
    await told.change("two", ALERTS)
    await told.change("one", OPS)
    await told.all_said()
    assert min(float(told.messages(channel)[0].ts) for channel in (OPS, ALERTS)) >= began.timestamp() + 60
    assert posts(told) == 3
    told.check()


async def test_a_message_that_slack_took_without_an_answer_is_found_and_not_posted_again(told: Board) -> None:
    for fault in (faults.no_answer(), faults.reset(applied=True), faults.server_error(500, applied=True)):
        told.workspace.faults.add("chat.postMessage", fault, times=1)
        await told.change(fault.name, OPS)
        await told.remark(fault.name, fault.name, OPS)
        await told.workspace.wait(lambda: len(told.messages(OPS)) > 0)
        await told.all_said()
    assert posts(told) == 6
    told.check()


async def test_a_message_that_slack_took_late_is_waited_for(told: Board) -> None:
    seconds = TIMEOUT + SETTLES / SPEED / 2
    told.workspace.faults.add("chat.postMessage", faults.late(seconds), times=1)
    await told.change("one", OPS)
    await told.workspace.wait(lambda: posts(told) == 1)
    await told.change("one", OPS)
    await told.all_said()
    told.check()


async def test_news_of_another_kind_do_not_hide_what_was_posted(told: Board) -> None:
    told.workspace.faults.add("chat.postMessage", faults.no_answer(), times=1)
    await told.change("one", OPS)
    await told.workspace.wait(lambda: told.messages(OPS))
    for number in range(450):
        told.workspace.state.post(Message(OPS, told.workspace.state.new_ts(), "U0X", str(number)))
    await told.all_said()
    assert [message.text for message in told.messages(OPS) if message.user != "U0X"] == ["one is at 1"]
    assert posts(told, "conversations.history") == 3


async def test_where_the_history_cannot_be_read_nothing_is_posted_twice_and_the_admin_is_told(
    told: Board, caplog: pytest.LogCaptureFixture
) -> None:
    told.workspace.scopes.discard("channels:history")
    told.workspace.faults.add("chat.postMessage", faults.no_answer(applied=False), times=1)
    await told.change("one", OPS)
    await told.workspace.wait(lambda: "conversations.history: missing_scope in C0OPS" in caplog.text)
    await told.worker.idle()
    (failed,) = (await told.backlog()).failed
    assert failed.error == "conversations.history: missing_scope in C0OPS"
    assert told.messages(OPS) == []
    told.workspace.scopes.add("channels:history")
    await told.end()
    await told.begin()
    await told.all_said()
    told.check()


async def test_without_the_history_a_clear_refusal_is_simply_tried_again(told: Board) -> None:
    told.workspace.scopes.discard("channels:history")
    told.workspace.faults.add("chat.postMessage", faults.rate_limited(2), times=2)
    await told.change("one", OPS)
    await told.all_said()
    told.check()


@pytest.mark.parametrize("error", ["not_in_channel", "is_archived", "account_inactive", "no_such_word"])
async def test_a_lasting_refusal_is_told_and_tried_again_when_it_may_have_been_mended(
    told: Board, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.workspace.faults.add("chat.postMessage", faults.refused(error))
    monkeypatch.setattr("handlers.outbox.RETRY_FAILED", timedelta(seconds=100))
    await told.end()
    await told.begin()
    await told.change("one", OPS)
    await told.change("two", ALERTS)
    await told.workspace.wait(lambda: posts(told) == 2)
    await told.worker.idle()
    assert [failed.error for failed in (await told.backlog()).failed] == [f"{error} in C0OPS", f"{error} in C0ALERTS"]
    assert posts(told) == 2
    told.workspace.faults.clear()
    await told.all_said()
    told.check()


async def test_a_message_that_somebody_deleted_is_posted_anew_once(told: Board) -> None:
    await told.change("one", OPS)
    await told.all_said()
    told.workspace.state.delete(told.messages(OPS)[0])
    await told.change("one", OPS)
    await told.all_said()
    assert posts(told) == 2
    told.check()


async def test_a_person_is_told_in_their_direct_messages(told: Board) -> None:
    told.workspace.add_user("U0OPAL", "opal")
    told.workspace.add_user("U0SELF", "self")
    await told.change("one", "U0OPAL")
    await told.all_said()
    await told.change("one", "U0OPAL")
    await told.all_said()
    (message,) = told.messages(told.workspace.im("U0OPAL").id)
    assert message.text == "one is at 2"


async def test_a_person_is_told_twice_rather_than_never(told: Board) -> None:
    told.workspace.add_user("U0OPAL", "opal")
    told.workspace.add_user("U0SELF", "self")
    for fault in (faults.no_answer(), faults.server_error(500)):
        told.workspace.faults.add("chat.postMessage", fault, times=1)
        await told.change(fault.name, "U0OPAL")
        await told.all_said()
    texts = [message.text for message in told.messages(told.workspace.im("U0OPAL").id)]
    assert texts == ["no_answer is at 1", "no_answer is at 1", "server_error is at 1"]
    assert posts(told, "conversations.history") == 0
    assert (await told.backlog()).failed == ()


async def test_a_subject_that_is_not_there_any_more_is_passed_over(told: Board) -> None:
    told.numbers[(OPS, "gone")] = -1
    async with told.services.store.transaction() as transaction:
        await transaction.tell(Told(told.workspace.team_id, OPS, "notice", "gone"))
        await transaction.tell(Told(told.workspace.team_id, OPS, "poem", "1"))
        await transaction.tell(Told("T0OTHER", OPS, "notice", "gone"))
    await told.worker.idle()
    (failed,) = (await told.backlog()).failed
    assert failed.error == "this version of the bot knows no messages of the kind poem"
    assert told.messages(OPS) == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_process_killed_at_any_step_leaves_each_card_once(tmp_path: Path, step: str, after: bool) -> None:
    async with board(tmp_path, OPS) as told:
        await told.begin()
        await told.change("old", OPS)
        await told.all_said()
        if step == "lost":
            told.workspace.state.delete(told.messages(OPS)[0])
        await told.end()
        await told.begin(step, after=after)
        if step in ("later", "failed"):
            fault = faults.server_error(500) if step == "later" else faults.refused("is_archived")
            told.workspace.faults.add("chat.*", fault, times=1)
        for name in ("old", "new"):
            if not told.dead.is_set():
                await told.change(name, OPS)
        await asyncio.wait_for(told.dead.wait(), 10)
        await told.kill()
        await told.begin()
        if step != "lost":
            await told.remark("after", "old", OPS)
        await told.all_said()
        told.check()


@pytest.mark.parametrize("seed", range(200 if SOAK else 8))
async def test_any_mixture_of_faults_and_restarts_leaves_each_card_once_and_current(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    bad_days = [
        faults.rate_limited(2),
        faults.server_error(500),
        faults.server_error(503, applied=True),
        faults.no_answer(),
        faults.no_answer(applied=False),
        faults.reset(),
        faults.reset(applied=True),
        faults.late(TIMEOUT + SETTLES / SPEED / 2),
        faults.refused("internal_error"),
        faults.refused("not_in_channel"),
    ]
    methods = ["chat.postMessage", "chat.postMessage", "chat.update", "conversations.*", "auth.test"]
    places = {"one": OPS, "two": OPS, "three": ALERTS, "four": "U0OPAL"}
    async with board(tmp_path, OPS, ALERTS) as told:
        told.workspace.add_user("U0OPAL", "opal")
        await told.begin()
        for number in range(40):
            deed = chance.choices(["change", "remark", "fault", "kill", "end", "wait"], [6, 2, 6, 2, 1, 4])[0]
            if deed == "change":
                name = chance.choice(sorted(places))
                await told.change(name, places[name])
            elif deed == "remark" and (cards := sorted(each for each in told.numbers if each[0] != "U0OPAL")):
                channel, name = chance.choice(cards)
                await told.remark(f"r{number}", name, channel)
            elif deed == "fault":
                told.workspace.faults.add(chance.choice(methods), chance.choice(bad_days), times=chance.randint(1, 2))
            elif deed == "kill":
                await told.kill()
                await told.begin()
            elif deed == "end":
                await told.end()
                await told.begin()
            else:
                await told.clock.sleep(chance.uniform(0, 10))
        told.workspace.faults.clear()
        await told.end()
        await told.begin()
        await told.all_said()
        told.check()

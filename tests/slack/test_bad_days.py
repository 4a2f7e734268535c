"""Slack and the bot on a bad day: nothing is lost, nothing is done unasked, and people can read what happened."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator

import pytest

from bot.console.workspace import faults, text_of
from bot.demo.mail import Mail
from bot.mailhost.host import MailHost
from bot.mailhost.link import Event
from tests.slack.conftest import SmallHost
from tests.slack.desk import OPAL, OPS, VIC, Desk
from tests.slack.desk import desk as serving


class BrokenLink:
    """A way to a mail host that has a defect; what is asked of it makes it raise."""

    host = "mx1"

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        raise ZeroDivisionError(f"a defect met {len(request)} bytes")
        yield {}

    async def close(self) -> None:
        pass


async def test_an_unexpected_error_has_a_reference_that_the_log_has_too(caplog: pytest.LogCaptureFixture) -> None:
    async with serving([MailHost(BrokenLink())]) as ops:
        with caplog.at_level(logging.ERROR, "handlers"):
            (message,) = await ops.type("/mail queue")
    assert message.ephemeral_to == OPAL
    found = re.search(r"Reference ([0-9a-f]{8}) is in this bot's log", text_of(message))
    assert found
    (record,) = [record for record in caplog.records if found[1] in record.getMessage()]
    assert record.exc_info and "a defect met" in str(record.exc_info[1])
    assert "ZeroDivisionError" not in text_of(message)


async def test_a_rate_limit_delays_an_answer_and_loses_none(ops: Desk) -> None:
    ops.workspace.faults.add("chat.postMessage", faults.rate_limited(1), times=2)
    (card,) = await ops.type("/mail hold from:@home.test")
    assert "put 3 messages on hold" in text_of(card)
    assert ops.workspace.faults.met("chat.postMessage") == 2


async def test_a_server_error_is_tried_again(ops: Desk) -> None:
    ops.workspace.faults.add("chat.postMessage", faults.server_error(503), times=1)
    (card,) = await ops.type("/mail status")
    assert "mx1 is well" in text_of(card)


@pytest.mark.parametrize("fault", [faults.refused("expired_url"), faults.server_error(500), faults.reset()])
async def test_without_its_response_url_an_answer_comes_by_another_way(ops: Desk, fault: faults.Fault) -> None:
    ops.workspace.faults.add("response_url", fault)
    (message,) = await ops.type("/mail queue")
    assert message.ephemeral_to == OPAL
    assert "1–10 of 16" in text_of(message)


@pytest.mark.parametrize("error", ["not_in_channel", "is_archived", "restricted_action"])
async def test_what_the_channel_could_not_be_told_its_asker_is_told(ops: Desk, small: SmallHost, error: str) -> None:
    ops.workspace.faults.add("chat.postMessage", faults.refused(error))
    told = await ops.type("/mail hold from:@home.test")
    assert [message.ephemeral_to for message in told] == [OPAL, OPAL]
    assert "put 3 messages on hold" in text_of(told[0])
    assert "the channel could not be told" in text_of(told[1])
    (undone,) = await ops.press(told[0], "hold.undo")
    assert "released 3 messages again" in text_of(undone)
    assert small.count("hold") == 1


async def test_a_message_that_cannot_be_edited_is_said_anew(ops: Desk) -> None:
    (card,) = await ops.type("/mail status")
    ops.workspace.faults.add("chat.update", faults.refused("edit_window_closed"))
    (fresh,) = await ops.press(card, "Refresh")
    assert fresh.ts != card.ts
    assert "mx1 is well" in text_of(fresh)


async def test_a_failed_change_that_was_shown_ends_in_place(
    ops: Desk, small: SmallHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 0.0)
    small.instance.stop()
    (shown, told) = sorted(await ops.type("/mail flush"), key=lambda message: message.ephemeral_to)
    assert "U0OPAL flushes all on mx1.\nPostfix does not run there. Nothing was changed." in text_of(shown)
    assert told.ephemeral_to == OPAL
    assert "Postfix is not running there, so nothing was flushed." in text_of(told)


async def test_a_failed_undo_can_be_pressed_again(ops: Desk, small: SmallHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 0.0)
    (card,) = await ops.type("/mail hold from:@home.test")
    ini = small.ini.read_text()
    small.ini.write_text(ini + "verbs = list\n")
    changed = await ops.press(card, "hold.undo")
    (told,) = [message for message in changed if message.ephemeral_to]
    assert "release" in text_of(told)
    small.ini.write_text(ini)
    (again,) = [message for message in ops.workspace.messages(OPS) if message.ts == card.ts]
    (undone,) = await ops.press(again, "hold.undo")
    assert "released 3 messages again" in text_of(undone)


async def test_progress_is_shown_in_place_while_work_goes_on(
    ops: Desk, small: SmallHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 0.0)
    monkeypatch.setattr("handlers.reply.BETWEEN_EDITS", 0.0)
    for number in range(8):
        small.add(Mail(f"s{number}@home.test", ("bob@busy.test",), "Slow", 1_700_000_000))
    (card,) = await ops.type("/mail flush")
    revisions = [text_of(revision) for revision in ops.workspace.revisions(card)]
    assert any("▱" in words and "of 23 messages tried" in words for words in revisions)
    assert "flushed mx1" in revisions[-1]


async def test_slow_reading_is_shown_to_the_asker_meanwhile(ops: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.reply.NOTED_AFTER", 0.0)
    note, page = await ops.type("/mail queue")
    assert text_of(note) == "Reading the queue of mx1 …"
    changed = await ops.press(page, "Next")
    assert [message.ts for message in changed] == [page.ts], "the note and the page take the old page's place"
    assert "11–16 of 16" in text_of(changed[0])


async def test_fifty_commands_at_once_are_all_acknowledged_and_answered(ops: Desk) -> None:
    receipts = await asyncio.gather(
        *(ops.workspace.command((OPAL, VIC)[number % 2], OPS, "/mail queue") for number in range(50))
    )
    assert all(receipt.acked for receipt in receipts)
    await ops.services.background.idle()
    answers = [m for user in (OPAL, VIC) for m in ops.workspace.messages(OPS, user) if "1–10 of 16" in text_of(m)]
    assert len(answers) == 50


async def test_a_listener_is_acknowledged_before_its_work_and_whatever_comes_of_it() -> None:
    async with serving([MailHost(BrokenLink())]) as ops:
        receipt = await ops.workspace.command(OPAL, OPS, "/mail status")
        assert receipt.acked
        await ops.services.background.idle()
        assert not ops.workspace.sockets.late

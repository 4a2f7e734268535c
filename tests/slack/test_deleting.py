"""`/mail delete` from the question to the record: exactly what was shown is deleted, or nothing."""

import tempfile
from pathlib import Path

import pytest

from bot.approvals.model import State
from bot.console.workspace import live, text_of
from bot.demo.mail import Mail
from tests.postfix.instance import MEMORY, PREFIX, own
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.deleting import actions, asked, card, request, thread, verbs
from tests.slack.desk import APRIL, NOEL, OPAL, OPS, VIC, Desk, host
from tests.slack.desk import desk as serving

DELETE = "/mail delete from:news@shop.test"
TWO = {"approvers": (APRIL, NOEL)}


async def test_what_one_asks_for_another_approves_and_the_card_becomes_the_record(ops: Desk, small: SmallHost) -> None:
    told, question = await ops.type(DELETE)
    assert told.ephemeral_to == OPAL
    assert "Asked: request 1-" in text_of(told) and f"to delete {DEAD} messages on mx1" in text_of(told)
    assert question.ephemeral_to == ""
    assert f"U0OPAL asks to delete {DEAD} messages on mx1: from:n…@shop.test" in text_of(question)
    assert "U0APRIL" in text_of(question).splitlines()[1]
    assert small.count("deferred") == DEAD + FINE, "asking does nothing"

    await ops.press(question, "request.approve", user=APRIL)
    record = card(ops)
    assert record.ts == question.ts
    assert f"Deleted {DEAD} messages on mx1: from:n…@shop.test" in text_of(record)
    assert "Asked by U0OPAL · approved by U0APRIL" in text_of(record)
    assert "in the trash of mx1 until" in text_of(record)
    assert actions(record) == ["request.restore", "request.list"]
    assert small.queue().keys() == {*small.fine, small.held}
    assert (await request(ops)).left_in_trash == DEAD
    assert await verbs(ops) == ["delete.ask", "delete.approve", "delete.begin", "delete.end"]


async def test_the_asker_is_told_the_end_in_the_thread(ops: Desk) -> None:
    await ops.press(await asked(ops, DELETE), "request.approve", user=APRIL)
    (message,) = thread(ops)
    assert message.thread_ts == card(ops).ts
    assert live(message) == ["<U0OPAL>"]
    assert f"Deleted {DEAD} messages on mx1." in text_of(message)


async def test_no_address_that_was_shown_in_the_channel_is_whole(ops: Desk) -> None:
    await ops.press(await asked(ops, DELETE), "request.approve", user=APRIL)
    for message in ops.workspace.messages(OPS):
        for revision in ops.workspace.revisions(message):
            words = revision.text + text_of(revision)
            assert "news@" not in words and "user1@" not in words


@pytest.mark.parametrize(
    ("what", "messages"), [("{0}", 1), ("{0} {1}", 2), ("all", DEAD + FINE + 1), ("all deferred", DEAD + FINE)]
)
async def test_one_several_and_all_are_exactly_what_is_deleted(
    ops: Desk, small: SmallHost, what: str, messages: int
) -> None:
    before = len(small.queue())
    question = await asked(ops, f"/mail delete {what.format(*small.dead)}")
    assert f"asks to delete {messages} message{'s' if messages > 1 else ''} on mx1" in text_of(question)
    assert ("This is every message that was in the queue of mx1." in text_of(question)) == (what == "all")
    await ops.press(question, "request.approve", user=APRIL)
    assert len(small.queue()) == before - messages
    assert (await request(ops)).left_in_trash == messages


async def test_mail_that_arrives_later_is_not_touched(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    late = small.add(Mail("news@shop.test", ("bob@dead.test",), "Late", 1_700_000_000))
    await ops.press(question, "request.approve", user=APRIL)
    assert late in small.queue()
    assert not {*small.dead} & small.queue().keys()


async def test_a_message_whose_queue_id_was_given_to_another_survives(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, f"/mail delete {small.dead[0]} {small.dead[1]}")
    spool = small.instance.queue_directory
    (one,) = [path for path in spool.rglob(small.dead[0]) if "deferred" in path.parts]
    (other,) = [path for path in spool.rglob(small.fine[0]) if "deferred" in path.parts]
    one.write_bytes(other.read_bytes())
    await ops.press(question, "request.approve", user=APRIL)
    assert small.queue()[small.dead[0]] == "deferred"
    assert small.dead[1] not in small.queue()
    assert "Deleted 1 of 2 messages on mx1" in text_of(card(ops))
    assert "1 changed: the queue ID belongs to another message now, which was let go" in text_of(card(ops))


async def test_what_matches_nothing_or_is_not_understood_asks_for_nothing(ops: Desk) -> None:
    assert "Nothing on mx1 matches from:nobody@nowhere.test" in await ops.say("/mail delete from:nobody@nowhere.test")
    assert "Which messages? Nothing was asked for." in await ops.say("/mail delete")
    assert "“--finaly” was not understood" in await ops.say("/mail delete all --finaly")
    assert "You may not use delete: you are a viewer here." in await ops.say("/mail delete all", VIC)
    assert "No open" not in await ops.say("/mail pending")
    assert ops.workspace.messages(OPS) == []


async def test_with_several_hosts_one_is_named(small: SmallHost) -> None:
    async with serving([host("mx1", small.ini), host("mx2", small.ini, "mx1")]) as ops:
        for text in ("/mail delete all", "/mail expire all", "/mail requeue all"):
            assert "Which mail host? Nothing was done: there are mx1 and mx2." in await ops.say(text)
        for verb in ("purge", "restore", "trash"):
            words = await ops.say(f"/mail {verb} 1-abcd")
            assert "This bot knows no deletion 1-abcd" in words and f"/mail {verb} mx1 1-abcd" in words
        assert f"asks to delete {DEAD} messages on mx2" in text_of(
            await asked(ops, "/mail delete mx2 from:news@shop.test")
        )


async def test_a_host_that_refuses_has_its_reason_in_the_record(ops: Desk, small: SmallHost) -> None:
    before = small.queue()
    question = await asked(ops, DELETE)
    small.ini.write_text(small.ini.read_text() + "verbs = info depth list show trash\n")
    await ops.press(question, "request.approve", user=APRIL)
    record = card(ops)
    assert text_of(record).startswith("Nothing was deleted on mx1: from:n…@shop.test")
    assert "delete" in text_of(record).splitlines()[2], "the agent's own words"
    assert actions(record) == ["request.list"]
    assert "The card says why." in text_of(thread(ops)[0])
    assert small.queue() == before
    assert (await request(ops)).state is State.FAILED


async def test_where_nothing_can_be_kept_nothing_is_deleted_and_a_final_deletion_is_offered(
    ops: Desk, small: SmallHost
) -> None:
    before = small.queue()
    question = await asked(ops, "/mail delete deferred")
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=MEMORY) as other_disk:  # on another file system than the spool
        own(Path(other_disk))
        small.ini.write_text(small.ini.read_text() + f"trash = {other_disk}/trash\n")
        await ops.press(question, "request.approve", user=APRIL)
    words = text_of(card(ops))
    assert words.startswith("Nothing was deleted on mx1: deferred")
    assert "/mail delete mx1 deferred --final" in words
    assert small.queue() == before

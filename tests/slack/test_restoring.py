"""The way back from a deletion, and what has none: restore, purge, final, expire, requeue."""

import json

import pytest

from bot.console.workspace import Message, text_of
from bot.demo.mail import Mail
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.deleting import DELETE, actions, asked, card, deleted, request, typed, verbs
from tests.slack.desk import APRIL, OPS, VIC, Desk


def files(small: SmallHost, queue_ids: list[str] | tuple[str, ...]) -> dict[str, bytes]:
    """The queue files of these IDs, wherever in the queue they lie."""
    paths = [path for path in small.instance.queue_directory.rglob("*") if path.name in queue_ids]
    kept = [path for path in paths if "deferred" in path.parts or "hold" in path.parts]
    return {path.name: path.read_bytes() for path in kept}


def reasons(small: SmallHost) -> dict[str, str]:
    lines = map(json.loads, small.instance.run("postqueue", "-j").stdout.splitlines())
    return {entry["queue_id"]: entry["recipients"][0].get("delay_reason", "") for entry in lines}


async def by_number(ops: Desk, question: Message, number: int) -> Message:
    """The card after an approval for which the number was typed."""
    await ops.workspace.press(APRIL, question, "request.approve")
    await ops.services.background.idle()
    assert (await typed(ops, str(number), APRIL)).errors == {}
    return card(ops)


async def test_a_restore_brings_back_the_same_ids_bytes_and_reasons(ops: Desk, small: SmallHost) -> None:
    before, bytes_before, reasons_before = small.queue(), files(small, small.dead), reasons(small)
    record = await deleted(ops)
    assert files(small, small.dead) == {}
    await ops.press(record, "request.restore")
    assert small.queue() == before
    assert files(small, small.dead) == bytes_before
    assert reasons(small) == reasons_before
    restored = card(ops)
    assert restored.ts == record.ts
    assert f"Restored {DEAD} messages: U0OPAL" in text_of(restored)
    assert actions(restored) == ["request.list"]
    assert (await verbs(ops))[-1] == "restore"


async def test_a_restored_message_is_delivered_by_the_next_flush(ops: Desk, small: SmallHost) -> None:
    await ops.press(await deleted(ops, "/mail delete from:@home.test -hold"), "request.restore")
    (flushed,) = await ops.type("/mail flush from:@home.test")
    assert f"{FINE} gone from the queue" in text_of(flushed)


async def test_what_was_on_hold_comes_back_on_hold(ops: Desk, small: SmallHost) -> None:
    record = await deleted(ops, f"/mail delete {small.held}")
    assert small.held not in small.queue()
    await ops.press(record, "request.restore")
    assert small.queue()[small.held] == "hold"
    assert f"1 back, and on hold as before. To release it: /mail release mx1 {small.held}" in text_of(card(ops))
    assert "released 1 message" in text_of((await ops.type(f"/mail release mx1 {small.held}"))[0])


async def test_mail_past_its_lifetime_comes_back_on_hold_because_it_would_bounce(ops: Desk, small: SmallHost) -> None:
    old = small.add(Mail("old@shop.test", ("bob@dead.test",), "Old", 1_700_000_000))
    await ops.press(await deleted(ops, f"/mail delete {old}"), "request.restore")
    assert small.queue()[old] == "hold"
    assert (
        "1 back, on hold: past its lifetime in the queue, so once released it goes back to its sender. "
        f"To release it: /mail release mx1 {old}" in text_of(card(ops))
    )


async def test_many_that_come_back_on_hold_are_released_by_the_key(
    ops: Desk, small: SmallHost, many: list[str]
) -> None:
    await ops.press(await deleted(ops, "/mail delete from:bulk@shop.test"), "request.restore")
    key = (await request(ops)).key
    assert f"because of this deletion: /mail release mx1 {key}" in text_of(card(ops))
    assert f"released {len(many)} messages" in text_of((await ops.type(f"/mail release mx1 {key}"))[0])


async def test_a_restore_of_what_is_back_already_says_so_and_is_not_recorded(ops: Desk, small: SmallHost) -> None:
    record = await deleted(ops)
    key = (await request(ops)).key
    await ops.press(record, "request.restore")
    told = await ops.say(f"/mail restore {key}")
    assert f"Nothing of {key} is in the trash of mx1 any more: it was restored or purged before." in told
    assert f"{small.dead[0]}" not in told and "1 not in the trash" in await ops.say(
        f"/mail restore {key} {small.dead[0]}"
    )
    assert len((await request(ops)).restorations) == 1
    assert (await verbs(ops)).count("restore") == 1


async def test_some_messages_are_restored_by_the_command_and_the_rest_by_the_button(
    ops: Desk, small: SmallHost
) -> None:
    record = await deleted(ops)
    key = (await request(ops)).key
    (told,) = [
        each for each in await ops.type(f"/mail restore {key} {small.dead[0]} {small.dead[1]}") if each.ts != record.ts
    ]
    assert told.ephemeral_to == ""
    assert f"U0OPAL restored 2 messages on mx1: {key}" in text_of(told)
    assert {*small.dead[:2]} <= small.queue().keys()
    assert small.dead[2] not in small.queue()
    answers = await ops.type(f"/mail restore {key} {small.dead[0]} {small.dead[2]} 4VbXm8dz3kzJ1Q")
    (some,) = [text_of(each) for each in answers if each.ts != record.ts]
    named = [line.split()[0] for line in some.splitlines() if " not in the trash" in line]
    assert named == ["2", small.dead[0], "4VbXm8dz3kzJ1Q"], "those that are not there are named, after their number"
    (record,) = [each for each in ops.workspace.messages(OPS) if each.ts == record.ts]
    assert f"Restore {DEAD - 3} messages" in text_of(record)
    await ops.press(record, "request.restore")
    assert {*small.dead} <= small.queue().keys()


async def test_an_old_copy_of_a_record_restores_nothing_twice(ops: Desk, small: SmallHost) -> None:
    record = await deleted(ops)
    await ops.press(record, "request.restore")
    (refused,) = await ops.press(record, "request.restore", user=APRIL)
    assert refused.ephemeral_to == APRIL
    assert "Nothing was done." in text_of(refused)
    assert (await verbs(ops)).count("restore") == 1


async def test_a_viewer_restores_nothing(ops: Desk, small: SmallHost) -> None:
    record = await deleted(ops)
    (refused,) = await ops.press(record, "request.restore", user=VIC)
    assert "You may not use restore" in text_of(refused) and refused.ephemeral_to == VIC
    assert not {*small.dead} & small.queue().keys()


@pytest.mark.parametrize("dashes", ["--", "\u2014", "\u2013"])
async def test_a_final_deletion_takes_the_number_and_has_no_way_back(ops: Desk, small: SmallHost, dashes: str) -> None:
    question = await asked(ops, f"{DELETE} {dashes}final")
    assert f"asks to delete {DEAD} messages for good on mx1" in text_of(question)
    assert "Nothing brings this mail back." in text_of(question)
    record = await by_number(ops, question, DEAD)
    assert f"Deleted {DEAD} messages for good on mx1" in text_of(record)
    assert "Nothing brings this mail back." in text_of(record)
    assert actions(record) == ["request.list"]
    assert small.count("deferred") == FINE
    assert "was a final deletion: nothing is kept of it" in await ops.say(f"/mail restore {(await request(ops)).key}")
    assert (await ops.services.hosts.named("mx1").trash()).bytes == 0


async def test_a_purge_destroys_what_one_deletion_keeps(ops: Desk, small: SmallHost) -> None:
    record = await deleted(ops)
    key = (await request(ops)).key
    question = await asked(ops, f"/mail purge {key}")
    assert f"asks to purge {DEAD} messages from the trash on mx1: {key}" in text_of(question)
    assert "request.hold" not in actions(question)
    purged = await by_number(ops, question, DEAD)
    assert f"Purged {DEAD} messages from the trash on mx1: {key}" in text_of(purged)
    (record,) = [each for each in ops.workspace.messages(OPS) if each.ts == record.ts]
    assert "request.restore" not in actions(record)
    assert "nothing brings it back" in text_of(record)
    assert "destroyed for good" in await ops.say(f"/mail restore {key}")
    assert (await ops.services.hosts.named("mx1").trash()).bytes == 0


async def test_an_expiry_warns_takes_the_number_and_marks_the_mail(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, "/mail expire from:news@shop.test")
    assert "Beware of backscatter" in text_of(question)
    record = await by_number(ops, question, DEAD)
    assert f"Expired {DEAD} messages on mx1" in text_of(record)
    assert await verbs(ops) == ["expire.ask", "expire.approve", "expire.begin", "expire.end"]
    listing = await ops.services.hosts.named("mx1").list(limit=30)
    assert {each.queue_id for each in listing.page if each.forced_expire} == {*small.dead}


async def test_a_requeue_gives_new_queue_ids_in_the_channels_sight(ops: Desk, small: SmallHost) -> None:
    (told,) = await ops.type(f"/mail requeue {small.dead[0]}")
    assert told.ephemeral_to == ""
    assert f"U0OPAL requeued 1 message on mx1: {small.dead[0]}" in text_of(told)
    assert small.queue().get(small.dead[0]) in (None, "maildrop"), "pickup takes it from there under a new ID"
    assert await verbs(ops) == ["requeue"]
    assert "Which messages? Nothing was done." in await ops.say("/mail requeue")

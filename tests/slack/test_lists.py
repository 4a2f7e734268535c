"""What is in the trash, what is open, what was done, and the whole list of a request."""

from datetime import timedelta

from bot.approvals.model import State
from bot.console.workspace import faults, text_of
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.deleting import DELETE, Clock, alone, asked, deleted, request
from tests.slack.desk import OPAL, OPS, VIC, Desk


async def test_the_trash_lists_deletions_and_one_of_them_whole(ops: Desk, small: SmallHost) -> None:
    assert "0 messages in the trash" in await ops.say("/mail trash", VIC)
    await deleted(ops)
    key = (await request(ops)).key
    (listed,) = await ops.type("/mail trash", VIC)
    assert listed.ephemeral_to == VIC
    assert f"{key} | " in text_of(listed) and f"| {DEAD} of {DEAD} | " in text_of(listed)
    assert "| opal | from:news@shop.test" in text_of(listed)
    words = await ops.say(f"/mail trash {key}")
    assert "Asked for by U0OPAL, approved by U0APRIL: from:news@shop.test" in words
    assert small.dead[0] in words
    assert "There is no mail host named 'nonsense'" in await ops.say("/mail trash nonsense")
    assert "Which deletion? Nothing was restored." in await ops.say("/mail restore")
    assert "“--all” is not a queue ID" in await ops.say(f"/mail restore {key} --all")
    assert "Which deletion? Nothing was asked for." in await ops.say("/mail purge all")
    assert "There is no deletion 99-zzzz" in await ops.say("/mail trash 99-zzzz")


async def test_open_requests_are_listed_until_they_are_over(ops: Desk) -> None:
    assert "Nothing is waiting for a decision" in await ops.say("/mail pending", VIC)
    question = await asked(ops, DELETE)
    words = await ops.say("/mail pending", VIC)
    assert f"delete {DEAD} messages on mx1: from:news@shop.test" in words
    assert "U0OPAL asked" in words and "waits for a decision, for another" in words
    assert f"/archives/{OPS}/p{question.ts.replace('.', '')}" in str(alone(ops, VIC)[-1].blocks)
    ops.workspace.faults.add("chat.getPermalink", faults.server_error(503), times=5)
    assert "Its card is in" in await ops.say("/mail pending", VIC)
    await ops.press(question, "request.cancel")
    assert "Nothing is waiting for a decision" in await ops.say("/mail pending", VIC)


async def test_the_audit_chain_is_read_by_the_command(ops: Desk) -> None:
    assert "the audit chain is empty" in await ops.say("/mail audit", VIC)
    await deleted(ops)
    words = await ops.say("/mail audit", VIC)
    head = await ops.services.store.audit.head()
    assert f"The chain's head: {head}" in words
    assert f"| april (approver) | delete.approve | mx1 | {(await request(ops)).key} | done | messages {DEAD}" in words
    assert "The last of the audit chain\nNo |" in await ops.say("/mail audit 1")
    assert "@" not in words
    for wrong in ("0", "-1", "many", "1 2"):
        assert "How many rows?" in await ops.say(f"/mail audit {wrong}")


async def test_the_records_show_the_head_of_the_audit_chain(ops: Desk) -> None:
    record = await deleted(ops)
    assert f"audit {await ops.services.store.audit.head()}" in text_of(record)


async def test_the_whole_list_is_for_one_person_alone(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, "/mail delete all")
    before = len(ops.workspace.messages(OPS))
    await ops.press(question, "request.list", user=VIC)
    (window,) = ops.workspace.views(VIC)
    assert f"1–{DEAD + FINE + 1} of {DEAD + FINE + 1} messages" in text_of(window)
    assert all(queue_id in text_of(window) for queue_id in small.queue())
    assert "news@shop.test" in text_of(window), "whole addresses, for this person alone"
    assert ops.workspace.views(OPAL) == []
    assert len(ops.workspace.messages(OPS)) == before


async def test_the_list_is_turned_page_by_page(ops: Desk, many: list[str]) -> None:
    question = await asked(ops, "/mail delete from:bulk@shop.test")
    await ops.press(question, "request.list")
    (window,) = ops.workspace.views(OPAL)
    assert "1–20 of 25 messages" in text_of(window)
    await ops.workspace.press(OPAL, window, "request.next")
    await ops.services.background.idle()
    (second,) = ops.workspace.views(OPAL)
    assert second.id == window.id and "21–25 of 25 messages" in text_of(second)
    await ops.workspace.press(OPAL, second, "request.previous")
    await ops.services.background.idle()
    assert text_of(ops.workspace.views(OPAL)[0]) == text_of(window)


async def test_the_list_comes_as_a_file_in_direct_messages(ops: Desk, many: list[str]) -> None:
    question = await asked(ops, "/mail delete from:bulk@shop.test")
    await ops.press(question, "request.list")
    await ops.workspace.press(OPAL, ops.workspace.views(OPAL)[-1], "request.file")
    await ops.services.background.idle()
    (message,) = ops.workspace.messages(ops.workspace.im(OPAL).id, OPAL)
    content = ops.workspace.file(message.files[0]).content
    assert content is not None
    heading, *lines = content.decode().splitlines()
    assert heading.startswith("queue_id\t")
    assert sorted(line.split("\t")[0] for line in lines) == sorted(many)
    assert "is in your direct messages" in text_of(alone(ops, OPAL)[-1])


async def test_a_forgotten_list_can_no_longer_be_shown(later: Desk, clock: Clock) -> None:
    record = await deleted(later)
    clock.ahead = timedelta(days=31)
    assert await later.services.approvals.forget_addresses() == 1
    await later.press(record, "request.list")
    assert "addresses are forgotten after 30 days" in text_of(later.workspace.views(OPAL)[-1])
    assert (await request(later)).state is State.DONE

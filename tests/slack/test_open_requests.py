"""What is open is found again: after a restart of the console, and when somebody deleted the card."""

from pathlib import Path

from bot.approvals.model import State
from bot.console.workspace import text_of
from tests.slack.conftest import DEAD, SmallHost
from tests.slack.deleting import DELETE, asked, card, request
from tests.slack.desk import APRIL, OPS, VIC, Desk, host
from tests.slack.desk import desk as serving


async def test_what_waits_is_decided_after_a_restart_of_the_console(small: SmallHost, tmp_path: Path) -> None:
    async with serving([host("mx1", small.ini)], store=tmp_path) as ops:
        await asked(ops, DELETE)
    async with serving([host("mx1", small.ini)], store=tmp_path) as ops:
        assert ops.workspace.messages(OPS) == []
        await ops.services.approvals.show_open("T0ELSEWHERE")
        await ops.services.background.idle()
        assert ops.workspace.messages(OPS) == []
        await ops.services.approvals.show_open(ops.workspace.team_id)
        await ops.services.background.idle()
        assert f"asks to delete {DEAD} messages on mx1" in text_of(card(ops))
        await ops.press(card(ops), "request.approve", user=APRIL)
        assert (await request(ops)).state is State.DONE


async def test_a_card_that_somebody_deleted_comes_back_when_it_is_looked_for(ops: Desk) -> None:
    question = await asked(ops, DELETE)
    await ops.app.client.chat_delete(channel=OPS, ts=question.ts)
    told = await ops.type("/mail pending", VIC)
    assert any("Its card is in" in text_of(each) for each in told)
    anew = card(ops)
    assert anew.ts != question.ts and f"asks to delete {DEAD} messages on mx1" in text_of(anew)


async def test_keys_that_deleted_nothing_say_why(ops: Desk, small: SmallHost) -> None:
    await asked(ops, DELETE)
    key = (await request(ops)).key
    waits = f"{key} waits for a decision: nothing is deleted yet."
    assert await ops.say(f"/mail purge {key}") == f"{waits} Nothing was asked for."
    assert await ops.say(f"/mail trash {key}") == waits
    await ops.press(card(ops), "request.hold")
    assert f"{key} put the messages on hold and deleted none: release them instead." in await ops.say(
        f"/mail trash {key}"
    )


async def test_a_deletions_key_is_not_released_but_restored(ops: Desk, small: SmallHost) -> None:
    await ops.press(await asked(ops, DELETE), "request.approve", user=APRIL)
    key = (await request(ops)).key
    words = await ops.say(f"/mail release mx1 {key}")
    assert f"it deleted mail, and {DEAD} messages of it lie in the trash of mx1. Nothing was released." in words
    assert f"/mail restore {key}" in words

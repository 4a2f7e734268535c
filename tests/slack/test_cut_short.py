"""A restore that somebody else began and that was killed, on a real agent: the bot finishes what was begun."""

import json

from bot.console.workspace import text_of
from tests.slack.conftest import DEAD, SmallHost
from tests.slack.deleting import asked, card, request
from tests.slack.desk import APRIL, Desk


async def test_the_bot_finishes_what_another_ones_restore_had_begun(ops: Desk, small: SmallHost) -> None:
    await ops.press(await asked(ops, "/mail delete from:news@shop.test"), "request.approve", user=APRIL)
    key = (await request(ops)).key
    trash = small.instance.queue_directory / "maildesk-trash"
    # What the agent has written when it is killed before the first file is put back (bot/agent/restore.py).
    (trash / "unfinished" / key).touch(mode=0o600)
    with (trash / key / "journal").open("a") as journal:
        journal.write(json.dumps({"closed": 1.0}) + "\n" + json.dumps({"restoring": list(small.dead[:3])}) + "\n")
    host = ops.services.hosts.named("mx1")
    assert (await host.info()).unfinished == (key,)
    for _ in range(2):
        await ops.services.restores.finish_begun()
    await ops.services.background.idle()
    assert {*small.dead} & small.queue().keys() == {*small.dead[:3]}
    assert (await host.info()).unfinished == ()
    words = text_of(card(ops))
    assert "3 of them restored since" in words and f"Restore {DEAD - 3} messages" in words
    assert "Restored 3 messages: this bot finished it" in words

"""Flushing a real Postfix: what was asked for, and what became of each message."""

from __future__ import annotations

import pytest

from bot.agent.protocol import Selection
from bot.errors import AgentRefused, MailSystemDown
from bot.mailhost.host import MailHost
from bot.mailhost.selector import parse
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, MAILBOX_FULL, RATE_LIMITED
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")


async def test_a_flush_of_everything_tells_gone_from_deferred_again_with_the_reason_now(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    world.domain("gmail.test", RATE_LIMITED)
    postfix.defer("ann@one.test", "a@grey.test", count=3)
    postfix.defer("ann@one.test", "b@gmail.test", count=2)
    world.domain("grey.test", ACCEPT)
    world.domain("gmail.test", MAILBOX_FULL)
    flushed = await mail_host(postfix).flush()
    assert flushed.asked == 5
    assert flushed.counts == {"gone": 3, "deferred": 2}
    assert [count.messages for count in flushed.reasons.top] == [2]
    assert "4.2.2" in flushed.reasons.top[0].name, "the reason is the new one"
    assert (flushed.before["deferred"], flushed.after["deferred"]) == (5, 2)
    assert flushed.minimal_backoff_time == 4 * 3600
    assert len(world.delivered()) == 3


async def test_mail_that_no_attempt_was_made_for_is_not_tried(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=2)
    host = mail_host(postfix)
    ids = await host.select(Selection())
    held = await host.hold(ids[:1])
    flushed = await host.flush(ids)
    assert flushed.counts == {"on_hold": 1, "deferred": 1}
    await host.release_hold(held.result.key)


async def test_a_site_is_flushed_by_postfixs_own_list_or_message_by_message(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    world.domain("full.test", MAILBOX_FULL)
    postfix.defer("ann@one.test", "a@grey.test", count=2)
    postfix.defer("ann@one.test", "b@full.test", count=2)
    world.domain("grey.test", ACCEPT)
    flushed = await mail_host(postfix).flush(site="grey.test")
    assert (flushed.asked, flushed.counts) == (2, {"gone": 2})
    assert postfix.count("deferred") == 2


async def test_a_second_flush_knows_when_the_first_one_was(postfix: PrivatePostfix, world: World) -> None:
    host = mail_host(postfix)
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=1)
    await host.flush()
    again = await host.flush()
    assert again.previous is not None
    assert again.counts == {"deferred": 1}, "two attempts within one second are still two attempts"


async def test_a_stopped_postfix_is_not_flushed_and_says_why(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=1)
    host = mail_host(postfix)
    postfix.stop()
    try:
        with pytest.raises(MailSystemDown, match=r"mx1: Postfix is not running there, so nothing was flushed"):
            await host.flush()
    finally:
        postfix.start()


async def test_a_host_that_only_lets_look_refuses_to_flush(postfix: PrivatePostfix) -> None:
    host = mail_host(postfix, verbs="info depth list show")
    with pytest.raises(AgentRefused, match="does not allow flush"):
        await host.flush()


async def ids_of(host: MailHost, text: str) -> set[str]:
    return {each.queue_id for each in await host.select(parse(text).selection)}


async def test_some_messages_are_flushed_and_no_others(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=4)
    world.domain("grey.test", ACCEPT)
    host = mail_host(postfix)
    first, *others = await host.select(Selection())
    flushed = await host.flush([first])
    assert flushed.counts == {"gone": 1}
    assert await ids_of(host, "all") == {each.queue_id for each in others}

"""Flushing a real Postfix: what was asked for, and what became of each message."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agent.outcomes import Flushed
from bot.agent.protocol import Selection
from bot.agent.wire import from_json
from bot.errors import AgentRefused, MailSystemDown
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from bot.mailhost.selector import parse
from tests.agent.standin import answer_of, request
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, HANG, MAILBOX_FULL, RATE_LIMITED
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
    flushed = (await mail_host(postfix).flush()).result
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
    flushed = (await host.flush(ids)).result
    assert flushed.counts == {"on_hold": 1, "deferred": 1}
    await host.release_hold(held.result.key)


async def test_a_site_that_postfix_keeps_no_list_for_is_flushed_message_by_message(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    world.domain("full.test", MAILBOX_FULL)
    postfix.defer("ann@one.test", "a@grey.test", count=2)
    postfix.defer("ann@one.test", "b@full.test", count=2)
    world.domain("grey.test", ACCEPT)
    flushed = (await mail_host(postfix).flush(site="grey.test")).result
    assert (flushed.asked, flushed.counts) == (2, {"gone": 2})
    assert postfix.count("deferred") == 2


async def test_a_second_flush_knows_when_the_first_one_was(postfix: PrivatePostfix, world: World) -> None:
    host = mail_host(postfix)
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=1)
    await host.flush()
    again = (await host.flush()).result
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
    flushed = (await host.flush([first])).result
    assert flushed.counts == {"gone": 1}
    assert await ids_of(host, "all") == {each.queue_id for each in others}


def recorded(postfix: PrivatePostfix, folder: Path) -> tuple[tuple[str, ...], Path]:
    """The agent with Postfix's programs behind scripts that note their arguments, and the file with the notes."""
    asked = folder / "asked"
    for program in ("postqueue", "postsuper", "postconf", "postfix", "postcat"):
        (folder / program).write_text(f'#!/bin/sh\necho "$@" >>{asked}\nexec {shutil.which(program)} "$@"\n')
        (folder / program).chmod(0o755)
    argv = agent_argv(postfix)
    ini = Path(argv[-1])
    ini.write_text(f"{ini.read_text()}command_directory = {folder}\n")
    return argv, asked


async def test_a_site_that_postfix_keeps_a_list_for_is_flushed_by_it(
    new_postfix: Callable[..., PrivatePostfix], world: World, tmp_path: Path
) -> None:
    postfix = new_postfix(settings={"fast_flush_domains": "grey.test"})
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=3)
    world.domain("full.test", MAILBOX_FULL)
    postfix.defer("ann@one.test", "b@full.test", count=2)
    world.domain("grey.test", ACCEPT)
    before = {entry.queue_id for entry in postfix.queue() if entry.recipients[0].address == "b@full.test"}
    argv, asked = recorded(postfix, tmp_path)
    flushed = (await MailHost(CommandLink("mx1", argv)).flush(site="grey.test")).result
    assert (flushed.asked, flushed.counts) == (3, {"gone": 3})
    calls = asked.read_text().splitlines()
    assert sum(call.endswith(" -s grey.test") for call in calls) == 1
    assert not any(" -i " in call for call in calls)
    assert {entry.queue_id for entry in postfix.queue()} == before
    assert len(world.delivered()) == 3


def flushed_within(postfix: PrivatePostfix, seconds: int) -> Flushed:
    """A flush of everything by an agent that looks no longer than this."""
    done = subprocess.run(agent_argv(postfix), input=request("flush", wait=seconds), capture_output=True, check=False)
    return from_json(Flushed, answer_of(done.returncode, done.stdout).result)


def test_what_is_being_tried_is_told_from_what_the_full_active_queue_has_no_room_for(
    new_postfix: Callable[..., PrivatePostfix], world: World
) -> None:
    postfix = new_postfix(settings={"qmgr_message_active_limit": "5"})
    world.domain("slow.test", GREYLIST)
    postfix.defer("ann@one.test", "a@slow.test", count=8)
    world.domain("slow.test", HANG)
    flushed = flushed_within(postfix, 2)
    assert flushed.asked == 8
    assert flushed.counts == {"active": 5, "not_tried": 3}
    assert flushed.waited >= 2
    assert (flushed.after["active"], flushed.after["deferred"]) == (5, 3)
    assert world.delivered() == []


async def test_an_id_that_is_not_queued_was_not_delivered_by_the_flush(postfix: PrivatePostfix) -> None:
    flushed = (await mail_host(postfix).flush(["4jYTY25PbJzBBBB"])).result
    assert (flushed.asked, flushed.counts) == (0, {"not_queued": 1})

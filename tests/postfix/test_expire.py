"""Expiring mail on a real Postfix: marked once, returned at its next attempt, and a key that runs once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity, Selection
from bot.errors import AgentRefused
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from tests.agent.standin import request
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, HANG
from tests.postfix.test_hold_killed import half_then_kill, lines, started, with_postsuper
from tests.postfix.waiting import eventually
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
KEY = "57-k3qf"
MARKED = 0o710


async def deferred(postfix: PrivatePostfix, world: World, count: int) -> tuple[Identity, ...]:
    world.domain("grey.test", GREYLIST)
    world.domain("sender.test", ACCEPT)
    postfix.defer("ann@sender.test", "bob@grey.test", count=count)
    return await mail_host(postfix).select(EVERYTHING)


def modes(postfix: PrivatePostfix, queue: str = "deferred") -> list[int]:
    return sorted(stat.S_IMODE(path.stat().st_mode) for path in postfix.files(queue))


def outcomes(of: Sequence[Outcome]) -> list[str]:
    return [outcome.outcome for outcome in of]


def record(postfix: PrivatePostfix, key: str = KEY) -> list[str]:
    return (postfix.queue_directory / "maildesk-trash" / "expiries" / key).read_text().splitlines()


@pytest.mark.parametrize("kind", ["long", "short"])
async def test_expired_mail_stays_until_its_next_attempt_and_then_goes_back_to_its_sender(
    kind: str, request: pytest.FixtureRequest, world: World
) -> None:
    postfix: PrivatePostfix = request.getfixturevalue("postfix" if kind == "long" else "short_postfix")
    targets = await deferred(postfix, world, 3)
    assert modes(postfix) == [0o700] * 3
    host = mail_host(postfix)
    expired = await host.expire(KEY, targets[:2])
    assert (expired.result.begun, expired.result.counts) == (True, {"expired": 2})
    assert modes(postfix) == [0o700, MARKED, MARKED]
    assert (await host.list(limit=10)).summary.queues["deferred"].messages == 3, "nothing has left the queue yet"
    await host.flush()
    await eventually(lambda: len(world.delivered(recipient="ann@sender.test")) == 2)
    await eventually(lambda: [entry.queue_id for entry in postfix.queue()] == [targets[2].queue_id])
    for target in targets[:2]:
        assert f"{target.queue_id}: from=<ann@sender.test>, status=force-expired, returned to sender" in postfix.log()


async def test_held_mail_is_marked_and_goes_back_once_it_is_released(postfix: PrivatePostfix, world: World) -> None:
    targets = await deferred(postfix, world, 2)
    host = mail_host(postfix)
    held = await host.hold(targets[:1])
    expired = await host.expire(KEY, targets)
    assert outcomes(expired.outcomes) == ["on_hold", "expired"]
    assert (modes(postfix, "hold"), modes(postfix)) == ([MARKED], [MARKED])
    await host.flush()
    await eventually(lambda: len(world.delivered(recipient="ann@sender.test")) == 1)
    assert modes(postfix, "hold") == [MARKED], "on hold there is no attempt"
    await host.release_hold(held.result.key)
    await host.flush()
    await eventually(lambda: len(world.delivered(recipient="ann@sender.test")) == 2)


async def test_held_mail_that_will_be_requeued_is_told_as_such_for_it_loses_its_mark(
    postfix: PrivatePostfix, world: World
) -> None:
    (message,) = await deferred(postfix, world, 1)
    postfix.run("postsuper", "-h", "-", stdin=f"{message.queue_id}\n")
    host = mail_host(postfix)
    expired = await host.expire(KEY, [message])
    assert expired.outcomes == (Outcome(message.queue_id, "on_hold", "unproven"),)
    assert (await host.release([message])).result.counts == {"requeued": 1}
    world.domain("grey.test", ACCEPT)
    await host.flush()
    await eventually(lambda: [each.recipient for each in world.delivered()] == ["bob@grey.test"])


async def test_held_mail_that_nobody_alive_remembers_keeps_its_mark_too(postfix: PrivatePostfix, world: World) -> None:
    (message,) = await deferred(postfix, world, 1)
    postfix.run("postsuper", "-h", "-", stdin=f"{message.queue_id}\n")
    await asyncio.sleep(3)  # start times of processes are known to two seconds
    postfix.restart()
    host = mail_host(postfix)
    expired = await host.expire(KEY, [message])
    assert expired.outcomes == (Outcome(message.queue_id, "on_hold"),)
    assert (await host.release([message])).result.counts == {"released": 1}
    await host.flush()
    await eventually(lambda: [each.recipient for each in world.delivered()] == ["ann@sender.test"])


async def test_active_mail_is_marked_and_the_attempt_under_way_still_counts(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("slow.test", HANG)
    postfix.active(3, "slow.test")
    host = mail_host(postfix)
    expired = await host.expire(KEY, await host.select(EVERYTHING))
    assert expired.result.counts == {"expired": 3}
    assert modes(postfix, "active") == [MARKED] * 3
    world.domain("slow.test", ACCEPT)
    await eventually(lambda: len(world.delivered()) == 3 and not postfix.queue())
    assert "force-expired" not in postfix.log()


async def test_what_is_gone_or_another_message_or_not_queued_yet_is_told_and_not_marked(
    postfix: PrivatePostfix, world: World
) -> None:
    (message,) = await deferred(postfix, world, 1)
    other = Identity(message.queue_id, message.arrival_time, message.message_size + 1, message.sender)
    gone = Identity("4jYTY25PbJzBBBB", 1_700_000_000, 100, "ann@sender.test")
    host = mail_host(postfix)
    expired = await host.expire(KEY, [other, gone])
    assert outcomes(expired.outcomes) == ["changed", "gone"]
    assert modes(postfix) == [0o700]
    postfix.stop()
    try:
        await host.requeue([message])
        assert (await host.expire("58-aaaa", [message])).result.counts == {"not_in_queue_yet": 1}
    finally:
        postfix.start()


async def test_a_message_that_got_the_queue_id_in_between_keeps_no_mark(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    (message,) = await deferred(postfix, world, 1)
    (path,) = postfix.files("deferred")
    shutil.copy2(path, tmp_path / "other")
    shutil.chown(tmp_path / "other", "postfix", "postfix")
    script = f'mv {tmp_path}/other {path}\nexec $REAL "$@" <$IDS\n'
    done = started(with_postsuper(postfix, tmp_path, script), request("expire", lines([message]), key=KEY))
    assert done.wait() == 0
    again = await mail_host(postfix).expire(KEY, [message])
    assert outcomes(again.outcomes) == ["changed"]
    assert modes(postfix) == [0o700]


async def test_a_key_that_is_run_again_only_reports(postfix: PrivatePostfix, world: World) -> None:
    targets = await deferred(postfix, world, 3)
    host = mail_host(postfix)
    first = await host.expire(KEY, targets)
    for path in postfix.files("deferred"):
        path.chmod(0o700)
    again = await host.expire(KEY, targets[::-1], not_after=time.time() - 60)
    assert (again.result, again.outcomes) == (first.result, first.outcomes[::-1])
    assert modes(postfix) == [0o700] * 3, "nothing was marked anew"
    with pytest.raises(AgentRefused, match=r"The key 57-k3qf was used for other messages, so nothing was done"):
        await host.expire(KEY, targets[:2])


async def test_the_record_holds_no_address(postfix: PrivatePostfix, world: World) -> None:
    targets = await deferred(postfix, world, 2)
    await mail_host(postfix).expire(KEY, targets)
    assert not any("@" in line for line in record(postfix))
    assert json.loads(record(postfix)[-1]) == {"finished": True}


async def test_after_its_time_a_key_is_not_begun_and_one_that_was_begun_is_finished(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    targets = await deferred(postfix, world, 10)
    host = mail_host(postfix)
    late = await host.expire(KEY, targets, not_after=time.time() - 1)
    assert (late.result.begun, late.result.counts, late.outcomes) == (False, {}, ())
    assert modes(postfix) == [0o700] * 10
    argv = with_postsuper(postfix, tmp_path, half_then_kill("-e"))
    assert started(argv, request("expire", lines(targets), key=KEY)).wait() == -signal.SIGKILL
    assert modes(postfix) == [0o700] * 5 + [MARKED] * 5
    host = mail_host(postfix)
    assert (await host.info()).unfinished == (KEY,)
    finished = await host.expire(KEY, targets, not_after=time.time() - 1)
    assert finished.result.counts == {"expired": 10}
    assert modes(postfix) == [MARKED] * 10
    assert (await host.info()).unfinished == ()


@pytest.mark.parametrize("cut", [0, 20, 200, -20])
async def test_a_record_that_was_cut_off_anywhere_is_gone_on_from(
    cut: int, postfix: PrivatePostfix, world: World
) -> None:
    targets = await deferred(postfix, world, 4)
    host = mail_host(postfix)
    await host.expire(KEY, targets)
    path = postfix.queue_directory / "maildesk-trash" / "expiries" / KEY
    path.write_bytes(path.read_bytes()[:cut])
    again = await host.expire(KEY, targets)
    assert again.result.counts == {"expired": 4}
    assert json.loads(record(postfix)[-1]) == {"finished": True}
    assert (await host.info()).unfinished == ()


async def test_a_listener_that_leaves_in_the_middle_does_not_stop_it(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    targets = await deferred(postfix, world, 10)
    waits, go = tmp_path / "waits", tmp_path / "go"
    script = f'touch {waits}\nwhile [ ! -e {go} ]; do sleep 0.02; done\nexec $REAL "$@" <$IDS\n'
    listening, talking = os.pipe()
    asked = request("expire", lines(targets), key=KEY)
    process = started(with_postsuper(postfix, tmp_path, script), asked, stdout=talking)
    os.close(talking)
    await eventually(waits.exists)
    os.close(listening)
    go.touch()
    await eventually(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert modes(postfix) == [MARKED] * 10
    assert (await mail_host(postfix).expire(KEY, targets)).result.counts == {"expired": 10}


async def test_a_postfix_that_cannot_expire_is_told_before_anything_is_done(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    targets = await deferred(postfix, world, 1)
    argv = with_postsuper(postfix, tmp_path, 'exec $REAL "$@" <$IDS\n')
    (tmp_path / "postconf").unlink()
    (tmp_path / "postconf").write_text(
        f"#!/bin/sh\n{shutil.which('postconf')} \"$@\" | sed 's/^mail_version = .*/mail_version = 3.4.23/'\n"
    )
    (tmp_path / "postconf").chmod(0o755)
    # mail_host() would write an agent.ini with Postfix's own programs.
    host = MailHost(CommandLink("mx1", argv))
    with pytest.raises(AgentRefused, match=r"mx1: This host runs Postfix 3.4.23, which can't expire mail"):
        await host.expire(KEY, targets)
    assert modes(postfix) == [0o700]
    assert not (postfix.queue_directory / "maildesk-trash").exists()

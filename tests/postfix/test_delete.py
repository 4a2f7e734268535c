"""Delete on a real Postfix: exactly what was meant, kept in the trash, reported again for the same key."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agent.protocol import Selection, Term
from bot.errors import AgentRefused
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST, HANG
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
KEY = "57-k3qf"


def trash(postfix: PrivatePostfix) -> Path:
    return postfix.queue_directory / "maildesk-trash"


def kept(postfix: PrivatePostfix, key: str = KEY, folder: str = "kept") -> set[str]:
    return {path.name for path in (trash(postfix) / key / folder).iterdir()}


@pytest.mark.parametrize("kind", ["long", "short"])
async def test_deleted_mail_leaves_the_queue_and_is_kept_with_its_logs(
    kind: str, request: pytest.FixtureRequest, world: World
) -> None:
    postfix: PrivatePostfix = request.getfixturevalue("postfix" if kind == "long" else "short_postfix")
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=5)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    inodes = {path.name: path.stat().st_ino for path in postfix.files("deferred")}
    done = await host.delete(KEY, targets)
    assert done.result.counts == {"deleted": 5}
    assert [outcome.queue_id for outcome in done.outcomes] == [each.queue_id for each in targets]
    assert not postfix.queue() and postfix.count("defer") == 0
    found = {path.name: path.stat().st_ino for path in (trash(postfix) / KEY / "kept").iterdir()}
    assert found == inodes
    assert kept(postfix, folder="defer") == set(inodes)
    assert done.result.kept_bytes == sum(path.stat().st_size for path in (trash(postfix) / KEY / "kept").iterdir())
    assert done.result.kept_until == pytest.approx(time.time() + 7 * 24 * 3600, abs=60)
    assert (await host.info()).unfinished == ()
    assert trash(postfix).stat().st_mode & 0o077 == 0


async def test_the_same_key_again_only_reports(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    first = await host.delete(KEY, targets)
    postfix.defer("ann@sender.test", "bob@grey.test", count=1)
    assert await host.delete(KEY, targets) == first
    assert await host.delete(KEY, ()) == first
    assert postfix.count("deferred") == 1
    with pytest.raises(AgentRefused, match="used for another deletion"):
        await host.delete(KEY, await host.select(EVERYTHING))
    with pytest.raises(AgentRefused, match="used for another deletion"):
        await host.delete(KEY, targets, final=True)
    assert postfix.count("deferred") == 1


async def test_a_deletion_that_comes_too_late_is_not_begun(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    late = await host.delete(KEY, targets, not_after=time.time() - 1)
    assert (late.result.begun, late.result.counts, late.outcomes) == (False, {}, ())
    assert postfix.count("deferred") == 2
    assert not (trash(postfix) / KEY).exists()
    # But what was begun in time is finished, or reported, whenever that is asked for.
    await host.delete(KEY, targets, not_after=time.time() + 60)
    assert (await host.delete(KEY, targets, not_after=time.time() - 1)).result.counts == {"deleted": 2}


async def test_an_identity_that_is_another_message_now_survives(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    first, second, third = await host.select(EVERYTHING)
    other = type(first)(first.queue_id, first.arrival_time - 60, first.message_size, first.sender)
    gone = type(first)("4jYTY25PbJzBBBB", 1, 1, "x@y.test")
    done = await host.delete(KEY, [other, second, gone])
    assert [outcome.outcome for outcome in done.outcomes] == ["changed", "deleted", "gone"]
    assert {entry.queue_id for entry in postfix.queue("deferred")} == {first.queue_id, third.queue_id}


async def test_final_keeps_nothing(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=4)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    done = await host.delete(KEY, targets[:3], final=True)
    assert done.result.final and done.result.counts == {"deleted": 3} and done.result.kept_until is None
    assert [entry.queue_id for entry in postfix.queue()] == [targets[3].queue_id]
    assert not (trash(postfix) / KEY / "kept").exists()
    assert await host.delete(KEY, targets[:3], final=True) == done


async def test_mail_on_hold_and_mail_in_delivery_are_deleted_and_the_answer_says_which_may_still_arrive(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    world.domain("slow.test", HANG)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    await host.hold(await host.select(EVERYTHING))
    postfix.active(8, "slow.test")
    done = await host.delete(KEY, await host.select(EVERYTHING))
    assert done.result.counts == {"deleted": 10}
    assert done.result.in_flight == 5
    assert [outcome.detail for outcome in done.outcomes].count("in_flight") == 5
    assert not postfix.queue()
    assert len(kept(postfix)) == 10


async def test_hashed_hold_is_found_by_postconf(new_postfix: Callable[..., PrivatePostfix], world: World) -> None:
    postfix = new_postfix(settings={"hash_queue_names": "deferred, defer, hold", "hash_queue_depth": "2"})
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    done = await host.delete(KEY, await host.select(Selection((Term("queue", "deferred"),))))
    assert done.result.counts == {"deleted": 3}
    assert not postfix.queue()
    assert len(kept(postfix)) == len(kept(postfix, folder="defer")) == 3
    assert os.listdir(trash(postfix) / "unfinished") == []  # noqa: PTH208

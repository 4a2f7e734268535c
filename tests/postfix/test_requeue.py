"""Requeueing on a real Postfix: a new queue ID, delivered once, and what is delivered or held is left alone."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from bot.agent.protocol import Identity, Selection, Term
from bot.mailhost.host import MailHost
from tests.agent.standin import request
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, HANG
from tests.postfix.test_hold import deliveries, flush_until_empty
from tests.postfix.test_hold_killed import half_then_kill, lines, started, with_postsuper
from tests.postfix.waiting import eventually
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()


@pytest.mark.parametrize("kind", ["long", "short"])
async def test_deferred_mail_gets_a_new_id_and_is_delivered_once(
    kind: str, request: pytest.FixtureRequest, world: World
) -> None:
    postfix: PrivatePostfix = request.getfixturevalue("postfix" if kind == "long" else "short_postfix")
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@sender.test", "bob@grey.test", count=5)
    before = {entry.queue_id for entry in postfix.queue("deferred")}
    host = mail_host(postfix)
    requeued = await host.requeue(await host.select(EVERYTHING))
    assert requeued.result.counts == {"requeued": 5}
    assert requeued.result.mail_system_up
    assert {outcome.queue_id for outcome in requeued.outcomes} == before
    world.domain("grey.test", ACCEPT)
    await flush_until_empty(host, postfix)
    assert deliveries(world, injected) == [1] * 5
    assert all(f"orig_id={queue_id}" in postfix.log() for queue_id in before)


async def test_sixty_active_messages_are_requeued_except_those_in_delivery_and_each_is_delivered_once(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("slow.test", HANG)
    injected = postfix.active(60, "slow.test")
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    requeued = await host.requeue(targets)
    assert requeued.result.counts == {"in_delivery": 5, "requeued": 55}
    left = {outcome.queue_id for outcome in requeued.outcomes if outcome.outcome == "in_delivery"}
    assert {path.name for path in postfix.files("active")} >= left
    assert postfix.count("hold") == 0
    world.domain("slow.test", ACCEPT)
    await flush_until_empty(host, postfix)
    assert deliveries(world, injected) == [1] * 60


async def test_held_mail_is_left_alone(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    first, *others = await host.select(EVERYTHING)
    held = await host.hold([first])
    requeued = await host.requeue([first, *others])
    assert [outcome.outcome for outcome in requeued.outcomes] == ["on_hold", "requeued", "requeued"]
    assert [entry.queue_id for entry in postfix.queue("hold")] == [first.queue_id]
    assert (await host.release_hold(held.result.key)).result.counts == {"released": 1}


async def test_an_identity_that_is_another_message_now_is_not_touched(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=1)
    host = mail_host(postfix)
    (message,) = await host.select(EVERYTHING)
    other = Identity(message.queue_id, message.arrival_time - 60, message.message_size, message.sender)
    requeued = await host.requeue([other, "4jYTY25PbJzBBBB"])
    assert [outcome.outcome for outcome in requeued.outcomes] == ["changed", "gone"]
    assert [entry.queue_id for entry in postfix.queue("deferred")] == [message.queue_id]


async def test_mail_that_waits_to_be_picked_up_is_not_yet_queued(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    postfix.stop()
    try:
        requeued = await host.requeue(targets)
        assert requeued.result.counts == {"requeued": 2}
        assert requeued.result.mail_system_up is False
        # Nobody picks it up now.
        assert (await host.requeue(targets)).result.counts == {"not_in_queue_yet": 2}
    finally:
        postfix.start()


async def test_a_requeue_that_was_cut_short_is_finished_by_asking_again(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@sender.test", "bob@grey.test", count=20)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    argv = with_postsuper(postfix, tmp_path, half_then_kill("-r"))
    assert started(argv, request("requeue", lines(targets))).wait() == -signal.SIGKILL
    host = mail_host(postfix)
    again = Counter((await host.requeue(targets)).result.counts)
    assert again["requeued"] == 10
    # What the first one requeued waits in the maildrop under its old ID, or was picked up by now.
    assert again["not_in_queue_yet"] + again["gone"] == 10
    world.domain("grey.test", ACCEPT)
    await flush_until_empty(host, postfix)
    assert deliveries(world, injected) == [1] * 20


async def test_a_listener_that_leaves_in_the_middle_does_not_stop_it(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@sender.test", "bob@grey.test", count=10)
    host: MailHost = mail_host(postfix)
    targets = await host.select(Selection((Term("queue", "deferred"),)))
    waits, go = tmp_path / "waits", tmp_path / "go"
    script = f'touch {waits}\nwhile [ ! -e {go} ]; do sleep 0.02; done\nexec $REAL "$@" <$IDS\n'
    listening, talking = os.pipe()
    process = started(with_postsuper(postfix, tmp_path, script), request("requeue", lines(targets)), stdout=talking)
    os.close(talking)
    await eventually(waits.exists)
    os.close(listening)
    go.touch()
    await eventually(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert postfix.count("deferred") == 0
    world.domain("grey.test", ACCEPT)
    await flush_until_empty(mail_host(postfix), postfix)
    assert deliveries(world, injected) == [1] * 10

"""Restore on a real Postfix: the same queue ID, the same bytes, the same reasons, and each message delivered once."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.agent.protocol import Selection, Term
from bot.errors import AgentRefused
from bot.mailhost.host import MailHost
from tests.postfix.filling import Spooled, fill
from tests.postfix.hosts import mail_host
from tests.postfix.instance import Injected, PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, HANG
from tests.postfix.test_delete import kept, trash
from tests.postfix.waiting import eventually
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
ON_HOLD = Selection((Term("queue", "hold"),))
KEY = "57-k3qf"


def sums(paths: Sequence[Path]) -> dict[str, tuple[int, str]]:
    """Inode and SHA-256 by queue ID."""
    return {path.name: (path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths}


async def each_once(host: MailHost, postfix: PrivatePostfix, world: World, injected: Sequence[Injected]) -> None:
    for domain in ("grey.test", "slow.test"):
        world.domain(domain, ACCEPT)
    await host.flush()
    await eventually(lambda: not postfix.queue(), timeout=30)
    times = Counter(delivery.message_id for delivery in world.delivered())
    assert [times[message.message_id] for message in injected] == [1] * len(injected)


@pytest.mark.parametrize("kind", ["long", "short", "hashed"])
async def test_restored_mail_is_what_it_was_and_is_delivered_once(
    kind: str, request: pytest.FixtureRequest, new_postfix: Callable[..., PrivatePostfix], world: World
) -> None:
    if kind == "hashed":
        postfix = new_postfix(settings={"hash_queue_names": "deferred, defer, hold", "hash_queue_depth": "2"})
    else:
        postfix = request.getfixturevalue("postfix" if kind == "long" else "short_postfix")
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@sender.test", "bob@grey.test", count=5)
    host = mail_host(postfix)
    before, files = postfix.queue(), sums(list(postfix.files("deferred")))
    await host.delete(KEY, await host.select(EVERYTHING))
    assert not postfix.queue()
    restored = await host.restore(KEY)
    assert restored.result.counts == {"restored": 5}
    assert restored.result.left == 0
    assert sorted(postfix.queue(), key=str) == sorted(before, key=str)
    assert sums(list(postfix.files("deferred"))) == files
    assert not kept(postfix) and not kept(postfix, folder="defer")
    assert (await host.info()).unfinished == ()
    await each_once(host, postfix, world, injected)


async def test_a_restored_key_only_reports(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    done = await host.delete(KEY, targets)
    await host.restore(KEY)
    again = await host.delete(KEY, targets)
    assert again.outcomes == done.outcomes
    assert again.result.restored == 3
    assert (await host.restore(KEY)).result.counts == {"not_in_trash": 3}
    assert postfix.count("deferred") == 3
    # The same messages can be deleted again, under another key.
    assert (await host.delete("58-aaaa", targets)).result.counts == {"deleted": 3}
    assert (await host.restore(KEY)).result.counts == {"not_in_trash": 3}
    assert (await host.restore("58-aaaa")).result.counts == {"restored": 3}


async def test_some_are_restored_and_the_rest_stays(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=4)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    await host.delete(KEY, targets)
    restored = await host.restore(KEY, [targets[1], targets[2].queue_id, "4jYTY25PbJzBBBB"])
    assert [outcome.outcome for outcome in restored.outcomes] == ["restored", "restored", "not_in_trash"]
    assert restored.result.left == 2
    assert kept(postfix) == {targets[0].queue_id, targets[3].queue_id}
    rest = await host.restore(KEY)
    assert rest.result.counts == {"restored": 2, "not_in_trash": 2}
    assert postfix.count("deferred") == 4


async def test_mail_that_was_active_is_requeued_and_delivered_once(postfix: PrivatePostfix, world: World) -> None:
    world.domain("slow.test", HANG)
    injected = postfix.active(40, "slow.test")
    host = mail_host(postfix)
    assert (await host.delete(KEY, await host.select(EVERYTHING))).result.in_flight == 5
    restored = await host.restore(KEY)
    # While a delivery goes on, a copy could be delivered twice: those stay on hold.
    assert restored.result.counts == {"requeued": 35, "in_delivery": 5}
    world.domain("slow.test", ACCEPT)
    await eventually(lambda: len(world.delivered()) >= 5)
    for _ in range(5):
        released = await host.release_hold(KEY)
        if "in_delivery" not in released.result.counts:
            break
    assert released.result.counts.get("released") is None
    await each_once(host, postfix, world, injected)


async def test_mail_that_was_active_keeps_its_id_after_a_restart_of_the_queue_manager(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("slow.test", HANG)
    injected = postfix.active(10, "slow.test")
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    await host.delete(KEY, targets)
    postfix.restart()
    restored = await host.restore(KEY)
    assert restored.result.counts == {"restored": 10}
    await each_once(host, postfix, world, injected)


async def test_what_was_on_hold_before_comes_back_on_hold(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    injected = postfix.defer("ann@sender.test", "bob@grey.test", count=4)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    await host.hold(targets[:2])
    await host.delete(KEY, targets)
    restored = await host.restore(KEY)
    assert [outcome.outcome for outcome in restored.outcomes] == ["on_hold", "on_hold", "restored", "restored"]
    assert {entry.queue_id for entry in postfix.queue("hold")} == {each.queue_id for each in targets[:2]}
    await host.release(await host.select(ON_HOLD))
    await each_once(host, postfix, world, injected)


async def test_mail_past_its_lifetime_stays_on_hold_until_somebody_chooses(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("old.test", GREYLIST)
    now, day = time.time(), 24 * 3600
    reasons = {"bob@old.test": "host mx.old.test said: 450 4.7.1 Greylisted"}
    old, young, expired = fill(postfix, [Spooled("ann@sender.test", reasons, now - age * day) for age in (6, 4, 4)])
    (bounce,) = fill(postfix, [Spooled("", reasons, now - 6 * day)])
    postfix.run("postsuper", "-e", "-", stdin=f"{expired}\n")
    host = mail_host(postfix)
    await host.delete(KEY, await host.select(EVERYTHING))
    restored = await host.restore(KEY)
    found = {outcome.queue_id: outcome.outcome for outcome in restored.outcomes}
    assert found == {old: "past_lifetime", young: "restored", expired: "force_expired", bounce: "past_lifetime"}
    assert {entry.queue_id for entry in postfix.queue("hold")} == {old, expired, bounce}
    # They were never active, and that is known to a later release.
    assert (await host.release_hold(KEY)).result.counts == {"released": 3}


async def test_nothing_is_put_in_the_place_of_another_message(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    first, second, third = await host.select(EVERYTHING)
    await host.delete(KEY, [first, second])
    (other,) = [path for path in postfix.files("deferred") if path.name == third.queue_id]
    intruders = [
        postfix.queue_directory / "active" / first.queue_id,
        postfix.queue_directory / "hold" / second.queue_id,
    ]
    for intruder in intruders:
        other.rename(intruder)
        other = intruder
        before = sums([intruder])
        restored = await host.restore(KEY, [intruder.name])
        assert restored.result.counts == {"in_queue": 1}
        assert sums([intruder]) == before
    assert kept(postfix) == {first.queue_id, second.queue_id}
    intruders[1].unlink()
    assert (await host.restore(KEY)).result.counts == {"restored": 2}


async def test_a_newer_log_in_the_queue_stays(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=1)
    host = mail_host(postfix)
    (target,) = await host.select(EVERYTHING)
    (log,) = postfix.files("defer")
    owner = log.stat()
    await host.delete(KEY, [target])
    log.write_text("newer\n")
    log.chmod(0o600)
    import os

    os.chown(log, owner.st_uid, owner.st_gid)
    assert (await host.restore(KEY)).result.counts == {"restored": 1}
    assert log.read_text() == "newer\n"


async def test_an_unknown_key_and_a_final_one_have_nothing_to_restore(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    with pytest.raises(AgentRefused, match="There is no deletion 99-zzzz"):
        await host.restore("99-zzzz")
    await host.delete(KEY, await host.select(EVERYTHING), final=True)
    assert (await host.restore(KEY)).result.counts == {"not_in_trash": 2}
    assert trash(postfix).exists()

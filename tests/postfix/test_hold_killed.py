"""The agent is killed in the middle of a change: nothing is lost, each message is delivered once, the key is named."""

from __future__ import annotations

import fcntl
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.agent.protocol import Identity, Selection, Term
from bot.mailhost.host import MailHost
from tests.agent.standin import request
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import Injected, PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, HANG
from tests.postfix.waiting import eventually, wait_until
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
ON_HOLD = Selection((Term("queue", "hold"),))
KEY = "h-killed"

DEFERRED, ACTIVE, IN_DELIVERY = 40, 25, 5
"""Those in delivery are left alone: a release would wait for them, and the kill come while it does nothing."""


def queue_up(postfix: PrivatePostfix, world: World) -> list[Injected]:
    world.domain("grey.test", GREYLIST)
    world.domain("slow.test", HANG)
    injected = postfix.defer("ann@sender.test", "bob@grey.test", count=DEFERRED) + postfix.active(ACTIVE, "slow.test")
    # The queue manager too locks a message for a moment, when it takes it in.
    wait_until(lambda: len(busy(postfix)) == IN_DELIVERY == world.connections("slow.test"), what="five are in delivery")
    return injected


def locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def busy(postfix: PrivatePostfix) -> set[str]:
    return {path.name for path in postfix.files("active") if locked(path)}


async def sixty(host: MailHost, postfix: PrivatePostfix) -> list[Identity]:
    """All but what is in delivery: 40 that are deferred, then 20 that are active."""
    left_alone = busy(postfix)
    chosen = [each for each in await host.select(EVERYTHING) if each.queue_id not in left_alone]
    assert len(chosen) == DEFERRED + ACTIVE - IN_DELIVERY
    return sorted(chosen, key=lambda each: each.sender)


def lines(targets: Sequence[Identity]) -> list[object]:
    return [[each.queue_id, each.arrival_time, each.message_size, each.sender] for each in targets]


def started(argv: Sequence[str], asked: bytes, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.DEVNULL)
    assert process.stdin
    process.stdin.write(asked)
    process.stdin.close()
    return process


def killed(process: subprocess.Popen[bytes], when: Callable[[], bool] = lambda: True) -> bool:
    """kill(2) -9 as soon as this holds; False when the process had ended by itself before.

    How far the change has come says when, and not the clock: all of it takes a tenth of a second, or ten.
    """
    while process.poll() is None and not when():
        pass
    process.kill()
    return process.wait() == -signal.SIGKILL


def with_postsuper(postfix: PrivatePostfix, folder: Path, script: str) -> tuple[str, ...]:
    """The agent with this script of sh(1) in place of postsuper(1), which is $REAL there; it has the IDs in $IDS."""
    for program in ("postqueue", "postconf", "postfix", "postcat"):
        (folder / program).symlink_to(str(shutil.which(program)))
    ids = folder / "ids"
    head = f"#!/bin/sh\nREAL={shutil.which('postsuper')}\nIDS={ids}\ncat >$IDS\n"
    (folder / "postsuper").write_text(head + script)
    (folder / "postsuper").chmod(0o755)
    argv = agent_argv(postfix)
    ini = Path(argv[-1])
    ini.write_text(f"{ini.read_text()}command_directory = {folder}\n")
    return argv


def half_then_kill(when: str) -> str:
    """At the call with this among its arguments: the first half of the IDs only, then the agent is killed."""
    return f"""case " $* " in *" {when} "*) ;; *) exec $REAL "$@" <$IDS ;; esac
head -n $(($(wc -l <$IDS) / 2)) $IDS >$IDS.half
$REAL "$@" <$IDS.half
kill -9 $PPID
"""


async def once_each(host: MailHost, postfix: PrivatePostfix, world: World, injected: Sequence[Injected]) -> None:
    """Release whatever is on hold, let everything go, and count."""
    # What came back meets what the queue manager remembers, as long as the deliveries in front of it hang.
    postfix.run("postqueue", "-f")
    world.domain("grey.test", ACCEPT)
    world.domain("slow.test", ACCEPT)

    async def rest_released() -> bool:
        held = await host.select(ON_HOLD)
        if held:
            await host.release(held)
        return not held

    for _ in range(10):
        if await rest_released():
            break
    await host.flush()
    await eventually(lambda: not postfix.queue(), timeout=30)
    times = Counter(delivery.message_id for delivery in world.delivered())
    assert [times[message.message_id] for message in injected] == [1] * len(injected)


@pytest.mark.parametrize("seed", range(10))
async def test_killed_at_any_moment_of_a_hold_and_of_a_release_no_mail_is_lost_or_doubled(
    seed: int, postfix: PrivatePostfix, world: World
) -> None:
    chance = random.Random(seed)
    injected = queue_up(postfix, world)
    host = mail_host(postfix)
    targets = await sixty(host, postfix)
    record = postfix.queue_directory / "maildesk-trash" / "holds" / KEY
    process = started(agent_argv(postfix), request("hold", lines(targets), key=KEY))
    moved = chance.randrange(len(targets))
    if killed(process, lambda: record.exists() and postfix.count("hold") >= moved):
        assert (await host.info()).unfinished in ((KEY,), ()), "() when only its last words were cut off"
    # Whoever asks again finds every message, in one queue or the other.
    again = await host.hold(targets)
    assert set(again.result.counts) <= {"held", "already_on_hold"}
    assert sum(again.result.counts.values()) == len(targets)
    assert postfix.count("hold") == len(targets)
    process = started(agent_argv(postfix), request("release", [each.queue_id for each in targets]))
    left = chance.randrange(1, len(targets) + 1)
    killed(process, lambda: postfix.count("hold") <= left)
    finished = await host.release(targets)
    # A message that was requeued has another ID now.
    assert set(finished.result.counts) <= {"released", "requeued", "not_on_hold", "gone"}
    assert postfix.count("hold") == 0
    await once_each(host, postfix, world, injected)


@pytest.mark.parametrize(
    ("when", "held", "undone"),
    [
        # The first pass looks at all 60 and moves the deferred ones; its record was never written, so that nobody
        # knows any more that they were not active: none comes back under its ID.
        ("deferred", 30, {"requeued": 30, "not_on_hold": 30}),
        # The second pass moves those that are active; the first one is on record.
        ("active", 50, {"released": 40, "requeued": 10, "not_on_hold": 10}),
    ],
)
async def test_a_hold_that_was_cut_short_is_named_and_undone_by_its_key(
    when: str, held: int, undone: dict[str, int], postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    injected = queue_up(postfix, world)
    targets = await sixty(mail_host(postfix), postfix)
    argv = with_postsuper(postfix, tmp_path, half_then_kill(when))
    assert started(argv, request("hold", lines(targets), key=KEY)).wait() == -signal.SIGKILL
    host = mail_host(postfix)
    assert postfix.count("hold") == held
    assert (await host.info()).unfinished == (KEY,)
    assert (await host.release_hold(KEY)).result.counts == undone
    await once_each(host, postfix, world, injected)


@pytest.mark.parametrize("when", ["deferred", "active"])
async def test_a_hold_that_was_cut_short_is_finished_by_the_same_key(
    when: str, postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    injected = queue_up(postfix, world)
    targets = await sixty(mail_host(postfix), postfix)
    argv = with_postsuper(postfix, tmp_path, half_then_kill(when))
    assert started(argv, request("hold", lines(targets), key=KEY)).wait() == -signal.SIGKILL
    host = mail_host(postfix)
    held = await host.hold(targets, key=KEY)
    assert held.result.counts == {"held": len(targets)}
    assert postfix.count("hold") == len(targets)
    assert (await host.info()).unfinished == ()
    assert await host.hold(targets, key=KEY) == held
    await host.release_hold(KEY)
    await once_each(host, postfix, world, injected)


async def test_a_hold_that_was_cut_short_and_undone_is_not_taken_up_again(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    injected = queue_up(postfix, world)
    targets = await sixty(mail_host(postfix), postfix)
    argv = with_postsuper(postfix, tmp_path, half_then_kill("deferred"))
    assert started(argv, request("hold", lines(targets), key=KEY)).wait() == -signal.SIGKILL
    host = mail_host(postfix)
    await host.release_hold(KEY)
    assert (await host.info()).unfinished == ()
    assert (await host.hold(targets, key=KEY)).result.counts == {"failed": len(targets)}
    assert postfix.count("hold") == 0
    await once_each(host, postfix, world, injected)


@pytest.mark.parametrize(
    ("when", "left", "again"),
    [
        ("-H", 40, {"not_on_hold": 20, "released": 20, "requeued": 20}),
        # What was requeued waits in maildrop under its old ID: pickup(8) looks there once a minute, and at a flush.
        ("-r", 10, {"not_on_hold": 50, "requeued": 10}),
    ],
)
async def test_a_release_that_was_cut_short_is_finished_by_asking_again(
    when: str, left: int, again: dict[str, int], postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    injected = queue_up(postfix, world)
    host = mail_host(postfix)
    held = await host.hold(await sixty(host, postfix))
    assert held.result.was_active == ACTIVE - IN_DELIVERY
    argv = with_postsuper(postfix, tmp_path, half_then_kill(when))
    assert started(argv, request("release", key=held.result.key)).wait() == -signal.SIGKILL
    host = mail_host(postfix)
    assert postfix.count("hold") == left
    assert (await host.release_hold(held.result.key)).result.counts == again
    await once_each(host, postfix, world, injected)


async def test_postsuper_keeps_the_lock_of_an_agent_that_was_killed(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    injected = queue_up(postfix, world)
    host = mail_host(postfix)
    targets = await sixty(host, postfix)
    waits, go = tmp_path / "waits", tmp_path / "go"
    script = f'touch {waits}\nwhile [ ! -e {go} ]; do sleep 0.02; done\nexec $REAL "$@" <$IDS 2>/dev/null\n'
    process = started(with_postsuper(postfix, tmp_path, script), request("hold", lines(targets), key=KEY))
    try:
        wait_until(waits.exists, what="postsuper has begun")
        assert killed(process)
        lock = postfix.queue_directory / "maildesk-trash" / "lock"
        assert locked(lock), "postsuper lives on, and nobody may change anything beside it"
        assert postfix.count("hold") == 0
    finally:
        go.touch()
    # The next change waits for it, and finds its work done.
    host = mail_host(postfix)
    again = await host.hold(targets)
    assert again.result.counts == {"already_on_hold": DEFERRED, "held": ACTIVE - IN_DELIVERY}
    await once_each(host, postfix, world, injected)

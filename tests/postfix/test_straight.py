"""The straight way back for mail that was never active: one step, no postsuper(1), and nothing that it replaces."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.agent import config, journal
from bot.agent.instance import MailSystem
from bot.agent.kept import Kept
from bot.agent.lifetimes import Lifetimes
from bot.agent.protocol import Selection
from bot.agent.restorable import Restorable
from bot.agent.straight import Straight
from bot.agent.trust import Trust
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from tests.agent.standin import request
from tests.postfix import without_renameat2
from tests.postfix.filling import fill, mixture
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.stopped import StoppedPostfix, counts
from tests.postfix.test_delete import kept

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
KEY = "57-k3qf"
HASHED = {"hash_queue_names": "deferred, defer, hold", "hash_queue_depth": "2", "maximal_queue_lifetime": "6d"}


@pytest.fixture
def hashed(new_postfix: Callable[..., PrivatePostfix]) -> PrivatePostfix:
    """Six deferred messages, which are due in four hours; every folder hashed two levels deep."""
    postfix = new_postfix(settings=HASHED)
    fill(postfix, mixture(6))
    return postfix


def seen(paths: Sequence[Path]) -> dict[str, tuple[object, ...]]:
    """All that a move could have changed, but for the change time."""
    found = {path.name: (path, path.stat()) for path in paths}
    return {
        name: (path, status.st_ino, status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns, status.st_nlink)
        for name, (path, status) in found.items()
    }


def spool(postfix: PrivatePostfix) -> tuple[dict[str, tuple[object, ...]], dict[str, tuple[object, ...]]]:
    return seen(list(postfix.files("deferred"))), seen(list(postfix.files("defer")))


def released(postfix: PrivatePostfix) -> int:
    return postfix.log().count(": released from hold")


def straight(postfix: PrivatePostfix) -> tuple[Straight, list[str]]:
    """What a restore of KEY has in hand when it begins, and all that it could bring back."""
    instance = config.Instance("default", str(postfix.config_directory), retention=7 * 24 * 3600)
    system = MailSystem(instance, Trust())
    found = journal.find(system.trash, KEY)
    assert found is not None
    names = Kept(system.trash, system.queues, KEY)
    story = Restorable(found, system.managers(), Lifetimes(system.postfix), time.time())
    return Straight(system, names, story), names.ids()


async def test_it_is_as_if_it_had_never_been_away(hashed: PrivatePostfix) -> None:
    host = mail_host(hashed)
    before = spool(hashed)
    await host.delete(KEY, await host.select(EVERYTHING))
    assert spool(hashed) == ({}, {})
    assert (await host.restore(KEY)).result.counts == {"restored": 6}
    # The times are the same too: it is not tried before it is due.
    assert spool(hashed) == before
    assert released(hashed) == 0
    assert not kept(hashed) and not kept(hashed, folder="defer")


async def test_folders_that_are_gone_are_made_as_postfix_makes_them(hashed: PrivatePostfix) -> None:
    host = mail_host(hashed)
    before = spool(hashed)
    await host.delete(KEY, await host.select(EVERYTHING))
    for queue in ("deferred", "defer"):
        for folder in sorted((hashed.queue_directory / queue).rglob("?"), reverse=True):
            folder.rmdir()
    assert (await host.restore(KEY)).result.counts == {"restored": 6}
    assert spool(hashed) == before
    made = [folder for queue in ("deferred", "defer") for folder in (hashed.queue_directory / queue).rglob("?")]
    assert {(each.owner(), each.group(), each.stat().st_mode & 0o777) for each in made} == {
        ("postfix", "postfix", 0o700)
    }


@pytest.mark.skipif(platform.machine() not in without_renameat2.NUMBERS, reason="the call's number is not known")
async def test_where_there_is_no_such_move_it_goes_by_way_of_hold(hashed: PrivatePostfix) -> None:
    launcher = (sys.executable, "-I", without_renameat2.__file__)
    host = MailHost(CommandLink("mx1", (*launcher, *agent_argv(hashed))))
    before = spool(hashed)
    await host.delete(KEY, await host.select(EVERYTHING))
    assert (await host.restore(KEY)).result.counts == {"restored": 6}
    assert spool(hashed) == before
    assert released(hashed) == 6
    assert not kept(hashed) and not kept(hashed, folder="defer")


@pytest.mark.parametrize("with_a_log", [True, False])
async def test_another_message_that_comes_in_between_is_not_replaced(hashed: PrivatePostfix, with_a_log: bool) -> None:
    host = mail_host(hashed)
    targets = await host.select(EVERYTHING)
    homes = {path.name: path for path in hashed.files("deferred")}
    logs = {path.name: path for path in hashed.files("defer")}
    first, last = targets[0].queue_id, targets[-1].queue_id
    await host.delete(KEY, targets[:-1])
    way, ids = straight(hashed)
    fit = way.fit(ids)
    assert sorted(fit) == sorted(each.queue_id for each in targets[:-1])
    homes[last].rename(homes[first])
    if with_a_log:
        logs[last].rename(logs[first])
    before = seen([homes[first]]), seen([path for path in hashed.files("defer") if path.name == first])
    done = way.move(fit)
    assert done == {queue_id: ("in_queue" if queue_id == first else "restored", "") for queue_id in fit}
    assert (seen([homes[first]]), seen([path for path in hashed.files("defer") if path.name == first])) == before
    # With its reasons, so that it can come back once the other one is gone.
    assert kept(hashed) == kept(hashed, folder="defer") == {first}


async def test_what_has_another_name_or_lies_in_a_queue_goes_another_way(hashed: PrivatePostfix) -> None:
    host = mail_host(hashed)
    await host.delete(KEY, await host.select(EVERYTHING))
    way, ids = straight(hashed)
    linked, held, marked, *rest = sorted(ids)
    folder = hashed.queue_directory / "maildesk-trash" / KEY / "kept"
    (hashed.root / "second").hardlink_to(folder / linked)
    (hashed.queue_directory / "incoming" / held).write_bytes(b"another one")
    owner = (folder / held).stat()
    os.chown(hashed.queue_directory / "incoming" / held, owner.st_uid, owner.st_gid)
    (folder / marked).chmod(0o710)  # as postsuper -e marks it
    assert sorted(way.fit(ids)) == rest


@pytest.mark.takes(900)
def test_killed_at_any_step_each_message_is_kept_or_queued_and_never_both(any_stopped: StoppedPostfix) -> None:
    stopped = any_stopped
    home = {queue_id: queue for queue_id, queue in stopped.home.items() if queue == "deferred"}
    targets = [target for target in stopped.targets if target[0] in home]

    def deleted() -> str:
        key = stopped.key()
        assert counts(stopped.agents.ask(request("delete", targets, key=key))) == {"deleted": len(home)}
        return key

    def places() -> dict[str, list[str]]:
        return {queue_id: found for queue_id, found in stopped.places().items() if queue_id in home}

    steps = stopped.agents.steps(request("restore", key=deleted()))
    for at in range(1, steps + 1):
        key = deleted()
        assert stopped.agents.killed(request("restore", key=key), at), at
        found = places()
        assert all(where in ([key], ["deferred"]) for where in found.values()), (at, found)
        again = stopped.agents.ask(request("restore", key=key))
        assert again.result["left"] == 0, at
        assert places() == {queue_id: ["deferred"] for queue_id in home}, at
        assert stopped.logs() >= set(home), at
        assert stopped.unfinished() == [], at

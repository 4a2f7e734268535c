"""A deletion, a restore or a purge is killed between any two of its steps: the same request again brings it to its end.

Each message is in the trash exactly once, or in a queue; none is lost, and none stays on hold because of us.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.agent.standin import Answer, request
from tests.postfix.filling import Spooled, fill
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.stopped import QUEUED, SOAK, StoppedPostfix, counts, some
from tests.postfix.test_delete import KEY, trash
from tests.postfix.test_hold_killed import killed, lines, once_each, queue_up, sixty, started
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")


def told(answer: Answer) -> list[dict[str, Any]]:
    """All but the progress."""
    return [event for event in answer.events if event["event"] != "progress"]


def kill_each(stopped: StoppedPostfix, steps: int, number: int, seed: str, once: Callable[[int], None]) -> None:
    for at in some(steps, number, seed):
        try:
            once(at)
        except AssertionError as error:
            raise AssertionError(f"killed at step {at} of {steps}: {error}") from error
        assert stopped.unfinished() == []


@pytest.mark.takes(900)
def test_a_killed_deletion_is_finished_by_the_same_request(any_stopped: StoppedPostfix) -> None:
    stopped = any_stopped
    key = stopped.key()
    steps = stopped.agents.steps(stopped.delete(key))
    stopped.all_in(key)
    stopped.agents.ask(asked("restore", key))
    stopped.all_back()

    def once(at: int) -> None:
        key = stopped.key()
        assert stopped.agents.killed(stopped.delete(key), at)
        places = stopped.places()
        assert all(places.values()), "a message is lost"
        again = stopped.agents.ask(stopped.delete(key))
        assert counts(again) == {"deleted": len(stopped.home)}
        stopped.all_in(key)
        assert told(stopped.agents.ask(stopped.delete(key))) == told(again)
        back = stopped.agents.ask(asked("restore", key))
        assert sum(counts(back).values()) == len(stopped.home) and counts(back)["on_hold"] == QUEUED["hold"]
        stopped.all_back()

    kill_each(stopped, steps, 12, "delete", once)


@pytest.mark.takes(900)
def test_a_killed_deletion_is_rolled_back_by_a_restore(stopped: StoppedPostfix) -> None:
    key = stopped.key()
    steps = stopped.agents.steps(stopped.delete(key))
    stopped.agents.ask(asked("restore", key))
    stopped.all_back()

    def once(at: int) -> None:
        key = stopped.key()
        assert stopped.agents.killed(stopped.delete(key), at)
        back = stopped.agents.ask(asked("restore", key))
        if back.code != "bad_request":  # It had not begun.
            assert back.result["left"] == 0
        stopped.all_back()
        if not back.code:
            assert set(counts(stopped.agents.ask(stopped.delete(key)))) <= {"deleted", "failed"}
            stopped.all_back()

    kill_each(stopped, steps, 8, "roll back", once)


@pytest.mark.takes(900)
def test_a_killed_restore_is_finished_by_the_same_request(stopped: StoppedPostfix) -> None:
    key = stopped.key()
    stopped.agents.ask(stopped.delete(key))
    steps = stopped.agents.steps(asked("restore", key))
    stopped.all_back()

    def once(at: int) -> None:
        key = stopped.key()
        assert counts(stopped.agents.ask(stopped.delete(key))) == {"deleted": len(stopped.home)}
        assert stopped.agents.killed(asked("restore", key), at)
        assert all(stopped.places().values()), "a message is lost"
        # Whoever would delete them now, in the middle of it, is refused.
        other = stopped.key()
        if key in stopped.unfinished():
            assert set(counts(stopped.agents.ask(stopped.delete(other)))) <= {"in_other_deletion", "gone"}
        stopped.agents.ask(asked("restore", key))
        stopped.all_back()

    kill_each(stopped, steps, 10, "restore", once)


@pytest.mark.takes(900)
def test_a_killed_purge_is_finished_by_the_next(stopped: StoppedPostfix) -> None:
    # What is destroyed can be destroyed once: messages are given to one deletion each.
    targets = list(stopped.targets)
    first = stopped.key()
    assert counts(stopped.agents.ask(request("delete", [targets.pop()], key=first))) == {"deleted": 1}
    steps = stopped.agents.steps(asked("purge", first))
    for at in some(steps, len(targets), "purge")[: len(targets)]:
        key = stopped.key()
        target = targets.pop()
        stopped.agents.ask(request("delete", [target], key=key))
        if stopped.agents.killed(asked("purge", key), at):
            result = stopped.agents.ask(asked("purge", key)).result
            assert (result["keys"], result["messages"]) == ([key], 1), at
        folder = stopped.trash / key
        assert not (folder / "kept").exists()
        assert "ann@x.test" not in (folder / "journal").read_text()
        assert counts(stopped.agents.ask(asked("restore", key))) == {"not_in_trash": 1}


@pytest.mark.takes(900)
def test_a_killed_final_deletion_is_finished_by_the_same_request(stopped: StoppedPostfix) -> None:
    now = time.time()

    def fresh() -> list[list[Any]]:
        fill(stopped.postfix, [Spooled("eve@x.test", {"bob@grey.test": "no"}, now)] * 3)
        return [
            [entry.queue_id, entry.arrival_time, entry.message_size, entry.sender]
            for entry in stopped.postfix.queue()
            if entry.sender == "eve@x.test"
        ]

    def final(key: str, targets: Sequence[list[Any]]) -> bytes:
        return request("delete", targets, key=key, final=True)

    steps = stopped.agents.steps(final(stopped.key(), fresh()))
    for at in some(steps, 6, "final"):
        key, targets = stopped.key(), fresh()
        assert stopped.agents.killed(final(key, targets), at)
        assert counts(stopped.agents.ask(final(key, targets))) == {"deleted": 3}, at
        assert stopped.postfix.count("hold") == QUEUED["hold"], at
        assert stopped.unfinished() == []
    stopped.all_back()


def asked(verb: str, key: str, targets: Sequence[object] = ()) -> bytes:
    return request(verb, targets, key=key)


@pytest.mark.takes(900)
@pytest.mark.parametrize("seed", range(40 if SOAK else 3))
async def test_killed_at_any_moment_while_mail_moves_each_message_is_delivered_once(
    seed: int, postfix: PrivatePostfix, world: World
) -> None:
    chance = random.Random(seed)
    injected = queue_up(postfix, world)
    host = mail_host(postfix)
    targets = await sixty(host, postfix)
    until = chance.randrange(1, 2 * len(targets))

    def far_enough() -> bool:
        # First they are put on hold, then they leave it.
        held = postfix.count("hold")
        kept = len(list(trash(postfix).glob("*/kept/*")))
        return held >= until or (kept == len(targets) and held <= 2 * len(targets) - until)

    killed(started(agent_argv(postfix), asked("delete", KEY, lines(targets))), far_enough)
    again = await host.delete(KEY, targets)
    assert again.result.counts == {"deleted": len(targets)}
    assert len(list(trash(postfix).glob("*/kept/*"))) == len(targets)
    process = started(agent_argv(postfix), asked("restore", KEY))
    left = chance.randrange(len(targets))
    killed(process, lambda: len(list(trash(postfix).glob("*/kept/*"))) <= left)
    await host.restore(KEY)
    assert not list(trash(postfix).glob("*/kept/*"))
    assert postfix.count("hold") == 0
    await once_each(host, postfix, world, injected)

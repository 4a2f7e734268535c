"""Fixtures with a real Postfix, for any test below `tests/`; each of them needs `@pytest.mark.real("postfix")`.

`postfix` (long queue IDs, hashed) and `short_postfix` (short ones, flat) are kept running for the session and handed
to each test empty, with an outside world that knows no domain; `new_postfix` makes one more, for one test. `stopped`
is one that does not run, with a few messages in each queue.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postfix import instance
from tests.postfix.instance import PrivatePostfix, sweep
from tests.postfix.stopped import WITHOUT_A_LOG, StoppedPostfix
from tests.postfix.world import World


@pytest.fixture(scope="session")
def outside_world() -> Iterator[World]:
    sweep()
    with World() as world:
        yield world


@pytest.fixture
def world(outside_world: World) -> World:
    """The outside world, without domains and deliveries."""
    outside_world.reset()
    return outside_world


@pytest.fixture(scope="session")
def shared_postfix(outside_world: World) -> Iterator[PrivatePostfix]:
    with PrivatePostfix(outside_world) as postfix:
        yield postfix


@pytest.fixture(scope="session")
def shared_short_postfix(outside_world: World) -> Iterator[PrivatePostfix]:
    with PrivatePostfix(outside_world, long_ids=False, hashed=False) as postfix:
        yield postfix


@pytest.fixture
def postfix(shared_postfix: PrivatePostfix, world: World) -> PrivatePostfix:
    shared_postfix.empty()
    return shared_postfix


@pytest.fixture
def short_postfix(shared_short_postfix: PrivatePostfix, world: World) -> PrivatePostfix:
    shared_short_postfix.empty()
    return shared_short_postfix


@pytest.fixture
def new_postfix(world: World) -> Iterator[Callable[..., PrivatePostfix]]:
    """Makes and starts further instances, with `PrivatePostfix`'s own arguments."""
    with contextlib.ExitStack() as stack:

        def make(**arguments: object) -> PrivatePostfix:
            postfix = stack.enter_context(PrivatePostfix(world, **arguments))  # type: ignore[arg-type]
            postfix.start()
            return postfix

        yield make


@pytest.fixture
def stopped(outside_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoppedPostfix]:
    with _stopped(outside_world, tmp_path, monkeypatch, long_ids=True) as stopped:
        yield stopped


@pytest.fixture(params=["long", "short"])
def any_stopped(
    request: pytest.FixtureRequest, outside_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StoppedPostfix]:
    """With both kinds of queue ID, hashed and flat."""
    with _stopped(outside_world, tmp_path, monkeypatch, long_ids=request.param == "long") as stopped:
        yield stopped


@contextlib.contextmanager
def _stopped(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, *, long_ids: bool
) -> Iterator[StoppedPostfix]:
    """It lies in memory, where forcing to disk takes no time."""
    monkeypatch.setattr(instance, "PARENT", instance.MEMORY)
    with PrivatePostfix(world, long_ids=long_ids, hashed=long_ids, settings=WITHOUT_A_LOG) as postfix:
        postfix.start()  # which makes its folders
        stopped = StoppedPostfix(postfix, folder)
        try:
            yield stopped
        finally:
            stopped.close()

"""Fixtures of the agent's tests: a stand-in instance for each test, and a nursery of agents for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.agent import report
from tests.agent.standin import Nursery, StandIn


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()


@pytest.fixture
def standin(tmp_path: Path, nursery: Nursery) -> Iterator[StandIn]:
    standin = StandIn(tmp_path, nursery)
    standin.start()
    yield standin
    standin.stop()


@pytest.fixture(autouse=True)
def listings_without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader rests a moment between what a real postqueue writes; a stand-in has written all of it at once."""
    monkeypatch.setattr(report, "PAUSE", 0)

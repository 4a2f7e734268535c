"""The host that each test of the contract runs on, once the demo's and once a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo.host import DemoInstance
from bot.demo.programs import launcher
from bot.demo.world import World
from tests.demo.subjects import DemoSubject, RealSubject, Subject


@pytest.fixture(params=["demo", pytest.param("postfix", marks=pytest.mark.real("postfix"))])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """A running host with an empty queue; full.test's mailboxes are full, ok.test accepts, slow.test never answers."""
    if request.param == "demo":
        launcher.write(tmp_path / "bin")
        demo = DemoInstance(tmp_path / "mx", tmp_path / "bin", World({}), alive=False)
        demo.write()
        subject: Subject = DemoSubject(demo)
        subject.start()
    else:
        subject = RealSubject(request.getfixturevalue("postfix"))
    for domain, behaviour in (("full.test", "quota"), ("ok.test", "accepts"), ("slow.test", "crawls")):
        subject.behave(domain, behaviour)
    yield subject
    if request.param == "demo":
        subject.stop()

"""The demo's programs where a real Postfix can't be asked the same: other users, sites, the programs' own scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo.host import DemoInstance
from bot.demo.mail import Mail
from bot.demo.programs import common, launcher, postqueue, postsuper
from bot.demo.story import Queued
from bot.demo.world import World
from tests.demo.subjects import DemoSubject, where
from tests.postfix.waiting import wait_until


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoInstance]:
    launcher.write(tmp_path / "bin")
    world = World({"ok.test": "accepts", "full.test": "quota"})
    demo = DemoInstance(
        tmp_path / "mx", tmp_path / "bin", world, alive=False, settings={"fast_flush_domains": "$relay_domains ok.test"}
    )
    demo.write()
    demo.start()
    yield demo
    demo.stop()


def put(demo: DemoInstance, *recipients: str) -> str:
    now = time.time()
    return demo.add([Queued(Mail("ann@x.test", recipients, "Hello", now - 600), next_attempt=now + 3600)])[0]


def test_a_flush_of_a_site_tries_the_mail_for_that_site_alone(demo: DemoInstance) -> None:
    first, second = put(demo, "a@full.test", "b@ok.test"), put(demo, "c@full.test")
    done = demo.run("postqueue", "-s", "ok.test")
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: "b@ok.test" not in demo.run("postqueue", "-j").stdout, what="it was tried")
    assert where(DemoSubject(demo)) == {first: "deferred", second: "deferred"}
    assert "c@full.test" not in demo.maillog.read_text()


def test_another_user_may_do_nothing(demo: DemoInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: demo.spool.owner + 1)
    with pytest.raises(common.Fatal, match=r'^specify "alternate_config_directories = '):
        postqueue.work(["-c", str(demo.config_directory), "-j"])
    with pytest.raises(common.Fatal, match=r"^use of this command is reserved for the superuser$"):
        postsuper.work(["-c", str(demo.config_directory), "-h", "ALL"])


def test_a_program_starts_from_any_folder_whatever_the_environment_says(demo: DemoInstance, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('this module was not meant')")
    (tmp_path / "bot").mkdir()
    done = subprocess.run(
        [demo.programs / "postconf", "-c", demo.config_directory, "-h", "mail_version"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nonexistent"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("3.7.11\n", "")


@pytest.mark.parametrize("program", launcher.NAMES)
def test_a_program_imports_little_so_that_it_starts_quickly(program: str) -> None:
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import bot.demo.programs.{program}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-IS", "-c", code, launcher.ROOT], capture_output=True, text=True, check=True
    )
    assert not {"dataclasses", "inspect", "json", "pathlib", "re", "subprocess", "typing"} & set(done.stdout.split())


def test_a_reader_that_goes_away_is_no_error_of_the_program(demo: DemoInstance) -> None:
    for number in range(50):
        put(demo, f"user{number}@full.test")
    command = f"'{demo.programs}/postqueue' -c '{demo.config_directory}' -j | head -c 100"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (len(done.stdout), done.stderr) == (100, "")

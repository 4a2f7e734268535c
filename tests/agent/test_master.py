"""Whether Postfix runs, by its master's lock: held, free, never made, and not to be looked at."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from bot.agent import master
from tests.agent.standin import StandIn


@pytest.fixture
def lock_file(standin: StandIn) -> Path:
    """What a master leaves behind that has ended: its file, with its PID in it."""
    standin.stop()
    path = standin.queue_directory / "pid" / "master.pid"
    path.write_text(f"{os.getpid():10d}\n")
    return path


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def depth_says(standin: StandIn) -> object:
    return standin.ask("depth").result["mail_system_up"]


def test_a_master_that_holds_its_lock_runs_and_no_process_is_started_to_see_it(
    standin: StandIn, lock_file: Path
) -> None:
    with lock_file.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert depth_says(standin) is True
        assert [line.split()[0] for line in standin.ran()] == ["postconf"]
    assert depth_says(standin) is False


def test_before_the_first_start_there_is_no_file(standin: StandIn) -> None:
    standin.stop()
    (standin.queue_directory / "pid" / "master.pid").unlink()
    assert depth_says(standin) is False


def test_two_that_look_at_once_take_each_other_for_no_master(lock_file: Path) -> None:
    with lock_file.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert master.runs(str(lock_file)) is False


def test_a_look_leaves_no_lock_and_no_open_file_behind(lock_file: Path) -> None:
    before = open_files()
    master.runs(str(lock_file))
    assert open_files() == before
    with lock_file.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_link_in_its_place_is_not_followed_and_nothing_is_said(standin: StandIn, lock_file: Path) -> None:
    lock_file.rename(lock_file.with_name("elsewhere"))
    lock_file.symlink_to("elsewhere")
    assert depth_says(standin) is None


def test_another_folder_for_pid_files_is_looked_in(standin: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    said = "".join(f"{name} = {value}\n" for name, value in standin.parameters.items())
    standin.says("postconf", f"{said}process_id_directory = {folder}\n")
    with (folder / "master.pid").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert depth_says(standin) is True

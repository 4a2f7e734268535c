"""Mail on hold that we did not put there is counted; what can't be read is unknown and not none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.agent import lines, unexplained
from bot.agent.holds import Moved, Past, left_on_hold
from bot.agent.instance import MailSystem
from bot.agent.protocol import Identity
from bot.agent.trust import Trust
from tests.agent.spooled import ID, OTHER, put
from tests.agent.standin import StandIn


@pytest.fixture
def system(standin: StandIn) -> MailSystem:
    system = MailSystem(standin.instance, Trust({0, os.geteuid()}, sticky=True))
    system.trash.prepare()
    return system


def record(system: MailSystem, path: Path) -> None:
    """What a restore writes down of a message that it leaves on hold."""
    status = path.stat()
    moved = Moved(path.name, "deferred", status.st_ino, status.st_ctime_ns)
    identity = Identity(path.name, 1_700_000_000, 100, "ann@sender.test")
    left_on_hold(system.trash, "1-back", [(identity, moved, Past("deferred", frozenset()))])


def journal(system: MailSystem, *rows: dict[str, object], key: str = "2-gone") -> None:
    """The journal of a deletion that is not over."""
    for name in (key, "unfinished"):
        Path(system.trash.path, name).mkdir()
    Path(system.trash.path, "unfinished", key).touch()
    folder = os.open(Path(system.trash.path, key), os.O_RDONLY)
    file = lines.Lines(folder, "journal", new=True)
    file.write([{"key": key}, *rows])
    file.close()
    os.close(folder)


def target(path: Path, queue: str) -> list[object]:
    return [path.name, 1_700_000_000, 100, "ann@sender.test", path.stat().st_ino, queue]


def test_without_any_record_all_that_is_on_hold_is_unexplained(standin: StandIn) -> None:
    assert standin.ask("info").result["held_unexplained"] == 0
    put(standin, "hold")
    put(standin, "hold", OTHER)
    assert standin.ask("info").result["held_unexplained"] == 2


def test_what_a_restore_left_on_hold_is_explained(standin: StandIn, system: MailSystem) -> None:
    record(system, put(standin, "hold"))
    put(standin, "hold", OTHER)
    assert unexplained.unexplained(system) == 1


def test_a_queue_id_that_another_message_has_by_now_explains_nothing(standin: StandIn, system: MailSystem) -> None:
    record(system, put(standin, "hold", OTHER).rename(standin.queue_directory / "hold" / ID))
    put(standin, "hold", OTHER)
    (standin.queue_directory / "hold" / OTHER).replace(standin.queue_directory / "hold" / ID)
    assert unexplained.unexplained(system) == 1


@pytest.mark.parametrize(("over", "left"), [([], 0), (["finished"], 1), (["undone"], 1)])
def test_a_hold_that_is_not_finished_explains_all_that_it_meant_to_move(
    standin: StandIn, system: MailSystem, over: list[str], left: int
) -> None:
    path = put(standin, "hold")
    folder = system.trash.holds()
    file = lines.Lines(folder, "h-meant", new=True)
    file.write([{"target": [ID, 1_700_000_000, 100, "", path.stat().st_ino]}, *({each: True} for each in over)])
    file.close()
    os.close(folder)
    assert unexplained.unexplained(system) == left


def test_a_deletion_under_way_explains_what_it_holds_and_not_what_was_on_hold_before(
    standin: StandIn, system: MailSystem
) -> None:
    rows = [target(put(standin, "hold"), "deferred"), target(put(standin, "hold", OTHER), "hold")]
    journal(system, {"targets": [*rows, ["4jYTY25PbJzBBBB", 1, 2, "", None, None]]})
    assert unexplained.unexplained(system) == 1


def test_a_restore_under_way_explains_what_it_brings_back_onto_hold(standin: StandIn, system: MailSystem) -> None:
    journal(system, {"targets": [target(put(standin, "hold"), "hold")]}, {"restoring": [ID]})
    assert unexplained.unexplained(system) == 0


def test_a_record_that_is_damaged_or_more_than_is_read_makes_it_unknown(
    standin: StandIn, system: MailSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(system, put(standin, "hold"))
    path = Path(system.trash.path, "holds", "1-back")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"moved":[1,2\n')
    assert unexplained.unexplained(system) is None
    path.write_bytes(whole + b'{"moved":[1,2]}\n')
    assert unexplained.unexplained(system) is None
    path.write_bytes(whole)
    monkeypatch.setattr(unexplained, "MAX_BYTES", len(whole))
    assert unexplained.unexplained(system) == 0
    monkeypatch.setattr(unexplained, "MAX_BYTES", len(whole) - 1)
    assert unexplained.unexplained(system) is None


def test_a_hold_queue_or_a_trash_that_can_not_be_read_makes_it_unknown(standin: StandIn, system: MailSystem) -> None:
    (standin.queue_directory / "hold").rmdir()
    assert standin.ask("info").result["held_unexplained"] is None
    (standin.queue_directory / "hold").mkdir()
    Path(system.trash.path, "holds").rmdir()
    Path(system.trash.path).rmdir()
    Path(system.trash.path).touch()
    assert standin.ask("info").result["held_unexplained"] is None

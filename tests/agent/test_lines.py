"""Files of JSON lines: what was cut short is not read, and what is written next stands in its place."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.agent import lines
from bot.agent.requests import Target

NAME = "journal"
ROWS: list[dict[str, Any]] = [
    {"key": "57-k3qf"},
    {"moved": ["ABCDEF", "deferred", 1, 2]},
    {"outcome": ["ABCDEF", "deleted", "\u00e9"]},
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def written(folder: int) -> None:
    file = lines.Lines(folder, NAME, new=True)
    file.write(ROWS)
    file.close()


def test_lines_are_read_as_they_were_written(folder: int) -> None:
    written(folder)
    assert list(lines.read(folder, NAME)) == ROWS
    assert list(lines.read(folder, NAME, "moved", "key")) == ROWS[:2]
    with pytest.raises(FileExistsError):
        lines.Lines(folder, NAME, new=True)


@pytest.mark.parametrize("behind", [b"", b'{"outcome":["ABC', b"\0" * 5000])
def test_a_line_that_was_cut_short_is_not_read_and_is_written_over(tmp_path: Path, folder: int, behind: bytes) -> None:
    written(folder)
    with (tmp_path / NAME).open("ab") as file:
        file.write(behind)
    assert list(lines.read(folder, NAME)) == ROWS
    again = lines.Lines(folder, NAME)
    again.write([{"finished": True}])
    again.close()
    assert list(lines.read(folder, NAME)) == [*ROWS, {"finished": True}]


@given(st.integers(0, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_file_cut_anywhere_has_the_whole_lines_before_the_cut(tmp_path: Path, cut: int) -> None:
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (tmp_path / NAME).unlink(missing_ok=True)
        written(folder)
        data = (tmp_path / NAME).read_bytes()[:cut]
        (tmp_path / NAME).write_bytes(data)
        assert list(lines.read(folder, NAME)) == ROWS[: data.count(b"\n")]
    finally:
        os.close(folder)


def test_who_only_opens_it_takes_nothing_from_who_is_writing(folder: int, tmp_path: Path) -> None:
    writer = lines.Lines(folder, "file", new=True)
    writer.write([{"first": 1}])
    with (tmp_path / "file").open("ab", buffering=0) as half_written:
        half_written.write(b'{"second"')
        looking = lines.Lines(folder, "file")
        half_written.write(b":2}\n")
    looking.close()
    writer.close()
    assert list(lines.read(folder, "file")) == [{"first": 1}, {"second": 2}]


def test_what_can_not_be_written_leaves_nothing_behind(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder)
    before = (tmp_path / NAME).read_bytes()
    file = lines.Lines(folder, NAME)
    real, calls = os.pwrite, []

    def full(descriptor: int, data: bytes, position: int) -> int:
        """A disk that has room for ten bytes."""
        calls.append(position)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, bytes(data[:10]), position)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        file.write([{"outcome": ["ABCDEF", "failed", ""]}])
    monkeypatch.undo()
    assert (tmp_path / NAME).read_bytes() == before
    file.write([{"outcome": ["ABCDEF", "gone", ""]}])
    file.close()
    assert list(lines.read(folder, NAME))[-1] == {"outcome": ["ABCDEF", "gone", ""]}


def test_a_line_is_replaced_by_a_shorter_one_in_its_place(folder: int, tmp_path: Path) -> None:
    file = lines.Lines(folder, NAME, new=True)
    file.write([ROWS[0], {"room": " " * 100}, ROWS[1]])
    size = (tmp_path / NAME).stat().st_size
    ((place, length, _),) = lines.places(folder, NAME, "room")
    file.overwrite(place, length, {"gave_up": "No space left on device"})
    with pytest.raises(ValueError, match="longer"):
        file.overwrite(place, length, {"gave_up": "x" * 200})
    file.close()
    assert list(lines.read(folder, NAME)) == [ROWS[0], {"gave_up": "No space left on device"}, ROWS[1]]
    assert (tmp_path / NAME).stat().st_size == size


def test_a_digest_tells_targets_from_others_in_any_order() -> None:
    one, two = Target("ABCDEF", 1, 2, "a@x.test"), Target("ABCDE0", 1, 2, "a@x.test")
    assert lines.digest([one, two]) == lines.digest([two, one])
    assert lines.digest([one]) != lines.digest([one, two])
    assert lines.digest([one]) != lines.digest([one._replace(message_size=3)])


def test_rows_are_told_of_in_few_lines_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "ROWS", 3)
    assert list(lines.rows("moved", [])) == []
    told = list(lines.rows("moved", ([number] for number in range(7))))
    assert [len(line["moved"]) for line in told] == [3, 3, 1]
    assert [row for line in told for row in line["moved"]] == [[number] for number in range(7)]

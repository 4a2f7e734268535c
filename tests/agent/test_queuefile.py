"""A queue file tells who it is or is refused: cut anywhere, of random bytes, and with recipients that are done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.agent.protocol import Identity
from bot.agent.queuefile import Submission, read_identity, read_submission, same
from bot.agent.requests import Target

CONTENT = b"N\x0bSubject: hi"


def record(kind: bytes, data: bytes) -> bytes:
    length, size = b"", len(data)
    while True:
        length += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return kind + length + data


def queue_file(
    sender: bytes = b"ann@a.test", front: bytes = b"R", behind: bytes = b"", moved: bytes = b"0", end: bytes = b"E"
) -> bytes:
    """A message of two recipients in front of its content, and perhaps one behind it."""
    around = record(b"T", b"1700000000 5") + record(b"S", sender)
    around += record(b"R", b"bob@b.test") + record(front, b"cid@c.test") + record(b"p", moved) + record(b"M", b"")
    size = record(b"C", b"%15d %15d %15d" % (len(CONTENT), len(around) + 49, 2))
    tail = record(b"X", b"") + (record(behind, b"dan@d.test") if behind else b"") + record(end, b"")
    return size + around + CONTENT + tail


def opened(folder: Path, data: bytes) -> int:
    path = folder / "ABCDEF"
    path.write_bytes(data)
    return os.open(path, os.O_RDONLY)


def identity(folder: Path, data: bytes) -> Identity:
    descriptor = opened(folder, data)
    try:
        return read_identity(descriptor, "ABCDEF")
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        (b"ann@a.test", "ann@a.test"),
        (b"", "MAILER-DAEMON"),
        (b"x" * 200 + b"@a.test", "x" * 200 + "@a.test"),
        (b"caf\xe9@a.test", "caf\ufffd@a.test"),
    ],
)
def test_the_envelope_names_the_message(tmp_path: Path, sender: bytes, shown: str) -> None:
    assert identity(tmp_path, queue_file(sender)) == Identity("ABCDEF", 1_700_000_000, len(CONTENT), shown)


@pytest.mark.parametrize("cut", range(len(queue_file())))
def test_a_file_that_is_cut_off_is_named_wholly_or_not_at_all(tmp_path: Path, cut: int) -> None:
    data = queue_file()[:cut]
    if cut >= queue_file().index(b"R\x0abob"):
        assert identity(tmp_path, data) == identity(tmp_path, queue_file())
    else:
        with pytest.raises(ValueError, match=r"ABCDEF|cut off"):
            identity(tmp_path, data)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda noise: queue_file()[:49] + noise)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_refused_and_nothing_else_happens(tmp_path: Path, data: bytes) -> None:
    try:
        found = identity(tmp_path, data)
    except ValueError:
        return
    assert found.message_size >= 0 and found.arrival_time >= 0 and found.sender


def submission(folder: Path, data: bytes) -> Submission:
    descriptor = opened(folder, data)
    try:
        return read_submission(descriptor, "ABCDEF")
    finally:
        os.close(descriptor)


LOGIN, CLIENT = record(b"A", b"sasl_username=eve"), record(b"A", b"client_address=192.0.2.7")


@pytest.mark.parametrize("padding", [0, 5000, 70_000])
def test_who_submitted_it_stands_in_front_of_the_recipients_wherever_that_is(tmp_path: Path, padding: int) -> None:
    data, place = queue_file(), queue_file().index(b"R\x0abob")
    more = LOGIN + record(b"A", b"x=" + b"y" * padding) + CLIENT
    found = submission(tmp_path, data[:place] + more + data[place:])
    assert found == Submission(identity(tmp_path, data), "eve", "192.0.2.7")
    behind_a_recipient = data.replace(record(b"M", b""), LOGIN + record(b"M", b""))
    assert submission(tmp_path, behind_a_recipient)[1:] == ("", "")


@pytest.mark.parametrize("cut", range(len(queue_file())))
def test_nobody_is_taken_for_the_submitter_of_a_file_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    data = queue_file()[:cut]
    if cut >= queue_file().index(b"R\x0abob") + 12:
        assert submission(tmp_path, data) == submission(tmp_path, queue_file())
    else:
        with pytest.raises(ValueError, match=r"ABCDEF|cut off"):
            submission(tmp_path, data)


FOUND = Identity("ABCDEF", 1, 2, "caf\ufffd@a.test")


@pytest.mark.parametrize(
    ("target", "is_it"),
    [
        (Target("ABCDEF"), True),
        (Target("ABCDEF", 1, 2, "caf\ufffd@a.test"), True),
        (Target("ABCDEF", 1, 2, "caf?@a.test"), True),
        (Target("ABCDEF", 1, 2, "caf??@a.test"), True),
        (Target("ABCDEF", 0, 2, "caf?@a.test"), False),
        (Target("ABCDEF", 1, 3, "caf?@a.test"), False),
        (Target("ABCDEF", 1, 2, "cafe@a.test"), False),
        (Target("ABCDEF", 1, 2, ""), False),
    ],
)
def test_a_message_is_the_one_that_was_meant_by_all_that_is_known_of_it(target: Target, is_it: bool) -> None:
    assert same(target, FOUND) is is_it

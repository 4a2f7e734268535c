"""Queue files in the spool of a stand-in instance."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bot.agent import queuefile
from tests.agent.standin import StandIn

ID, OTHER = "4jYTY25PbJzBvT8", "4jYTY25LgKzBvT4"
BODY = "the body's own secret"


def queue_file(secret: str = BODY) -> bytes:
    """A small queue file: envelope, one header, a body."""

    def record(kind: str, text: str) -> bytes:
        return kind.encode() + bytes([len(text)]) + text.encode()

    content = record("N", "Subject: hello") + record("N", "") + record("N", secret)
    head = record("T", "1700000000 0") + record("S", "ann@sender.test") + record("R", "bob@example.test")
    start = 2 + 95 + len(head) + 2
    sizes = (len(content), start, 1, 0, len(content), 0)
    size = record("C", " ".join(f"{number:15d}" for number in sizes))
    return size + head + record("M", "") + content + record("X", "") + record("E", "")


def whole(path: Path) -> list[object]:
    """The identity of a queue file: a deletion takes no less."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found: list[object] = json.loads(queuefile.read_identity(descriptor, path.name).line())
        return found
    finally:
        os.close(descriptor)


def put(standin: StandIn, queue: str, queue_id: str = ID) -> Path:
    path = standin.queue_directory / queue / queue_id
    path.write_bytes(queue_file())
    path.chmod(0o700)
    return path

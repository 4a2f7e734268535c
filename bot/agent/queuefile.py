"""The envelope of one Postfix queue file: records of a type byte, a length, and the data.

A length is written seven bits a byte, the low ones first, with the high bit set while more follow. Read here are `C`
(the message's size and counts), `T` (arrival time) and `S` (sender), which stand in front and name a message for sure.
postcat(1) reads the rest.
"""

from __future__ import annotations

import os
import re
from typing import BinaryIO, Iterator, Tuple

from bot.agent.protocol import Identity
from bot.agent.requests import Target

NULL_SENDER = "MAILER-DAEMON"

MAX_RECORD = 64 * 1024
MAX_RECORDS = 200_000


def read_identity(descriptor: int, queue_id: str) -> Identity:
    """The identity in the queue file open at `descriptor`. Raises ValueError when it is cut off or no queue file.

    `sender` is as postqueue(1) prints it: `MAILER-DAEMON` for the null sender.
    """
    size = time = -1
    with _opened(descriptor) as file:
        for kind, data in _records(file):
            if kind == b"C" and size < 0:
                size = _number(data)
            elif kind == b"T":
                time = _number(data)
            elif kind == b"S" and size >= 0 and time >= 0:
                return Identity(queue_id, time, size, data.decode("utf-8", "replace") or NULL_SENDER)
            elif kind == b"M":
                break
    raise ValueError(f"{queue_id} has no envelope with size, time and sender")


def _number(data: bytes) -> int:
    """The first number of a record. Raises ValueError."""
    first, _, _ = data.strip().partition(b" ")
    return int(first)


def _opened(descriptor: int) -> BinaryIO:
    file = os.fdopen(os.dup(descriptor), "rb", buffering=4096)
    file.seek(0)
    return file


def _records(file: BinaryIO) -> Iterator[Tuple[bytes, bytes]]:
    """Each record as its type and its data, to the end of the file. Raises ValueError for what is none."""
    for _ in range(MAX_RECORDS):
        kind = file.read(1)
        if not kind:
            return
        length = _length(file)
        data = file.read(length)
        if len(data) != length:
            break
        yield kind, data
    raise ValueError("the queue file is cut off or too long")


def _length(file: BinaryIO) -> int:
    length = shift = 0
    while shift <= 28:
        byte = file.read(1)
        if not byte:
            break
        length |= (byte[0] & 0x7F) << shift
        if not byte[0] & 0x80:
            if length > MAX_RECORD:
                break
            return length
        shift += 7
    raise ValueError("a record's length is cut off or out of range")


def same(target: Target, found: Identity) -> bool:
    """Whether a queue file is the message that was meant; a target that is a bare queue ID always is."""
    if target.sender is None:
        return True
    return (target.arrival_time, target.message_size, _comparable(target.sender)) == (
        found.arrival_time,
        found.message_size,
        _comparable(found.sender),
    )


_QUOTING = re.compile(r'["\\]')
_REPLACED = re.compile(r"[^\x20-\x7e]+|\?+")
COMPARED = 500


def _comparable(sender: str) -> str:
    """A sender without what differs between a queue file and showq(8), which quotes it as RFC 5321 wants it.

    showq prints `?` for what is not printable, and decoding may have put something in place of broken UTF-8. Listings
    cut a long sender.
    """
    return _REPLACED.sub("?", _QUOTING.sub("", sender))[:COMPARED]

"""The envelope of one Postfix queue file: records of a type byte, a length, and the data.

A length is written seven bits a byte, the low ones first, with the high bit set while more follow. Read here are `C`
(the message's size and counts), `T` (arrival time) and `S` (sender), which stand in front and name a message for sure.
Of the named attributes (`A`), those that tell who submitted it. postcat(1) reads the rest.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, NamedTuple, Tuple

from bot.agent.protocol import MAX_TEXT, Identity
from bot.agent.requests import Target

NULL_SENDER = "MAILER-DAEMON"

READ = (4096, 64 * 1024, 1024 * 1024)
"""So many bytes of a file are looked at, one after the other; the envelope's head nearly always fits in the first."""


def read_identity(descriptor: int, queue_id: str) -> Identity:
    """The identity in the queue file open at `descriptor`. Raises ValueError when it is cut off or no queue file.

    `sender` is as postqueue(1) prints it: `MAILER-DAEMON` for the null sender.
    """
    for size in READ:
        data = os.pread(descriptor, size, 0)
        try:
            return _identity(data, queue_id)
        except IndexError:
            if len(data) < size:
                break
    raise ValueError(f"the queue file of {queue_id} is cut off, or its envelope too long")


def _identity(data: bytes, queue_id: str) -> Identity:
    """Raises IndexError when the data ends before the sender, and ValueError for what is no queue file."""
    size = time = -1
    position = 0
    while True:
        kind, length = data[position], data[position + 1]
        position += 2
        if length >= 0x80:
            length, position = _long_length(data, position - 1, queue_id)
        end = position + length
        if end > len(data):
            raise IndexError(queue_id)
        if kind == _SIZE and size < 0:
            size = _number(data[position:end])
        elif kind == _TIME:
            time = _number(data[position:end])
        elif kind == _SENDER and size >= 0 and time >= 0:
            return Identity(queue_id, time, size, data[position:end].decode("utf-8", "replace") or NULL_SENDER)
        elif kind == _CONTENT:
            raise ValueError(f"{queue_id} has no envelope with size, time and sender")
        position = end


_SIZE, _TIME, _SENDER, _CONTENT = b"CTSM"
_ATTRIBUTE, _RECIPIENTS = ord("A"), b"RDO"


class Submission(NamedTuple):
    """Who handed a message in, by the named attributes that Postfix itself wrote; empty for what is not there."""

    identity: Identity
    login: str
    client: str


def read_submission(descriptor: int, queue_id: str) -> Submission:
    """`sasl_username` and `client_address` of the file open at `descriptor`. Raises ValueError as read_identity()."""
    identity = read_identity(descriptor, queue_id)
    for size in READ:
        data = os.pread(descriptor, size, 0)
        try:
            attributes = _attributes(data, queue_id)
            return Submission(identity, attributes.get("sasl_username", ""), attributes.get("client_address", ""))
        except IndexError:
            if len(data) < size:
                break
    raise ValueError(f"the queue file of {queue_id} is cut off, or its envelope too long")


def _attributes(data: bytes, queue_id: str) -> Dict[str, str]:
    """The named attributes in front of the recipients; smtpd(8) writes the submitter's before it knows of any."""
    found: Dict[str, str] = {}
    for kind, value in _records(data, queue_id):
        if kind in _RECIPIENTS or kind == _CONTENT:
            return found
        if kind == _ATTRIBUTE:
            name, _, text = value.decode("utf-8", "replace").partition("=")
            found.setdefault(name, text[:MAX_TEXT])
    raise IndexError(queue_id)


def _records(data: bytes, queue_id: str) -> Iterator[Tuple[int, bytes]]:
    """Each record's type and data. Raises IndexError when the data ends, and ValueError."""
    position = 0
    while True:
        kind, length = data[position], data[position + 1]
        position += 2
        if length >= 0x80:
            length, position = _long_length(data, position - 1, queue_id)
        if position + length > len(data):
            raise IndexError(queue_id)
        yield kind, data[position : position + length]
        position += length


def _long_length(data: bytes, position: int, queue_id: str) -> Tuple[int, int]:
    """A length of more than one byte, and where the data begins. Raises IndexError and ValueError as _identity()."""
    length = shift = 0
    while True:
        byte = data[position]
        position += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return length, position
        shift += 7
        if shift > 28:
            raise ValueError(f"a record of {queue_id} has a length that is out of range")


def _number(data: bytes) -> int:
    """The first number of a record. Raises ValueError."""
    return int(data.lstrip().partition(b" ")[0])


def same(target: Target, found: Identity) -> bool:
    """Whether a queue file is the message that was meant; a target that is a bare queue ID always is."""
    if target.sender is None:
        return True
    if (target.arrival_time, target.message_size) != (found.arrival_time, found.message_size):
        return False
    return target.sender == found.sender or _comparable(target.sender) == _comparable(found.sender)


_QUOTING = re.compile(r'["\\]')
_REPLACED = re.compile(r"[^\x20-\x7e]+|\?+")
COMPARED = 500


def _comparable(sender: str) -> str:
    """A sender without what differs between a queue file and showq(8), which quotes it as RFC 5321 wants it.

    showq prints `?` for what is not printable, and decoding may have put something in place of broken UTF-8. Listings
    cut a long sender.
    """
    return _REPLACED.sub("?", _QUOTING.sub("", sender))[:COMPARED]

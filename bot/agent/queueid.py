"""Queue IDs: the short kind and the long kind (postconf(5), enable_long_queue_ids)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Optional

QUEUE_ID = re.compile(
    r"(?:[0-9A-F]{6,21}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,12})\Z"
)

# A long ID is written in this alphabet: the time in base 52 (seconds, then four digits of microseconds), a `z`, and
# the inode number in base 51, so that the `z` stands for itself alone.
_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}


def is_queue_id(text: str) -> bool:
    return QUEUE_ID.match(text) is not None


def is_long(queue_id: str) -> bool:
    return len(queue_id) > 10 and queue_id[10] == "z"


def arrival(queue_id: str) -> Optional[float]:
    """When a long ID was made, in seconds since the epoch; None for a short ID, which does not tell."""
    if not is_long(queue_id):
        return None
    return _number(queue_id[:6]) + _number(queue_id[6:10]) / 1_000_000


@lru_cache(maxsize=16 * 1024)
def hash_key(queue_id: str) -> str:
    """The characters that name an ID's hash folders: a short ID's own, or a long ID's microseconds in hex.

    Both begin with five hex digits of microseconds, so that mail spreads over the folders alike.
    """
    if not is_long(queue_id):
        return queue_id
    # Spelled out and remembered, for it is asked several times for each message.
    of = _VALUE
    microseconds = ((of[queue_id[6]] * 52 + of[queue_id[7]]) * 52 + of[queue_id[8]]) * 52 + of[queue_id[9]]
    return f"{microseconds:05X}"


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 52 + _VALUE[digit]
    return number

"""Queue IDs, short and long, which name a queue file by its time and inode (postconf(5), enable_long_queue_ids)."""

from __future__ import annotations

# Digits of the long kind. It has no vowels, and the inode is written in base 51, so that `z` only ever separates.
LETTERS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
HEX = frozenset("0123456789ABCDEF")
TIME_LETTERS = frozenset(LETTERS)
INODE_LETTERS = frozenset(LETTERS[:-1])


def make(seconds: int, microseconds: int, inode: int, *, long: bool) -> str:
    """The queue ID that Postfix gives a file with this inode, created at this time since the epoch."""
    if not long:
        return f"{microseconds:05X}{inode:X}"
    return f"{_digits(seconds, 52, 6)}{_digits(microseconds, 52, 4)}z{_digits(inode, 51, 1)}"


def is_queue_id(text: str) -> bool:
    """Whether a name could be a queue file's; anything else in a queue folder is left alone."""
    if _is_long(text):
        return TIME_LETTERS.issuperset(text[:10]) and INODE_LETTERS.issuperset(text[11:]) and 12 <= len(text) <= 23
    return 6 <= len(text) <= 21 and HEX.issuperset(text)


def hash_folders(queue_id: str, depth: int) -> str:
    """The folders, `B/` or `B/F/`, that a hashed queue keeps this ID in (postconf(5), hash_queue_depth)."""
    if _is_long(queue_id):
        microseconds = 0
        for letter in queue_id[6:10]:
            microseconds = microseconds * 52 + LETTERS.index(letter)
        return "".join(f"{digit}/" for digit in f"{microseconds:05X}"[:depth])
    return "".join(f"{digit}/" for digit in queue_id[:depth])


def _is_long(text: str) -> bool:
    return text[10:11] == "z"


def _digits(number: int, base: int, width: int) -> str:
    digits = ""
    while number or len(digits) < width:
        number, digit = divmod(number, base)
        digits = LETTERS[digit] + digits
    return digits

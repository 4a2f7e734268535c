"""Fills a private Postfix's spool with queue files written directly: 100,000 deferred messages in half a minute.

The files are what cleanup(8) and bounce(8) write: records of a type byte, a length and data, and a defer log with a
reason per recipient. Each file's name carries its own inode, as Postfix demands, so `postsuper -s` leaves it alone.
"""

from __future__ import annotations

import os
import pwd
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.postfix.instance import PrivatePostfix

BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
BASE51 = BASE52[:51]
NEXT_ATTEMPT = 4 * 3600  # seconds from now

REASONS = (
    "host mx.gmail.test[192.0.2.26] said: 421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating"
    " 421-4.7.28 from your IP address. To protect our users from spam, mail sent from 421-4.7.28 your IP address has"
    " been temporarily rate limited. For more 421-4.7.28 information, go to 421 4.7.28"
    " https://support.google.com/mail/?p=UnsolicitedRateLimitError d9443c01a7336 - gsmtp"
    " (in reply to end of DATA command)",
    "host mx.{domain}[198.51.100.7] said: 450 4.7.1 Greylisted, please try again in 300 seconds"
    " (in reply to RCPT TO command)",
    "host mx.{domain}[198.51.100.9] said: 452 4.2.2 The email account that you tried to reach is over quota"
    " (in reply to RCPT TO command)",
    "connect to mx.{domain}[203.0.113.25]:25: Connection refused",
    "connect to mx.{domain}[203.0.113.26]:25: Connection timed out",
    "Host or domain name not found. Name service error for name={domain} type=MX: Host not found, try again",
)


@dataclass(frozen=True, slots=True)
class Spooled:
    """One message to write: recipients with the reason of their last deferral (None: never tried).

    `arrival` in seconds since the epoch; `body` in bytes; `attributes` are named attributes of the envelope.
    """

    sender: str
    recipients: Mapping[str, str | None]
    arrival: float
    body: int = 500
    queue_name: str = "deferred"
    attributes: Mapping[str, str] = field(default_factory=dict)


def mixture(n: int, *, now: float | None = None) -> Iterator[Spooled]:
    """n deferred messages of a bad day, up to 5 days old: one sender and one domain with much, many with little."""
    end = time.time() if now is None else now
    for i in range(n):
        domain = "gmail.test" if i % 3 == 0 else f"d{i * 7919 % max(1, n // 20)}.test"
        sender = "news@shop.test" if i % 2 == 0 else f"user{i * 104729 % max(1, n // 10)}@customers.test"
        reason = REASONS[0 if domain == "gmail.test" else 1 + i % (len(REASONS) - 1)].format(domain=domain)
        age = 60 + (i * 997_001) % 432_000 + i * 7919 % 1_000_000 / 1_000_000
        yield Spooled(sender, {f"rcpt{i}@{domain}": reason}, end - age, body=300 + i * 37 % 5000)


def fill(postfix: PrivatePostfix, messages: Iterable[Spooled]) -> list[str]:
    """Write the messages into the spool, running or not, and return their queue IDs.

    A running queue manager meets those in `deferred` at the next flush only.
    """
    settings = postfix.run(
        "postconf", "-h", "enable_long_queue_ids", "hash_queue_names", "hash_queue_depth", "myhostname"
    )
    long_ids, hashed, depth, host = settings.stdout.splitlines()
    writer = _Writer(
        postfix.queue_directory,
        long_ids=long_ids == "yes",
        hashed=set(hashed.replace(",", " ").split()),
        depth=int(depth),
        host=host,
    )
    try:
        return [writer.write(message) for message in messages]
    finally:
        writer.close()


class _Writer:
    def __init__(self, spool: Path, *, long_ids: bool, hashed: set[str], depth: int, host: str) -> None:
        owner = pwd.getpwnam("postfix")
        self._owner = owner.pw_uid, owner.pw_gid
        self._spool = spool
        self._long_ids = long_ids
        self._hashed = hashed
        self._depth = depth
        self._host = host
        self._folders: set[str] = set()
        self._workshop = spool.parent / "filling"  # same file system as the queue, but none of its folders
        self._workshop.mkdir()
        self._draft = str(self._workshop / "draft")

    def close(self) -> None:
        shutil.rmtree(self._workshop)

    def write(self, message: Spooled) -> str:
        with open(self._draft, "wb") as file:  # noqa: PTH123 (a hundred thousand times: plain strings are quicker)
            queue_id = self._queue_id(message.arrival, os.fstat(file.fileno()).st_ino)
            content, offsets = queue_file(message, queue_id, self._host)
            file.write(content)
            os.fchown(file.fileno(), *self._owner)
            os.fchmod(file.fileno(), 0o700)
        due = time.time() + (NEXT_ATTEMPT if message.queue_name == "deferred" else 0)
        os.utime(self._draft, (due, due))
        if any(message.recipients.values()):
            self._write_log(queue_id, message, offsets)
        os.rename(self._draft, self._path(message.queue_name, queue_id))  # noqa: PTH104
        return queue_id

    def _write_log(self, queue_id: str, message: Spooled, offsets: Mapping[str, int]) -> None:
        path = self._path("defer", queue_id)
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
            for recipient, reason in message.recipients.items():
                if reason is not None:
                    file.write(
                        f"\n<{recipient}>: {reason}\nrecipient={recipient}\noffset={offsets[recipient]}\n"
                        f"dsn_orig_rcpt=rfc822;{recipient}\nstatus=4.0.0\naction=delayed\nreason={reason}\n\n"
                    )
            os.fchown(file.fileno(), *self._owner)
            os.fchmod(file.fileno(), 0o600)

    def _queue_id(self, arrival: float, inode: int) -> str:
        seconds, microseconds = divmod(int(arrival * 1_000_000), 1_000_000)
        if not self._long_ids:
            return f"{microseconds:05X}{inode:X}"
        return f"{_digits(seconds, BASE52, 6)}{_digits(microseconds, BASE52, 4)}z{_digits(inode, BASE51, 1)}"

    def _path(self, queue_name: str, queue_id: str) -> str:
        folder = f"{self._spool}/{queue_name}"
        if queue_name in self._hashed:
            for character in self._hash(queue_id)[: self._depth]:
                folder += f"/{character}"
                if folder not in self._folders:
                    self._make(folder)
        return f"{folder}/{queue_id}"

    def _hash(self, queue_id: str) -> str:
        """What the folders of a hashed queue are named by: the microseconds in hexadecimal digits."""
        if not self._long_ids:
            return queue_id
        value = 0
        for character in queue_id[6:10]:
            value = value * 52 + BASE52.index(character)
        return f"{value:05X}"

    def _make(self, folder: str) -> None:
        if not os.path.isdir(folder):  # noqa: PTH112
            os.mkdir(folder, 0o700)  # noqa: PTH102
            os.chown(folder, *self._owner)
        self._folders.add(folder)


def queue_file(message: Spooled, queue_id: str, host: str) -> tuple[bytes, dict[str, int]]:
    """The bytes of a queue file, and each recipient's offset in it."""
    seconds, microseconds = divmod(int(message.arrival * 1_000_000), 1_000_000)
    attributes = {"create_time": str(seconds), "log_ident": queue_id, "rewrite_context": "local"}
    parts = [_record("T", f"{seconds} {microseconds}")]
    parts += [_record("A", f"{name}={value}") for name, value in attributes.items()]
    parts.append(_record("S", message.sender))
    parts += [_record("A", f"{name}={value}") for name, value in message.attributes.items()]
    size_record = 2 + 95  # as long as the size record below, which must come first and tells of what follows
    position = size_record + sum(map(len, parts))
    offsets = {}
    for recipient in message.recipients:
        original = _record("A", f"dsn_orig_rcpt=rfc822;{recipient}") + _record("O", recipient)
        offsets[recipient] = position + len(original)
        parts.append(original + _record("R", recipient))
        position += len(parts[-1])
    parts.append(_record("M", ""))
    to = ", ".join(message.recipients)
    lines = [
        "Received: from client.test (unknown [127.0.0.1])",
        f"\tby {host} (Postfix) with ESMTP id {queue_id}",
        f"From: {message.sender}",
        f"To: {to}",
        f"Subject: Message {queue_id}",
        f"Message-ID: <{queue_id}@{host}>",
        "",
    ]
    text = b"".join(_record("N", line) for line in lines)
    text += _record("N", "x" * 70) * (message.body // 72 + 1)
    start = size_record + sum(map(len, parts))
    sizes = (len(text), start, len(message.recipients), 0, len(text), 0)
    head = _record("C", " ".join(f"{size:15d}" for size in sizes))
    return head + b"".join(parts) + text + _record("X", "") + _record("E", ""), offsets


def _record(kind: str, text: str) -> bytes:
    """One record: type, length in groups of seven bits, low ones first, and the data."""
    data = text.encode()
    length, groups = len(data), bytearray()
    while length > 127:
        groups.append(length & 127 | 128)
        length >>= 7
    return kind.encode() + bytes(groups) + bytes((length,)) + data


def _digits(value: int, alphabet: str, width: int) -> str:
    digits = ""
    while value or len(digits) < width:
        value, digit = divmod(value, len(alphabet))
        digits = alphabet[digit] + digits
    return digits

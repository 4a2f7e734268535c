"""Postfix queue files: records of a type byte, a length and data (rec_type.h); written and read as Postfix does.

Classes here have plain slots: importing dataclasses takes twice as long as Python's start, and each run of the demo's
programs would pay it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SPECIALS = frozenset('()<>@,;:\\"[] ')


class DamagedFile(Exception):
    """These bytes are not the records of a queue file."""


class Recipient:
    """One recipient record: its unquoted address, the offset in the file that marks it done, and if it is done."""

    __slots__ = ("address", "done", "offset", "original")

    def __init__(self, address: str, original: str, offset: int, done: bool) -> None:
        self.address = address
        self.original = original
        self.offset = offset
        self.done = done


class Envelope:
    """What a queue file says before its content. Times in seconds since the epoch, size in bytes as sent by SMTP.

    What is missing is -1 or None; `damage` says where reading had to stop. `headless` is a file with a recipient in
    front of its sender.
    """

    __slots__ = ("arrival_time", "attributes", "content", "damage", "headless", "recipients", "sender", "size")

    def __init__(self) -> None:
        self.arrival_time = 0.0
        self.size = -1
        self.sender: str | None = None
        self.attributes: dict[str, str] = {}
        self.recipients: list[Recipient] = []
        self.content = 0
        self.damage = ""
        self.headless = False


def record(kind: str, data: bytes = b"") -> bytes:
    """One record; the length is written seven bits a byte, low ones first, the high bit set while more follow."""
    length, head = len(data), bytearray(kind.encode())
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + data


def records(data: bytes, offset: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """Each record's offset, type and data, up to the end record. Raises DamagedFile."""
    size = len(data)
    while offset < size:
        start, shift, length = offset, 0, 0
        kind = chr(data[offset])
        while True:
            offset += 1
            if offset >= size or shift > 28:
                raise DamagedFile(f"a record's length is missing at {offset}")
            byte = data[offset]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        offset += 1 + length
        if offset > size:
            raise DamagedFile(f"a record is cut off at {start}")
        yield start, kind, data[offset - length : offset]
        if kind == "E":
            return
    raise DamagedFile("there is no end record")


def build(
    *,
    arrival: float,
    sender: str,
    recipients: Sequence[str],
    before_sender: Iterable[tuple[str, str]],
    after_sender: Iterable[tuple[str, str]],
    content: bytes,
    done: Iterable[str] = (),
) -> bytes:
    """A complete queue file. `content` is headers, an empty line and the body, as `lines()` writes them.

    Addresses are unquoted; `arrival` in seconds since the epoch.
    """
    seconds, microseconds = divmod(round(arrival * 1_000_000), 1_000_000)
    envelope = [record("T", f"{seconds} {microseconds:6d}".encode())]
    envelope += [_attribute(name, value) for name, value in (("create_time", str(seconds)), *before_sender)]
    envelope.append(record("S", sender.encode()))
    envelope += [_attribute(name, value) for name, value in after_sender]
    for address in recipients:
        raw = address.encode()
        envelope.append(_attribute("dsn_orig_rcpt", f"rfc822;{quoted(address)}"))
        envelope.append(record("O", raw))
        envelope.append(record("D" if address in done else "R", raw))
    envelope.append(record("M"))
    utf8 = 0 if all(address.isascii() for address in (sender, *recipients)) else 1
    # The first record is of fixed length: its numbers are known last and written over it.
    offset = len(record("C", b" " * 95)) + sum(map(len, envelope))
    counts = (len(content), offset, len(recipients), 0, len(content), utf8)
    first = record("C", " ".join(f"{count:15d}" for count in counts).encode())
    return first + b"".join(envelope) + content + record("X") + record("E")


def lines(text_lines: Iterable[str]) -> bytes:
    """Lines of a message as records."""
    return b"".join([record("N", line.encode("utf-8", "surrogateescape")) for line in text_lines])


def parse(data: bytes) -> Envelope:
    """The envelope in a queue file's bytes, or as much of it as there is."""
    found = Envelope()
    try:
        _fill(found, data)
    except DamagedFile as error:
        found.damage = str(error)
    return found


def _fill(found: Envelope, data: bytes) -> None:
    original = ""
    for offset, kind, value in records(data):
        if kind in "RD":
            found.headless = found.headless or found.sender is None
            found.recipients.append(Recipient(text(value), original, offset, kind == "D"))
            original = ""
        elif kind == "O":
            original = text(value)
        elif kind == "A":
            name, _, rest = text(value).partition("=")
            found.attributes[name] = rest
        elif kind == "S":
            found.sender = text(value)
        elif kind == "T":
            seconds, _, microseconds = value.partition(b" ")
            found.arrival_time = _number(seconds) + _number(microseconds or b"0") / 1_000_000
        elif kind == "C" and found.size < 0:
            digits = value[:16].strip()
            found.size = int(digits) if digits.isdigit() else -1
        elif kind == "M":
            found.content = offset + 2
            break


def content(data: bytes, envelope: Envelope) -> Iterator[str]:
    """The lines of a message's headers and body. Raises DamagedFile."""
    for _, kind, value in records(data, envelope.content):
        if kind == "N":
            yield text(value)


def text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def quoted(address: str) -> str:
    """An address as RFC 5322 writes it: the local part goes in quotes where it needs them (quote_822_local)."""
    if not address:
        return ""
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = domain, ""
    if all(local.split(".")) and not SPECIALS.intersection(local) and not any(c < " " or c == "\x7f" for c in local):
        return address
    escaped = "".join("\\" + letter if letter in '"\\\r' else letter for letter in local)
    return f'"{escaped}"{at}{domain}'


def printable(value: str) -> str:
    """What Postfix prints of hostile text: `?` for every control character and every byte that is not UTF-8."""
    if value.isascii() and value.isprintable():
        return value
    return "".join("?" if c < " " or c == "\x7f" or "\udc80" <= c <= "\udcff" else c for c in value)


def _attribute(name: str, value: str) -> bytes:
    return record("A", f"{name}={value}".encode())


def _number(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise DamagedFile(f"{value[:40]!r} is not a number") from None

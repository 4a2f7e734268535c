"""postcat(1): shows what is in a queue file."""

from __future__ import annotations

import sys
import time

from bot.demo.programs import common
from bot.demo.queuefile import DamagedFile, records, text
from bot.demo.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USAGE = (
    "usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e (envelope records)]"
    " [-h (header text)] [-q (access queue)] [-v] [file(s)...]"
)
SEARCHED = ("maildrop", "incoming", "active", "deferred", "hold")
NAMES = {
    "A": "named_attribute",
    "C": "message_size",
    "D": "done_recipient",
    "F": "full_name",
    "O": "original_recipient",
    "R": "recipient",
    "S": "sender",
    "T": "message_arrival_time",
}


def main() -> int:
    return common.run(sys.argv[0], work, 1)


def work(arguments: Sequence[str]) -> int:
    try:
        given, names = common.options(arguments, "bc:dehoqrsv")
    except common.Misused as error:
        common.say(sys.argv[0], str(error))
        raise common.Fatal(USAGE) from None
    chosen = {letter for letter, _ in given}
    wanted = chosen & set("beh") or set("beh")
    spool = Spool(common.configuration(dict(given).get("c", "")))
    for name in names:
        if "q" in chosen:
            if not name or not name.isascii() or not name.isalnum():
                raise common.Fatal(f"bad mail queue ID: {name}")
            path, data = find(spool, name)
        else:
            path, data = name, open_file(name)
        try:
            for line in show(path, data, wanted):
                sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
        except DamagedFile as error:
            sys.stdout.buffer.flush()
            common.say(sys.argv[0], f"warning: {path}: {error}")
    return 0


def find(spool: Spool, queue_id: str) -> tuple[str, bytes]:
    """Raises Fatal when no queue holds such a file."""
    for queue in SEARCHED:
        try:
            data = spool.read(queue, queue_id)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise common.Fatal(f"open queue file {queue_id}: {error.strerror}") from None
        return spool.path(queue, queue_id).removeprefix(f"{spool.directory}/"), data
    raise common.Fatal(f"open queue file {queue_id}: No such file or directory")


def open_file(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        raise common.Fatal(f"open {name}: {error.strerror}") from None


def show(path: str, data: bytes, wanted: set[str]) -> Iterator[str]:
    """The lines of `-e` (envelope), `-h` (headers) and `-b` (body). Raises DamagedFile."""
    part = "envelope"
    marked = "e" in wanted
    if marked:
        yield f"*** ENVELOPE RECORDS {path} ***"
    for _, kind, value in records(data):
        if kind in "MXE":
            if kind == "M":
                part = "headers"
            if marked:
                names = {"M": "MESSAGE CONTENTS", "X": "HEADER EXTRACTED", "E": "MESSAGE FILE END"}
                yield f"*** {names[kind]} {path} ***"
        elif kind in "NL":
            line = text(value)
            if part == "headers" and not line.startswith((" ", "\t")) and not is_header(line):
                part = "body"
            if part[0] in wanted:
                yield line
        elif marked:
            yield envelope_line(kind, text(value))


def envelope_line(kind: str, value: str) -> str:
    if kind == "T":
        return f"{NAMES[kind]}: {date(value.split()[0])}"
    if kind == "A" and value.startswith("create_time="):
        return f"create_time: {date(value.removeprefix('create_time='))}"
    return f"{NAMES.get(kind, f'unknown record type {kind}')}: {value}"


def is_header(line: str) -> bool:
    """Whether a line begins with a header's name and a colon."""
    name, colon, _ = line.partition(":")
    return bool(colon and name) and name.isascii() and name.isprintable() and " " not in name.rstrip()


def date(seconds: str) -> str:
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(int(seconds)))

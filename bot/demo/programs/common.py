"""What the programs share: their arguments, their complaints, and whether the mail system runs."""

from __future__ import annotations

import os
import sys

from bot.demo import maincf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRIGGER = "public/qmgr"
"""The queue manager's fifo. Each byte asks for one thing; these are qmgr(8)'s own letters, `P` for pickup(8), and `W`:
the outside world has changed."""

FLUSH = b"FADIP"
SCAN_INCOMING = b"I"
WORLD_CHANGED = b"W"


class Fatal(Exception):
    """The program ends with this text on standard error."""


class Misused(Exception):
    """The arguments are wrong; the text is getopt(3)'s, and the program's usage follows it."""


def run(program: str, work: Callable[[Sequence[str]], int], status: int) -> int:
    """Call `work` with the arguments; its complaint, in Postfix's form, ends the program with `status`."""
    try:
        result = work(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output went away, and Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return status
    except Fatal as error:
        sys.stdout.flush()
        say(program, f"fatal: {error}")
        return status
    return result


def say(program: str, text: str) -> None:
    sys.stderr.write(f"{program}: {text}\n")


def options(arguments: Sequence[str], letters: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Options with their values, and the other arguments; a `:` behind a letter means that it takes a value.

    Raises Misused.
    """
    found: list[tuple[str, str]] = []
    others: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return found, others + rest
        if word == "-" or not word.startswith("-"):
            others.append(word)
            continue
        while word := word[1:]:
            letter = word[0]
            if letter == ":" or letter not in letters:
                raise Misused(f"invalid option -- '{letter}'")
            value = ""
            if letters[letters.index(letter) + 1 :].startswith(":"):
                if len(word) == 1 and not rest:
                    raise Misused(f"option requires an argument -- '{letter}'")
                value = word[1:] or rest.pop(0)
                word = "-"
            found.append((letter, value))
    return found, others


def configuration(directory: str) -> dict[str, str]:
    """The instance's parameters. Raises Fatal."""
    try:
        return maincf.read(directory or "/etc/postfix")
    except OSError as error:
        raise Fatal(f"open {directory or '/etc/postfix'}/main.cf: {error.strerror}") from None


def privileged(owner: int) -> bool:
    """Root, or the user whose demo this is: to the demo that user is the superuser."""
    return os.geteuid() in (0, owner)


def running(directory: str) -> bool:
    """Whether a queue manager listens in this queue directory."""
    try:
        os.close(_listener(directory))
    except OSError:
        return False
    return True


def trigger(directory: str, request: bytes) -> None:
    """Ask the queue manager for something. Raises OSError when none listens."""
    fifo = _listener(directory)
    try:
        os.write(fifo, request)
    finally:
        os.close(fifo)


def _listener(directory: str) -> int:
    # Opening a fifo for writing without waiting fails unless somebody reads it.
    return os.open(f"{directory}/{TRIGGER}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)

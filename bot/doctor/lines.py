"""One line of the doctor's: what was looked at, how it is, and what mends it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How it is; the number is the exit status that it makes. What could not be found out is a warning."""

    OK = 0
    WARNING = 1
    PROBLEM = 2

    @property
    def label(self) -> str:
        return {0: "ok", 1: "warning", 2: "problem"}[self.value]


@dataclass(frozen=True, slots=True)
class Line:
    """`about` is what it belongs to, such as a mail host's name or `Slack`; `text` whole sentences.

    `mend` is a command, a setting or a deed; empty where there is nothing to mend.
    """

    level: Level
    about: str
    text: str
    mend: str = ""


def ok(about: str, text: str) -> Line:
    return Line(Level.OK, about, text)


def warning(about: str, text: str, mend: str = "") -> Line:
    return Line(Level.WARNING, about, text, mend)


def problem(about: str, text: str, mend: str) -> Line:
    return Line(Level.PROBLEM, about, text, mend)


def exit_status(lines: Iterable[Line]) -> int:
    """0: all is well; 1: warnings; 2: problems."""
    return max((line.level for line in lines), default=Level.OK).value

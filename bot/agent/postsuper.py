"""postsuper(1) at work: queue IDs go in on standard input, and what it did to each comes out on standard error."""

from __future__ import annotations

import os
import re
import subprocess
from typing import BinaryIO, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from bot.agent.errors import AgentError
from bot.agent.protocol import MAX_TEXT

T = TypeVar("T")

AT_ONCE = 2000
"""So many messages are handed to one postsuper(1): while it moves some, the agent looks after those before them."""

PARTS = 3
"""So many parts are taken together where the agent has little to do for each message: a start of postsuper(1), and a
write to a journal, which waits for the disk, cost as much as some hundred messages."""

# What it says for each message that it handled.
_HANDLED = re.compile(r"postsuper: ([0-9A-Za-z]+): (removed|placed on hold|released from hold|requeued|expired)\b")


class Handled(NamedTuple):
    """What postsuper(1) says it did, by queue ID (`placed on hold`, `requeued` …), and its last complaint, if any."""

    lines: Dict[str, str]
    complaint: str


class Running:
    """One change to some messages, which is under way as soon as this is made; `handled()` waits for its end.

    Neither raises: in the middle of a change the caller has to look what was done.
    """

    def __init__(self, start: Callable[[int, int], "subprocess.Popen[bytes]"], ids: Sequence[str]) -> None:
        """`start` starts the program with these as standard input and standard error; it raises AgentError."""
        self.ids = ids
        self._start = start
        self._begin(ids)

    def handled(self) -> Handled:
        """What was done. It is run again for the rest as long as it dies on the way but gets on.

        While Postfix is down and its `maillog_file` can't be opened, postsuper(1) handles one message and dies of
        wanting to log it.
        """
        handled: Dict[str, str] = {}
        rest = self.ids
        while True:
            status, said, complaint = self._ended()
            handled.update(said)
            rest = [queue_id for queue_id in rest if queue_id not in said]
            if status == 0 or not said or not rest:
                return Handled(handled, complaint)
            self._begin(rest)

    def _begin(self, ids: Sequence[str]) -> None:
        self._failure = ""
        # Files, because of two pipes one has to be read while the other is written. In memory, for a full disk must
        # not keep anything from being let go.
        self._said = _file()
        with _file() as asked:
            asked.write("".join(f"{queue_id}\n" for queue_id in ids).encode("ascii"))
            asked.seek(0)
            try:
                self._process = self._start(asked.fileno(), self._said.fileno())
            except AgentError as error:
                self._failure = error.text

    def _ended(self) -> Tuple[int, Dict[str, str], str]:
        """postsuper(1)'s status, what it says it did by queue ID, and what it complains about.

        It exits with 0 for IDs that do not exist, and can do all the work and then exit with 1: its lines count, and
        a fresh look at the queue, not its status.
        """
        with self._said:
            if self._failure:
                return -1, {}, self._failure
            status = self._process.wait()
            self._said.seek(0)
            lines = self._said.read().decode("utf-8", "replace").split("\n")
        said: Dict[str, str] = {}
        complaints: List[str] = []
        for line in lines:
            match = _HANDLED.match(line)
            if match:
                said[match[1]] = match[2]
            elif "fatal:" in line or "error:" in line:
                complaints.append(line[:MAX_TEXT].strip())
        return status, said, " ".join(complaints[:3])


def _file() -> BinaryIO:
    return os.fdopen(os.memfd_create("postsuper"), "w+b")


def in_turn(
    parts: Iterable[Sequence[str]], begin: Callable[[Sequence[str]], Running]
) -> Iterator[Tuple[Sequence[str], Handled]]:
    """What was done to the messages, part by part, told while the next part is under way.

    And a part is taken from `parts` while the one before it is. Two are never under way at the same time.
    """
    running: Optional[Running] = None
    for part in parts:
        if running is None:
            running = begin(part)
            continue
        ids, handled = running.ids, running.handled()
        running = begin(part)
        yield ids, handled
    if running is not None:
        yield running.ids, running.handled()


def chunks(messages: Sequence[T], times: int = 1) -> Iterator[Sequence[T]]:
    """Messages in parts, one for each postsuper(1), or so many `times` as large."""
    size = AT_ONCE * times
    for start in range(0, len(messages), size):
        yield messages[start : start + size]

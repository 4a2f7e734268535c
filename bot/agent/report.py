"""Reads `postqueue -j` as it comes: one JSON object a line, in a memory that does not grow with the queue.

The manual says that the list of members grows, so unknown ones are ignored. A line with a hundred thousand recipients
is read recipient by recipient.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from typing import Any, Dict, Generator, Iterator, List, Optional, Tuple

from bot.agent.postfix import Postfix, classify
from bot.agent.protocol import LISTED_QUEUES, MAX_TEXT
from bot.agent.queueid import is_queue_id

CHUNK = 128 * 1024
MAX_LINE = 1024 * 1024
"""A longer line is not taken as a whole; what stands in front of its recipients is."""

MAX_NUMBER = 2**63
"""Postfix's own times and sizes are less."""

MAX_SECONDS = 900

PAUSE = 0.001
"""Seconds, in which less comes than the pipe holds."""

F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)

Entry = Dict[str, Any]
"""One object of `postqueue -j`: queue_name, queue_id, arrival_time, message_size, sender, recipients."""


class Report:
    """One listing. After iterating, `complete`, `problem` and `mail_system_up` say what to make of it."""

    def __init__(self, postfix: Postfix) -> None:
        self._process = postfix.queue_report()
        self._errors = ""
        self.complete = False
        self.problem = ""
        self.mail_system_up = True
        self._damaged = 0

    def entries(self) -> Generator[Entry, None, None]:
        """Each entry once as it comes. Raises AgentError when postqueue(1) failed before it listed anything."""
        process = self._process
        assert process.stdout is not None and process.stderr is not None
        reader = threading.Thread(target=self._read_errors)
        reader.start()
        # What takes too long is ended, and what came until then is a partial listing.
        guard = threading.Timer(MAX_SECONDS, process.kill)
        guard.start()
        listed = 0
        try:
            for entry in self._parsed(process.stdout.fileno()):
                listed += 1
                yield entry
            status = process.wait()
        finally:
            guard.cancel()
            if process.poll() is None:
                process.kill()
            process.wait()
            # Closed first, or who still writes to it, such as a showq that postqueue started, never ends.
            process.stdout.close()
            reader.join()
            process.stderr.close()
        self._conclude(status, listed)

    def _conclude(self, status: int, listed: int) -> None:
        self.mail_system_up = "Mail system is down" not in self._errors
        problem = classify(self._errors) if status != 0 else None
        if problem and not listed and problem.code != "partial":
            raise problem
        said = " ".join(self._errors.split())[:MAX_TEXT]
        if problem:
            self.problem = problem.text
        elif status < 0:
            self.problem = "postqueue was ended before it had listed everything."
        elif status:
            self.problem = f"postqueue failed with status {status}: {said or 'it said nothing'}"
        elif self._damaged:
            self.problem = f"{self._damaged} entries of the listing could not be read."
        self.complete = not self.problem

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        data = self._process.stderr.read(64 * 1024)
        self._errors = data.decode("utf-8", "replace")
        while self._process.stderr.read(64 * 1024):
            pass

    def _parsed(self, descriptor: int) -> Iterator[Entry]:
        with contextlib.suppress(OSError):  # A smaller pipe is only slower.
            fcntl.fcntl(descriptor, F_SETPIPE_SZ, 1024 * 1024)
        rest, chunk = b"", b"\n"
        while chunk:
            chunk = os.read(descriptor, CHUNK)
            if 0 < len(chunk) < CHUNK:
                # postqueue writes 4 KiB at a time. Who wakes up for each of them takes the processor away from it.
                time.sleep(PAUSE)
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                yield from self._entries(lines.decode("utf-8", "replace"))
            elif len(rest) > MAX_LINE:
                entry, rest = _long_line(rest, descriptor)
                if entry is None:
                    self._damaged += 1
                else:
                    yield entry
        if rest.strip():
            # The last line has no end: postqueue was cut off in the middle of it.
            self._damaged += 1

    def _entries(self, lines: str) -> Iterator[Entry]:
        # One call for all lines of a chunk is much faster than one a line; a damaged line makes us go one by one.
        split = lines.split("\n")
        try:
            found: List[Any] = json.loads("[" + ",".join(split) + "]")
            if len(found) != len(split):
                raise ValueError
        except (ValueError, RecursionError):
            found = [_parsed_line(line) for line in split if line.strip()]
        for entry in found:
            if _is_entry(entry):
                yield entry
            else:
                self._damaged += 1


def _parsed_line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_entry(entry: Any) -> bool:
    try:
        return (
            entry["queue_name"] in LISTED_QUEUES
            and type(entry["arrival_time"]) is int
            and 0 <= entry["arrival_time"] < MAX_NUMBER
            and type(entry["message_size"]) is int
            and 0 <= entry["message_size"] < MAX_NUMBER
            and type(entry["sender"]) is str
            and type(entry["recipients"]) is list
            and is_queue_id(entry["queue_id"])
            and all(type(each["address"]) is str for each in entry["recipients"])
        )
    except (TypeError, KeyError):
        return False


_RECIPIENTS = '"recipients": ['


def _long_line(start: bytes, descriptor: int) -> Tuple[Optional[Entry], bytes]:
    """The entry of a very long line, and what was read beyond it. `more_recipients` counts those that were left out."""
    decoder = json.JSONDecoder()
    text = start.decode("utf-8", "replace")
    head, found, text = text.partition(_RECIPIENTS)
    entry = _parsed_line(head + '"recipients": []}') if found else None
    recipients: List[Any] = []
    more = 0
    ended = False
    while True:
        line, newline, beyond = text.partition("\n")
        place = 0
        while found:
            while line[place : place + 1] in (",", " "):
                place += 1
            try:
                recipient, place = decoder.raw_decode(line, place)
            except (ValueError, RecursionError):
                break
            if len(recipients) < 1000:
                recipients.append(recipient)
            else:
                more += 1
        if newline or ended:
            break
        chunk = os.read(descriptor, CHUNK)
        ended = not chunk
        # Broken UTF-8 at the edge of a chunk costs a character, never an entry.
        text = line[place if found else len(line) :][-MAX_LINE:] + chunk.decode("utf-8", "replace")
    if entry is None or not newline:
        return None, beyond.encode()
    entry["recipients"] = recipients
    entry["more_recipients"] = more
    return (entry if _is_entry(entry) else None), beyond.encode()

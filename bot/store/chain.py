"""How the rows of the audit chain hang together, and what of them was edited, is missing, or stands elsewhere."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import UserError

HEAD = re.compile(r"(?:(?P<seq>[1-9][0-9]{0,9}):)?(?P<digest>[0-9a-f]{8,64})\Z")

DIGITS = 12
"""Hexadecimal digits of the digest by which the head is shown."""


def mac_of(key: bytes, columns: Mapping[str, Any], previous: str) -> str:
    """HMAC-SHA256 over the MAC before it, a line feed, and the other columns as JSON: sorted, compact, ASCII.

    `at` is in microseconds. SQLite takes values of any type; one that JSON has no form of is an edited one.
    """
    plain = {name: value for name, value in columns.items() if name not in ("previous", "mac")}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), default=repr)
    return hmac.new(key, f"{previous}\n{text}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: its number, and the first digits of its MAC. Of an empty chain: 0 and nothing."""

    seq: int
    digest: str

    @classmethod
    def of(cls, seq: int, mac: str) -> "Head":
        return cls(seq, mac[:DIGITS])

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at row `seq`, in one sentence that names the row."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class _Link:
    """What is remembered of a row; `intact` says that its MAC fits it, where it stands."""

    previous: str
    mac: str
    intact: bool


class Examination:
    """Takes the rows in the order of their numbers, with their columns as the database has them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._links: dict[int, _Link] = {}
        self._moved: dict[int, Mapping[str, Any]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        intact = mac_of(self._key, row, row["previous"]) == row["mac"]
        self._links[row["seq"]] = _Link(row["previous"], row["mac"], intact)
        if not intact:
            self._moved[row["seq"]] = row

    @property
    def rows(self) -> int:
        return len(self._links)

    @property
    def head(self) -> Head:
        last = max(self._links, default=0)
        return Head.of(last, self._links[last].mac) if last else Head(0, "")

    def problems(self, head: str = "") -> tuple[Problem, ...]:
        """All there are, in the rows' order. `head` was recorded elsewhere: `SEQ:DIGEST`, or a digest alone.

        Raises UserError for a head that is neither.
        """
        recorded = HEAD.match(head) if head else None
        if head and not recorded:
            raise UserError(
                f"{head!r} is not the head of an audit chain. "
                "Records in Slack show it as SEQ:DIGEST, like 57:9f2c41d07ab3."
            )
        if self._links and not any(link.intact for link in self._links.values()):
            return (
                Problem(
                    min(self._links),
                    f"None of the rows fits the key ({self.rows} looked at, from row {min(self._links)} on): the chain "
                    "was written with another key, or every row was edited.",
                ),
            )
        found = self._in_the_table()
        if recorded:
            found += self._at_the_end(int(recorded["seq"] or 0), recorded["digest"], head)
        return tuple(found)

    def _in_the_table(self) -> list[Problem]:
        found = []
        written_as = self._written_as()
        expected = 1
        for seq, link in self._links.items():
            before = self._links.get(seq - 1)
            if seq > expected:
                found.append(Problem(expected, missing(expected, seq - 1)))
            if seq in written_as:
                text = f"Row {seq} was written as row {written_as[seq]}: rows were moved, inserted or renumbered."
                found.append(Problem(seq, text))
            elif not link.intact:
                text = f"Row {seq} was edited, or Maildesk did not write it: its MAC does not fit what it says."
                found.append(Problem(seq, text))
            elif before and before.intact and before.mac != link.previous:
                text = f"Row {seq} does not follow row {seq - 1}: they come from different copies of the chain."
                found.append(Problem(seq, text))
            expected = seq + 1
        return found

    def _written_as(self) -> dict[int, int]:
        """For rows that stand elsewhere than they were written: their number then, counted along the chain."""
        numbers: dict[str, int | None] = {link.mac: seq for seq, link in self._links.items() if link.intact}
        links = {link.mac: link for link in self._links.values()}
        for mac in links:
            way: list[str] = []
            while mac and mac not in numbers and mac in links and len(way) <= len(links):
                way.append(mac)
                mac = links[mac].previous
            number = 0 if mac == "" else numbers.get(mac)
            for step, passed in enumerate(reversed(way), start=1):
                numbers[passed] = None if number is None else number + step
        found = {}
        for seq, row in self._moved.items():
            number = numbers[row["mac"]]
            if number and mac_of(self._key, {**row, "seq": number}, row["previous"]) == row["mac"]:
                found[seq] = number
        return found

    def _at_the_end(self, seq: int, digest: str, head: str) -> list[Problem]:
        last = max(self._links, default=0)
        if not seq:
            if any(str(link.mac).startswith(digest) for link in self._links.values()):
                return []
            text = (
                f"No row has the digest {digest}: that row is missing, at the end (after row {last}), or was replaced."
            )
            return [Problem(last + 1, text)]
        if seq > last:
            return [Problem(last + 1, f"{missing(last + 1, seq)} The head was {head} once.")]
        link = self._links.get(seq)
        if link and not str(link.mac).startswith(digest):
            text = f"Row {seq} is not the one whose digest was {digest}: the rows from there on were replaced."
            return [Problem(seq, text)]
        return []


def missing(first: int, last: int) -> str:
    return f"Row {first} is missing." if first == last else f"Rows {first} to {last} are missing."

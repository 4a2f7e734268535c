"""Turns a selection into one test of an entry of `postqueue -j`: IDs are alternatives, queues are, the rest is AND."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from bot.agent.protocol import MAX_TEXT, Selection

Entry = Dict[str, Any]
Test = Callable[[Entry], bool]


def compiled(selection: Selection, now: float) -> Optional[Test]:
    """The test for `selection` at the time `now` (seconds since the epoch); None when every message matches.

    `login` and `client` are left aside: an entry does not tell (submitters.py).
    """
    ids = frozenset(term.value for term in selection.terms if term.kind == "id" and not term.negated)
    queues = frozenset(term.value for term in selection.terms if term.kind == "queue" and not term.negated)
    tests: List[Test] = []
    if ids:
        tests.append(lambda entry: entry["queue_id"] in ids)
    if queues:
        tests.append(lambda entry: entry["queue_name"] in queues)
    for term in selection.terms:
        if term.kind in _TESTS:
            value = str(int(now) - int(term.value)) if term.kind in _AGES else term.value
            test = _TESTS[term.kind](value)
            tests.append(_negated(test) if term.negated else test)
        elif term.negated and term.kind in ("id", "queue"):
            tests.append(_negated(_equal("queue_id" if term.kind == "id" else "queue_name", term.value)))
    if not tests:
        return None
    return lambda entry: all(test(entry) for test in tests)


def address_test(pattern: str) -> Callable[[str], bool]:
    """A test of an address: `@domain` for a domain, else the whole address; case does not matter, `*` is anything.

    A pattern without `*` is compared; one with it is a chain of finds, which takes linear time on any text. Quoting
    (RFC 5321, `"a b"@example.org`) does not count: people type it, copy it, or leave it out.
    """
    pattern = _plain(pattern)
    if pattern == "<>":
        pattern = "mailer-daemon"
    if pattern.startswith("@"):
        match = glob(pattern[1:])
        return lambda address: match(_plain(address).rpartition("@")[2])
    match = glob(pattern)
    return lambda address: match(_plain(address))


def _plain(address: str) -> str:
    return address[:MAX_TEXT].lower().replace('"', "").replace("\\", "")


def glob(pattern: str) -> Callable[[str], bool]:
    """A test of a text that is in lower case, as the pattern has to be; `*` is anything."""
    if "*" not in pattern:
        return lambda text: text == pattern
    first, *middle, last = pattern.split("*")

    def match(text: str) -> bool:
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return False
        place, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    return match


def _equal(member: str, value: str) -> Test:
    return lambda entry: bool(entry[member] == value)


def _negated(test: Test) -> Test:
    return lambda entry: not test(entry)


def _from(value: str) -> Test:
    test = address_test(value)
    return lambda entry: test(entry["sender"])


def _to(value: str) -> Test:
    test = address_test(value)
    return lambda entry: any(test(recipient["address"]) for recipient in entry["recipients"])


def _reason(value: str) -> Test:
    piece = value.lower()
    return lambda entry: any(
        piece in str(recipient.get("delay_reason") or "")[:MAX_TEXT].lower() for recipient in entry["recipients"]
    )


def _older(value: str) -> Test:
    limit = int(value)
    return lambda entry: bool(entry["arrival_time"] <= limit)


def _newer(value: str) -> Test:
    limit = int(value)
    return lambda entry: bool(entry["arrival_time"] > limit)


def _larger(value: str) -> Test:
    limit = int(value)
    return lambda entry: bool(entry["message_size"] > limit)


def _smaller(value: str) -> Test:
    limit = int(value)
    return lambda entry: bool(entry["message_size"] < limit)


_AGES = ("older", "newer")

_TESTS: Dict[str, Callable[[str], Test]] = {
    "from": _from,
    "to": _to,
    "reason": _reason,
    "older": _older,
    "newer": _newer,
    "larger": _larger,
    "smaller": _smaller,
}

"""A compiled selection against a plain reading of the same rules."""

from __future__ import annotations

import fnmatch
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.matching import address_test, compiled
from bot.agent.protocol import Selection, Term
from tests.agent.standin import entry

NOW = 1_700_000_000.75
IDS = ["ABCDEF", "ABCDE0", "4jYTY25PbJzBvT8"]
SENDERS = ["ann@a.test", "ANN@A.test", "bob@b.test", "MAILER-DAEMON", "", "ann", "a*b@a.test", "x@sub.a.test"]
PATTERNS = [
    "ann@a.test", "Ann@A.TEST", "@a.test", "@A.test", "@*.test", "@sub.*", "*", "a*@*test", "*@a.test", "<>", "a**b@*",
    "MAILER-DAEMON", "mailer-*", "ann", "@", "*n*n*", "ann@a.test*", "bob@a.test",
]  # fmt: skip
REASONS = ["", "mailbox full", "Mailbox FULL now", "450 4.7.1 Greylisted", None]

ENTRIES = st.builds(
    entry,
    st.sampled_from(IDS),
    queue_name=st.sampled_from(["maildrop", "incoming", "active", "deferred", "hold"]),
    arrival_time=st.integers(1_699_999_990, 1_700_000_005),
    message_size=st.integers(0, 5),
    sender=st.sampled_from(SENDERS),
    recipients=st.lists(
        st.builds(
            lambda address, reason: {"address": address, **({} if reason is None else {"delay_reason": reason})},
            st.sampled_from(SENDERS),
            st.sampled_from(REASONS),
        ),
        max_size=3,
    ),
)
NEGATED = st.booleans()
TERMS = st.one_of(
    st.builds(Term, st.just("id"), st.sampled_from(IDS), NEGATED),
    st.builds(Term, st.just("queue"), st.sampled_from(["active", "deferred", "hold"]), NEGATED),
    st.builds(Term, st.sampled_from(["from", "to"]), st.sampled_from(PATTERNS), NEGATED),
    st.builds(Term, st.just("reason"), st.sampled_from(["full", "MAILBOX", "4.7.1", "none of it"]), NEGATED),
    st.builds(Term, st.sampled_from(["older", "newer"]), st.integers(0, 12).map(str), NEGATED),
    st.builds(Term, st.sampled_from(["larger", "smaller"]), st.integers(0, 5).map(str), NEGATED),
)


def address_matches(pattern: str, address: str) -> bool:
    pattern = "MAILER-DAEMON" if pattern == "<>" else pattern
    if pattern.startswith("@"):
        pattern, address = pattern[1:], address.split("@")[-1]
    # Of fnmatch's wildcards a pattern has `*` alone.
    return re.match(fnmatch.translate(pattern.replace("[", "[[]").replace("?", "[?]")), address, re.I) is not None


def holds(term: Term, each: dict[str, Any]) -> bool:
    """Whether one term holds, its negation left aside."""
    addresses = [recipient["address"] for recipient in each["recipients"]]
    reasons = [(recipient.get("delay_reason") or "").lower() for recipient in each["recipients"]]
    age = 1_700_000_000 - each["arrival_time"]
    match term.kind:
        case "id":
            return bool(each["queue_id"] == term.value)
        case "queue":
            return bool(each["queue_name"] == term.value)
        case "from":
            return address_matches(term.value, each["sender"])
        case "to":
            return any(address_matches(term.value, address) for address in addresses)
        case "reason":
            return any(term.value.lower() in reason for reason in reasons)
        case "older":
            return bool(age >= int(term.value))
        case "newer":
            return bool(age < int(term.value))
        case "larger":
            return bool(each["message_size"] > int(term.value))
        case _:
            return bool(each["message_size"] < int(term.value))


def selected(terms: list[Term], each: dict[str, Any]) -> bool:
    """IDs are alternatives, queues are alternatives, then everything is joined by AND."""
    alternatives = [[term for term in terms if term.kind == kind and not term.negated] for kind in ("id", "queue")]
    rest = [term for term in terms if term.negated or term.kind not in ("id", "queue")]
    return all(not group or any(holds(term, each) for term in group) for group in alternatives) and all(
        holds(term, each) is not term.negated for term in rest
    )


@given(st.lists(TERMS, max_size=5), st.lists(ENTRIES, min_size=1, max_size=10))
def test_a_selection_picks_what_a_plain_reading_of_it_picks(terms: list[Term], entries: list[dict[str, Any]]) -> None:
    test = compiled(Selection(tuple(terms)), NOW)
    assert (test is None) is (terms == [])
    for each in entries:
        assert (test is None or test(each)) is selected(terms, each), (terms, each)


@given(st.text("aB*@.[?", max_size=10), st.text("aAbB@.[?\n", max_size=12))
def test_a_pattern_has_one_wildcard_and_no_other_magic(pattern: str, address: str) -> None:
    assert address_test(pattern)(address) is address_matches(pattern, address)


@pytest.mark.parametrize("member", ["sender", "recipient", "reason"])
def test_what_stands_beyond_the_text_that_is_looked_at_never_matches(member: str) -> None:
    long = "x" * 5000 + "needle@a.test"
    each = entry("ABCDEF", sender=long, recipients=[{"address": long, "delay_reason": long}])
    kind = {"sender": "from", "recipient": "to", "reason": "reason"}[member]
    value = "needle" if member == "reason" else "*needle*"
    test = compiled(Selection((Term(kind, value),)), NOW)
    assert test is not None
    assert not test(each)


@pytest.mark.parametrize("pattern", ["*a" * 400, "a*" * 400 + "b", "*" * 800 + "b", "*aaaa*b*" * 100])
def test_a_hostile_pattern_on_a_hostile_address_takes_no_time(pattern: str) -> None:
    test = address_test(pattern)
    start = time.perf_counter()
    for _ in range(20):
        test("a" * 100_000)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("pattern", ['"a b"@x.test', "a b@x.test", '"A B"@X.test', "a*@x.test", "@x.test"])
def test_quoting_does_not_count_in_an_address(pattern: str) -> None:
    assert address_test(pattern)('"a b"@x.test')
    assert not address_test(pattern)("b@y.test")

"""DMARC records: what they ask for, and what is left of them when something in them is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reputation.dmarc_record import Destination, destinations, is_record, nearly, read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1", True),
        ("v=DMARC1; p=none", True),
        (" v = DMARC1 ;p=none", True),
        ("V=DMARC1;p=none", True),
        ("v=dmarc1; p=none", False),
        ("v=DMARC1 p=none", False),
        ("v=DMARC10; p=none", False),
        ("p=none; v=DMARC1", False),
        ("v=spf1 -all", False),
        ("", False),
    ],
)
def test_a_record_begins_with_its_version(text: str, expected: bool) -> None:
    assert is_record(text) is expected


def test_what_was_meant_to_be_a_record_is_noticed() -> None:
    texts = ["v=dmarc1; p=none", "DMARC1; p=none", '"v=DMARC1; p=none"', "v=DMARC1; p=none", "v=spf1 -all"]
    assert nearly(texts) == tuple(texts[:3])


@pytest.mark.parametrize(
    ("record", "own", "inherited", "no_such_name"),
    [
        ("p=reject", "reject", "reject", "reject"),
        ("p=reject; sp=quarantine", "reject", "quarantine", "quarantine"),
        ("p=reject; sp=none; np=reject", "reject", "none", "reject"),
        ("p=none; np=reject", "none", "none", "reject"),
        ("p=Reject", "reject", "reject", "reject"),
        ("", None, None, None),
        ("p=block", None, None, None),
        ("p=reject; sp=block", None, None, None),
        ("p=reject; np=block", None, None, None),
        ("rua=mailto:a@a.test", "none", "none", "none"),
        ("p=reject; sp=block; rua=mailto:a@a.test", "none", "none", "none"),
        ("p=block; rua=nonsense", None, None, None),
    ],
)
def test_the_policy_depends_on_where_the_record_was_found(
    record: str, own: str | None, inherited: str | None, no_such_name: str | None
) -> None:
    """RFC 9989 §4.7 and §4.10.1."""
    read_record = read(f"v=DMARC1; {record}")
    assert read_record.policy() == own
    assert read_record.policy(inherited=True) == inherited
    assert read_record.policy(inherited=True, exists=False) == no_such_name


def test_tags_are_sorted_by_what_receivers_make_of_them() -> None:
    record = read("v=DMARC1; p=none; PCT=50; rf=afrf; adkim=x; fo=1; p=reject; policy=none; nonsense; aspf=S; psd=N")
    assert record.values == {"v": "DMARC1", "p": "none", "fo": "1", "aspf": "s", "psd": "n"}
    assert record.mistakes == ("adkim=x", "p=reject", "nonsense")
    assert record.removed == (("pct", "50"), ("rf", "afrf"))
    assert record.unknown == ("policy=none",)
    assert record.psd == "n" and read("v=DMARC1; psd=x").psd == "u"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mailto:a@a.test", [("mailto:a@a.test", "a.test")]),
        ("mailto:a@a.test, MAILTO:b@B.test.", [("mailto:a@a.test", "a.test"), ("MAILTO:b@B.test.", "b.test")]),
        ("mailto:a@a.test!10m", [("mailto:a@a.test", "a.test")]),
        ("mailto:a%21b@a.test?subject=x", [("mailto:a%21b@a.test?subject=x", "a.test")]),
        ("mailto:a%40b@a.test", [("mailto:a%40b@a.test", "a.test")]),
        ("https://a.test/report", [("https://a.test/report", "")]),
        ("a@a.test", [("a@a.test", "")]),
        ("mailto:a", [("mailto:a", "")]),
        ("mailto:@a.test", [("mailto:@a.test", "")]),
        ("mailto:a@-x.test", [("mailto:a@-x.test", "")]),
        (",, ,", []),
        ("", []),
    ],
)
def test_destinations_are_read_as_uris(value: str, expected: list[tuple[str, str]]) -> None:
    assert destinations(value) == tuple(Destination(uri, host) for uri, host in expected)


PIECES = st.sampled_from(["p=reject", "sp=", "rua=mailto:a@b.test", "rua=,", "pct=\0", "=", "psd=y", "t=y", "%", "!1k"])


@given(st.text() | st.lists(PIECES | st.text(max_size=8)).map(lambda pieces: "; ".join(["v=DMARC1", *pieces])))
def test_hostile_text_is_no_record_or_is_read(text: str) -> None:
    nearly([text])
    if is_record(text):
        record = read(text)
        assert record.policy() in (None, "none", "quarantine", "reject")
        assert all(len(destination.host) <= 253 for destination in (*record.rua, *record.ruf))

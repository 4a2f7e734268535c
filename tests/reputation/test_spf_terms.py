"""The text of SPF records: what is one, what is in it, and better ones made of it."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reputation.spf_terms import SyntaxMistake, nearly, passing, read, records


def test_a_record_begins_with_its_version_and_a_blank() -> None:
    good = ["v=spf1", "V=SPF1 -all", "v=spf1 -all"]
    wrong = ["v=spf10 -all", "v=spf1; -all", " v=spf1 -all", "spf1 -all"]
    assert records([*good, *wrong, "else"]) == tuple(good)
    assert nearly([*good, *wrong, "else"]) == tuple(wrong)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("v=spf1", ""),
        ("v=spf1 -all", "-"),
        ("v=spf1 ALL", "+"),
        ("v=spf1 ?all -all", "?"),
        ("v=spf1 include:all.test", ""),
    ],
)
def test_the_first_all_is_the_end(text: str, end: str) -> None:
    assert read(text).all == end


def test_ptr_and_redirect_are_seen() -> None:
    record = read("v=spf1 ptr -ptr:a.test include:ptr.test redirect=a.test")
    assert record.ptr == ("ptr", "-ptr:a.test") and record.redirects


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1 ipv4:192.0.2.1 -all",
        "v=spf1 ip4:192.0.2.256 -all",
        "v=spf1 ip4:192.0.2.0/33 -all",
        "v=spf1 include -all",
        "v=spf1 include: a.test -all",
        "v=spf1 all:a.test",
        "v=spf1 a:%{x}.test",
        "v=spf1 redirect=a.test redirect=b.test",
        "v=spf1 — all",
        "v=spf1 -all\n",
        "v=spf1 ip6:" + "9" * 5000,
    ],
)
def test_a_term_that_can_not_be_read_is_a_mistake(text: str) -> None:
    with pytest.raises(SyntaxMistake):
        read(text)


@pytest.mark.parametrize(
    ("texts", "better"),
    [
        ([], "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 ~all"),
        (["v=spf1 mx -all"], "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 mx -all"),
        (["v=spf1 mx +all"], "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 mx ~all"),
        (["v=spf1 mx ptr"], "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 mx ~all"),
        (["v=spf1 mx ip4:198.18.76.1 -all"], "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 mx -all"),
        (["v=spf1 redirect=a.test"], "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 redirect=a.test"),
        (
            ["v=spf1 mx include:a.test ~all", "v=spf1 mx include:b.test -all exp=x.test"],
            "v=spf1 ip4:198.18.76.1 ip6:2001:db8::1 mx include:a.test include:b.test -all exp=x.test",
        ),
    ],
)
def test_a_better_record_lets_the_addresses_pass_and_keeps_the_rest(texts: list[str], better: str) -> None:
    addresses = [ip_address("198.18.76.1"), ip_address("2001:db8::1")]
    assert passing(texts, addresses, without=["ptr"]) == better


PIECES = st.sampled_from(
    ["a", "mx/24//64", "ip4:", "ip6:::1/0", "include:%{d}.x", "redirect=", "-", "+all", "%{", "exp=a.b"]
)


@given(st.text() | st.lists(PIECES | st.text(max_size=8)).map(lambda pieces: " ".join(["v=spf1", *pieces])))
def test_hostile_text_is_read_or_a_mistake(text: str) -> None:
    nearly([text])
    with contextlib.suppress(SyntaxMistake):
        record = read(text)
        assert records([text]) == (text,)
        assert read(passing([record.text])).all in ("", "-", "~")

"""What a list's answer means, and the answers that are no listing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.reputation
from bot.reputation.codes import Code, Trouble, Weight, bit, pattern, read

SET = (
    Code(pattern("127.0.0.2"), "spam"),
    Code(pattern("127.0.0.4-7"), "infected", Weight.HIGH),
    Code(pattern("127.0.*.9"), "a network"),
)
BITS = (Code(bit("8"), "phishing"), Code(bit("64"), "abused"))
BLOCKED = (Code(bit("1"), "you are blocked"),)
TABLE = tomllib.loads((Path(bot.reputation.__file__).parent / "dnsbl.toml").read_text())


@pytest.mark.parametrize(
    ("answers", "meanings"),
    [
        (["127.0.0.2"], ["spam"]),
        (["127.0.0.9", "127.0.0.2"], ["spam", "a network"]),
        (["127.0.0.5", "127.0.0.6"], ["infected"]),
        (["127.0.200.9"], ["a network"]),
        (["127.0.0.2", "127.0.0.77"], ["spam"]),
    ],
)
def test_a_set_of_codes(answers: list[str], meanings: list[str]) -> None:
    found = read(SET, (), answers)
    assert not isinstance(found, Trouble)
    assert [code.meaning for code in found] == meanings


def test_several_bits_of_one_answer() -> None:
    found = read(BITS, BLOCKED, ["127.0.0.72"])
    assert not isinstance(found, Trouble)
    assert [code.meaning for code in found] == ["phishing", "abused"]


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        (["127.255.255.254"], "refused"),
        (["127.0.0.2", "127.255.255.252"], "refused"),
        (["127.0.0.1"], "refused"),
        (["192.0.2.80"], "broken_zone"),
        (["127.0.0.2", "192.0.2.80"], "broken_zone"),
        (["127.0.0.3"], "unknown_code"),
        ([], "unknown_code"),
    ],
)
def test_what_is_neither_listed_nor_clean(answers: list[str], cause: str) -> None:
    found = read(SET, (), answers)
    assert isinstance(found, Trouble) and found.cause == cause


def test_the_bit_that_says_blocked_is_no_listing_whatever_else_is_set() -> None:
    found = read(BITS, BLOCKED, ["127.0.0.9"])
    assert isinstance(found, Trouble) and found.cause == "refused"


@given(st.lists(st.ip_addresses(v=4).map(str), min_size=1))
def test_no_answer_that_holds_an_address_elsewhere_is_a_listing(answers: list[str]) -> None:
    elsewhere = any(not answer.startswith("127.") for answer in answers)
    assert isinstance(read(SET, (), answers), Trouble) or not elsewhere


@pytest.mark.parametrize("text", ["127.0.0", "10.0.0.2", "127.0.0.300", "127.0.0.9-2", "127.0.0.x", ""])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="is not an answer"):
        pattern(text)


@pytest.mark.parametrize("name", TABLE)
def test_each_row_of_the_table_is_whole(name: str) -> None:
    row = TABLE[TABLE[name]["like"]] | TABLE[name] if "like" in TABLE[name] else TABLE[name]
    assert row["name"] and row["operator"] and row["zone"] and row["terms"]
    assert row["kinds"] and set(row["kinds"]) <= {"ip4", "ip6", "domain"}
    assert row["weight"].upper() in Weight.__members__
    assert ("{key}" in row["zone"]) == ("key" in row)
    assert row["codes"]
    for text, meaning in (*row["codes"].items(), *row.get("errors", {}).items()):
        (bit if row.get("bits") else pattern)(text)
        assert meaning if isinstance(meaning, str) else meaning["meaning"]
    assert row.get("delist", "https://").startswith(("https://", "http://"))


def test_no_zone_is_asked_twice() -> None:
    zones = [row["zone"] for row in TABLE.values()]
    assert len(zones) == len(set(zones)) >= 30
    assert not {zone for row in TABLE.values() for zone in row.get("contains", ())} & set(zones)

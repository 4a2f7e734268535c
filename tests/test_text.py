"""Hostile text made presentable, and addresses shown as much of as this reader may see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import duration, listed, masked, masked_text, plural, presentable, share, shown_address, shown_text, size


@given(st.text(max_size=400), st.integers(1, 300))
def test_presentable_text_is_one_line_that_cannot_act(text: str, limit: int) -> None:
    shown = presentable(text, limit)
    assert len(shown) <= limit
    assert not set("\n\r\x00\x1b\x7f\x9b\u202e\u2066\u2028\u200b\ufeff\ud800") & set(shown)
    assert presentable(shown, limit) == shown


def test_a_link_is_not_cut_in_two() -> None:
    page = "See https://check.example/remove?ip=192.0.2.25 for more."
    assert presentable(page, 30) == "See …"
    assert presentable(page, 50) == "See https://check.example/remove?ip=192.0.2.25 fo…"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane@example.org", "j…@example.org"),
        ('"a@b"@example.org', '"…@example.org'),
        ("MAILER-DAEMON", "MAILER-DAEMON"),
        ("root", "r…"),
        ("", "…"),
    ],
)
def test_a_masked_address_keeps_its_domain_and_one_letter(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("452 <jane@example.org>: full", "452 <j…@example.org>: full"),
        ("user=jane@example.org,bob@b.test", "u…@example.org,b…@b.test"),
        ('"jane doe"@example.org is gone', '"…@example.org is gone'),
        ("jürgen@österreich.example", "j…@österreich.example"),
        ("a" * 80 + "@example.org", "a…@example.org"),
        ("from:@example.org @ home", "from:@example.org @ home"),
        ("no address here", "no address here"),
    ],
)
def test_addresses_in_free_text_are_masked(text: str, shown: str) -> None:
    assert masked_text(text) == shown


def test_a_cut_never_leaves_the_beginning_of_an_address_unmasked() -> None:
    assert masked_text("x " * 40 + "secretperson@example.org", 90) == "x " * 40 + "…"
    assert masked_text("secret" * 400 + "@example.org") == "…"


def test_each_reader_sees_as_much_of_an_address_as_the_settings_say() -> None:
    assert [shown_address("jane@b.test", how) for how in ("full", "masked", "none")] == [
        "jane@b.test",
        "j…@b.test",
        "…@b.test",
    ]
    assert [shown_text("<jane@b.test> said no", how) for how in ("full", "masked", "none")] == [
        "<jane@b.test> said no",
        "<j…@b.test> said no",
        "<…@b.test> said no",
    ]
    assert shown_address("MAILER-DAEMON", "none") == "MAILER-DAEMON"


def test_numbers_and_times_are_words() -> None:
    assert [plural(1, "message"), plural(1234, "message")] == ["1 message", "1,234 messages"]
    assert [listed(["a"]), listed(["a", "b", "c"], "or"), listed([])] == ["a", "a, b or c", ""]
    assert [size(512), size(1536), size(20 * 1024**2)] == ["512 B", "1.5 KiB", "20 MiB"]
    assert [duration(45), duration(12_000), duration(367_000)] == ["45 s", "3 h 20 min", "4 d 5 h"]
    assert [share(0, 5), share(1, 1000), share(999, 1000), share(1, 3), share(1, 0)] == [
        *("0 %", "<1 %", ">99 %", "33 %", "–"),
    ]

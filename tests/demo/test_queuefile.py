"""Queue files and defer logs: what is written is read again, and damaged files are told from whole ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo import deferlog, queuefile
from bot.demo.queuefile import DamagedFile, Recipient, build, content, lines, parse, printable, quoted

ADDRESSES = st.builds("{}@{}".format, st.text(st.characters(codec="utf-8"), max_size=40), st.just("a.test"))


def message(*recipients: str, sender: str = "a@x.test", body: list[str] | None = None) -> bytes:
    return build(
        arrival=1795491961.785687,
        sender=sender,
        recipients=recipients,
        before_sender=[("sasl_username", "joe")],
        after_sender=[("client_address", "192.0.2.7")],
        content=lines(["Subject: Hello", "", *(body or ["Text"])]),
    )


@given(st.lists(ADDRESSES, max_size=5), ADDRESSES, st.lists(st.text(st.characters(codec="utf-8")), max_size=5))
def test_what_is_written_is_read_again(recipients: list[str], sender: str, body: list[str]) -> None:
    data = message(*recipients, sender=sender, body=body or [""])
    envelope = parse(data)
    assert [each.address for each in envelope.recipients] == recipients
    assert [data[each.offset : each.offset + 1] for each in envelope.recipients] == [b"R"] * len(recipients)
    assert envelope.sender == sender
    assert envelope.arrival_time == pytest.approx(1795491961.785687, abs=1e-6)
    assert envelope.attributes["sasl_username"] == "joe"
    assert list(content(data, envelope)) == ["Subject: Hello", "", *(body or [""])]


def test_the_size_is_that_of_the_content_with_two_bytes_for_each_end_of_line() -> None:
    assert parse(message("b@y.test")).size == len("Subject: Hello\r\n\r\nText\r\n")


@given(st.data())
def test_a_file_that_was_cut_off_is_damaged(data: st.DataObject) -> None:
    whole = message("b@y.test", "c@y.test")
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DamagedFile):
        list(queuefile.records(whole[:cut]))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a.b@c.test", "a.b@c.test"),
        ("<!channel>@c.test", '"<!channel>"@c.test'),
        ('a b"c@c.test', '"a b\\"c"@c.test'),
        ("a@b@c.test", '"a@b"@c.test'),
        (".a@c.test", '".a"@c.test'),
        ("jörg@c.test", "jörg@c.test"),
        ("", ""),
        ("postmaster", "postmaster"),
    ],
)
def test_an_address_is_quoted_where_its_local_part_needs_it(raw: str, expected: str) -> None:
    assert quoted(raw) == expected


def test_control_characters_and_broken_utf_8_are_printed_as_question_marks() -> None:
    assert printable("a\x1b[31m\x7f\udcffß\n") == "a?[31m??ß?"


def test_a_defer_log_holds_each_recipient_with_its_reason() -> None:
    log = b"".join(
        deferlog.entry(Recipient(address, address, 7, False), status="4.2.2", reason=f"host mx[192.0.2.1] said: {text}")
        for address, text in (("a@x.test", "452 full (in reply to RCPT TO command)"), ("b c@x.test", "450 a=b"))
    )
    assert deferlog.read(log) == [
        ("a@x.test", "host mx[192.0.2.1] said: 452 full (in reply to RCPT TO command)"),
        ('"b c"@x.test', "host mx[192.0.2.1] said: 450 a=b"),
    ]
    assert b"\ndiag_type=smtp\ndiag_text=452 full\nmta_type=dns\nmta_mname=mx\n" in log

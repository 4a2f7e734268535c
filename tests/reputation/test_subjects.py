"""What a blocklist is asked about, and by which name."""

from __future__ import annotations

import pytest

from bot.errors import UserError
from bot.reputation.subjects import Subject, subject


@pytest.mark.parametrize(
    ("typed", "expected", "name"),
    [
        ("198.51.100.7", Subject("ip4", "198.51.100.7"), "7.100.51.198"),
        ("[::ffff:198.51.100.7]", Subject("ip4", "198.51.100.7"), "7.100.51.198"),
        ("2A01:4F8::1", Subject("ip6", "2a01:4f8::1"), "1.0.0.0." + "0.0.0.0." * 5 + "8.f.4.0.1.0.a.2"),
        ("Mail.Example.CO.UK.", Subject("domain", "mail.example.co.uk"), "mail.example.co.uk"),
        ("ann@example.org", Subject("domain", "example.org"), "example.org"),
        ("bücher.example", Subject("domain", "xn--bcher-kva.example"), "xn--bcher-kva.example"),
    ],
)
def test_what_was_typed_and_the_name_that_is_asked(typed: str, expected: Subject, name: str) -> None:
    assert subject(typed) == expected
    assert expected.labels("host") == name


def test_a_domain_is_asked_as_the_list_wants_it() -> None:
    assert subject("mail.example.co.uk").labels("registrable") == "example.co.uk"
    assert subject("a.b.github.io").labels("registrable") == "github.io"


@pytest.mark.parametrize("typed", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "fe80::1", "fd00::1", "224.0.0.1", "::"])
def test_an_address_for_the_inside_is_refused(typed: str) -> None:
    with pytest.raises(UserError, match="for the inside"):
        subject(typed)


@pytest.mark.parametrize("typed", ["", "localhost", "a b.test", "1.2.3", "-a.test", "x" * 64 + ".test", "a" * 300])
def test_what_is_neither_is_refused(typed: str) -> None:
    with pytest.raises(UserError, match="neither an address nor a domain"):
        subject(typed)

"""Lists of tags, `name=value; name=value`, as DKIM keys and DMARC records have them (RFC 6376 §3.2; RFC 9989 §4.7)."""

from __future__ import annotations

from typing import NamedTuple

BLANKS = " \t\r\n"


class Tag(NamedTuple):
    """One piece between semicolons; `value` is None where it has no `=`."""

    name: str
    value: str | None


def tags(text: str) -> tuple[Tag, ...]:
    """Every piece but empty ones, in order, blanks around names and values removed; nothing is an error here."""
    found = []
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        if piece.strip(BLANKS):
            found.append(Tag(name.strip(BLANKS), value.strip(BLANKS) if equals else None))
    return tuple(found)

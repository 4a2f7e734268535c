"""The text of an SPF record: which TXT records are one, what is in it, and a better one made of it (RFC 7208)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from spftrace import SpfPermError, Term, parse

_VERSION = re.compile(r"v=spf1(?= |\Z)", re.IGNORECASE)
_NEARLY = re.compile(r"\W{0,3}(v\s*=\s*)?spf", re.IGNORECASE)


class SyntaxMistake(Exception):
    """The record can't be read, so receivers say `permerror` (RFC 7208 §4.6); its text says which term, and why."""


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """One record; `terms` as they stand in it."""

    text: str
    terms: tuple[Term, ...]

    @property
    def all(self) -> str:
        """The qualifier of its first `all`, which everybody meets whom no other term matched; empty: it has none."""
        return next((term.qualifier for term in self.terms if term.name == "all"), "")

    @property
    def redirects(self) -> bool:
        return any(term.name == "redirect" for term in self.terms)

    @property
    def ptr(self) -> tuple[str, ...]:
        return tuple(term.raw for term in self.terms if term.name == "ptr")


def records(texts: Iterable[str]) -> tuple[str, ...]:
    """Those of a name's TXT records that are SPF records (§4.5)."""
    return tuple(text for text in texts if _VERSION.match(text))


def nearly(texts: Iterable[str]) -> tuple[str, ...]:
    """Those that were probably meant to be one, but are not."""
    return tuple(text for text in texts if _NEARLY.match(text) and not _VERSION.match(text))


def read(text: str) -> SpfRecord:
    """Raises SyntaxMistake."""
    try:
        return SpfRecord(text, tuple(parse(text).terms))
    except (SpfPermError, ValueError) as error:
        raise SyntaxMistake(str(error).rstrip(".")) from error


def passing(
    texts: Sequence[str], addresses: Iterable[IPv4Address | IPv6Address] = (), *, without: Iterable[str] = ()
) -> str:
    """One record with the terms of all of `texts` but those of `without`, in which `addresses` pass.

    It ends in `redirect`, or in the strictest `all` that is there; `+all` and `?all`, and none, become `~all`.
    """
    terms = list(dict.fromkeys(term for text in texts for term in text.split(" ")[1:] if term))
    ends = [term for term in terms if _is_all(term)]
    kept = [term for term in terms if not _is_all(term) and not _is_modifier(term) and term not in set(without)]
    modifiers = [term for term in terms if _is_modifier(term)]
    added = [f"ip{address.version}:{address}" for address in addresses]
    redirects = any(term.lower().startswith("redirect=") for term in modifiers)
    end = [] if redirects and not ends else ["-all" if any(term.startswith("-") for term in ends) else "~all"]
    if end:
        # With an `all` in the record a redirect is never followed (§6.1).
        modifiers = [term for term in modifiers if not term.lower().startswith("redirect=")]
    return " ".join(["v=spf1", *dict.fromkeys([*added, *kept]), *end, *modifiers])


def _is_all(term: str) -> bool:
    return term.lstrip("+-~?").lower() == "all"


def _is_modifier(term: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9._-]*=", term) is not None

"""The members of a blocklist's table: what TOML has in, what a Zone has out, or ValueError with what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, get_args

from bot.reputation.codes import Code, Weight, bit, pattern
from bot.reputation.subjects import DomainForm, SubjectKind

KEY = "{key}"
"""Stands in a zone's name for the secret label of an account."""

LONGEST_NAME = 60
"""Of a zone: an address or a domain, and a key, have to fit in front of it (RFC 1035 §2.3.4)."""

_ZONE = re.compile(r"(?:\{key\}\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def code(answer: str, said: Any, weight: Weight, *, bits: bool) -> Code:
    """One row of `codes` or `errors`, in a list of that weight."""
    if isinstance(said, str):
        said = {"meaning": said}
    if not isinstance(said, Mapping) or not isinstance(said.get("meaning"), str) or set(said) - CODE:
        raise ValueError(f"codes: {answer}: this is a text, or a table with {', '.join(sorted(CODE))}")
    own = _weight(said["weight"]) if "weight" in said else weight
    policy = _flag(said.get("policy", False))
    return Code((bit if bits else pattern)(answer), said["meaning"], min(own, weight), policy)


CODE = {"meaning", "weight", "policy"}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("this is a text")
    return value


def _page(value: Any) -> str:
    page = _text(value)
    if not re.match(r"https?://[^\s/]+", page):
        raise ValueError(f"{page!r} is not a page, such as https://bl.example.org/remove")
    return page


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("these are several texts, in brackets")
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("this is true or false")
    return value


def _zone_name(value: Any) -> str:
    name = _text(value).lower().rstrip(".")
    if not _ZONE.match(name) or len(name) > LONGEST_NAME:
        raise ValueError(f"{name!r} is not the name of a zone, such as bl.example.org or {KEY}.bl.example.org")
    return name


def _weight(value: Any) -> Weight:
    labels = {weight.label: weight for weight in Weight}
    if not isinstance(value, str) or value not in labels:
        raise ValueError(f"a weight is one of {', '.join(labels)}")
    return labels[value]


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"this is one of {', '.join(words)}")
        return value

    return read


def _kinds(value: Any) -> tuple[SubjectKind, ...]:
    kinds = _texts(value)
    known = get_args(SubjectKind)
    if not kinds or set(kinds) - set(known):
        raise ValueError(f"these are some of {', '.join(known)}")
    return tuple(kind for kind in known if kind in kinds)


def _answers(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError('this is a table such as { "127.0.0.2" = "sent spam" }')
    return value


def _of_kinds(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or set(value) - set(get_args(SubjectKind)):
        raise ValueError('this is a table such as { ip4 = "127.0.0.2" }')
    for kind, text in value.items():
        if kind != "domain" and ip_address(text).version != (4 if kind == "ip4" else 6):
            raise ValueError(f"{text!r} is not an address of that kind")
    return {kind: _text(text).lower() for kind, text in value.items()}


READERS: Mapping[str, Callable[[Any], Any]] = {
    "name": _text,
    "operator": _text,
    "zone": _zone_name,
    "key": _text,
    "kinds": _kinds,
    "domains": _one_of(*get_args(DomainForm)),
    "codes": _answers,
    "bits": _flag,
    "errors": _answers,
    "listed": _of_kinds,
    "unlisted": _of_kinds,
    "sample": lambda value: pattern(_text(value)),
    "weight": _weight,
    "terms": _one_of("free", "non_commercial", "registration", "account"),
    "note": _text,
    "delist": _page,
    "expires": _text,
    "contains": _texts,
    "replaces": _texts,
    "allow": _flag,
    "like": _text,
    "drop": _flag,
}
NEEDED = ("name", "zone", "kinds", "weight", "codes")

"""The record and the policy of MTA-STS, read strictly (RFC 8461 §3.1, §3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from bot.reputation.certificate import covers
from bot.reputation.taglist import tags

Mode = Literal["enforce", "testing", "none"]

LONGEST = 31_557_600
"""Seconds that a policy can be kept: a year."""

ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")
MX = re.compile(r"(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{2,63}\.?\Z")


@dataclass(frozen=True, slots=True)
class Policy:
    """`max_age` is in seconds; `mx` are the names, some with a wildcard, that mail may go to."""

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()

    def has(self, host: str) -> bool:
        return any(covers(pattern, host) for pattern in self.mx)


def is_record(text: str) -> bool:
    return text.partition(";")[0].strip() == "v=STSv1" and ";" in text


def policy_id(record: str) -> str | None:
    """The id of a record, or None where it has none that can be used."""
    value = next((tag.value for tag in tags(record)[1:] if tag.name == "id"), None)
    return value if value and ID.match(value) else None


def read(text: str) -> Policy | str:
    """The policy, or what is wrong with it, as the end of a sentence. Of a key that stands twice the first counts."""
    values: dict[str, str] = {}
    mx: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip():
            continue
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            return f"it has a line that is no pair of key and value: “{line[:60]}”"
        if key == "mx":
            mx.append(value)
        else:
            values.setdefault(key, value)
    if values.get("version") != "STSv1":
        return "its version is not STSv1"
    mode = values.get("mode")
    if mode not in get_args(Mode):
        return f"its mode is “{mode or ''}” and not one of enforce, testing, none"
    age = values.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10 and int(age) <= LONGEST):
        return f"its max_age is “{age}” and not a number of seconds up to {LONGEST}"
    for name in mx:
        if not MX.match(name):
            return f"it names “{name[:60]}”, which is no name of a mail server"
    if not mx and mode != "none":
        return "it names no mail server (mx)"
    return Policy(cast(Mode, mode), int(age), tuple(mx))

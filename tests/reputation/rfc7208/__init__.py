"""The test suite of RFC 7208 (rfc7208-tests.yml, under its own licence beside it), served by a real name server.

The file is as its authors released it with pyspf 2.0.14.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.dns.misbehaving import Manner, MisbehavingServer

SUITE = Path(__file__).with_name("rfc7208-tests.yml")
KINDS = frozenset({"A", "AAAA", "CNAME", "MX", "PTR", "SPF", "TXT"})


@dataclass(frozen=True, slots=True)
class Case:
    """One test: several results are alternatives that the suite allows; `explanation` is None where it demands none,
    and DEFAULT where the receiver's own words are expected."""

    name: str
    host: str
    mail_from: str
    helo: str
    results: tuple[str, ...]
    explanation: str | None
    zone: Mapping[str, Manner]


def cases() -> Iterator[Case]:
    with SUITE.open("rb") as file:
        for scenario in yaml.safe_load_all(file):
            zone = {name.lower(): _manner(entries) for name, entries in scenario["zonedata"].items()}
            for name, test in scenario["tests"].items():
                result = test["result"]
                yield Case(
                    name,
                    test["host"],
                    test["mailfrom"],
                    test["helo"],
                    tuple(result) if isinstance(result, list) else (result,),
                    test.get("explanation"),
                    zone,
                )


def serve(server: MisbehavingServer, case: Case) -> None:
    """All names that the suite does not name do not exist, but those above one do, without records (RFC 8020)."""
    server.below(".", Manner(rcode="NXDOMAIN"))
    for name in case.zone:
        above = name.split(".")[1:]
        while above:
            server.at(".".join(above), Manner())
            above = above[1:]
    for name, manner in case.zone.items():
        server.at(name, manner)


def _manner(entries: list[Any]) -> Manner:
    """The suite's TIMEOUT is for kinds that have no records; its SPF records stand for TXT records where there are
    none, and `TXT: NONE` says that there are none indeed."""
    records: dict[str, list[str]] = {}
    silent = "TIMEOUT" in entries
    for entry in entries:
        for kind, value in {} if entry == "TIMEOUT" else entry.items():
            records.setdefault(kind, []).extend([] if value == "NONE" else [_text(kind, value)])
    if "SPF" in records:
        records.setdefault("TXT", records["SPF"])
    found = {kind: texts for kind, texts in records.items() if texts}
    return Manner(records=found, silent=KINDS - found.keys() if silent else ())


def _text(kind: str, value: Any) -> str:
    """As in a zone file."""
    match kind:
        case "TXT" | "SPF":
            # One with no string at all can't be sent (RFC 1035 §3.3.14): an empty one stands for it.
            return " ".join(_quoted(string) for string in ([value] if isinstance(value, str) else value or [""]))
        case "MX":
            preference, exchange = value
            return f"{preference} {_absolute(exchange)}"
        case "CNAME" | "PTR":
            return _absolute(value)
        case _:
            return str(value)


def _absolute(name: str) -> str:
    return name.rstrip(".") + "."


def _quoted(string: str) -> str:
    escaped = "".join(
        chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\{octet:03}" for octet in string.encode()
    )
    return f'"{escaped}"'

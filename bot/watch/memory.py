"""What the watch remembers of a host from one look at its reputation to the next; as JSON in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Known:
    """One check. `passes` is its last conclusive result (None: there was none yet), `alarms` whether it passed before.

    `silent_since` is the first look in a row that brought no answer; `seen` when it was last spoken of.
    """

    passes: bool | None
    alarms: bool
    silent_since: datetime | None
    seen: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """`checks` by their names (`spf example.org`); since when there is each of the others: `listed` as `ADDRESS LIST`,
    `broken` lists, and `silent` ones that matter and give no answer (empty: no list could be asked). `tls` is when TLS
    was looked at last; None: never.
    """

    checks: Mapping[str, Known] = field(default_factory=dict)
    listed: Mapping[str, datetime] = field(default_factory=dict)
    broken: Mapping[str, datetime] = field(default_factory=dict)
    silent: Mapping[str, datetime] = field(default_factory=dict)
    certificates: frozenset[str] = frozenset()
    tls: datetime | None = None


def to_json(memory: Memory) -> dict[str, Any]:
    return {
        "checks": {
            name: [known.passes, known.alarms, _text(known.silent_since), _text(known.seen)]
            for name, known in memory.checks.items()
        },
        "listed": {name: _text(since) for name, since in memory.listed.items()},
        "broken": {name: _text(since) for name, since in memory.broken.items()},
        "silent": {name: _text(since) for name, since in memory.silent.items()},
        "certificates": sorted(memory.certificates),
        "tls": _text(memory.tls),
    }


def from_json(value: Mapping[str, Any] | None) -> Memory:
    """Nothing is remembered where nothing was kept."""
    if value is None:
        return Memory()
    return Memory(
        {
            name: Known(passes, alarms, _moment(silent), datetime.fromisoformat(seen))
            for name, (passes, alarms, silent, seen) in value["checks"].items()
        },
        {name: datetime.fromisoformat(since) for name, since in value["listed"].items()},
        {name: datetime.fromisoformat(since) for name, since in value["broken"].items()},
        {name: datetime.fromisoformat(since) for name, since in value["silent"].items()},
        frozenset(value["certificates"]),
        _moment(value["tls"]),
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

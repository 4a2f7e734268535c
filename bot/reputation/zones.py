"""The blocklists that are asked: dnsbl.toml, whose head says what members mean, and what the settings change in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from bot.errors import SettingsError
from bot.listsettings import ID
from bot.reputation.codes import EVERYWHERE, Code, Octets, Pattern, Weight
from bot.reputation.subjects import DomainForm, SubjectKind, reversed_address
from bot.reputation.zone_members import KEY, NEEDED, READERS, code

TABLE = Path(__file__).with_name("dnsbl.toml")

MASK = "***"
NO_KEY = "needs a key"

Tables = Mapping[str, Mapping[str, Any]]


LISTED: Mapping[SubjectKind, str] = {"ip4": "127.0.0.2", "ip6": "::ffff:127.0.0.2", "domain": "test"}
UNLISTED: Mapping[SubjectKind, str] = {"ip4": "127.0.0.1", "ip6": "::ffff:127.0.0.1", "domain": "invalid"}
"""The test points of RFC 5782 §5."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One list. `zone` is its name, with `***` where the key stands; `question()` alone knows the key.

    `listed` and `unlisted` are the labels of its test points, by kind. A code's weight is the lower one of its own and
    the list's. `left_out` says why the list is not asked; it is empty for those that are.
    """

    id: str
    name: str
    zone: str
    kinds: tuple[SubjectKind, ...]
    weight: Weight
    codes: tuple[Code, ...]
    listed: Mapping[SubjectKind, str]
    unlisted: Mapping[SubjectKind, str]
    errors: tuple[Code, ...] = ()
    sample: Pattern | None = None
    domains: DomainForm = "registrable"
    operator: str = ""
    terms: str = "free"
    note: str = ""
    delist: str = ""
    expires: str = ""
    contains: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    allow: bool = False
    needs_key: bool = False
    left_out: str = ""
    _secret: str = field(default="", repr=False)

    def question(self, labels: str) -> str:
        """The name to ask. It holds the key, so it is for the resolver alone."""
        return f"{labels}.{self.zone.replace(MASK, self._secret)}"

    @property
    def test_entries(self) -> tuple[Mapping[SubjectKind, str], Mapping[SubjectKind, str]]:
        """The labels that must be listed, and those that must not be, by kind."""
        return self.listed, self.unlisted

    def masked(self, text: str) -> str:
        """Text from outside, which may repeat the name that was asked, without the key."""
        return re.sub(re.escape(self._secret), MASK, text, flags=re.IGNORECASE) if self._secret else text


def load(
    drop: Sequence[str] = (), keys: Mapping[str, str] | None = None, tables: Tables | None = None
) -> tuple[Zone, ...]:
    """Every list, with those that are not asked and why; not the dropped ones.

    `drop`: IDs; `keys`: the secret label by the name that lists call it; `tables`: `[blocklists.ID]`, whose members
    take the place of those in dnsbl.toml. Raises SettingsError with a line for each mistake.
    """
    keys, tables = keys or {}, tables or {}
    problems: list[str] = []
    whole = _merged(tomllib.loads(TABLE.read_text(encoding="utf-8")), tables, problems)
    for each in drop:
        if each not in whole:
            problems.append(f"DNSBL_DROP: there is no list {each!r}. The lists are: {', '.join(sorted(whole))}.")
    named = {table["key"] for table in whole.values() if isinstance(table.get("key"), str)}
    for name in keys:
        if name not in named:
            problems.append(f"DNSBL_KEYS: no list has a key named {name!r}. There are: {', '.join(sorted(named))}.")
    zones = [_zone(each, whole, keys, problems) for each in whole]
    if problems:
        raise SettingsError(problems)
    return _chosen([zone for zone in zones if zone and zone.id not in drop])


def _merged(ours: Tables, theirs: Tables, problems: list[str]) -> dict[str, dict[str, Any]]:
    """All tables, without those that say `drop = true`."""
    whole = {each: dict(table) for each, table in ours.items()}
    for each, table in theirs.items():
        if not ID.match(each):
            problems.append(f"{_where(each)}: the ID of a list has small letters, digits and hyphens.")
        elif not isinstance(table, Mapping):
            problems.append(f"{_where(each)} is not a table.")
        else:
            whole[each] = {**whole.get(each, {}), **table}
    return {each: table for each, table in whole.items() if table.get("drop") is not True}


def _zone(
    each: str, whole: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str], problems: list[str]
) -> Zone | None:
    """One list, or what is wrong with its table."""
    found = len(problems)
    where, table = _where(each), whole[each]
    if "like" in table:
        model = whole.get(table["like"]) if isinstance(table["like"], str) else None
        if model is None or "like" in model:
            problems.append(f"{where}: like: {table['like']!r} is no list whose members could hold here.")
            return None
        table = {**model, **table}
    members: dict[str, Any] = {}
    for member, value in table.items():
        reader = READERS.get(member)
        if reader is None:
            problems.append(f"{where}: {member!r} is not a member of a list's table ({', '.join(READERS)}).")
            continue
        try:
            members[member] = reader(value)
        except ValueError as error:
            problems.append(f"{where}: {member}: {error}.")
    problems += [f"{where}: {member} is missing." for member in NEEDED if member not in table]
    problems += [
        f"{where}: replaces: there is no list {other!r}." for other in members.get("replaces", ()) if other not in whole
    ]
    if len(problems) > found:
        return None
    try:
        return _built(each, members, keys)
    except ValueError as error:
        problems.append(f"{where}: {error}.")
        return None


def _built(each: str, members: dict[str, Any], keys: Mapping[str, str]) -> Zone:
    members = {member: value for member, value in members.items() if member not in ("like", "drop")}
    key, bits, weight = members.pop("key", ""), members.pop("bits", False), members["weight"]
    needs_key = members["zone"].startswith(KEY)
    if needs_key != bool(key):
        raise ValueError("a zone with {key} in front has a member `key`, which names its key, and no other has")
    secret = keys.get(key, "")
    members |= {
        "zone": members["zone"].replace(KEY, MASK),
        "codes": tuple(code(answer, said, weight, bits=bits) for answer, said in members["codes"].items()),
        "errors": tuple(code(answer, said, weight, bits=bits) for answer, said in members.get("errors", {}).items()),
        "listed": _points(members["kinds"], LISTED, members.get("listed", {})),
        "unlisted": _points(members["kinds"], UNLISTED, members.get("unlisted", {})),
        "needs_key": needs_key,
        "left_out": NO_KEY if needs_key and not secret else "",
    }
    for each_code in members["codes"]:
        if not bits and any(error.pattern.fits(_only(each_code.pattern)) for error in EVERYWHERE):
            raise ValueError(f"codes: {each_code.pattern.text} is an error with every list, so it is no listing")
    return Zone(id=each, _secret=secret, **members)


def _only(each: Pattern) -> Octets:
    """The one address that a pattern stands for; one that nothing fits, when it stands for several."""
    return tuple(low if low == high else -1 for low, high in each.ranges)


def _points(
    kinds: Sequence[SubjectKind], usual: Mapping[SubjectKind, str], own: Mapping[str, str]
) -> dict[SubjectKind, str]:
    """The labels of a test point for each kind."""
    points = {kind: own.get(kind, usual[kind]) for kind in kinds}
    return {kind: text if kind == "domain" else reversed_address(ip_address(text)) for kind, text in points.items()}


def _chosen(zones: Sequence[Zone]) -> tuple[Zone, ...]:
    """Which are not asked because another one is, so that one listing is not counted twice."""
    asked = [zone for zone in zones if not zone.left_out]
    instead = {other: zone.name for zone in asked for other in zone.replaces}
    whole = {name: zone.name for zone in asked if zone.id not in instead for name in zone.contains}
    return tuple(replace(zone, left_out=zone.left_out or _covered(zone, instead, whole)) for zone in zones)


def _covered(zone: Zone, instead: Mapping[str, str], whole: Mapping[str, str]) -> str:
    if zone.id in instead:
        return f"{instead[zone.id]} is asked instead"
    return f"{whole[zone.zone]} has its data" if zone.zone in whole else ""


def _where(each: str) -> str:
    return f"MAILDESK_CONFIG: [blocklists.{each if ID.match(each) else repr(each)}]"

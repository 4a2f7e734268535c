"""The rules: what is measured, and from where on it is an alert. Data in rules.toml, adjusted by the settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import IntEnum, StrEnum
from math import isfinite
from pathlib import Path
from typing import Any

from bot.errors import SettingsError

FILE = Path(__file__).with_name("rules.toml")


class Severity(IntEnum):
    """How bad an alert is. A notice is said once; a critical alert mentions whom the settings name."""

    NOTICE = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class Judgement(StrEnum):
    """What a measured value means to a rule. BETWEEN: not bad enough to begin an alert, not good enough to end one."""

    BAD = "bad"
    BETWEEN = "between"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A value at or above `fires` (at or below it, with `below`) is bad, and good again from `clears` on.

    It has to be bad for `lasting` before there is an alert, and good for `calm` before the alert is over. `least` is
    how much there has to be before the rule looks at all, in the measure's own unit. From `critical` on it is critical.
    What was over for less than `again` and fires again is the same alert, with the same card: it only flapped. A
    reminder comes each `repeat` (None: never). While a rule that it `depends` on fires on the host, it keeps still.
    `title` is what people read, `unit` how a value is written; with `yes_or_no` it is so or it is not, and there is no
    number to tell. `shows` names the buttons that fit.
    """

    name: str
    title: str
    unit: str
    severity: Severity
    fires: float
    clears: float
    critical: float | None = None
    lasting: timedelta = timedelta(0)
    calm: timedelta = timedelta(minutes=5)
    again: timedelta = timedelta(minutes=30)
    repeat: timedelta | None = None
    least: float = 0
    below: bool = False
    yes_or_no: bool = False
    depends: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    enabled: bool = True

    def judge(self, value: float) -> Judgement:
        sign = -1 if self.below else 1
        if sign * value >= sign * self.fires:
            return Judgement.BAD
        return Judgement.GOOD if sign * value <= sign * self.clears else Judgement.BETWEEN

    def severity_of(self, value: float) -> Severity:
        sign = -1 if self.below else 1
        if self.critical is not None and sign * value >= sign * self.critical:
            return Severity.CRITICAL
        return self.severity

    def worse(self, value: float, than: float) -> bool:
        return value < than if self.below else value > than


ADJUSTABLE = ("fires", "clears", "critical", "lasting", "calm", "again", "repeat", "least", "severity", "enabled")
"""What the settings may change of a rule."""

Adjustments = Mapping[str, Mapping[str, Any]]
"""For some rules, by their names, some of ADJUSTABLE; durations as `10m`, severities by their names."""


class Rules:
    """Every rule as it holds for each mail host. In the order of the file: who others depend on comes first."""

    def __init__(self, everywhere: Adjustments = {}, hosts: Mapping[str, Adjustments] = {}) -> None:  # noqa: B006 - read only
        """Raises SettingsError naming every mistake in the adjustments."""
        problems: list[str] = []
        known = load()
        self._everywhere = _adjusted(known, everywhere, "[alerts", problems)
        self._hosts = {
            host: _adjusted(self._everywhere, adjustments, f"[hosts.{host}.alerts", problems)
            for host, adjustments in hosts.items()
        }
        if problems:
            raise SettingsError(problems)

    def of(self, host: str) -> Mapping[str, Rule]:
        return self._hosts.get(host, self._everywhere)


def load(path: Path = FILE) -> dict[str, Rule]:
    """The rules of the file, by name."""
    tables = tomllib.loads(path.read_text())
    return {name: _rule(name, table) for name, table in tables.items()}


def _rule(name: str, table: Mapping[str, Any]) -> Rule:
    values = {member: _value(member, value) for member, value in table.items()}
    return Rule(name=name, **values)


def _value(member: str, value: Any) -> Any:
    """A value as the file has it, as the rule needs it. Raises ValueError with what is wrong with it."""
    match member:
        case "severity":
            try:
                return Severity[str(value).upper()]
            except KeyError:
                raise ValueError("must be notice, warning or critical") from None
        case "repeat" if value == "never":
            return None
        case "repeat" if duration(value) < timedelta(minutes=1):
            raise ValueError("must be at least 1m, or never")
        case "lasting" | "calm" | "again" | "repeat":
            return duration(value)
        case "depends" | "shows":
            return tuple(value)
        case "enabled" | "below" | "yes_or_no":
            if not isinstance(value, bool):
                raise ValueError("must be true or false")
        case "fires" | "clears" | "critical" | "least":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
                raise ValueError("must be a number")
            return float(value)
    return value


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: object) -> timedelta:
    """`90s`, `10m`, `8h` or `3d`. Raises ValueError with what is wrong with it."""
    if isinstance(text, str) and text[:-1].isdecimal() and text[-1:] in UNITS and len(text) < 8:
        return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])
    raise ValueError("must be a time such as 90s, 10m, 8h or 3d")


def _adjusted(rules: Mapping[str, Rule], adjustments: Adjustments, where: str, problems: list[str]) -> dict[str, Rule]:
    """The rules with these changes; each mistake is added to `problems`."""
    adjusted = dict(rules)
    for name, table in adjustments.items():
        place = f"MAILDESK_CONFIG: {where}.{name}]"
        if name not in rules:
            problems.append(f"{place}: there is no such rule; there are {', '.join(rules)}.")
            continue
        if not isinstance(table, Mapping):
            problems.append(f"{place} is not a table.")
            continue
        changes = {}
        for member, value in table.items():
            if member not in ADJUSTABLE:
                problems.append(f"{place}: {member!r} can't be set; there are {', '.join(ADJUSTABLE)}.")
                continue
            try:
                changes[member] = _value(member, value)
            except ValueError as error:
                problems.append(f"{place}: {member} {error}, not {value!r}.")
        rule = replace(rules[name], **changes)
        if rule.judge(rule.clears) is Judgement.BAD:
            side = "above" if rule.below else "below"
            problems.append(
                f"{place}: clears ({rule.clears:g}) has to be {side} fires ({rule.fires:g}), else it would never end."
            )
        adjusted[name] = rule
    return adjusted


assert {each.name for each in fields(Rule)}.issuperset(ADJUSTABLE)

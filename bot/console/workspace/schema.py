"""A small language for the shape of Block Kit JSON, and the check that answers as Slack does.

Every rule has `check(value, at)`, which yields problems in Slack's words, each with the JSON pointer to its place:
`must be less than 3001 characters [json-pointer:/blocks/0/text/text]`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Rule(Protocol):
    def check(self, value: Any, at: str) -> Iterator[str]:
        """Yields what is wrong with `value`, which stands at the JSON pointer `at`."""
        ...


def problem(text: str, at: str) -> str:
    return f"{text} [json-pointer:{at}]"


def length(text: str) -> int:
    """Characters as JavaScript (and Slack) counts them: UTF-16 code units, so an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class String:
    """A string of `least` to `most` characters, of a pattern if one is given."""

    most: int
    least: int = 1
    pattern: str = ""

    def check(self, value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must be a string", at)
            return
        if length(value) > self.most:
            yield problem(f"must be less than {self.most + 1} characters", at)
        if length(value) < self.least:
            yield problem(f"must be more than {self.least - 1} characters", at)
        if self.pattern and not re.fullmatch(self.pattern, value):
            yield problem(f"does not match the pattern {self.pattern}", at)


@dataclass(frozen=True, slots=True)
class Flag:
    def check(self, value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, bool):
            yield problem("must be a boolean", at)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`; whole unless `fraction`."""

    least: float
    most: float
    fraction: bool = False

    def check(self, value: Any, at: str) -> Iterator[str]:
        good = (int, float) if self.fraction else (int,)
        if isinstance(value, bool) or not isinstance(value, good):
            yield problem("must be a number" if self.fraction else "must be an integer", at)
        elif not self.least <= value <= self.most:
            yield problem(f"must be between {self.least} and {self.most}", at)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def check(self, value: Any, at: str) -> Iterator[str]:
        if value not in self.words:
            yield problem(f"must be a valid enum value ({', '.join(self.words)})", at)


@dataclass(frozen=True, slots=True)
class Items:
    """A list of `least` to `most` items."""

    of: Rule
    most: int
    least: int = 1

    def check(self, value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must provide an array", at)
            return
        if len(value) > self.most:
            yield problem(f"no more than {self.most} items allowed", at)
        if len(value) < self.least:
            yield problem(f"no fewer than {self.least} items allowed", at)
        for index, item in enumerate(value):
            yield from self.of.check(item, f"{at}/{index}")


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with the fields named and no others; of each group in `one_of` exactly (`any_of`: at least) one."""

    required: Mapping[str, Rule] = field(default_factory=dict)
    optional: Mapping[str, Rule] = field(default_factory=dict)
    one_of: tuple[tuple[str, ...], ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()

    def check(self, value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must provide an object", at)
            return
        for name in self.required:
            if name not in value:
                yield problem(f"missing required field: {name}", at)
        for name, item in value.items():
            rule = self.required.get(name) or self.optional.get(name)
            if rule is None:
                yield problem(f"invalid additional property: {name}", at)
            else:
                yield from rule.check(item, f"{at}/{name}")
        for group in self.one_of:
            if sum(name in value for name in group) != 1:
                yield problem(f"must provide exactly one of: {', '.join(group)}", at)
        for group in self.any_of:
            if not any(name in value for name in group):
                yield problem(f"must provide one of: {', '.join(group)}", at)


@dataclass(frozen=True, slots=True)
class Kinds:
    """An object whose `type` says which shape it must have; the others are told apart from the unknown by name."""

    shapes: Mapping[str, Shape]

    def check(self, value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must provide an object", at)
            return
        kind = value.get("type")
        shape = self.shapes.get(kind) if isinstance(kind, str) else None
        if kind is None:
            yield problem("missing required field: type", at)
        elif shape is None:
            yield problem(f"unsupported type: {kind}", f"{at}/type")
        else:
            yield from shape.check({name: item for name, item in value.items() if name != "type"}, at)

"""Mistakes in the settings, in words for people: which setting, what it was set to, what it may be."""

from collections.abc import Mapping
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

LONGEST = 60
"""Characters of a value that are repeated."""

BOUNDS = {"ge": "from", "gt": "above", "le": "up to"}


def lines(mistake: ErrorDetails, fields: Mapping[str, FieldInfo]) -> list[str]:
    """A mistake in one setting, or in several together; each line names its setting.

    A value is quoted only where it is a number or one of a few words: whatever else it is could be a secret.
    """
    field = fields.get(str(mistake["loc"][0])) if mistake["loc"] else None
    name = f"{str(mistake['loc'][0]).upper()}: " if mistake["loc"] else ""
    if field and (allowed := _allowed(field)):
        given = repr(mistake["input"])
        return [f"{name}{given if len(given) <= LONGEST else 'this'} is not {allowed}."]
    said = mistake["msg"].removeprefix("Value error, ").split("\n")
    return [line if line.startswith(name.rstrip(" :")) else name + line for line in said]


def _allowed(field: FieldInfo) -> str:
    """What a setting may be, where that is a few words or a range of numbers; else empty."""
    if get_origin(field.annotation) is Literal:
        return f"one of {', '.join(get_args(field.annotation))}"
    if field.annotation not in (int, float):
        return ""
    number = "a whole number" if field.annotation is int else "a number"
    limits = [
        f"{words} {getattr(limit, bound):,}"
        for limit in field.metadata
        for bound, words in BOUNDS.items()
        if hasattr(limit, bound)
    ]
    return " ".join([number, *limits])

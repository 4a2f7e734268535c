"""Named tuples and dataclasses as JSON values, and back.

What comes from the other side of a link is believed in no respect.
"""

from __future__ import annotations

from collections import abc
from types import MappingProxyType
from typing import Any, Iterable, Optional, Type, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """A named tuple or dataclass as plain JSON values: an object."""
    members = _members(value)
    if members is not None:
        return {name: to_json(getattr(value, name)) for name in members}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, (dict, MappingProxyType)):
        return {key: to_json(item) for key, item in value.items()}
    return value


def from_json(kind: Type[T], value: Any) -> T:
    """What to_json() made `value` of, a named tuple or dataclass. Unknown members are ignored: a newer agent says more.

    Raises ValueError when a member is missing or has another type.
    """
    result: T = _build(kind, value)
    return result


def _build(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    origin, args = get_origin(kind), get_args(kind)
    members = _members(kind)
    if members is not None:
        if not isinstance(value, dict):
            raise ValueError(f"{_name(kind)}: an object was expected")
        hints = get_type_hints(kind)
        make: Any = kind
        try:
            return make(**{name: _build(hints[name], item) for name, item in value.items() if name in members})
        except TypeError as error:
            raise ValueError(f"{_name(kind)}: {error}") from None
    if origin is tuple and isinstance(value, list):
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_build(args[0], item) for item in value)
        if len(args) == len(value):
            return tuple(_build(each, item) for each, item in zip(args, value))  # noqa: B905 - Python 3.9
    if origin in (dict, abc.Mapping) and isinstance(value, dict):
        return {key: _build(args[1], item) for key, item in value.items()}
    if type(None) in args:
        return None if value is None else _build(next(arg for arg in args if arg is not type(None)), value)
    if kind is float and type(value) is int:
        return float(value)
    # bool is an int to isinstance(), and True is not a size.
    if kind in (str, int, float, bool) and type(value) is kind:
        return value
    raise ValueError(f"{_name(kind)} was expected, and this came: {str(value)[:80]!r}")


def _members(value: Any) -> Optional[Iterable[str]]:
    """What stands in a named tuple or dataclass; None for all else. (The agent spares itself `import dataclasses`.)"""
    members: Optional[Iterable[str]] = getattr(value, "_fields", getattr(value, "__dataclass_fields__", None))
    return members


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))

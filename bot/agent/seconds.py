"""Postfix's time values (postconf(5)): a number and one of s m h d w, where the unit may be left out."""

from __future__ import annotations

import re
from typing import Optional

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_VALUE = re.compile(r"(\d{1,10})([smhdw]?)\Z")


def seconds(value: str, unit: str) -> Optional[int]:
    """`5d` as 432000; `unit` is the parameter's own where the value has none. None when it is no time value."""
    match = _VALUE.match(value.strip().lower())
    return int(match[1]) * _UNITS[match[2] or unit] if match else None


def lifetime(value: str) -> Optional[int]:
    """A queue lifetime, in seconds; its own unit is days."""
    return seconds(value, "d")

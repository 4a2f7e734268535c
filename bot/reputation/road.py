"""Where a connection really goes: straight to the address that it is for, unless tests or the demo lead it away."""

from __future__ import annotations

from collections.abc import Callable

Road = Callable[[str, int], tuple[str, int]]
"""Address and port that are wanted, to the address and port to connect to."""


def straight(address: str, port: int) -> tuple[str, int]:
    return address, port

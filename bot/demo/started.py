"""What runs between `start()` and `stop()`, as a context manager."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Started(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

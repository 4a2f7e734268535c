"""What can go wrong with Slack, to be switched on per method: the same workspace is the tests' bad day."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

HOOK = "response_url"
UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. `applied`: the call takes effect all the same; not `fails`: it is answered too.

    `delay` in seconds comes first. `late`, in seconds: it takes effect so much after it came, waited for or not.
    """

    name: str
    status: int = 200
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    applied: bool = False
    fails: bool = True
    silent: bool = False
    reset: bool = False
    late: float = 0.0


def rate_limited(retry_after: int = 1) -> Fault:
    """429 with `Retry-After` in seconds."""
    return Fault("rate_limited", 429, "ratelimited", headers={"Retry-After": str(retry_after)})


def server_error(status: int = 503, *, applied: bool = False) -> Fault:
    return Fault("server_error", status, applied=applied)


def no_answer(*, applied: bool = True) -> Fault:
    """The call takes effect and is never answered: the caller's time-out has to end it."""
    return Fault("no_answer", applied=applied, silent=True)


def late(seconds: float) -> Fault:
    """The call is never answered, and takes effect after a while: perhaps when its caller has given up already."""
    return Fault("late", silent=True, late=seconds)


def reset(*, applied: bool = False) -> Fault:
    """The connection is reset instead of an answer."""
    return Fault("reset", applied=applied, reset=True)


def slow(seconds: float) -> Fault:
    return Fault("slow", delay=seconds, applied=True, fails=False)


def refused(error: str, **extra: Any) -> Fault:
    """`{"ok": false, "error": error}`, such as `missing_scope`, `plan_upgrade_required`, `internal_error`."""
    return Fault(error, error=error, extra=extra)


@dataclass(slots=True)
class _Switched:
    pattern: str
    fault: Fault
    left: int | None
    after: int
    met: int = 0


class Faults:
    """The faults that are switched on, oldest first; each call meets at most one."""

    def __init__(self) -> None:
        self._on: list[_Switched] = []

    def add(self, method: str, fault: Fault, times: int | None = None, *, after: int = 0) -> None:
        """Makes the next `times` calls (None: all) of a method fail, sparing the first `after`.

        `method` may be a pattern (`usergroups.*`); `response_url` and `upload` name those addresses.
        """
        self._on.append(_Switched(method, fault, times, after))

    def clear(self, method: str = "*") -> None:
        self._on = [row for row in self._on if not fnmatchcase(row.pattern, method)]

    def met(self, method: str = "*") -> int:
        """How many calls have met a fault that was switched on for this method (or pattern) and still stands."""
        return sum(row.met for row in self._on if fnmatchcase(row.pattern, method))

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets."""
        for row in self._on:
            if not fnmatchcase(method, row.pattern) or row.left == 0:
                continue
            if row.after:
                row.after -= 1
                continue
            row.met += 1
            row.left = None if row.left is None else row.left - 1
            return row.fault
        return None

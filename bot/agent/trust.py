"""Who could have put a file where the agent finds it: nobody but root, or the agent does not run."""

from __future__ import annotations

import os
import stat
from typing import Iterable, Iterator

from bot.agent.errors import AgentError


class Trust:
    """Owners whose files are believed: root, and for the uninstalled agent the user that runs it.

    `sticky` lets a world-writable folder with the sticky bit (/tmp) be a parent: others can't replace what lies in it.
    That too is for the uninstalled agent alone.
    """

    def __init__(self, owners: Iterable[int] = (0,), sticky: bool = False) -> None:
        self._owners = frozenset(owners)
        self._sticky = sticky

    def check(self, path: str) -> None:
        """Raises AgentError(denied) when anyone else can write `path`, or a parent of it, or of what links lead to."""
        for place in dict.fromkeys((*_upwards(os.path.abspath(path)), *_upwards(os.path.realpath(path)))):
            try:
                status = os.lstat(place)
            except OSError as error:
                raise AgentError(
                    "denied", f"{place} can't be examined ({error.strerror}), so nothing was done."
                ) from None
            if status.st_uid not in self._owners:
                raise _refusal(path, place, f"belongs to user {status.st_uid}", f"chown root {place}")
            # A link's own mode says nothing; its target is examined by way of realpath().
            if stat.S_ISLNK(status.st_mode) or not status.st_mode & 0o022:
                continue
            if self._sticky and stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
                continue
            raise _refusal(path, place, "can be written by others than its owner", f"chmod go-w {place}")


def _upwards(path: str) -> Iterator[str]:
    while True:
        yield path
        if path == os.path.dirname(path):
            return
        path = os.path.dirname(path)


def _refusal(path: str, place: str, what: str, mend: str) -> AgentError:
    why = f"{place} {what}" if place == path else f"{place}, above {path}, {what}"
    return AgentError("denied", f"The agent does not run: {why}. Nothing was done. On the mail host: {mend}")

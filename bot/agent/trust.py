"""Who could have put a file where the agent finds it: nobody but root, or the agent does not run."""

from __future__ import annotations

import os
import stat
from typing import Iterable, Iterator, Tuple

from bot.agent.errors import AgentError

MAX_LINKS = 40
"""As path_resolution(7) has it."""


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
        for place, status in _way(path):
            if status.st_uid not in self._owners:
                raise _refusal(path, place, f"belongs to user {status.st_uid}", f"chown root {place}")
            # A link's own mode says nothing, and what it leads to is on the way too.
            if stat.S_ISLNK(status.st_mode) or not status.st_mode & 0o022:
                continue
            sticky = stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)
            if not (sticky and self._sticky):
                mend = f"choose a place outside {place}" if sticky else f"chmod go-w {place}"
                raise _refusal(path, place, "can be written by others than its owner", mend)


def _way(path: str) -> Iterator[Tuple[str, os.stat_result]]:
    """Everything that decides where `path` leads, from `/` down: folders, links where they stand, and their targets."""
    place, links = "/", 0
    rest = os.path.join(os.getcwd(), path).split("/")[::-1]
    yield place, _status(path, place)
    while rest:
        name = rest.pop()
        if name == "..":
            place = os.path.dirname(place)
        elif name not in ("", "."):
            here = os.path.join(place, name)
            status = _status(path, here)
            yield here, status
            if not stat.S_ISLNK(status.st_mode):
                place = here
                continue
            links += 1
            if links > MAX_LINKS:
                raise AgentError("denied", f"{path} leads through too many links, so nothing was done.")
            target = os.readlink(here)
            place = "/" if target.startswith("/") else place
            rest.extend(target.split("/")[::-1])


def _status(path: str, place: str) -> os.stat_result:
    try:
        return os.lstat(place)
    except OSError as error:
        way = "" if place == path else f" on the way to {path}"
        raise AgentError("denied", f"{place}{way} can't be examined ({error.strerror}), so nothing was done.") from None


def _refusal(path: str, place: str, what: str, mend: str) -> AgentError:
    why = f"{place} {what}" if place == path else f"{place}, on the way to {path}, {what}"
    return AgentError("denied", f"The agent does not run: {why}. Nothing was done. On the mail host: {mend}")

"""One look at a mail host: everything that a status needs, asked at once, with what could not be found out."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from bot.agent.protocol import LISTED_QUEUES, Depth, Info, Listing
from bot.errors import HostError, HostUnreachable, MailSystemDown
from bot.mailhost.host import MailHost

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds for one answer; a listing of a hundred thousand messages whose files are not in memory takes 25."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a mail host at one moment (`at`, seconds since the epoch).

    An answer that did not come is None, and `problems` say why, in words that do not repeat the host's name.
    """

    host: str
    at: float
    info: Info | None = None
    depth: Depth | None = None
    listing: Listing | None = None
    problems: tuple[str, ...] = ()
    reachable: bool = True
    said_down: bool = False
    """An answer failed because Postfix does not run."""
    waiting: bool = False
    """An answer may still come; `waited` is for how long it has not, in seconds."""
    waited: float = 0.0

    @property
    def answered(self) -> bool:
        """Something of it is known by now."""
        return bool(self.info or self.depth or self.listing)

    @property
    def silent(self) -> bool:
        """Nothing has come yet, and nothing is known to be wrong."""
        return self.waiting and not self.answered and not self.problems

    @property
    def up(self) -> bool | None:
        """Whether Postfix runs; None: unknown."""
        if self.info and self.info.mail_system_up is not None:
            return self.info.mail_system_up
        if self.said_down:
            return False
        return self.listing.mail_system_up if self.listing else None

    @property
    def counts(self) -> dict[str, int | None]:
        """Messages per queue; None: unknown. The listing's where it is whole, else the directories' own."""
        if self.listing and self.listing.complete:
            queues = self.listing.summary.queues
            listed: dict[str, int | None] = {
                name: queues[name].messages if name in queues else 0 for name in LISTED_QUEUES
            }
            return {**listed, "corrupt": self.depth.queues.get("corrupt") if self.depth else None}
        if self.depth:
            return {name: self.depth.queues.get(name) for name in (*LISTED_QUEUES, "corrupt")}
        return dict.fromkeys((*LISTED_QUEUES, "corrupt"))

    @property
    def queued(self) -> int | None:
        """How many messages are queued, on hold or not; None: unknown."""
        known = [count for name, count in self.counts.items() if name != "corrupt" and count is not None]
        return sum(known) if len(known) == len(LISTED_QUEUES) else None


class Looking:
    """A look under way, at everything at once. Whoever began it calls `stop()`."""

    def __init__(self, host: MailHost, now: Callable[[], datetime]) -> None:
        self._host = host.name
        self._at = now().timestamp()
        self._began = time.monotonic()
        self._info = asyncio.create_task(_answer(host.info()))
        self._depth = asyncio.create_task(_answer(host.depth()))
        self._listing = asyncio.create_task(_answer(host.list()))

    @property
    def tasks(self) -> tuple[asyncio.Task[Any], ...]:
        """One for each question."""
        return (self._info, self._depth, self._listing)

    def seen(self) -> Look:
        """What is known by now. A question that fails leaves its answer unknown; it never fails the look."""
        info, depth, listing = _said(self._info), _said(self._depth), _said(self._listing)
        errors = [answer for answer in (info, depth, listing) if isinstance(answer, HostError)]
        return Look(
            host=self._host,
            at=self._at,
            info=_known(info),
            depth=_known(depth),
            listing=_known(listing),
            problems=tuple(dict.fromkeys(error.text for error in errors)),
            reachable=not (len(errors) == 3 and any(isinstance(error, HostUnreachable) for error in errors)),
            said_down=any(isinstance(error, MailSystemDown) for error in errors),
            waiting=not all(task.done() for task in self.tasks),
            waited=time.monotonic() - self._began,
        )

    async def stop(self) -> None:
        """Wait for no answer any more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def look(host: MailHost, now: Callable[[], datetime]) -> Look:
    """Ask for everything at once, and wait for all of it."""
    looking = Looking(host, now)
    try:
        await asyncio.wait(looking.tasks)
        return looking.seen()
    finally:
        await looking.stop()


def _said(task: "asyncio.Task[T | HostError]") -> T | HostError | None:
    return task.result() if task.done() else None


def _known(answer: T | HostError | None) -> T | None:
    return None if isinstance(answer, HostError) else answer


async def _answer(question: Awaitable[T]) -> T | HostError:
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except HostError as error:
        return error
    except TimeoutError:
        return HostError("", f"no answer within {PATIENCE:.0f} s.")

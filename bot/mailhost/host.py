"""A mail host, as the bot sees it: the agent's verbs as typed coroutines."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bot.agent.outcomes import (
    Deleted,
    Expired,
    Flushed,
    Held,
    Outcome,
    Purged,
    Released,
    Requeued,
    Restored,
    TrashListing,
)
from bot.agent.probed import Probed
from bot.agent.protocol import Cursor, Depth, Identity, Info, Listing, Message, Selection
from bot.mailhost.asking import Agent, Link, Progress, Target

LISTINGS = 2
"""So many listings of one host run at once: each makes Postfix read every queue file."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Change(Generic[R]):
    """The answer to a change: the counts, and what became of each message."""

    result: R
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """Every message that a selection picked, and the summary and page of the same pass over the queue."""

    identities: tuple[Identity, ...]
    listing: Listing


class MailHost:
    """One Postfix instance. What it raises (bot/errors.py) begins with the host's name."""

    def __init__(self, link: Link, instance: str = "default") -> None:
        self.name = link.host
        self._agent = Agent(link, instance)
        self._listings = asyncio.Semaphore(LISTINGS)
        self._under_way: dict[bytes, asyncio.Task[Any]] = {}

    async def close(self) -> None:
        """Stop waiting for answers, and give up the link. What is asked afterwards makes it anew."""
        under_way = tuple(self._under_way.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._agent.close()

    async def info(self) -> Info:
        return await self._question("info", {}, Info)

    async def depth(self) -> Depth:
        return await self._question("depth", {}, Depth)

    async def list(
        self,
        selection: Selection = Selection(),  # noqa: B008 - frozen
        *,
        sort: str = "age",
        limit: int = 0,
        after: Cursor | None = None,
        before: Cursor | None = None,
        behind: int = 0,
    ) -> Listing:
        """A summary of the selection, and with `limit` the entries after (or before) a place in the sort order.

        `sort` is `age` (the oldest first), `size` (the largest first) or `sender`. With `behind`, so many messages of
        the most frequent sender (at most MAX_BEHIND) are read for who submitted them.
        """
        args = {
            "selection": selection,
            "sort": sort,
            "limit": limit,
            "after": after,
            "before": before,
            "behind": behind,
        }
        return await self._question("list", args, Listing)

    async def select(self, selection: Selection) -> tuple[Identity, ...]:
        """Every matching identity, each queue ID once. Raises AgentFault when the queue could not be read whole."""
        return (await self.selected(selection)).identities

    async def selected(self, selection: Selection, *, limit: int = 0) -> Selected:
        """Every matching identity, with the summary of the very same messages and the oldest `limit` of them.

        Raises AgentFault when the queue could not be read whole, AgentRefused when too much matches.
        """
        async with self._listings:
            args = {"selection": selection, "select": True, "limit": limit}
            events = await self._agent.ask("list", args, ())
        identities = self._agent.rows("list", events, "identity", Identity)
        return Selected(identities, self._agent.result("list", events, Listing))

    async def show(self, queue_id: str) -> Message:
        """Raises AgentRefused when there is no such message."""
        return await self._question("show", {"queue_id": queue_id}, Message)

    async def flush(
        self, targets: Sequence[Target] | None = None, *, site: str = "", progress: Progress | None = None
    ) -> Change[Flushed]:
        """Flush some messages, one site, or (without either) everything; see what became of it."""
        if targets is not None and not targets and not site:
            return Change(Flushed(asked=0), ())  # None of them is not all of them.
        return await self._change("flush", {"site": site}, targets or (), Flushed, progress)

    async def hold(
        self,
        targets: Sequence[Target],
        *,
        key: str = "",
        not_after: float | None = None,
        progress: Progress | None = None,
    ) -> Change[Held]:
        """Put messages on hold; the key in the result undoes it.

        The same `key` again finishes what was begun under it. After `not_after` (seconds since the epoch) nothing is
        begun any more, and the result says so.
        """
        args = {"key": key or _key("h"), "not_after": not_after}
        return await self._change("hold", args, targets, Held, progress)

    async def release(self, targets: Sequence[Target], *, progress: Progress | None = None) -> Change[Released]:
        """Release messages from hold, in the way that loses none (see bot/agent/release.py)."""
        return await self._change("release", {}, targets, Released, progress)

    async def release_hold(self, key: str, *, progress: Progress | None = None) -> Change[Released]:
        """Undo one hold: release what it moved and what is still on hold."""
        return await self._change("release", {"key": key}, (), Released, progress)

    async def delete(
        self,
        key: str,
        targets: Sequence[Identity],
        *,
        not_after: float | None = None,
        final: bool = False,
        progress: Progress | None = None,
    ) -> Change[Deleted]:
        """Delete messages, with a way back unless `final` (see bot/agent/deletion.py). A key runs once.

        Asked again with the same key, the agent finishes what it had begun, or only reports. After `not_after`
        (seconds since the epoch) nothing is begun any more, and the result says so.
        """
        args = {"key": key, "not_after": not_after, "final": final}
        return await self._change("delete", args, targets, Deleted, progress)

    async def restore(
        self, key: str, targets: Sequence[Target] = (), *, progress: Progress | None = None
    ) -> Change[Restored]:
        """Bring back what the deletion `key` has in the trash, or some of it; it is closed after that.

        Raises AgentRefused when there is no such deletion.
        """
        return await self._change("restore", {"key": key}, targets, Restored, progress)

    async def trash(self, key: str = "") -> TrashListing:
        """The deletions that this host remembers, or one of them with the messages that are kept of it."""
        return await self._question("trash", {"key": key}, TrashListing)

    async def purge(self, key: str = "", *, not_after: float | None = None) -> Purged:
        """Destroy for good what is past its retention, or what the deletion `key` keeps."""
        events = await self._agent.ask("purge", {"key": key, "not_after": not_after}, ())
        return self._agent.result("purge", events, Purged)

    async def requeue(self, targets: Sequence[Target], *, progress: Progress | None = None) -> Change[Requeued]:
        """Have Postfix take messages in anew, under new queue IDs; held ones are left alone."""
        return await self._change("requeue", {}, targets, Requeued, progress)

    async def expire(
        self,
        key: str,
        targets: Sequence[Identity],
        *,
        not_after: float | None = None,
        progress: Progress | None = None,
    ) -> Change[Expired]:
        """Mark messages as expired: they are sent back to their senders at their next attempt. A key runs once."""
        return await self._change("expire", {"key": key, "not_after": not_after}, targets, Expired, progress)

    async def probe(self, smtp: Sequence[str], compare: Sequence[str] = (), *, wait: int = 25) -> Probed:
        """Connect from the host to addresses on port 25, and to others on port 443 to compare, within `wait` seconds.

        Raises AgentRefused when an address is not public, and nothing was connected to.
        """
        return await self._question("probe", {"smtp": list(smtp), "compare": list(compare), "wait": wait}, Probed)

    async def _question(self, verb: str, args: dict[str, Any], kind: type[R]) -> R:
        """Ask what changes nothing. The same question asked while it is being answered is asked once."""
        asked = self._agent.request(verb, args)
        if asked not in self._under_way:
            self._under_way[asked] = asyncio.create_task(self._answer(verb, args, kind))
            self._under_way[asked].add_done_callback(lambda task: self._answered(asked, task))
        # Who stops waiting must not take the answer away from the others.
        answer: R = await asyncio.shield(self._under_way[asked])
        return answer

    def _answered(self, asked: bytes, task: asyncio.Task[Any]) -> None:
        self._under_way.pop(asked)
        if not task.cancelled():
            task.exception()  # Whoever waited has it by now; where nobody does any more, it is nobody's.

    async def _answer(self, verb: str, args: dict[str, Any], kind: type[R]) -> R:
        if verb != "list":
            return self._agent.result(verb, await self._agent.ask(verb, args, ()), kind)
        async with self._listings:
            return self._agent.result(verb, await self._agent.ask(verb, args, ()), kind)

    async def _change(
        self, verb: str, args: dict[str, Any], targets: Sequence[Target], kind: type[R], progress: Progress | None
    ) -> Change[R]:
        events = await self._agent.ask(verb, args, targets, progress)
        return Change(self._agent.result(verb, events, kind), self._agent.rows(verb, events, "outcome", Outcome))


LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""What keys are made of: nothing that is taken for something else when it is read out."""


def _key(kind: str) -> str:
    """A key that nobody used before, easy to read out: `h-4k2fq9`."""
    return f"{kind}-{''.join(secrets.choice(LETTERS) for _ in range(6))}"

"""A mail host, as the bot sees it: the agent's verbs as typed coroutines."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from bot.agent import protocol
from bot.agent.protocol import (
    Cursor,
    Deleted,
    Depth,
    Expired,
    Flushed,
    Held,
    Identity,
    Info,
    Listing,
    Message,
    Outcome,
    Purged,
    Released,
    Requeued,
    Restored,
    Selection,
    TrashListing,
)
from bot.errors import (
    AgentFault,
    AgentRefused,
    HostBusy,
    HostError,
    HostUnreachable,
    MailSystemDown,
    OutcomeUnknown,
    UserError,
)
from bot.mailhost.link import Event
from bot.text import listed

Progress = Callable[[int, int | None, str], Awaitable[None]]
"""Told how many are done, of how many (None: not known), and with what."""

Target = Identity | str
"""One message that is meant: by its identity, or by a bare queue ID where nothing more is known."""

Events = list[Event]

LISTINGS = 2
"""So many listings of one host run at once: each makes Postfix read every queue file."""

# How long a verb may take, in seconds, before the bot stops waiting.
PATIENCE: Mapping[str, float] = {
    "info": 60,
    "depth": 120,
    "list": 930,
    "show": 60,
    "flush": 1800,
    "hold": 1800,
    "release": 1800,
    "delete": 1800,
    "restore": 1800,
    "trash": 120,
    "purge": 1800,
    "requeue": 1800,
    "expire": 1800,
}

CHANGING = frozenset({"flush", "hold", "release", "delete", "restore", "purge", "requeue", "expire"})

_ERRORS: Mapping[str, type[HostError]] = {
    "bad_request": AgentRefused,
    "denied": AgentRefused,
    "mail_system_down": MailSystemDown,
    "busy": HostBusy,
    "partial": AgentFault,
    "internal": AgentFault,
}


R = TypeVar("R")


class Link(Protocol):
    """What a mail host needs of a link (bot/mailhost/link.py)."""

    host: str

    def ask(self, request: bytes) -> AsyncGenerator[Event, None]: ...


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
        self._link = link
        self._instance = instance
        self._listings = asyncio.Semaphore(LISTINGS)
        self._under_way: dict[bytes, asyncio.Task[Any]] = {}

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
    ) -> Listing:
        """A summary of the selection, and with `limit` the entries after (or before) a place in the sort order.

        `sort` is `age` (the oldest first), `size` (the largest first) or `sender`.
        """
        args = {"selection": selection, "sort": sort, "limit": limit, "after": after, "before": before}
        return await self._question("list", args, Listing)

    async def select(self, selection: Selection) -> tuple[Identity, ...]:
        """Every matching identity, each queue ID once. Raises AgentFault when the queue could not be read whole."""
        async with self._listings:
            events = await self._ask("list", {"selection": selection, "select": True}, ())
        return self._rows("list", events, "identity", Identity)

    async def selected(self, selection: Selection, *, limit: int = 0) -> Selected:
        """Every matching identity, with the summary of the very same messages and the oldest `limit` of them.

        Raises AgentFault when the queue could not be read whole, AgentRefused when too much matches.
        """
        async with self._listings:
            events = await self._ask("list", {"selection": selection, "select": True, "limit": limit}, ())
        return Selected(self._rows("list", events, "identity", Identity), self._result("list", events, Listing))

    async def show(self, queue_id: str) -> Message:
        """Raises AgentRefused when there is no such message."""
        return await self._question("show", {"queue_id": queue_id}, Message)

    async def flush(
        self, targets: Sequence[Target] | None = None, *, site: str = "", progress: Progress | None = None
    ) -> Flushed:
        """Flush some messages, one site, or (without either) everything; see what became of it."""
        if targets is not None and not targets and not site:
            return Flushed(asked=0)  # None of them is not all of them.
        events = await self._ask("flush", {"site": site}, targets or (), progress)
        return self._result("flush", events, Flushed)

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
        events = await self._ask("purge", {"key": key, "not_after": not_after}, ())
        return self._result("purge", events, Purged)

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

    async def _question(self, verb: str, args: dict[str, Any], kind: type[R]) -> R:
        """Ask what changes nothing. The same question asked while it is being answered is asked once."""
        asked = _request(verb, self._instance, args, ())
        if asked not in self._under_way:
            self._under_way[asked] = asyncio.create_task(self._answer(verb, args, kind))
            self._under_way[asked].add_done_callback(lambda _: self._under_way.pop(asked))
        # Who stops waiting must not take the answer away from the others.
        answer: R = await asyncio.shield(self._under_way[asked])
        return answer

    async def _answer(self, verb: str, args: dict[str, Any], kind: type[R]) -> R:
        if verb != "list":
            return self._result(verb, await self._ask(verb, args, ()), kind)
        async with self._listings:
            return self._result(verb, await self._ask(verb, args, ()), kind)

    async def _change(
        self, verb: str, args: dict[str, Any], targets: Sequence[Target], kind: type[R], progress: Progress | None
    ) -> Change[R]:
        events = await self._ask(verb, args, targets, progress)
        return Change(self._result(verb, events, kind), self._rows(verb, events, "outcome", Outcome))

    async def _ask(
        self, verb: str, args: dict[str, Any], targets: Sequence[Target], progress: Progress | None = None
    ) -> Sequence[Event]:
        """The agent's `message` events and, as the last one, its `done`. Raises what its `error` means."""
        events: Events = []
        failure: HostError | None = None
        request = _request(verb, self._instance, args, targets)
        try:
            async with asyncio.timeout(PATIENCE[verb]), aclosing(self._link.ask(request)) as answer:
                async for event in answer:
                    match event:
                        case {
                            "event": "progress",
                            "done": int(done),
                            "total": int() | None as total,
                            "text": str(text),
                        }:
                            if progress:
                                await progress(done, total, text)
                        case {"event": "message"}:
                            events.append(event)
                        case {"event": "done", "result": dict()}:
                            events.append(event)
                        case {"event": "error", "code": str(code), "text": str(text)}:
                            failure = self._failure(verb, code, text)
        except AgentFault as error:
            raise self._fault(verb, error.text) from None
        except TimeoutError:
            raise self._no_answer(verb, f"no answer came within {PATIENCE[verb]:.0f} seconds") from None
        if failure:
            raise failure
        if not events or events[-1]["event"] != "done":
            raise self._no_answer(verb, "the agent broke off before it answered")
        return events

    def _failure(self, verb: str, code: str, text: str) -> HostError:
        if code == "partial" and verb in CHANGING:
            return OutcomeUnknown(self.name, text)
        return _ERRORS.get(code, AgentFault)(self.name, text)

    def _no_answer(self, verb: str, what: str) -> HostError:
        """A change whose answer never came may have happened; a question can just be asked again."""
        if verb in CHANGING:
            return OutcomeUnknown(
                self.name,
                f"{what}, so it is not known whether the {verb} was carried out, wholly or in part. It was not "
                "repeated. Look at the queue before you ask for it again.",
            )
        return HostUnreachable(self.name, f"{what}. Nothing was changed.")

    def _fault(self, verb: str, what: str) -> HostError:
        """An answer that is not understood: what a change did is unknown then too."""
        return self._no_answer(verb, what.rstrip(".")) if verb in CHANGING else AgentFault(self.name, what)

    def _result(self, verb: str, events: Sequence[Event], kind: type[R]) -> R:
        try:
            return protocol.from_json(kind, events[-1]["result"])
        except ValueError as error:
            raise self._fault(verb, f"the agent's answer was not understood: {error}") from None

    def _rows(self, verb: str, events: Sequence[Event], member: str, kind: Callable[..., R]) -> tuple[R, ...]:
        """What stands as `member` in the `message` events."""
        try:
            return tuple(kind(*event[member]) for event in events[:-1] if member in event)
        except TypeError as error:
            raise self._fault(verb, f"the agent's answer was not understood: {error}") from None


class MailHosts(Mapping[str, MailHost]):
    """The configured mail hosts by name, in the order of the settings; names are compared without case."""

    def __init__(self, hosts: Sequence[MailHost]) -> None:
        self._hosts = {host.name: host for host in hosts}

    def __getitem__(self, name: str) -> MailHost:
        for known, host in self._hosts.items():
            if known.lower() == name.lower():
                return host
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)

    def named(self, name: str) -> MailHost:
        """Raises UserError, which names the hosts that there are."""
        try:
            return self[name]
        except KeyError:
            raise UserError(f"There is no mail host named {name!r}. You can say: {listed(list(self), 'or')}.") from None

    def only(self) -> MailHost:
        """The only host. Raises UserError, which asks for one of several."""
        if len(self._hosts) != 1:
            raise UserError(f"Which mail host? There are several: {listed(list(self))}. Name it behind the command.")
        return next(iter(self._hosts.values()))


def _request(verb: str, instance: str, args: Mapping[str, Any], targets: Sequence[Target]) -> bytes:
    """The request's line, and the targets' lines, whose number it announces."""
    members = {name: protocol.to_json(value) for name, value in args.items() if value not in (None, "")}
    if targets:
        members["targets"] = len(targets)
    lines = [json.dumps({"v": protocol.VERSION, "verb": verb, "instance": instance, "args": members})]
    lines += [json.dumps([target]) if isinstance(target, str) else target.line() for target in targets]
    return ("\n".join(lines) + "\n").encode("ascii")


_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def _key(kind: str) -> str:
    """A key that nobody used before, easy to read out: `h-4k2fq9`."""
    return f"{kind}-{''.join(secrets.choice(_LETTERS) for _ in range(6))}"

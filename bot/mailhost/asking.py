"""One request to an agent, and what its answer means: results, what it says went wrong, and silence.

An answer that never came means different things: a change may have happened all the same, a question can be repeated.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from bot.agent import protocol, wire
from bot.agent.protocol import Identity
from bot.errors import (
    AgentFault,
    AgentRefused,
    HostBusy,
    HostError,
    HostUnreachable,
    MailSystemDown,
    OutcomeUnknown,
)
from bot.mailhost import versions
from bot.mailhost.link import BrokenOff, Event

Progress = Callable[[int, int | None, str], Awaitable[None]]
"""Told how many are done, of how many (None: not known), and with what."""

Target = Identity | str
"""One message that is meant: by its identity, or by a bare queue ID where nothing more is known."""

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
    "probe": 120,
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

    async def close(self) -> None: ...


class Agent:
    """The agent of one instance. What it raises (bot/errors.py) begins with the host's name."""

    def __init__(self, link: Link, instance: str) -> None:
        self._link = link
        self._instance = instance
        self._not_known: dict[str, set[str]] = {}
        """By verb, arguments that this agent turned out not to know."""

    async def close(self) -> None:
        """Give up what the link keeps from one request to the next."""
        await self._link.close()

    def request(self, verb: str, args: Mapping[str, Any]) -> bytes:
        """What `ask()` would send for a verb without targets."""
        return request(verb, self._instance, args, ())

    async def ask(
        self, verb: str, args: dict[str, Any], targets: Sequence[Target], progress: Progress | None = None
    ) -> Sequence[Event]:
        """The agent's `message` events and, as the last one, its `done`. Raises what its `error` means.

        What an older agent does not know, and is not needed, is left out from then on.
        """
        without = self._not_known.setdefault(verb, set())
        try:
            known = {name: value for name, value in args.items() if name not in without}
            return await self._ask(verb, known, targets, progress)
        except AgentRefused as error:
            name = versions.left_out(verb, error.text)
            if not name or name in without:
                raise
            without.add(name)
        return await self.ask(verb, args, targets, progress)

    async def _ask(
        self, verb: str, args: dict[str, Any], targets: Sequence[Target], progress: Progress | None
    ) -> Sequence[Event]:
        events: list[Event] = []
        failure: HostError | None = None
        asked = request(verb, self._instance, args, targets)
        try:
            async with asyncio.timeout(PATIENCE[verb]), aclosing(self._link.ask(asked)) as answer:
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
        except BrokenOff as error:
            raise self._no_answer(verb, str(error)) from None
        except TimeoutError:
            raise self._no_answer(verb, f"no answer came within {PATIENCE[verb]:.0f} seconds") from None
        if failure:
            raise failure
        if not events or events[-1]["event"] != "done":
            raise self._no_answer(verb, "the agent broke off before it answered")
        return events

    def _failure(self, verb: str, code: str, text: str) -> HostError:
        if code == "partial" and verb in CHANGING:
            return OutcomeUnknown(self._link.host, text)
        advice = versions.advice(self._link.host, text) if code == "bad_request" else ""
        return _ERRORS.get(code, AgentFault)(self._link.host, f"{text} {advice}".strip())

    def _no_answer(self, verb: str, what: str) -> HostError:
        """A change whose answer never came may have happened; a question can just be asked again."""
        if verb in CHANGING:
            return OutcomeUnknown(
                self._link.host,
                f"{what}, so it is not known whether the {verb} was carried out, wholly or in part. It was not "
                "repeated. Look at the queue before you ask for it again.",
            )
        return HostUnreachable(self._link.host, f"{what}. Nothing was changed.")

    def _fault(self, verb: str, what: str) -> HostError:
        """An answer that is not understood: what a change did is unknown then too."""
        return self._no_answer(verb, what.rstrip(".")) if verb in CHANGING else AgentFault(self._link.host, what)

    def result(self, verb: str, events: Sequence[Event], kind: type[R]) -> R:
        try:
            return wire.from_json(kind, events[-1]["result"])
        except ValueError as error:
            raise self._fault(verb, f"the agent's answer was not understood: {error}") from None

    def rows(self, verb: str, events: Sequence[Event], member: str, kind: Callable[..., R]) -> tuple[R, ...]:
        """What stands as `member` in the `message` events."""
        try:
            return tuple(kind(*event[member]) for event in events[:-1] if member in event)
        except TypeError as error:
            raise self._fault(verb, f"the agent's answer was not understood: {error}") from None


def request(verb: str, instance: str, args: Mapping[str, Any], targets: Sequence[Target]) -> bytes:
    """The request's line, and the targets' lines, whose number it announces."""
    members = {name: wire.to_json(value) for name, value in args.items() if value not in (None, "")}
    if targets:
        members["targets"] = len(targets)
    lines = [json.dumps({"v": protocol.VERSION, "verb": verb, "instance": instance, "args": members})]
    lines += [json.dumps([target]) if isinstance(target, str) else target.line() for target in targets]
    return ("\n".join(lines) + "\n").encode("ascii")

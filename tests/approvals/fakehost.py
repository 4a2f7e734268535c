"""A mail host without a Postfix: an agent that keeps a queue, a trash and its journals in memory.

It speaks the agent's protocol behind a link, so that the real MailHost asks it. A key runs once and is reported when it
is asked for again; `not_after` is honoured; what the next requests meet (nobody there, another change under way, an
agent that dies before, within or after its work) is put on a list. tests/approvals/test_fakehost.py holds it to what
the real agent does.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.agent import requests
from bot.agent.errors import AgentError
from bot.agent.outcomes import Deleted, Deletion, Expired, Held, Purged, Restored, TrashListing
from bot.agent.protocol import (
    ALL_QUEUES,
    Count,
    Depth,
    Identity,
    Info,
    Listing,
    QueuedMessage,
    QueueSummary,
    Summary,
    Tally,
)
from bot.agent.requests import Request, Target
from bot.agent.wire import to_json
from bot.errors import HostUnreachable
from bot.mailhost.link import Event

RETENTION = 7 * 86400

GONE, BUSY, DOWN, DENIED, DEFECT = "nobody there", "busy", "down", "denied", "defect"
DIES_BEFORE, DIES_WITHIN, DIES_AFTER = "dies before its work", "dies within its work", "dies after its work"
NO_ROOM = "no room to keep anything"

_ERRORS = {
    BUSY: AgentError("busy", "Another change is under way on this host, so nothing was changed."),
    DOWN: AgentError("mail_system_down", "Postfix does not run, so nothing was changed."),
    DENIED: AgentError("denied", "This host does not allow it. Nothing was done."),
    DEFECT: AgentError("internal", "The mail host refused: [Errno 5] Input/output error."),
}


class Died(Exception):
    """The agent is gone in the middle of its work."""


@dataclass
class Message:
    identity: Identity
    queue: str = "deferred"
    expired: bool = False

    def matches(self, target: Target) -> bool:
        known = (target.arrival_time, target.message_size, target.sender)
        mine = (self.identity.arrival_time, self.identity.message_size, self.identity.sender)
        return known == (None, None, None) or known == mine


@dataclass
class Journal:
    """What a key was asked for, and how far it came."""

    verb: str
    begun: float
    targets: tuple[Target, ...]
    final: bool = False
    outcomes: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Message] = field(default_factory=dict)
    bytes: int = 0
    under_way: list[str] = field(default_factory=list)
    restored: int = 0
    purged: float | None = None
    destroyed: tuple[int, int] = (0, 0)
    finished: bool = False

    def deleted(self) -> int:
        return sum(outcome == "deleted" for outcome in self.outcomes.values())


class FakeAgent:
    """One mail host, `host`, by `now`. `ahead` is what the next requests that change something meet.

    While there is a `gate`, those that come wait before it until it is open.
    """

    def __init__(self, now: Callable[[], datetime], messages: Iterable[Identity] = (), host: str = "mx1") -> None:
        self.host = host
        self.now = now
        self.queue = {each.queue_id: Message(each) for each in messages}
        self.journals: dict[str, Journal] = {}
        self.ahead: deque[str] = deque()
        self.deletions: list[tuple[str, Identity]] = []
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self._heard = asyncio.Event()

    async def close(self) -> None:
        """Nothing is kept from one request to the next."""

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        """The events of one answer; none at the end when the agent died."""
        asked = requests.read(io.BytesIO(request))
        changes = asked.verb not in ("info", "depth", "list", "trash")
        meets = self.ahead.popleft() if changes and self.ahead else ""
        if meets == GONE:
            raise HostUnreachable(self.host, "the agent can't be started. Nothing was asked of it.")
        if changes:
            self.asked.append(f"{asked.verb} {asked.args['key']}".strip())
            self._heard.set()
        if changes and (gate := self.gate) is not None:
            yield {"event": "progress", "done": 0, "total": len(asked.targets), "text": asked.verb}
            await gate.wait()
            yield {"event": "progress", "done": 1, "total": len(asked.targets), "text": asked.verb}
        try:
            if meets in _ERRORS:
                raise _ERRORS[meets]
            if meets == DIES_BEFORE:
                return
            result, outcomes = _VERBS[asked.verb](self, asked, meets)
        except AgentError as error:
            yield {"event": "error", "code": error.code, "text": error.text}
            return
        except Died:
            return
        if meets == DIES_AFTER:
            return
        for event in outcomes:
            yield event
        yield {"event": "done", "result": to_json(result)}

    async def was_asked(self, times: int) -> None:
        """Return when so many changes have been asked for; `gate` keeps them from going on."""
        while len(self.asked) < times:
            self._heard.clear()
            await self._heard.wait()

    def _info(self, asked: Request, meets: str) -> Any:
        unfinished = tuple(key for key, journal in self.journals.items() if not journal.finished or journal.under_way)
        verbs = tuple(_VERBS)
        return Info("1", 1, "3.11", "default", ("default",), verbs, True, unfinished=unfinished), ()

    def _depth(self, asked: Request, meets: str) -> Any:
        counts = Counter(each.queue for each in self.queue.values())
        queues: dict[str, int | None] = {name: counts[name] for name in ALL_QUEUES}
        return Depth(self.now().timestamp(), queues, mail_system_up=True), ()

    def _list(self, asked: Request, meets: str) -> Any:
        ids = {term.value for term in asked.args["selection"].terms if term.kind == "id"}
        queues = {term.value for term in asked.args["selection"].terms if term.kind == "queue" and not term.negated}
        others = {term.value for term in asked.args["selection"].terms if term.kind == "queue" and term.negated}
        found = [
            each
            for each in self.queue.values()
            if (not ids or each.identity.queue_id in ids)
            and (not queues or each.queue in queues)
            and each.queue not in others
        ]
        found.sort(key=lambda each: (each.identity.arrival_time, each.identity.queue_id))
        summary = Summary(
            messages=len(found),
            bytes=sum(each.identity.message_size for each in found),
            queues={name: QueueSummary(number) for name, number in Counter(each.queue for each in found).items()},
            senders=Tally(tuple(Count(*each) for each in Counter(m.identity.sender for m in found).most_common(5))),
        )
        page = tuple(
            QueuedMessage(
                each.queue,
                each.identity.queue_id,
                each.identity.arrival_time,
                each.identity.message_size,
                each.identity.sender,
            )
            for each in found[: asked.args["limit"]]
        )
        listing = Listing(self._seconds(), total=len(self.queue), summary=summary, page=page)
        return listing, [{"event": "message", "identity": _line(each.identity)} for each in found]

    def _delete(self, asked: Request, meets: str) -> Any:
        key, final = asked.args["key"], asked.args["final"]
        if meets == NO_ROOM and not final and key not in self.journals:
            failed = {target.queue_id: "failed" for target in asked.targets}
            return Deleted(key, counts=_counts(failed), not_kept="the disk is full"), _told(failed, "not_kept")
        journal = self._journal(asked)
        if journal is None:
            return Deleted(key, begun=False, final=final), ()
        if not journal.finished:
            for target in self._work(journal, meets):
                journal.outcomes[target.queue_id] = self._delete_one(key, journal, target)
            journal.finished = True
        answer = Deleted(
            key,
            final=journal.final,
            counts=_counts(journal.outcomes),
            kept_bytes=journal.bytes,
            kept_until=journal.begun + RETENTION if journal.bytes else None,
            restored=journal.restored,
        )
        return answer, _told(journal.outcomes)

    def _delete_one(self, key: str, journal: Journal, target: Target) -> str:
        message = self.queue.get(target.queue_id)
        if message is None:
            return "gone"
        if not message.matches(target):
            return "changed"
        if message.queue == "maildrop":
            return "not_in_queue_yet"
        del self.queue[target.queue_id]
        self.deletions.append((key, message.identity))
        if not journal.final:
            journal.kept[target.queue_id] = message
            journal.bytes += message.identity.message_size
        return "deleted"

    def _hold(self, asked: Request, meets: str) -> Any:
        journal = self._journal(asked)
        if journal is None:
            return Held(asked.args["key"], begun=False), ()
        for target in self._work(journal, meets):
            message = self.queue.get(target.queue_id)
            if message is None or not message.matches(target):
                outcome = "gone" if message is None else "changed"
            else:
                outcome = "already_on_hold" if message.queue == "hold" else "held"
                message.queue = "hold"
            journal.outcomes[target.queue_id] = outcome
        journal.finished = True
        return Held(asked.args["key"], _counts(journal.outcomes)), _told(journal.outcomes)

    def _expire(self, asked: Request, meets: str) -> Any:
        journal = self._journal(asked)
        if journal is None:
            return Expired(asked.args["key"], begun=False), ()
        for target in self._work(journal, meets):
            message = self.queue.get(target.queue_id)
            if message is None or not message.matches(target):
                outcome = "gone" if message is None else "changed"
            else:
                outcome, message.expired = "on_hold" if message.queue == "hold" else "expired", True
            journal.outcomes[target.queue_id] = outcome
        journal.finished = True
        return Expired(asked.args["key"], _counts(journal.outcomes)), _told(journal.outcomes)

    def _restore(self, asked: Request, meets: str) -> Any:
        journal = self.journals.get(asked.args["key"])
        if journal is None or journal.verb != "delete":
            raise _unknown(asked)
        deleted = [queue_id for queue_id, outcome in journal.outcomes.items() if outcome == "deleted"]
        wanted = [target.queue_id for target in asked.targets] or deleted
        outcomes: dict[str, str] = {}
        # What a restore had begun with when it was cut short is finished by the next one, whatever that asks for.
        journal.under_way += [queue_id for queue_id in wanted if queue_id in journal.kept]
        work = [*dict.fromkeys([*journal.under_way, *wanted])]
        for number, queue_id in enumerate(work):
            if meets == DIES_WITHIN and number == len(work) // 2:
                raise Died
            message = journal.kept.get(queue_id)
            if message is None:
                outcomes[queue_id] = "not_in_trash"
            elif queue_id in self.queue:
                outcomes[queue_id] = "in_queue"
            else:
                self.queue[queue_id] = journal.kept.pop(queue_id)
                journal.restored += 1
                outcomes[queue_id] = "on_hold" if message.queue == "hold" else "restored"
        journal.under_way.clear()
        told = {queue_id: outcomes[queue_id] for queue_id in wanted}
        return Restored(asked.args["key"], _counts(told), len(journal.kept)), _told(told)

    def _trash(self, asked: Request, meets: str) -> Any:
        if asked.args["key"] and asked.args["key"] not in self.journals:
            raise _unknown(asked)
        found = tuple(
            Deletion(
                key,
                journal.begun,
                finished=journal.finished and not journal.under_way,
                final=journal.final,
                deleted=journal.deleted(),
                kept=len(journal.kept),
                bytes=sum(each.identity.message_size for each in journal.kept.values()),
                until=journal.begun + RETENTION if journal.kept else None,
                restored=journal.restored,
                purged=journal.purged,
            )
            for key, journal in reversed(self.journals.items())
            if journal.verb == "delete" and asked.args["key"] in ("", key)
        )
        return TrashListing(self._seconds(), found, retention=RETENTION), ()

    def _purge(self, asked: Request, meets: str) -> Any:
        key, not_after, now = asked.args["key"], asked.args["not_after"], self._seconds()
        if key and (key not in self.journals or self.journals[key].verb != "delete"):
            raise _unknown(asked)
        begun = bool(key) and self.journals[key].purged is not None
        if not_after is not None and now > not_after and not begun:
            return Purged(begun=False), ()
        keys, messages, size = [], 0, 0
        for each, journal in self.journals.items():
            if each == key if key else journal.kept and now > journal.begun + RETENTION:
                if journal.purged is None:
                    sizes = [message.identity.message_size for message in journal.kept.values()]
                    journal.destroyed, journal.kept, journal.purged = (len(sizes), sum(sizes)), {}, now
                if journal.destroyed[0]:
                    keys.append(each)
                messages, size = messages + journal.destroyed[0], size + journal.destroyed[1]
        return Purged(tuple(keys), messages, size), ()

    def _journal(self, asked: Request) -> Journal | None:
        """The journal of a key: the one there is, or a new one if it may still begin."""
        key, not_after = asked.args["key"], asked.args["not_after"]
        if key not in self.journals:
            if not_after is not None and self._seconds() > not_after:
                return None
            final = bool(asked.args.get("final"))
            self.journals[key] = Journal(asked.verb, self._seconds(), asked.targets, final)
        journal = self.journals[key]
        if (journal.verb, journal.targets) != (asked.verb, asked.targets):
            raise AgentError("bad_request", f"The key {key} was used for something else on this host.")
        return journal

    def _work(self, journal: Journal, meets: str) -> Iterable[Target]:
        """What is left to do of a journal's own targets; death comes in the middle of it."""
        left = [target for target in journal.targets if target.queue_id not in journal.outcomes]
        for number, target in enumerate(left):
            if meets == DIES_WITHIN and number == len(left) // 2:
                raise Died
            yield target

    def _seconds(self) -> float:
        return self.now().timestamp()

    def put(self, identity: Identity, queue: str = "deferred") -> None:
        """Mail that comes in, or another message under an ID that is free again."""
        self.queue[identity.queue_id] = Message(identity, queue)

    def reuse(self, queue_id: str) -> Identity:
        """Another message under this queue ID."""
        other = self.queue[queue_id].identity._replace(message_size=77, sender="other@example.org")
        self.put(other)
        return other


def _line(identity: Identity) -> list[Any]:
    return [identity.queue_id, identity.arrival_time, identity.message_size, identity.sender]


def _counts(outcomes: dict[str, str]) -> dict[str, int]:
    return dict(Counter(outcomes.values()))


def _told(outcomes: dict[str, str], detail: str = "") -> list[Event]:
    return [{"event": "message", "outcome": [queue_id, outcome, detail]} for queue_id, outcome in outcomes.items()]


def _unknown(asked: Request) -> AgentError:
    return AgentError("bad_request", f"There is no deletion {asked.args['key']} on this host. Nothing was done.")


_VERBS: dict[str, Callable[[FakeAgent, Request, str], Any]] = {
    "info": FakeAgent._info,
    "depth": FakeAgent._depth,
    "list": FakeAgent._list,
    "delete": FakeAgent._delete,
    "hold": FakeAgent._hold,
    "expire": FakeAgent._expire,
    "restore": FakeAgent._restore,
    "trash": FakeAgent._trash,
    "purge": FakeAgent._purge,
}

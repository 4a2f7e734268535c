"""`list`: one streaming pass over the queue that filters, summarises, sorts one page, or selects every match."""

from __future__ import annotations

import contextlib
import heapq
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from bot.agent import matching, protocol
from bot.agent.behind import Newest
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.protocol import (
    AGE_BUCKETS_MINUTES,
    Cursor,
    Identity,
    Listing,
    QueuedMessage,
    QueueSummary,
    Recipient,
)
from bot.agent.reasons import grouped
from bot.agent.report import Entry, Report
from bot.agent.seconds import lifetime
from bot.agent.submitters import Submitters
from bot.agent.tally import Counter

PAGE_RECIPIENTS = 3

EntryKey = Tuple[Any, str]


def listing(system: MailSystem, args: Mapping[str, Any], wanted: Optional[Callable[[Entry], bool]] = None) -> Listing:
    """The summary of a selection and one sorted page. Mail that moves meanwhile can be counted twice or missed.

    `wanted` is asked about each entry that matches, and can leave it out.
    """
    now = time.time()
    page = _Page(args["sort"], args["limit"], args["after"], args["before"])
    matches = matching.compiled(args["selection"], now)
    submitters = Submitters(system, args["selection"])
    broken_off = ""
    report = Report(system.postfix)
    # Asked for while Postfix reads its first queue files.
    lifetimes = system.postfix.parameters(["maximal_queue_lifetime", "bounce_queue_lifetime"])
    summary = _Summary(now, lifetime(lifetimes["maximal_queue_lifetime"]), lifetime(lifetimes["bounce_queue_lifetime"]))
    newest = Newest(args["behind"]) if args["behind"] else None
    total = 0
    with contextlib.closing(report.entries()) as entries:
        for entry in entries:
            total += 1
            try:
                picked = (matches is None or matches(entry)) and submitters.match(entry)
            except AgentError as error:
                if wanted is not None:
                    raise
                broken_off = error.text
                break
            if picked and (wanted is None or wanted(entry)):
                summary.add(entry)
                if args["limit"]:
                    page.add(entry)
                if newest is not None:
                    newest.add(entry)
    counted = summary.result()
    problem = broken_off or " ".join(filter(None, (report.problem, submitters.problem)))
    return Listing(
        taken_at=now,
        complete=report.complete and not problem,
        problem=problem,
        mail_system_up=report.mail_system_up,
        total=total,
        summary=counted,
        page=page.messages(),
        position=page.position(),
        behind=newest.behind(system, counted.senders) if newest is not None else None,
    )


def select(system: MailSystem, args: Mapping[str, Any], tell: Callable[[Identity], None]) -> Listing:
    """Tell of every matching identity as it comes, each queue ID once, and return the listing of those very messages.

    A selection that changes something must not be made from half a queue: raises AgentError when the listing is not
    whole, or when more than MAX_TARGETS match. What was told until then counts for nothing.
    """
    seen = set()

    def first_time(entry: Entry) -> bool:
        queue_id = entry["queue_id"]
        if queue_id in seen:
            return False
        seen.add(queue_id)
        if len(seen) > protocol.MAX_TARGETS:
            raise AgentError(
                "bad_request",
                f"More than {protocol.MAX_TARGETS:,} messages match, and so many at once are refused. Narrow the "
                "selection, for example with older:1d, from:@example.org or a queue's name.",
            )
        tell(identity(entry))
        return True

    found = listing(system, args, first_time)
    if not found.complete:
        raise AgentError(
            "partial", f"The queue could not be listed to its end, so nothing was selected. {found.problem}"
        )
    return found


def identity(entry: Entry) -> Identity:
    return Identity(
        entry["queue_id"], entry["arrival_time"], entry["message_size"], entry["sender"][: protocol.MAX_TEXT]
    )


def queued(entry: Entry, recipients: int = PAGE_RECIPIENTS) -> QueuedMessage:
    """An entry as the protocol has it, with the first few recipients."""
    found = entry["recipients"]
    return QueuedMessage(
        queue_name=entry["queue_name"],
        queue_id=entry["queue_id"],
        arrival_time=entry["arrival_time"],
        message_size=entry["message_size"],
        sender=entry["sender"][: protocol.MAX_TEXT],
        recipients=tuple(
            Recipient(each["address"][: protocol.MAX_TEXT], str(each.get("delay_reason") or "")[: protocol.MAX_TEXT])
            for each in found[:recipients]
        ),
        recipient_count=len(found) + entry.get("more_recipients", 0),
        forced_expire=entry.get("forced_expire") is True,
    )


class _Summary:
    """Counts as entries pass by; what it holds does not grow with them."""

    def __init__(self, now: float, lifetime: Optional[int], bounce_lifetime: Optional[int]) -> None:
        self._now = now
        self._lifetime = lifetime
        self._bounce_lifetime = bounce_lifetime
        self._queues: Dict[str, List[int]] = {}
        self._recipients = 0
        self._oldest: Optional[Entry] = None
        self._expires: Optional[int] = None
        self._soon = now + protocol.EXPIRING_SECONDS
        self._expiring = 0
        self._senders, self._domains, self._reasons = Counter(), Counter(), Counter()
        # For each age the index of its bucket; an age beyond the table is in the last one.
        self._buckets = [0] * (len(AGE_BUCKETS_MINUTES) + 1)

    def add(self, entry: Entry) -> None:
        arrival, size, queue = entry["arrival_time"], entry["message_size"], entry["queue_name"]
        row = self._queues.get(queue)
        if row is None:
            self._queues[queue] = [1, size, arrival, arrival]
        else:
            row[0] += 1
            row[1] += size
            if arrival < row[2]:
                row[2] = arrival
            elif arrival > row[3]:
                row[3] = arrival
        if self._oldest is None or arrival < self._oldest["arrival_time"]:
            self._oldest = entry
        self._buckets[_bucket(self._now - arrival)] += 1
        sender = entry["sender"]
        self._senders.add(sender)
        if queue != "hold":
            lifetime = self._bounce_lifetime if sender == "MAILER-DAEMON" else self._lifetime
            if lifetime is not None:
                expires = arrival + lifetime
                if self._expires is None or expires < self._expires:
                    self._expires = expires
                if expires <= self._soon:
                    self._expiring += 1
        recipients = entry["recipients"]
        self._recipients += len(recipients) + entry.get("more_recipients", 0)
        if len(recipients) == 1:
            recipient = recipients[0]
            self._domains.add(recipient["address"].rpartition("@")[2].lower())
            reason = recipient.get("delay_reason")
            if reason:
                self._reasons.add(grouped(str(reason)))
        else:
            # A message counts once for each domain and each reason among its recipients.
            for domain in {each["address"].rpartition("@")[2].lower() for each in recipients}:
                self._domains.add(domain)
            for reason in {grouped(str(each["delay_reason"])) for each in recipients if each.get("delay_reason")}:
                self._reasons.add(reason)

    def result(self) -> protocol.Summary:
        rows = self._queues.values()
        return protocol.Summary(
            messages=sum(row[0] for row in rows),
            bytes=sum(row[1] for row in rows),
            recipients=self._recipients,
            queues={
                queue: QueueSummary(*self._queues[queue]) for queue in protocol.LISTED_QUEUES if queue in self._queues
            },
            oldest=queued(self._oldest) if self._oldest else None,
            newest=max((row[3] for row in rows), default=None),
            ages=tuple(self._buckets),
            senders=self._senders.tally(),
            domains=self._domains.tally(),
            reasons=self._reasons.tally(),
            expires_at=self._expires,
            expiring=self._expiring,
        )


_MINUTES = tuple(
    sum(1 for limit in AGE_BUCKETS_MINUTES if minute >= limit) for minute in range(AGE_BUCKETS_MINUTES[-1] + 1)
)


def _bucket(age: float) -> int:
    return _MINUTES[min(max(int(age // 60), 0), AGE_BUCKETS_MINUTES[-1])]


_KEYS: Mapping[str, Callable[[Entry], EntryKey]] = {
    "age": lambda entry: (entry["arrival_time"], entry["queue_id"]),
    "size": lambda entry: (-entry["message_size"], entry["queue_id"]),
    "sender": lambda entry: (entry["sender"][: protocol.MAX_TEXT].lower(), entry["queue_id"]),
}


def _edge(sort: str, cursor: Cursor) -> EntryKey:
    """Where a page begins or ends. The cursor's key is the number, or the sender, as people see it."""
    if sort == "sender":
        return cursor.key.lower(), cursor.queue_id
    try:
        number = int(cursor.key[:20])
    except ValueError:
        raise AgentError("bad_request", f"A page sorted by {sort} can't begin at {cursor.key[:40]!r}.") from None
    return (-number if sort == "size" else number), cursor.queue_id


class _Page:
    """Keeps the `limit` entries that come next after one place in the order, or last before it, and no more.

    A page is found by where it begins and not by its number, so that it stays right while the queue moves.
    """

    def __init__(self, sort: str, limit: int, after: Optional[Cursor], before: Optional[Cursor]) -> None:
        if after and before:
            raise AgentError("bad_request", "A page can be after a place or before one, not both.")
        self._key = _KEYS[sort]
        self._limit = limit
        self._after = _edge(sort, after) if after else None
        self._before = _edge(sort, before) if before else None
        self._kept: List[Tuple[EntryKey, Entry]] = []
        self._worst: Optional[EntryKey] = None
        self._in_front = 0

    def add(self, entry: Entry) -> None:
        key = self._key(entry)
        if self._after is not None and key <= self._after:
            self._in_front += 1
            return
        if self._before is not None:
            if key >= self._before:
                return
            self._in_front += 1
        elif self._worst is not None and key >= self._worst:
            return
        self._kept.append((key, entry))
        if len(self._kept) > 8 * self._limit:
            self._shrink()

    def _shrink(self) -> None:
        choose = heapq.nlargest if self._before is not None else heapq.nsmallest
        self._kept = sorted(choose(self._limit, self._kept, key=_first), key=_first)
        if self._kept and self._before is None and len(self._kept) == self._limit:
            self._worst = self._kept[-1][0]

    def messages(self) -> Tuple[QueuedMessage, ...]:
        self._shrink()
        return tuple(queued(entry) for _, entry in self._kept)

    def position(self) -> int:
        """How many entries of the selection stand in front of the page."""
        return self._in_front - len(self._kept) if self._before is not None else self._in_front


def _first(pair: Tuple[EntryKey, Entry]) -> EntryKey:
    return pair[0]

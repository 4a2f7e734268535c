"""Deliveries to other servers, as smtp(8) and the queue manager's scheduler make them: so many at once for each domain.

A destination that could not be reached is left alone for a while, and its mail is suspended without an attempt.
"""

from __future__ import annotations

import fcntl
import heapq
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.demo.queuefile import Envelope, Recipient
from bot.demo.world import Answer, World


@dataclass(slots=True)
class Job:
    """A message in the active queue, as the queue manager remembers it; `pending` deliveries are not over."""

    queue_id: str
    envelope: Envelope
    attempt: int
    pending: int = 0
    deferred: bool = False
    bounced: list[tuple[Recipient, Answer]] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One message's recipients at one destination."""

    job: Job
    recipients: list[Recipient]


@dataclass(slots=True)
class Destination:
    """What waits for one domain, how many talk to its server, and until when that is thought dead."""

    waiting: deque[Entry] = field(default_factory=deque)
    busy: int = 0
    dead_until: float = 0.0
    dead_reason: str = ""


@dataclass(order=True, slots=True)
class Delivery:
    """A conversation with another server that ends at `until`; its queue file stays open, wherever it is moved."""

    until: float
    number: int
    domain: str = field(compare=False)
    entry: Entry = field(compare=False)
    answers: list[Answer] = field(compare=False)
    file: int = field(compare=False)


class Deliveries:
    """All destinations. `pace` is how many seconds of the outside world pass in one, `patience` how many seconds a
    dead destination is left alone. Times in seconds since the epoch.
    """

    def __init__(self, world: World, pace: float, patience: float) -> None:
        self.world = world
        self._pace = pace
        self._patience = patience
        self._destinations: dict[str, Destination] = {}
        self._running: list[Delivery] = []
        self._started = 0

    def wait(self, domain: str, entry: Entry, *, unthrottled: bool) -> None:
        """Queue an entry for its domain, which with `unthrottled` is not thought dead any more."""
        destination = self._destinations.setdefault(domain, Destination())
        if unthrottled:
            destination.dead_until = 0.0
        destination.waiting.append(entry)

    def revive(self) -> None:
        """Think no destination dead."""
        for destination in self._destinations.values():
            destination.dead_until = 0.0

    def begin(self, now: float, path: Callable[[str], str]) -> Iterator[Entry]:
        """Begin what may begin; `path` says where a queue ID's file is. Yields entries whose file is there no more."""
        for domain, destination in self._destinations.items():
            concurrency = self.world.site(domain).concurrency
            while destination.waiting and destination.busy < concurrency:
                entry = destination.waiting.popleft()
                try:
                    file = os.open(path(entry.job.queue_id), os.O_RDWR | os.O_CLOEXEC)
                except FileNotFoundError:
                    yield entry
                    continue
                fcntl.flock(file, fcntl.LOCK_SH)
                destination.busy += 1
                self._started += 1
                answers = self._answers(destination, entry, now)
                delivery = Delivery(self._end(answers, now), self._started, domain, entry, answers, file)
                heapq.heappush(self._running, delivery)

    def over(self, now: float) -> Iterator[Delivery]:
        """The deliveries that have ended by now; each one's file is closed after its turn."""
        while self._running and self._running[0].until <= now:
            delivery = heapq.heappop(self._running)
            destination = self._destinations[delivery.domain]
            destination.busy -= 1
            for answer in delivery.answers:
                if answer.site:
                    destination.dead_until, destination.dead_reason = now + self._patience, answer.text
            yield delivery
            os.close(delivery.file)

    def change(self, world: World, now: float) -> None:
        """Other servers behave differently from now on, also those that are being talked to."""
        before, self.world = self.world, world
        for delivery in self._running:
            if world.site(delivery.domain) != before.site(delivery.domain):
                destination = self._destinations[delivery.domain]
                destination.dead_until = 0.0
                delivery.answers = self._answers(destination, delivery.entry, now)
                delivery.until = self._end(delivery.answers, now)
        heapq.heapify(self._running)

    def next_end(self) -> float | None:
        return self._running[0].until if self._running else None

    def close(self) -> None:
        for delivery in self._running:
            os.close(delivery.file)
        self._running.clear()

    def _answers(self, destination: Destination, entry: Entry, now: float) -> list[Answer]:
        if now < destination.dead_until:
            reason = f"delivery temporarily suspended: {destination.dead_reason}"
            return [Answer("deferred", "4.4.1", reason, 0.0)] * len(entry.recipients)
        age, attempt = now - entry.job.envelope.arrival_time, entry.job.attempt
        return [self.world.answer(recipient.address, age=age, attempt=attempt) for recipient in entry.recipients]

    def _end(self, answers: Sequence[Answer], now: float) -> float:
        return now + max(answer.seconds for answer in answers) / self._pace

"""The demo's queue manager: what qmgr(8), pickup(8) and bounce(8) do to the queue, in one place.

It works on the real queue files, one step at a time; the clock is handed in. Its memory of the active queue is keyed
by queue ID as qmgr(8)'s is, so a message that postsuper(1) took out of the active queue and put back under the same
ID meets what is left of itself and is dropped: the trap that the bot's hold and release must avoid.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable

from bot.demo import bounce, deferlog, maincf, pickup
from bot.demo.delivery import Deliveries, Delivery, Entry, Job
from bot.demo.mail import Mail
from bot.demo.maillog import MailLog
from bot.demo.queuefile import Recipient, parse, quoted
from bot.demo.spool import EXPIRED, READY, UNTHROTTLED, Spool
from bot.demo.world import Answer, World, domain_of

PICKUP_EVERY = 1.0
UNREACHED = ("connect to ", "delivery temporarily suspended: ", "Host or domain name not found")
"""How the texts begin of attempts in which no server was talked to."""


class QueueManager:
    """Works on one spool. `pace` is how many seconds of the outside world pass in one; nothing is done before
    `start()`.

    With `arrival` the queue is alive: deferred mail is tried when it is due, and every `arrival_every` seconds of the
    outside world a message comes in (the number of the arrival, and the time, go in). Else only what is asked for
    happens. Times in seconds since the epoch.
    """

    def __init__(
        self,
        spool: Spool,
        values: dict[str, str],
        world: World,
        log: MailLog,
        *,
        pace: float = 1.0,
        arrival: Callable[[int, float], Mail] | None = None,
        arrival_every: float = 15.0,
    ) -> None:
        self._spool = spool
        self._log = log
        self._arrival = arrival
        self._arrival_every = arrival_every / pace
        self._host = maincf.expanded(values, "myhostname")
        self._run_every = maincf.seconds(values["queue_run_delay"]) / pace
        self._minimal_backoff = maincf.seconds(values["minimal_backoff_time"])
        self._maximal_backoff = maincf.seconds(values["maximal_backoff_time"])
        self._lifetime = maincf.seconds(values["maximal_queue_lifetime"])
        self._bounce_lifetime = maincf.seconds(values["bounce_queue_lifetime"])
        self._deliveries = Deliveries(world, pace, self._minimal_backoff)
        self._jobs: dict[str, Job] = {}
        self._attempts: dict[str, int] = {}
        self._requests: set[str] = set()
        self._next_run = self._next_pickup = self._next_arrival = 0.0
        self._arrived = 0

    def start(self, now: float) -> None:
        """Like qmgr(8): what a former queue manager had taken into the active queue comes in again."""
        for queue_id in list(self._spool.scan("active")):
            os.utime(self._spool.path("active", queue_id), (now, now))
            self._spool.move(queue_id, "active", "incoming")
        self._next_run, self._next_arrival = now + self._run_every, now + self._arrival_every
        self.ask(b"I")

    def ask(self, requests: bytes) -> None:
        """qmgr(8)'s letters: scan Incoming, scan Deferred, All even if not due, Forget the dead; `P`: pickup(8)."""
        self._requests.update(requests.decode("ascii", "replace"))

    def change(self, world: World, now: float) -> None:
        """Other servers behave differently from now on."""
        self._deliveries.change(world, now)

    def step(self, now: float) -> float:
        """Do what is due; returns when there is something to do next."""
        requests, self._requests = self._requests, set()
        if "F" in requests:
            self._deliveries.revive()
        if "P" in requests or now >= self._next_pickup:
            self._next_pickup = now + PICKUP_EVERY
            pickup.collect(self._spool, self._log, self._host, now)
            requests.add("I")
        if self._arrival and now >= self._next_arrival:
            self._next_arrival = now + self._arrival_every
            self._take_in(self._arrival(self._arrived, now))
            self._arrived += 1
            requests.add("I")
        if self._arrival and now >= self._next_run:
            self._next_run = now + self._run_every
            requests.update("ID")
        for delivery in self._deliveries.over(now):
            self._complete(delivery, now)
        requests |= self._requests
        self._requests = set()
        for queue, letter in (("incoming", "I"), ("deferred", "D")):
            if letter in requests:
                self._scan(queue, now, everything="A" in requests)
        for entry in self._deliveries.begin(now, lambda queue_id: self._spool.path("active", queue_id)):
            # postsuper(1) took the message away before its turn came.
            self._settle(entry.job, now)
        self._log.flush()
        return self._next(now)

    def close(self) -> None:
        self._deliveries.close()

    def _next(self, now: float) -> float:
        due = [self._next_pickup]
        if self._arrival:
            due += [self._next_run, self._next_arrival]
        if (end := self._deliveries.next_end()) is not None:
            due.append(end)
        return now if self._requests else min(due)

    # Into the active queue

    def _take_in(self, mail: Mail) -> str:
        queue_id = self._spool.add("incoming", mail.arrival, lambda queue_id: mail.queue_file(queue_id, self._host))
        login = f", sasl_method=PLAIN, sasl_username={mail.login}" if mail.login else ""
        self._log.write("smtpd", f"{queue_id}: client={mail.client[0]}[{mail.client[1]}]{login}")
        return queue_id

    def _scan(self, queue: str, now: float, *, everything: bool) -> None:
        for queue_id in list(self._spool.scan(queue)):
            status = self._spool.status(queue, queue_id)
            if status and (everything or status.st_mtime <= now + 1):
                # Whatever is gone by now was put on hold or deleted since the scan.
                with contextlib.suppress(FileNotFoundError):
                    self._activate(queue, queue_id, status, now)

    def _activate(self, queue: str, queue_id: str, status: os.stat_result, now: float) -> None:
        self._spool.move(queue_id, queue, "active")
        if self._in_delivery(queue_id):
            self._spool.move(queue_id, "active", "incoming")
            return
        if queue_id in self._jobs:
            # The recipients join a job that is left from before; nothing keeps the new message, and it is done with.
            self._remove(queue_id)
            return
        envelope = parse(self._spool.read("active", queue_id))
        if envelope.damage or envelope.sender is None or envelope.headless:
            self._spool.move(queue_id, "active", "corrupt")
            self._log.write("qmgr", f"warning: saving corrupt file {queue_id!r} from queue 'active' to queue 'corrupt'")
            return
        if status.st_mode & UNTHROTTLED:
            os.chmod(self._spool.path("active", queue_id), READY | status.st_mode & EXPIRED)
        job = self._jobs[queue_id] = Job(queue_id, envelope, self._attempts.get(queue_id, 0))
        self._attempts[queue_id] = job.attempt + 1
        undone = [recipient for recipient in envelope.recipients if not recipient.done]
        self._log.write(
            "qmgr", f"{queue_id}: from=<{_sender(job)}>, size={envelope.size}, nrcpt={len(undone)} (queue active)"
        )
        if status.st_mode & EXPIRED:
            self._expire(job, "force-expired", now)
            return
        self._spool.remove("defer", queue_id)
        self._schedule(job, undone, unthrottled=bool(status.st_mode & UNTHROTTLED))
        if not job.pending:
            self._finish(job, now)

    def _in_delivery(self, queue_id: str) -> bool:
        """Whether somebody holds the lock that a delivery takes on its queue file, wherever that was meanwhile."""
        file = os.open(self._spool.path("active", queue_id), os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def _schedule(self, job: Job, recipients: list[Recipient], *, unthrottled: bool) -> None:
        by_domain: dict[str, list[Recipient]] = {}
        for recipient in recipients:
            by_domain.setdefault(domain_of(recipient.address).lower(), []).append(recipient)
        for domain, together in by_domain.items():
            self._deliveries.wait(domain, Entry(job, together), unthrottled=unthrottled)
        job.pending = len(by_domain)

    # Out of the active queue

    def _complete(self, delivery: Delivery, now: float) -> None:
        job = delivery.entry.job
        for recipient, answer in zip(delivery.entry.recipients, delivery.answers, strict=True):
            self._log_attempt(job, recipient, answer, now)
            if answer.status == "deferred":
                job.deferred = True
                entry = deferlog.entry(recipient, status=answer.dsn, reason=answer.text)
                self._spool.append_log("defer", job.queue_id, entry)
                continue
            # Done is done, in whatever queue the file lies by now.
            os.pwrite(delivery.file, b"D", recipient.offset)
            recipient.done = True
            if answer.status == "bounced":
                job.bounced.append((recipient, answer))
        self._settle(job, now)

    def _log_attempt(self, job: Job, recipient: Recipient, answer: Answer, now: float) -> None:
        relay = "none" if answer.text.startswith(UNREACHED) else self._deliveries.world.relay(recipient.address)
        delay = max(0.0, now - job.envelope.arrival_time)
        self._log.write(
            "smtp",
            f"{job.queue_id}: to=<{quoted(recipient.address)}>, relay={relay}, delay={delay:.2f}, "
            f"delays={delay:.2f}/0/0/0, dsn={answer.dsn}, status={answer.status} ({answer.text})",
        )

    def _settle(self, job: Job, now: float) -> None:
        job.pending -= 1
        if job.pending == 0:
            self._finish(job, now)

    def _finish(self, job: Job, now: float) -> None:
        lifetime = self._lifetime if job.envelope.sender else self._bounce_lifetime
        if job.deferred and now >= job.envelope.arrival_time + lifetime:
            self._expire(job, "expired", now)
            return
        del self._jobs[job.queue_id]
        self._return(job, job.bounced, now)
        if job.deferred:
            self._defer(job, now)
        else:
            self._remove(job.queue_id)

    def _defer(self, job: Job, now: float) -> None:
        backoff = min(max(now - job.envelope.arrival_time, self._minimal_backoff), self._maximal_backoff)
        try:
            os.utime(self._spool.path("active", job.queue_id), (now, int(now + backoff)))
            self._spool.move(job.queue_id, "active", "deferred")
        except FileNotFoundError:
            self._log.write("qmgr", f"warning: {job.queue_id}: active -> deferred: No such file or directory")

    def _expire(self, job: Job, how: str, now: float) -> None:
        """Give up: what is not delivered by now goes back to the sender."""
        del self._jobs[job.queue_id]
        self._log.write("qmgr", f"{job.queue_id}: from=<{_sender(job)}>, status={how}, returned to sender")
        reasons = dict(deferlog.read(self._spool.log("defer", job.queue_id)))
        failed = [
            (each, Answer("bounced", "4.4.7", reasons.get(quoted(each.address), "message is administratively expired")))
            for each in job.envelope.recipients
            if not each.done
        ]
        self._return(job, job.bounced + failed, now)
        self._remove(job.queue_id)

    def _return(self, job: Job, failed: list[tuple[Recipient, Answer]], now: float) -> None:
        """Send the sender a non-delivery notification; a notification itself has no sender and is never returned."""
        if failed and job.envelope.sender:
            reasons = [(quoted(recipient.address), answer.dsn, answer.text) for recipient, answer in failed]
            notification = self._take_in(bounce.notification(job.envelope.sender, reasons, self._host, now))
            self._log.write("bounce", f"{job.queue_id}: sender non-delivery notification: {notification}")
            self.ask(b"I")

    def _remove(self, queue_id: str) -> None:
        if self._spool.remove("active", queue_id):
            for log in ("defer", "bounce"):
                self._spool.remove(log, queue_id)
            self._log.write("qmgr", f"{queue_id}: removed")
        self._attempts.pop(queue_id, None)


def _sender(job: Job) -> str:
    return quoted(job.envelope.sender or "")

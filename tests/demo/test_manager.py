"""The demo's queue manager, one step at a time, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.demo import maincf
from bot.demo.mail import Mail
from bot.demo.maillog import MailLog
from bot.demo.manager import QueueManager
from bot.demo.queuefile import parse
from bot.demo.spool import EXPIRED, QUEUES, READY, Spool
from bot.demo.world import World

HOUR, DAY = 3600.0, 86400.0
WORLD = World(
    {
        "ok.test": "accepts",
        "full.test": "quota",
        "grey.test": "greylists",
        "gone.test": "no such domain",
        "far.test": "times out",
        "slow.test": "crawls",
        "x.test": "accepts",
    }
)


class Bench:
    """A spool with a queue manager, and a clock that moves when told to."""

    def __init__(self, folder: Path, arrival: Callable[[int, float], Mail] | None = None) -> None:
        self.now = 1_800_000_000.0
        values = {**maincf.DEFAULTS, "queue_directory": str(folder / "spool"), "myhostname": "mx.test"}
        self.spool = Spool({**values, "enable_long_queue_ids": "yes"})
        self.spool.create()
        self.log = folder / "maillog"
        self._maillog = MailLog(str(self.log), "mx.test", "postfix")
        self.manager = QueueManager(self.spool, values, WORLD, self._maillog, arrival=arrival)
        self.manager.start(self.now)

    def close(self) -> None:
        self.manager.close()
        self._maillog.close()

    def put(self, recipient: str, *, queue: str = "deferred", age: float = HOUR, sender: str = "a@x.test") -> str:
        mail = Mail(sender, (recipient,), "Subject", self.now - age)
        return self.spool.add(
            queue, mail.arrival, lambda queue_id: mail.queue_file(queue_id, "mx.test"), next_attempt=self.now + HOUR
        )

    def after(self, seconds: float, requests: bytes = b"") -> None:
        """Let time pass, with a step whenever the manager wants one."""
        self.manager.ask(requests)
        end = self.now + seconds
        while (wanted := self.manager.step(self.now)) <= end:
            self.now = max(wanted, self.now)
        self.now = end

    def where(self) -> dict[str, str]:
        return {queue_id: queue for queue in QUEUES for queue_id in self.spool.scan(queue)}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


FLUSH = b"FADIP"


def test_deferred_mail_waits_until_it_is_due_or_flushed(bench: Bench) -> None:
    queue_id = bench.put("b@ok.test")
    bench.after(10, b"ID")
    assert bench.where() == {queue_id: "deferred"}
    bench.after(10, FLUSH)
    assert bench.where() == {}


def test_greylisted_mail_goes_at_an_attempt_after_five_minutes(bench: Bench) -> None:
    queue_id = bench.put("b@grey.test", age=100)
    bench.after(10, FLUSH)
    assert bench.where() == {queue_id: "deferred"}
    assert b"Greylisted" in bench.spool.log("defer", queue_id)
    bench.after(200)
    bench.after(10, FLUSH)
    assert bench.where() == {}


def test_the_next_attempt_is_as_far_off_as_the_message_is_old_between_two_bounds(bench: Bench) -> None:
    ages = {bench.put("b@full.test", age=age): wait for age, wait in ((10, 300), (900, 900), (9000, 4000))}
    bench.after(1, FLUSH)
    for queue_id, wait in ages.items():
        status = bench.spool.status("deferred", queue_id)
        assert status is not None
        assert status.st_mtime - bench.now == pytest.approx(wait, abs=2)


def test_mail_for_a_server_that_is_not_reached_is_suspended_until_the_next_flush(bench: Bench) -> None:
    first = bench.put("b@far.test")
    bench.after(10, FLUSH)
    assert b"reason=connect to mail.far.test" in bench.spool.log("defer", first)
    second = bench.put("c@far.test", queue="incoming")
    bench.after(1, b"IA")
    assert b"reason=delivery temporarily suspended: connect to mail.far.test" in bench.spool.log("defer", second)
    bench.after(10, FLUSH)
    assert b"reason=connect to mail.far.test" in bench.spool.log("defer", second)


def test_mail_past_its_lifetime_gets_one_attempt_and_is_returned(bench: Bench) -> None:
    old = bench.put("b@full.test", age=5 * DAY)
    young = bench.put("c@full.test", age=5 * DAY - 60)
    held = bench.put("d@full.test", age=9 * DAY, queue="hold")
    bench.after(10, FLUSH)
    assert bench.where() == {young: "deferred", held: "hold"}
    log = bench.log.read_text()
    assert f"{old}: from=<a@x.test>, status=expired, returned to sender" in log
    # The notification went to the sender, whose server accepts.
    assert "to=<a@x.test>" in log


def test_a_notification_is_never_returned(bench: Bench) -> None:
    bench.put("b@gone.test", sender="")
    bench.after(10, FLUSH)
    assert bench.where() == {}
    assert "notification" not in bench.log.read_text()


def test_a_damaged_queue_file_is_saved_in_corrupt(bench: Bench) -> None:
    queue_id = bench.spool.add("incoming", bench.now, lambda _: b"no queue file")
    bench.after(1, b"I")
    assert bench.where() == {}
    assert bench.spool.read("corrupt", queue_id) == b"no queue file"


def test_what_waits_behind_a_slow_server_is_lost_when_it_is_held_and_released_under_its_id(bench: Bench) -> None:
    ids = [bench.put(f"user{number}@slow.test") for number in range(20)]
    bench.after(1, FLUSH)
    assert set(bench.where().values()) == {"active"}
    for queue_id in ids:
        bench.spool.move(queue_id, "active", "hold")
        bench.spool.move(queue_id, "hold", "deferred")
    bench.after(1, FLUSH)
    # Five were in delivery, and so were locked: they are tried again later. The others are gone.
    assert len(bench.where()) == 5
    assert bench.log.read_text().count(": removed") == 15
    assert "status=sent" not in bench.log.read_text()


def test_requeued_mail_that_waited_behind_a_slow_server_is_kept(bench: Bench) -> None:
    ids = [bench.put(f"user{number}@slow.test") for number in range(20)]
    bench.after(1, FLUSH)
    for queue_id in ids:
        bench.spool.move(queue_id, "active", "maildrop")
    bench.after(2)
    assert len(bench.where()) == 20
    assert not set(ids).intersection(bench.where())


def test_mail_held_during_its_delivery_is_done_where_it_lies(bench: Bench) -> None:
    queue_id = bench.put("b@ok.test")
    bench.manager.ask(FLUSH)
    bench.manager.step(bench.now)
    bench.spool.move(queue_id, "active", "hold")
    bench.after(5)
    assert bench.where() == {queue_id: "hold"}
    assert [recipient.done for recipient in parse(bench.spool.read("hold", queue_id)).recipients] == [True]


def test_an_expired_message_is_returned_without_an_attempt(bench: Bench) -> None:
    queue_id = bench.put("b@ok.test")
    Path(bench.spool.path("deferred", queue_id)).chmod(READY | EXPIRED)
    bench.after(5, FLUSH)
    assert bench.where() == {}
    assert "to=<b@ok.test>" not in bench.log.read_text()


def test_a_living_queue_tries_what_is_due_and_takes_in_new_mail(tmp_path: Path) -> None:
    def arrival(number: int, now: float) -> Mail:
        return Mail("a@x.test", (f"user{number}@ok.test",), "Hello", now)

    bench = Bench(tmp_path, arrival)
    queue_id = bench.put("b@full.test", age=DAY)
    bench.after(HOUR + 40)
    log = bench.log.read_text()
    assert log.count("status=sent") > 200
    assert f"{queue_id}: to=<b@full.test>" in log
    bench.close()


@pytest.mark.parametrize("name", ["accepts", "gmail", "microsoft", "blocklists", "times out"])
def test_the_same_seed_makes_the_same_world(name: str) -> None:
    answers = [World({"d.test": name}, 3).answer("a@d.test", age=9.0, attempt=n).text for n in range(20)]
    assert answers == [World({"d.test": name}, 3).answer("a@d.test", age=9.0, attempt=n).text for n in range(20)]
    assert not any("{" in text for text in answers)

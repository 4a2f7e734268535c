"""What postsuper does, held against a real Postfix and the demo's mail host alike."""

from __future__ import annotations

import stat

import pytest

from tests.demo.subjects import (
    Subject,
    count,
    deferred,
    in_active,
    path_of,
    queue,
    queue_after_flush,
    run,
    sent,
    where,
)
from tests.postfix.waiting import wait_until

UNKNOWN = "FFFFFFFFFF"


# postsuper


@pytest.mark.parametrize(
    ("option", "done", "total"),
    [
        ("-h", "placed on hold", "Placed on hold"),
        ("-d", "removed", "Deleted"),
        ("-r", "requeued", "Requeued"),
        ("-e", "expired", "Force-expired"),
    ],
)
def test_postsuper_says_a_line_for_each_message_and_a_total(host: Subject, option: str, done: str, total: str) -> None:
    first, second, third = deferred(host, 3)
    answer = run(host, "postsuper", option, "-", stdin=f"{first}\n{UNKNOWN}\n{second}\n../x\nALL\n {third}\n\n")
    assert answer.stderr.splitlines() == [
        f"postsuper: {first}: {done}",
        f"postsuper: {second}: {done}",
        "postsuper: warning: invalid mail queue id: ../x",
        f"postsuper: warning: invalid mail queue id:  {third}",
        "postsuper: warning: invalid mail queue id: ",
        f"postsuper: {total}: 2 messages",
    ]
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize("option", ["-h", "-H", "-d", "-r", "-e"])
def test_postsuper_with_nothing_to_do_succeeds(host: Subject, option: str) -> None:
    done = run(host, "postsuper", option, "-", stdin=f"{UNKNOWN}\n")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].endswith(": 0 messages")
    assert len(done.stderr.splitlines()) == 1


def test_hold_and_release_keep_the_id_and_the_reason(host: Subject) -> None:
    (queue_id,) = deferred(host)
    before = queue(host)[queue_id]
    assert run(host, "postsuper", "-h", "-", stdin=f"{queue_id}\n{queue_id}\n").stderr.splitlines() == [
        f"postsuper: {queue_id}: placed on hold",
        "postsuper: Placed on hold: 1 message",
    ]
    assert queue(host)[queue_id] == {**before, "queue_name": "hold"}
    assert run(host, "postsuper", "-H", "-", stdin=f"{queue_id}\n").stderr.splitlines() == [
        f"postsuper: {queue_id}: released from hold",
        "postsuper: Released from hold: 1 message",
    ]
    assert queue(host)[queue_id] == before


def test_only_the_queues_that_are_named_are_touched(host: Subject) -> None:
    (waiting,) = deferred(host)
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    ids = f"{waiting}\n{held}\n"
    assert run(host, "postsuper", "-h", "-", "incoming", "active", stdin=ids).stderr == (
        "postsuper: Placed on hold: 0 messages\n"
    )
    assert run(host, "postsuper", "-d", "-", "hold", stdin=ids).stderr.splitlines() == [
        f"postsuper: {held}: removed",
        "postsuper: Deleted: 1 message",
    ]
    assert where(host) == {waiting: "deferred"}


def test_postsuper_ends_when_it_comes_to_a_queue_that_does_not_exist(host: Subject) -> None:
    first, second = deferred(host, 2)
    done = run(host, "postsuper", "-h", "-", "deferred", "bogus", stdin=f"{first}\n{UNKNOWN}\n{second}\n")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"postsuper: {first}: placed on hold",
        "postsuper: fatal: invalid directory name: bogus",
    ]
    assert where(host) == {first: "hold", second: "deferred"}


def test_all_on_the_command_line_is_everything_and_only_the_total_is_told(host: Subject) -> None:
    deferred(host, 3)
    assert run(host, "postsuper", "-h", "ALL").stderr == "postsuper: Placed on hold: 3 messages\n"
    assert run(host, "postsuper", "-H", "ALL").stderr == "postsuper: Released from hold: 3 messages\n"
    assert run(host, "postsuper", "-d", "ALL").stderr == "postsuper: Deleted: 3 messages\n"
    assert where(host) == {}


def test_deleting_takes_the_defer_log_along(host: Subject) -> None:
    (queue_id,) = deferred(host)
    assert count(host, "defer") == 1
    run(host, "postsuper", "-d", "-", stdin=f"{queue_id}\n")
    assert (where(host), count(host, "defer")) == ({}, 0)


def test_expiring_marks_a_message_once_and_its_next_attempt_returns_it(host: Subject) -> None:
    host.behave("sender.test", "accepts")
    queue_id = host.put("ann@sender.test", ["bob@ok.test"])
    assert "expired\n" in run(host, "postsuper", "-e", "-", stdin=f"{queue_id}\n").stderr
    assert run(host, "postsuper", "-e", "-", stdin=f"{queue_id}\n").stderr == "postsuper: Force-expired: 0 messages\n"
    assert queue(host)[queue_id]["forced_expire"] is True
    assert stat.S_IMODE(path_of(host, queue_id).stat().st_mode) == 0o710
    run(host, "postqueue", "-i", queue_id)
    wait_until(lambda: not where(host), what="it and its notification are gone")
    assert sent(host) == ["ann@sender.test"]
    assert f"{queue_id}: from=<ann@sender.test>, status=force-expired, returned to sender" in host.maillog.read_text()


def test_expire_and_release_in_one(host: Subject) -> None:
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    (waiting,) = deferred(host)
    answer = run(host, "postsuper", "-f", "-", stdin=f"{held}\n{waiting}\n")
    assert answer.stderr.splitlines() == [
        f"postsuper: {held}: expired",
        f"postsuper: {held}: released from hold",
        f"postsuper: {waiting}: expired",
        "postsuper: Force-expired: 2 messages",
        "postsuper: Released from hold: 1 message",
    ]
    assert where(host) == {held: "deferred", waiting: "deferred"}


def test_a_requeued_message_comes_back_under_another_id(host: Subject) -> None:
    (old,) = deferred(host)
    before = queue(host)[old]
    run(host, "postsuper", "-r", "-", stdin=f"{old}\n")
    run(host, "postqueue", "-f")
    wait_until(lambda: list(where(host).values()) == ["deferred"] and old not in where(host), what="it was tried")
    (after,) = queue(host).values()
    assert after["queue_id"] != old
    for member in ("arrival_time", "sender"):
        assert after[member] == before[member]
    assert [each["address"] for each in after["recipients"]] == ["user0@full.test"]
    assert f"orig_id={old}" in host.maillog.read_text()


# What was active


def test_active_mail_held_and_released_under_its_id_can_be_lost(host: Subject) -> None:
    ids = in_active(host, 40)
    text = "".join(f"{queue_id}\n" for queue_id in ids)
    assert "Placed on hold: 40 messages" in run(host, "postsuper", "-h", "-", stdin=text).stderr
    assert "Released from hold: 40 messages" in run(host, "postsuper", "-H", "-", stdin=text).stderr
    run(host, "postqueue", "-f")
    host.behave("stuck.test", "accepts")
    wait_until(lambda: not queue_after_flush(host), what="the queue is empty")
    served = sent(host)
    assert len(served) == len(set(served))
    lost = 40 - len(served)
    # This is what the product must never run into, so the demo must have it too.
    assert lost > 0
    removed = sum(f"{queue_id}: removed" in host.maillog.read_text() for queue_id in ids)
    assert removed >= lost


def test_active_mail_held_and_requeued_is_delivered_once(host: Subject) -> None:
    ids = in_active(host, 40)
    text = "".join(f"{queue_id}\n" for queue_id in ids)
    run(host, "postsuper", "-h", "-", stdin=text)
    host.behave("stuck.test", "accepts")
    # What was in delivery at that moment is done in a moment, and must not be copied before.
    wait_until(lambda: len(sent(host)) == 5, what="the deliveries in progress are over")
    run(host, "postsuper", "-r", "-", "hold", stdin=text)
    wait_until(lambda: not queue_after_flush(host), what="the queue is empty")
    assert sorted(sent(host)) == sorted(f"user{index}@stuck.test" for index in range(40))


def test_a_held_message_whose_delivery_ends_meanwhile_has_no_recipients_left(host: Subject) -> None:
    (queue_id,) = in_active(host, 1)
    run(host, "postsuper", "-h", "-", stdin=f"{queue_id}\n")
    host.behave("stuck.test", "accepts")
    wait_until(lambda: len(sent(host)) == 1, what="it was delivered from hold")
    wait_until(lambda: queue(host)[queue_id]["recipients"] == [], what="the file says so")
    assert where(host) == {queue_id: "hold"}
    run(host, "postsuper", "-H", "-", stdin=f"{queue_id}\n")
    wait_until(lambda: not queue_after_flush(host), what="it is let go")
    assert sent(host) == ["user0@stuck.test"]

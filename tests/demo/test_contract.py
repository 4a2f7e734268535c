"""What Postfix's programs do, held against a real Postfix and the demo's mail host alike."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from bot.demo.host import DemoInstance
from bot.demo.programs import launcher
from bot.demo.world import World
from tests.demo.subjects import DemoSubject, RealSubject, Subject, count, queue, run, sent, where
from tests.postfix.waiting import wait_until

UNKNOWN = "FFFFFFFFFF"


@pytest.fixture(params=["demo", pytest.param("postfix", marks=pytest.mark.real("postfix"))])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """A running host with an empty queue; full.test's mailboxes are full, ok.test accepts, slow.test never answers."""
    if request.param == "demo":
        launcher.write(tmp_path / "bin")
        demo = DemoInstance(tmp_path / "mx", tmp_path / "bin", World({}), alive=False)
        demo.write()
        subject: Subject = DemoSubject(demo)
        subject.start()
    else:
        subject = RealSubject(request.getfixturevalue("postfix"))
    for domain, behaviour in (("full.test", "quota"), ("ok.test", "accepts"), ("slow.test", "crawls")):
        subject.behave(domain, behaviour)
    yield subject
    if request.param == "demo":
        subject.stop()


def deferred(host: Subject, number: int = 1, domain: str = "full.test") -> list[str]:
    """Messages in the deferred queue, due in hours, each with a reason."""
    return [host.put("ann@x.test", [f"user{index}@{domain}"]) for index in range(number)]


def in_active(host: Subject, number: int) -> list[str]:
    """Messages in the active queue: five in delivery to a server that says nothing, the others behind them."""
    host.behave("stuck.test", "quota")
    ids = deferred(host, number, "stuck.test")
    host.behave("stuck.test", "crawls")
    assert run(host, "postqueue", "-f").returncode == 0
    wait_until(lambda: count(host, "active") == number, what="all are active")
    busy = min(number, 5)
    wait_until(lambda: in_delivery(host) == busy, what=f"{busy} are in delivery")
    return ids


# postqueue


def test_the_queue_is_listed_as_one_json_object_a_line(host: Subject) -> None:
    queue_id = host.put("", ["user@full.test"])
    done = run(host, "postqueue", "-j")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    entry = json.loads(line)
    members = ("queue_name", "queue_id", "arrival_time", "message_size", "forced_expire", "sender", "recipients")
    assert tuple(entry) == members
    assert (entry["queue_name"], entry["queue_id"], entry["sender"]) == ("deferred", queue_id, "MAILER-DAEMON")
    assert entry["recipients"][0]["address"] == "user@full.test"
    assert "452 4.2.2" in entry["recipients"][0]["delay_reason"]


def test_an_empty_queue_is_an_empty_listing(host: Subject) -> None:
    done = run(host, "postqueue", "-j")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run(host, "postqueue", "-p").stdout == "Mail queue is empty\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "fatal: usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"),
        (("-x",), "invalid option -- 'x'"),
        (("-i",), "option requires an argument -- 'i'"),
        (("-f", "-j"), "fatal: usage: "),
        (("-f", "extra"), "fatal: usage: "),
        (("-i", "../etc"), 'fatal: Cannot flush queue ID - invalid name: "../etc"'),
        (("-i", ""), 'fatal: Cannot flush queue ID - invalid name: ""'),
        (("-s", "other.test"), 'fatal: Flush service is not configured for destination "other.test"'),
        (("-s", "[192.0.2.1]"), 'fatal: Flush service is not configured for destination "[192.0.2.1]"'),
        (("-s", "two words"), 'fatal: Cannot flush mail queue - invalid destination: "two words"'),
    ],
)
def test_a_wrong_call_of_postqueue_ends_with_69_and_says_why(
    host: Subject, arguments: tuple[str, ...], text: str
) -> None:
    done = run(host, "postqueue", *arguments)
    assert done.returncode == 69
    assert f"postqueue: {text}" in done.stderr


@pytest.mark.parametrize("queue_id", [UNKNOWN, "ALL", "4jYTHY5ZjJzBrXK"])
def test_flushing_an_unknown_id_succeeds_in_silence(host: Subject, queue_id: str) -> None:
    done = run(host, "postqueue", "-i", queue_id)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_flush_of_one_message_leaves_the_others_alone(host: Subject) -> None:
    first, second = deferred(host, 2, "ok.test")
    assert run(host, "postqueue", "-i", first).returncode == 0
    wait_until(lambda: first not in where(host), what="it is delivered")
    assert where(host) == {second: "deferred"}
    assert sent(host) == ["user0@ok.test"]


def test_a_flush_delivers_what_can_be_delivered_and_the_rest_is_deferred_again(host: Subject) -> None:
    (full,) = deferred(host, 1, "full.test")
    deferred(host, 3, "ok.test")
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    before = host_mtime(host, full)
    assert run(host, "postqueue", "-f").returncode == 0
    wait_until(lambda: set(where(host)) == {full, held} and count(host, "deferred") == 1, what="the flush is over")
    assert where(host) == {full: "deferred", held: "hold"}
    assert sorted(sent(host)) == ["user0@ok.test", "user1@ok.test", "user2@ok.test"]
    assert "452 4.2.2" in queue(host)[full]["recipients"][0]["delay_reason"]
    assert host_mtime(host, full) != before


def test_mail_for_a_domain_that_does_not_exist_goes_and_a_notification_comes(host: Subject) -> None:
    host.behave("sender.test", "quota")
    queue_id = host.put("ann@sender.test", ["bob@nowhere.test"])
    run(host, "postqueue", "-i", queue_id)
    wait_until(lambda: list(where(host).values()) == ["deferred"] and queue_id not in where(host), what="it came back")
    (notification,) = queue(host).values()
    assert notification["sender"] == "MAILER-DAEMON"
    assert notification["recipients"][0]["address"] == "ann@sender.test"
    assert f"{queue_id}: sender non-delivery notification: {notification['queue_id']}" in host.maillog.read_text()


def test_a_recipient_that_is_done_is_not_listed_any_more(host: Subject) -> None:
    queue_id = host.put("ann@x.test", ["one@full.test", "two@ok.test"])
    run(host, "postqueue", "-i", queue_id)
    wait_until(lambda: sent(host) == ["two@ok.test"] and count(host, "deferred") == 1, what="one recipient is done")
    assert [each["address"] for each in queue(host)[queue_id]["recipients"]] == ["one@full.test"]


def test_active_mail_has_no_reason_any_more(host: Subject) -> None:
    in_active(host, 8)
    assert [entry["recipients"][0].get("delay_reason") for entry in queue(host).values()] == [None] * 8


@pytest.mark.parametrize("cut", [b"", b"garbage", b"S\x0a", b"A\x19log_ident", bytes(500)])
def test_a_queue_file_without_a_sender_is_not_listed(host: Subject, cut: bytes) -> None:
    (queue_id,) = deferred(host)
    before = queue(host)
    damage(host, queue_id, lambda whole: whole[: whole.index(cut)] if cut in whole else cut)
    done = run(host, "postqueue", "-j")
    assert (done.returncode, done.stderr) == (0, "")
    assert queue(host) == before


@pytest.mark.parametrize("cut", [b"O\x0f", b"R\x0f", b"M\x00", b"N\x10", b"X\x00"])
def test_a_queue_file_that_is_cut_off_behind_its_sender_is_listed(host: Subject, cut: bytes) -> None:
    (queue_id,) = deferred(host)
    damage(host, queue_id, lambda whole: whole[: whole.index(cut) + 1])
    lines = [json.loads(line) for line in run(host, "postqueue", "-j").stdout.splitlines()]
    assert [line["queue_name"] for line in lines] == ["deferred", "hold"]
    assert lines[1] == {**lines[0], "queue_name": "hold"}


def test_a_recipient_in_front_of_the_sender_breaks_the_listing_off(host: Subject) -> None:
    (queue_id,) = deferred(host)
    damage(host, queue_id, lambda whole: whole.replace(b"S\x0a", b"R\x07z@z.org" + b"S\x0a", 1))
    done = run(host, "postqueue", "-j")
    assert [json.loads(line)["queue_name"] for line in done.stdout.splitlines()] == ["deferred"]
    assert (done.returncode, done.stderr) == (69, "postqueue: fatal: malformed showq server response\n")


def damage(host: Subject, queue_id: str, change: Callable[[bytes], bytes]) -> None:
    """Put a changed copy of a deferred queue file into the hold queue."""
    whole = path_of(host, queue_id)
    copy = host.queue_directory / "hold" / queue_id
    copy.write_bytes(change(whole.read_bytes()))
    copy.chmod(0o700)
    shutil.chown(copy, whole.owner())


# While the mail system is down


def test_a_stopped_mail_system_is_listed_with_a_warning(host: Subject) -> None:
    (queue_id,) = deferred(host)
    host.stop()
    done = run(host, "postqueue", "-j")
    assert done.returncode == 0
    assert json.loads(done.stdout)["queue_id"] == queue_id
    assert done.stderr.startswith("postqueue: warning: Mail system is down -- accessing queue directly (")
    host.start()


@pytest.mark.parametrize("arguments", [("-f",), ("-i", UNKNOWN)])
def test_nothing_can_be_flushed_while_the_mail_system_is_down(host: Subject, arguments: tuple[str, ...]) -> None:
    host.stop()
    done = run(host, "postqueue", *arguments)
    assert done.returncode == 69
    assert done.stderr.endswith("postqueue: fatal: Cannot flush mail queue - mail system is down\n")
    host.start()


def test_postfix_status_tells_up_from_down(host: Subject) -> None:
    assert run(host, "postfix", "status").returncode == 0
    host.stop()
    assert run(host, "postfix", "status").returncode == 1
    host.start()
    assert run(host, "postfix", "status").returncode == 0


def test_mail_that_was_active_when_the_system_stopped_is_tried_after_the_start(host: Subject) -> None:
    ids = in_active(host, 8)
    host.stop()
    assert set(where(host)) == set(ids)
    host.behave("stuck.test", "accepts")
    host.start()
    wait_until(lambda: not where(host), what="all are delivered")
    assert sorted(sent(host)) == [f"user{index}@stuck.test" for index in range(8)]


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


# postcat, postconf


def test_postcat_shows_headers_alone(host: Subject) -> None:
    (queue_id,) = deferred(host)
    done = run(host, "postcat", "-q", "-h", queue_id)
    assert done.returncode == 0
    assert "\nFrom: ann@x.test\n" in done.stdout
    assert "\n\n" not in done.stdout
    assert not any(line.startswith("***") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("queue_id", "text"),
    [
        (UNKNOWN, f"fatal: open queue file {UNKNOWN}: No such file or directory"),
        ("bad id", "fatal: bad mail queue ID: bad id"),
    ],
)
def test_postcat_of_an_unknown_id_fails(host: Subject, queue_id: str, text: str) -> None:
    done = run(host, "postcat", "-q", "-h", queue_id)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{host.path('postcat')}: {text}\n")


def test_postconf_prints_names_and_values_and_warns_of_unknown_names(host: Subject) -> None:
    done = run(host, "postconf", "-x", "queue_directory", "nosuch", "hash_queue_names", "relayhost")
    assert done.returncode == 0
    assert done.stdout == f"queue_directory = {host.queue_directory}\nhash_queue_names = deferred, defer\nrelayhost =\n"
    assert done.stderr == f"{host.path('postconf')}: warning: nosuch: unknown parameter\n"


@pytest.mark.parametrize(("program", "status"), [("postqueue", 69), ("postsuper", 1), ("postconf", 1)])
def test_a_configuration_that_is_not_there_is_named(host: Subject, program: str, status: int) -> None:
    arguments = {"postqueue": ["-j"], "postsuper": ["-h", UNKNOWN], "postconf": ["-x", "myhostname"]}[program]
    done = subprocess.run(
        [host.path(program), "-c", "/nonexistent", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert f"{program}: fatal: open /nonexistent/main.cf: No such file or directory" in done.stderr


def test_the_environment_cannot_choose_another_configuration(host: Subject) -> None:
    done = subprocess.run(
        [host.path("postqueue"), "-c", host.config_directory, "-j"],
        env={**os.environ, "MAIL_CONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def in_delivery(host: Subject) -> int:
    """How many active messages are in delivery: who delivers one shares the lock on its file."""
    busy = 0
    for path in (host.queue_directory / "active").iterdir():
        with path.open("rb") as file:
            busy += locks(file, fcntl.LOCK_SH) and not locks(file, fcntl.LOCK_EX)
    return busy


def locks(file: BinaryIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def queue_after_flush(host: Subject) -> dict[str, str]:
    """Where everything is; asks for another attempt first, since a message in delivery is passed over."""
    run(host, "postqueue", "-f")
    return where(host)


def path_of(host: Subject, queue_id: str) -> Path:
    (path,) = (host.queue_directory / "deferred").rglob(queue_id)
    return path


def host_mtime(host: Subject, queue_id: str) -> float:
    return path_of(host, queue_id).stat().st_mtime

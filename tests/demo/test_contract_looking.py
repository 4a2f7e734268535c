"""What postqueue, postcat, postconf and postmap do, held against a real Postfix and the demo's mail host alike."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agent import master
from tests.demo.subjects import (
    Subject,
    count,
    deferred,
    host_mtime,
    in_active,
    path_of,
    queue,
    run,
    sent,
    where,
)
from tests.postfix.waiting import wait_until

UNKNOWN = "FFFFFFFFFF"


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


def test_the_masters_lock_tells_up_from_down_too(host: Subject) -> None:
    lock_file = host.queue_directory / "pid" / "master.pid"
    assert master.runs(str(lock_file)) is True
    assert int(lock_file.read_text()) > 0
    host.stop()
    assert master.runs(str(lock_file)) is False
    host.start()
    assert master.runs(str(lock_file)) is True


def test_mail_that_was_active_when_the_system_stopped_is_tried_after_the_start(host: Subject) -> None:
    ids = in_active(host, 8)
    host.stop()
    assert set(where(host)) == set(ids)
    host.behave("stuck.test", "accepts")
    host.start()
    wait_until(lambda: not where(host), what="all are delivered")
    assert sorted(sent(host)) == [f"user{index}@stuck.test" for index in range(8)]


# postcat, postconf, postmap


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


@pytest.mark.parametrize(
    ("key", "table", "status", "said", "complaint"),
    [
        ("*", "texthash:{file}", 0, "smtp:[relay.test]:587\n", ""),
        ("ONE.test", "texthash:{file}", 0, "local:\n", ""),
        ("two.test", "texthash:{file}", 1, "", ""),
        ("*", "static:smtp:[a.test]", 0, "smtp:[a.test]\n", ""),
        ("*", "texthash:{file}.gone", 1, "", "fatal: open database {file}.gone: No such file or directory"),
        ("*", "nonsense:{file}", 1, "", "fatal: unsupported dictionary type: nonsense"),
    ],
)
def test_postmap_finds_a_line_or_ends_with_1(
    host: Subject, tmp_path: Path, key: str, table: str, status: int, said: str, complaint: str
) -> None:
    file = tmp_path / "transport"
    file.write_text("# where mail goes\none.test local:\n\n* smtp:[relay.test]:587\n")
    done = run(host, "postmap", "-q", key, table.format(file=file))
    complaint = f"postmap: {complaint.format(file=file)}\n" if complaint else ""
    assert (done.returncode, done.stdout, done.stderr) == (status, said, complaint)


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

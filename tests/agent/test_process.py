"""The agent as a process: what its caller left behind, listeners that go, and two changes at once."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from bot.agent import __main__ as agent_main
from bot.agent import requests, trash
from bot.agent.errors import AgentError
from bot.agent.trust import Trust
from tests.agent.standin import REPOSITORY, Answer, StandIn, answer_of, entry, lines, request
from tests.postfix.filling import Spooled, queue_file

IDS = ["AAAAAA", "BBBBBB", "CCCCCC"]


def start(standin: StandIn, before: Callable[[], object] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        standin.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
        preexec_fn=before,
    )


def ended(process: subprocess.Popen[bytes], data: bytes = b"") -> Answer:
    stdout, stderr = process.communicate(data, timeout=30)
    return answer_of(process.returncode, stdout, stderr.decode())


def spool(standin: StandIn, queue: str = "deferred") -> None:
    """Real queue files, and a postsuper that moves them as the real one does, slowly if `slow` is there."""
    for queue_id in IDS:
        folder = standin.queue_directory / queue
        if queue == "deferred":
            folder /= queue_id[0]
            folder.mkdir(mode=0o700)
        content, _ = queue_file(Spooled("ann@x.test", {"bob@y.test": None}, 1_700_000_000.5), queue_id, "mx.test")
        (folder / queue_id).write_bytes(content)
        (folder / queue_id).chmod(0o700)
    standin.does(
        "postsuper",
        f"""cd {standin.queue_directory}
        while read id; do
            [ -e {standin.folder}/slow ] && sleep 0.2
            [ -e deferred/${{id%?????}}/$id ] || continue
            mv deferred/${{id%?????}}/$id hold/$id
            echo "postsuper: $id: placed on hold" >&2
        done""",
    )


def held(standin: StandIn) -> list[str]:
    return sorted(path.name for path in (standin.queue_directory / "hold").iterdir())


def test_a_caller_that_ignores_its_children_does_not_make_failures_look_like_success(standin: StandIn) -> None:
    standin.says("postqueue", b"", "postqueue: fatal: Queue report unavailable - mail system is down", 69)
    answer = ended(start(standin, lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)), request("list"))
    assert answer.code == "mail_system_down"


def test_signals_that_the_caller_blocked_are_not_blocked_here(standin: StandIn) -> None:
    mask = set(signal.Signals)
    answer = ended(start(standin, lambda: signal.pthread_sigmask(signal.SIG_BLOCK, mask)), request("list"))
    assert answer.result["total"] == 0


def test_a_request_that_does_not_come_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_main, "REQUEST_SECONDS", 1)
    silent, talking = os.pipe()
    usual = signal.getsignal(signal.SIGALRM)
    with os.fdopen(silent) as stdin, os.fdopen(talking, "w"):
        monkeypatch.setattr("sys.stdin", stdin)
        try:
            with pytest.raises(AgentError, match="did not come within 1 seconds"):
                agent_main._request()
        finally:
            signal.signal(signal.SIGALRM, usual)


def test_a_listener_that_left_means_that_nothing_more_is_looked_for(standin: StandIn) -> None:
    (standin.programs / ".many").write_bytes(lines(entry(f"{number:06X}") for number in range(20_000)))
    standin.does(
        "postqueue", f"until [ -e {standin.folder}/go ]; do sleep 0.02; done; exec cat {standin.programs}/.many"
    )
    process = start(standin)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(request("list", select=True))
    process.stdin.close()
    process.stdout.close()
    (standin.folder / "go").touch()
    assert process.wait(30) == 70
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("verb", ["hold", "release", "flush", "requeue", "expire"])
def test_a_listener_that_left_before_a_change_began_means_that_nothing_is_done(standin: StandIn, verb: str) -> None:
    spool(standin)
    process = start(standin)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(request(verb, IDS, **({"key": "h-4k2f"} if verb in ("hold", "expire") else {})))
    process.stdin.close()
    assert process.wait(30) == 70
    assert process.stderr.read() == b""
    process.stderr.close()
    assert not any(line.startswith(("postsuper", "postqueue")) for line in standin.ran())
    assert held(standin) == []
    assert standin.ask("info").result["unfinished"] == []


def test_a_change_whose_listener_left_is_finished_and_recorded(standin: StandIn) -> None:
    spool(standin)
    (standin.folder / "slow").touch()
    process = start(standin)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(request("hold", IDS, key="h-4k2f"))
    process.stdin.close()
    _until(lambda: held(standin) != [])
    process.stdout.close()
    process.stderr.close()
    assert process.wait(30) == 0
    assert held(standin) == IDS
    info = standin.ask("info").result
    assert info["unfinished"] == []
    standin.does("postsuper", "exit 0")
    answer = standin.ask("release", key="h-4k2f")
    assert answer.result["counts"] == {"failed": 3}  # this postsuper releases nothing, and it is told so


def test_a_second_change_waits_for_the_first(standin: StandIn) -> None:
    spool(standin)
    (standin.folder / "slow").touch()
    first = start(standin)
    assert first.stdin
    first.stdin.write(request("hold", IDS, key="h-1111"))
    first.stdin.close()
    first.stdin = None
    _until(lambda: held(standin) != [])
    second = standin.ask("hold", IDS, key="h-2222")
    assert second.result["counts"] == {"already_on_hold": 3}
    assert ended(first).result["counts"] == {"held": 3}


def test_a_change_that_waits_too_long_is_told_to_come_again(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "LOCK_SECONDS", 0.2)
    trust = Trust({0, os.geteuid()}, sticky=True)
    first, second = (trash.Trash(standin.instance, str(standin.queue_directory), trust) for _ in range(2))
    first.prepare()
    first.lock()
    with pytest.raises(AgentError, match="Another change is under way on this host, so nothing was changed") as caught:
        second.lock()
    assert caught.value.code == "busy"
    first.unlock()
    second.lock()
    second.unlock()


def test_a_failed_attempt_at_the_very_first_message_of_a_flush_is_no_half_done_change(standin: StandIn) -> None:
    standin.says("postqueue", b"", "postqueue: fatal: Cannot flush mail queue - mail system is down", 69)
    for answer in (standin.ask("flush"), standin.ask("flush", IDS), standin.ask("flush", site="y.test")):
        assert answer.code == "mail_system_down"
        assert answer.status == 69


def test_a_flush_that_fails_after_some_messages_is_told_as_one_done_in_part(standin: StandIn) -> None:
    standin.does("postqueue", '[ "$4" = BBBBBB ] || exit 0; echo "postqueue: fatal: mail system is down" >&2; exit 69')
    answer = standin.ask("flush", IDS)
    assert answer.code == "partial"
    assert "carried out in part" in answer.last["text"]


def test_a_site_with_more_messages_than_can_be_flushed_one_by_one_is_refused_before_any_is(standin: StandIn) -> None:
    rows = lines(entry(f"{number:06X}", recipients=[{"address": "a@y.test"}]) for number in range(1001))
    (standin.programs / ".many").write_bytes(rows)
    standin.does(
        "postqueue",
        f'[ "$3" = -j ] && exec cat {standin.programs}/.many\n'
        '[ "$3" = -s ] && echo "postqueue: fatal: Flush service is not configured for destination" >&2\nexit 69',
    )
    answer = standin.ask("flush", site="y.test")
    assert (answer.code, answer.status) == ("bad_request", 64)
    assert "1,001 messages wait for y.test" in answer.last["text"]
    assert not any(" -i " in line for line in standin.ran())


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        select.select([], [], [], 0.01)


def test_every_verb_has_its_requests_checked() -> None:
    assert set(agent_main._VERBS) == set(requests._ARGUMENTS)

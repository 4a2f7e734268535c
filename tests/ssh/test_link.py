"""The ssh link on a real sshd whose forced command is a few lines of Python: trust, patience, repair, bounds."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
from pathlib import Path

import pytest

from bot import errors
from bot.mailhost import sshconnection
from tests.mailhost.agents import DEPTH, HELD, says
from tests.postfix.waiting import eventually
from tests.ssh.server import PrivateSSHD, free_port, keygen

CUT = "the connection to 127[.]0[.]0[.]1 was cut"

pytestmark = [pytest.mark.real("sshd"), pytest.mark.real("sudo")]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between attempts are tested where they are the subject."""
    monkeypatch.setattr(sshconnection, "PAUSES", (0.0,))


def answers(sshd: PrivateSSHD, script: str) -> None:
    """Let the bot in, for an agent that is this piece of Python."""
    path = sshd.user.home / "agent.py"
    path.write_text("import json, os, signal, sys, time\n" + script)
    path.chmod(0o755)
    sshd.authorize(f"{Path('/usr/bin/python3')} -I {path}")


async def test_an_answer_comes_through_and_the_connection_is_made_once(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    host = sshd.host()
    for _ in range(3):
        assert (await host.depth()).queues == {"deferred": 3, "hold": None}
    assert sshd.accepted() == 1
    await host.close()
    await eventually(lambda: sshd.connections() == [])
    assert (await host.depth()).taken_at == 1.0, "what is asked after that connects anew"
    await host.close()


async def test_what_is_asked_for_is_a_fixed_word_and_the_forced_command_decides(sshd: PrivateSSHD) -> None:
    answers(sshd, f"open('asked', 'w').write(os.environ['SSH_ORIGINAL_COMMAND'])\n{says(DEPTH)}")
    host = sshd.host()
    await host.depth()
    await host.close()
    assert (sshd.user.home / "asked").read_text() == "maildesk-agent"


async def test_a_hundred_thousand_targets_and_events_pass_each_other(sshd: PrivateSSHD) -> None:
    lines = (
        "head = sys.stdin.readline()\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'event': 'message', 'outcome': [*json.loads(line), 'held', '']}))\n"
        f"print({HELD!r})\n"
    )
    answers(sshd, lines)
    host = sshd.host()
    held = await host.hold([f"{number:06X}" for number in range(100_000)])
    await host.close()
    assert len(held.outcomes) == 100_000
    assert held.outcomes[-1].queue_id == f"{99_999:06X}"


async def test_an_event_may_be_long_but_not_without_end(sshd: PrivateSSHD) -> None:
    answers(sshd, 'sys.stdout.write(\'{"event": "message", "x": "\' + \'y\' * 20_000_000 + \'"}\\n\')')
    host = sshd.host()
    with pytest.raises(errors.OutcomeUnknown, match="too long"):
        await host.hold(["ABCDEF"])
    await host.close()


# Trust ----------------------------------------------------------------------------------------------------------------


async def test_a_host_that_no_file_knows_is_not_asked(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    sshd.known_hosts.unlink()
    with pytest.raises(errors.HostUnreachable) as refused:
        await sshd.host().depth()
    said = str(refused.value)
    assert f"{sshd.known_hosts} can't be read (No such file or directory). Nothing was asked of it." in said
    assert f"`ssh-keyscan -p {sshd.port} -t ed25519 127.0.0.1 >> {sshd.known_hosts}`" in said
    assert "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host itself" in said
    assert sshd.accepted() == 0


async def test_an_unknown_host_key_is_shown_and_not_believed(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    keygen(sshd.folder / "other")
    sshd.known_hosts.write_text(f"mx9.example.org {(sshd.folder / 'other.pub').read_text()}")
    host = sshd.host()
    with pytest.raises(errors.HostUnreachable) as refused:
        await host.depth()
    said = str(refused.value)
    assert f"does not say which host key [127.0.0.1]:{sshd.port} has. What answered has ED25519 {seen(sshd)}." in said
    assert sshd.accepted() == 0
    # The command that it names makes it known.
    scan = said.partition("To make it known: `")[2].partition("`")[0]
    assert await (await asyncio.create_subprocess_shell(f"{scan} 2>/dev/null")).wait() == 0
    assert (await host.depth()).taken_at == 1.0
    await host.close()


async def test_a_changed_host_key_is_said_loudly_with_both(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    real = seen(sshd)
    keygen(sshd.folder / "other")
    sshd.know(sshd.folder / "other")
    with pytest.raises(errors.HostUnreachable) as refused:
        await sshd.host().hold(["ABCDEF"])
    said = str(refused.value)
    assert f"THE HOST KEY OF [127.0.0.1]:{sshd.port} IS ANOTHER ONE" in said
    assert f"it has ED25519 {fingerprint(sshd.folder / 'other')}, and what answered has ED25519 {real}." in said
    assert f"`ssh-keygen -R '[127.0.0.1]:{sshd.port}' -f {sshd.known_hosts}`" in said
    assert sshd.accepted() == 0


async def test_a_revoked_host_key_is_not_believed(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    sshd.known_hosts.write_text(sshd.known_hosts.read_text() + "@revoked " + sshd.known_hosts.read_text())
    with pytest.raises(errors.HostUnreachable, match="Host key is revoked"):
        await sshd.host().depth()


@pytest.mark.parametrize("content", ["not a line of it\n@cert\n", b"\xff\xfe\x00"])
async def test_a_file_that_is_none_is_said(sshd: PrivateSSHD, content: str | bytes) -> None:
    sshd.known_hosts.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(errors.HostUnreachable, match=r"known_hosts (is no known_hosts file|does not say)"):
        await sshd.host().depth()


async def test_a_hashed_file_is_understood(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    hashing = ["ssh-keygen", "-q", "-H", "-f", str(sshd.known_hosts)]
    assert await (await asyncio.create_subprocess_exec(*hashing)).wait() == 0
    assert "127.0.0.1" not in sshd.known_hosts.read_text()
    host = sshd.host()
    assert (await host.depth()).taken_at == 1.0
    await host.close()


def seen(sshd: PrivateSSHD) -> str:
    return fingerprint(sshd.folder / "host_key")


def fingerprint(key: Path) -> str:
    """As ssh-keygen(1) tells it."""
    told = subprocess.run(["ssh-keygen", "-lf", key.with_suffix(".pub")], capture_output=True, text=True, check=True)
    return told.stdout.split()[1]


# The bot's own key ----------------------------------------------------------------------------------------------------


async def test_a_key_that_the_host_does_not_know_is_named(sshd: PrivateSSHD) -> None:
    keygen(sshd.folder / "other")
    sshd.authorize("true", key=sshd.folder / "other")
    with pytest.raises(errors.HostUnreachable) as refused:
        await sshd.host().hold(["ABCDEF"])
    said = str(refused.value)
    assert f"does not let {sshd.user.name} in with the key {sshd.key} (ED25519 {fingerprint(sshd.key)})" in said
    assert "maildesk agent install mx1" in said


async def test_a_key_that_can_not_be_used_is_said_with_the_command_that_mends_it(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    host = sshd.host()
    sshd.key.chmod(0o644)
    with pytest.raises(errors.HostUnreachable, match=r"others can read .*: `chmod 600 "):
        await host.depth()
    sshd.key.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(sshd.key)]
    assert await (await asyncio.create_subprocess_exec(*change, stdout=asyncio.subprocess.DEVNULL)).wait() == 0
    with pytest.raises(errors.HostUnreachable, match=r"has a passphrase, .*ssh-keygen -p -N '' -f "):
        await host.depth()
    sshd.key.write_text("nothing\n")
    with pytest.raises(errors.HostUnreachable, match="is no private key"):
        await host.depth()
    sshd.key.unlink()
    with pytest.raises(errors.HostUnreachable, match=r"can't be read .*ssh-keygen -t ed25519 -N '' -f "):
        await host.depth()


async def test_neither_an_ssh_agent_nor_the_users_own_configuration_is_used(
    sshd: PrivateSSHD, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(sshd, says(DEPTH))
    home = sshd.folder / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text("Host *\n  Port 9\n  ForwardAgent yes\n  ProxyCommand false\n")
    (home / ".ssh" / "ca-bundle.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (home / ".ssh" / "id_ed25519").write_bytes(sshd.key.read_bytes())
    (home / ".ssh" / "known_hosts").write_text(sshd.known_hosts.read_text())
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "nobody-listens-here"))
    host = sshd.host()
    assert (await host.depth()).taken_at == 1.0
    await host.close()
    keygen(sshd.folder / "other")
    with pytest.raises(errors.HostUnreachable, match="does not let"):
        await sshd.host(key=str(sshd.folder / "other")).depth()
    sshd.known_hosts.write_text("\n")
    with pytest.raises(errors.HostUnreachable, match="does not say which host key"):
        await sshd.host().depth()


# What does not answer -------------------------------------------------------------------------------------------------


async def test_a_host_that_refuses_was_asked_nothing(sshd: PrivateSSHD) -> None:
    with pytest.raises(errors.HostUnreachable, match=r"can't be connected to: Connection refused\. Nothing was asked"):
        await sshd.host(port=free_port()).hold(["ABCDEF"])


async def test_a_host_that_is_frozen_is_given_up_in_time(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    sshd.freeze()
    with pytest.raises(errors.HostUnreachable, match=r"did not let the bot log in within 1 s, so nothing was asked"):
        await sshd.host(timeout=1.0).hold(["ABCDEF"])
    sshd.freeze(signal.SIGCONT)


async def test_a_connection_that_goes_silent_is_given_up_and_made_anew(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    host = sshd.host(timeout=2.0)
    await host.depth()
    sshd.freeze()
    with pytest.raises(errors.HostUnreachable, match=r"(?i)nothing was asked of it"):
        await host.hold(["ABCDEF"])
    sshd.freeze(signal.SIGCONT)
    await eventually(lambda: sshd.connections() == [])
    assert (await sshd.host().depth()).taken_at == 1.0


async def test_a_host_that_goes_silent_in_the_middle_leaves_a_change_unknown(sshd: PrivateSSHD) -> None:
    begun = sshd.user.home / "begun"
    answers(sshd, f"sys.stdin.readline()\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)\n")
    host = sshd.host(timeout=2.0)
    change = asyncio.create_task(host.hold(["ABCDEF"]))
    await eventually(begun.exists)
    sshd.freeze()
    with pytest.raises(errors.OutcomeUnknown, match=CUT):
        await change
    await host.close()


async def test_a_connection_that_died_while_nobody_used_it_is_made_anew_unnoticed(sshd: PrivateSSHD) -> None:
    answers(sshd, says(DEPTH))
    host = sshd.host()
    await host.depth()
    sshd.cut()
    assert (await host.depth()).taken_at == 1.0
    assert sshd.accepted() == 2
    sshd.stop()
    with pytest.raises(errors.HostUnreachable, match="can't be connected to"):
        await host.depth()
    sshd.start()
    assert (await host.depth()).taken_at == 1.0
    await host.close()


async def test_a_cut_in_the_middle_of_a_question_is_no_answer_and_of_a_change_unknown(sshd: PrivateSSHD) -> None:
    begun = sshd.user.home / "begun"
    answers(sshd, f"sys.stdin.read()\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)\n")
    host = sshd.host()
    for ask, kind in ((host.depth(), errors.HostUnreachable), (host.hold(["ABCDEF"]), errors.OutcomeUnknown)):
        asked = asyncio.ensure_future(ask)
        await eventually(begun.exists)
        begun.unlink()
        sshd.cut()
        with pytest.raises(kind, match=CUT):
            await asked
    await host.close()


async def test_an_agent_goes_on_to_its_end_when_the_connection_is_cut(sshd: PrivateSSHD) -> None:
    begun, finished = sshd.user.home / "begun", sshd.user.home / "finished"
    answers(
        sshd,
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nsys.stdin.read()\n"
        f"open({str(begun)!r}, 'w').close()\ntime.sleep(1)\nopen({str(finished)!r}, 'w').close()\n",
    )
    host = sshd.host()
    change = asyncio.create_task(host.hold(["ABCDEF"]))
    await eventually(begun.exists)
    sshd.cut()
    with pytest.raises(errors.OutcomeUnknown):
        await change
    await eventually(finished.exists)
    await host.close()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/nonexistent/maildesk-agent", "not found"),
        ("sudo -n /usr/local/sbin/maildesk-agent", "sudo: a password is required"),
        ("/etc/passwd", "ermission denied"),
        ("/usr/bin/python3 /nonexistent", "can't open file"),
    ],
)
async def test_an_agent_that_can_not_be_started_there_was_asked_nothing(
    sshd: PrivateSSHD, command: str, said: str
) -> None:
    sshd.authorize(command)
    host = sshd.host()
    with pytest.raises(errors.HostUnreachable, match=f"nothing was asked of it: .*{said}"):
        await host.hold(["ABCDEF"])
    await host.close()


async def test_a_host_that_is_away_is_not_knocked_at_by_every_question(
    sshd: PrivateSSHD, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sshconnection, "PAUSES", (3600.0,))
    sshd.authorize("true", key=_another(sshd))
    host = sshd.host()
    for words in ("does not let", r"that was 0 s ago; in 3600 s it is tried again|in 3599 s", "does not let"):
        with pytest.raises(errors.HostUnreachable, match=f"(?i){words}"):
            await host.depth()
    await asyncio.gather(*(host.hold(["ABCDEF"]) for _ in range(20)), return_exceptions=True)
    assert sshd.log.read_text().count("Connection from") == 1


def _another(sshd: PrivateSSHD) -> Path:
    keygen(sshd.folder / "other")
    return sshd.folder / "other"


# Bounds ---------------------------------------------------------------------------------------------------------------


async def test_so_many_sessions_at_once_and_the_others_wait(sshd: PrivateSSHD) -> None:
    """Each agent waits until it sees as many as there may be at once, and tells how many it saw at most."""
    running = sshd.user.home / "running"
    running.mkdir(mode=0o777)
    running.chmod(0o777)
    answers(
        sshd,
        f"sys.stdin.read()\nme = {str(running)!r} + f'/{{os.getpid()}}'\nopen(me, 'w').close()\n"
        f"end, most = time.monotonic() + 5, 0\nwhile time.monotonic() < end and most < {sshconnection.SESSIONS}:\n"
        f"    most = max(most, len(os.listdir({str(running)!r})))\n    time.sleep(0.01)\n"
        f"time.sleep(0.2)\nmost = max(most, len(os.listdir({str(running)!r})))\nos.unlink(me)\n"
        "print(json.dumps({'event': 'done', 'result': {'key': 'h-test', 'counts': {'held': most}, 'was_active': 0}}))",
    )
    host = sshd.host()
    done = await asyncio.gather(*(host.hold(["ABCDEF"]) for _ in range(20)))
    await host.close()
    assert max(each.result.counts["held"] for each in done) <= sshconnection.SESSIONS
    assert sshd.accepted() == 1


async def test_an_sshd_that_takes_fewer_sessions_is_asked_one_after_the_other(sshd: PrivateSSHD) -> None:
    sshd.stop()
    sshd.start("MaxSessions 1")
    answers(sshd, f"time.sleep(0.2)\n{says(HELD)}")
    host = sshd.host()
    done = await asyncio.gather(*(host.hold(["ABCDEF"]) for _ in range(5)))
    await host.close()
    assert [each.result.counts for each in done] == [{"held": 1}] * 5
    assert sshd.accepted() == 1


async def test_an_sshd_that_takes_no_session_is_told_by_name(sshd: PrivateSSHD) -> None:
    sshd.stop()
    sshd.start("MaxSessions 0")
    answers(sshd, says(HELD))
    host = sshd.host(timeout=1.0)
    with pytest.raises(errors.HostUnreachable, match=r"takes no further session .* look at MaxSessions"):
        await host.hold(["ABCDEF"])
    await host.close()


async def test_one_connection_is_made_for_many_who_ask_at_once(sshd: PrivateSSHD) -> None:
    answers(sshd, says(HELD))
    host = sshd.host()
    await asyncio.gather(*(host.hold(["ABCDEF"]) for _ in range(12)))
    await host.close()
    assert sshd.accepted() == 1


async def test_the_log_of_the_bot_is_not_filled_with_sessions(
    sshd: PrivateSSHD, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answers(sshd, says(DEPTH))
    host = sshd.host()
    await host.depth()
    await host.close()
    assert [record for record in caplog.records if record.name.startswith("asyncssh")] == []

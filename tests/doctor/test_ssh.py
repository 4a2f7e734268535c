"""A mail host behind a real sshd, broken on purpose, one thing at a time: what doctor says, and what mends it."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot import __version__
from bot.agent.protocol import VERSION
from bot.doctor import Level, Line, mailhosts
from bot.doctor.unreachable import by_hand
from bot.mailhost import sshconnection
from tests.ssh.server import PrivateSSHD, keygen

pytestmark = [pytest.mark.real("sshd"), pytest.mark.real("sudo")]

INFO = {
    "agent_version": __version__,
    "protocol_version": VERSION,
    "python_version": "3.11.2",
    "instance": "default",
    "instances": ["default"],
    "verbs": ["info", "depth"],
    "mail_system_up": True,
}
INSTALL = "maildesk agent install mx2"
FORCED = 'in authorized_keys of {user}, the bot\'s key needs: restrict,command="sudo -n /usr/local/sbin/maildesk-agent"'


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is an attempt."""
    monkeypatch.setattr(sshconnection, "PAUSES", (0.0,))


@pytest.fixture
def mx2(sshd: PrivateSSHD) -> PrivateSSHD:
    """A mail host that lets the bot in, and whose agent is well."""
    answers(sshd)
    return sshd


def answers(sshd: PrivateSSHD, error: str = "", **info: object) -> None:
    """The agent is well, but for what `info` says of it; with `error` it refuses each request so."""
    refusal = {"event": "error", "code": "bad_request", "text": error}
    script = (
        "import json, sys, time\n"
        "verb = json.loads(sys.stdin.readline())['verb']\n"
        f"answers = json.loads({json.dumps({'info': {**INFO, **info}})!r})\n"
        "answers['depth'] = {'taken_at': time.time(), 'queues': {}}\n"
        f"refusal = json.loads({json.dumps(refusal)!r})\n"
        "print(json.dumps(refusal if refusal['text'] else {'event': 'done', 'result': answers[verb]}))\n"
    )
    path = sshd.user.home / "agent.py"
    path.write_text(script)
    sshd.authorize(f"/usr/bin/python3 -I {path}")


async def look(sshd: PrivateSSHD, **settings: Any) -> list[Line]:
    host = sshd.host("mx2", **settings)
    try:
        return await mailhosts.lines(host, sshd.settings("mx2", **settings))
    finally:
        await host.close()


@dataclass(frozen=True)
class Break:
    """What is done to it (`do`), or to the settings (`sets`); in text and mend, `{name}` stands for what is private."""

    name: str
    text: str
    mend: str
    do: Callable[[PrivateSSHD], object] = lambda _: None
    sets: dict[str, Any] = field(default_factory=dict)


def other(sshd: PrivateSSHD, kind: str = "ed25519") -> Path:
    keygen(sshd.folder / "other", kind)
    return sshd.folder / "other"


def unknown_host_key(sshd: PrivateSSHD) -> None:
    sshd.known_hosts.write_text(f"mx9.example.org {other(sshd).with_suffix('.pub').read_text()}")


def revoked_host_key(sshd: PrivateSSHD) -> None:
    sshd.known_hosts.write_text(f"{sshd.known_hosts.read_text()}@revoked {sshd.known_hosts.read_text()}")


def passphrase(sshd: PrivateSSHD) -> None:
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(sshd.key)]
    subprocess.run(change, check=True, capture_output=True)


def restarted(more: str) -> Callable[[PrivateSSHD], None]:
    def restart(sshd: PrivateSSHD) -> None:
        sshd.stop()
        sshd.start(more)

    return restart


def shell(path: str) -> Callable[[PrivateSSHD], object]:
    return lambda sshd: subprocess.run(["usermod", "--shell", path, sshd.user.name], check=True)


def without_sudo_in_bash(sshd: PrivateSSHD) -> None:
    shell("/bin/bash")(sshd)
    sshd.authorize("PATH=/nonexistent; sudo -n /usr/local/sbin/maildesk-agent")


def forced(command: str) -> Callable[[PrivateSSHD], None]:
    return lambda sshd: sshd.authorize(command)


NEWER = "The request was refused and nothing was done: protocol version 1; this agent speaks version 7."
OLDER = "The request was refused and nothing was done: protocol version 1; this agent speaks version 0."
UNKNOWN_VERB = "The request was refused and nothing was done: there is no verb 'info'; there are list show."

BREAKS = (
    Break(
        "the bot's key is not the one that is authorized",
        "does not let {user} in with the key {key} (ED25519 SHA256:",
        f"{INSTALL}; if the key is there, on the mail host: journalctl -u ssh",
        lambda it: it.authorize("true", key=other(it)),
    ),
    Break("there is no such user", "does not let nobody-here in", INSTALL, sets={"user": "nobody-here"}),
    Break(
        "the host key is unknown",
        "does not say which host key [127.0.0.1]:{port} has. What answered has ED25519 SHA256:",
        "ssh-keyscan -p {port} -t ed25519 127.0.0.1 >> {known_hosts}; then compare: ssh-keygen -lf {known_hosts}; "
        "on the mail host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        unknown_host_key,
    ),
    Break(
        "the host key is another one",
        "THE HOST KEY OF [127.0.0.1]:{port} IS ANOTHER ONE",
        "ssh-keygen -R '[127.0.0.1]:{port}' -f {known_hosts} && ssh-keyscan -p {port} -t ed25519 127.0.0.1 >>",
        lambda it: it.know(other(it)),
    ),
    Break(
        "the host key is revoked",
        "Host key is revoked",
        "ssh-keygen -F '[127.0.0.1]:{port}' -f {known_hosts}",
        revoked_host_key,
    ),
    Break(
        "known_hosts has a key of another kind only",
        "by {known_hosts} it has ECDSA SHA256:",
        "On the mail host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. Only if that shows SHA256:",
        lambda it: it.know(other(it, "ecdsa")),
    ),
    Break(
        "known_hosts is missing",
        "{known_hosts} can't be read (No such file or directory)",
        "ssh-keyscan -p {port} -t ed25519 127.0.0.1 >> {known_hosts}; then compare",
        lambda it: it.known_hosts.unlink(),
    ),
    Break(
        "known_hosts is none",
        "is no known_hosts file",
        "Move {known_hosts} away, and then: ssh-keyscan",
        lambda it: it.known_hosts.write_bytes(b"\xff\xfe\x00"),
    ),
    Break(
        "the bot's key is missing",
        "key {key} can't be read (No such file or directory)",
        f"ssh-keygen -t ed25519 -N '' -C maildesk -f {{key}}, and then: {INSTALL}",
        lambda it: it.key.unlink(),
    ),
    Break("the key has a passphrase", "has a passphrase", "ssh-keygen -p -N '' -f {key}", passphrase),
    Break("others can read the key", "others can read", "chmod 600 {key}", lambda it: it.key.chmod(0o644)),
    Break(
        "the key is none",
        "is no private key",
        "In the settings: SSH_KEY_FILE, or key of mx2",
        lambda it: it.key.write_text("nothing\n"),
    ),
    Break(
        "nothing listens",
        "can't be connected to: Connection refused",
        "On the mail host: systemctl status ssh",
        lambda it: it.stop(),
    ),
    Break(
        "sshd is silent",
        "took the connection but did not let the bot log in within 1 s",
        "On the mail host: journalctl -u ssh",
        lambda it: it.freeze(),
        {"timeout": 1.0},
    ),
    Break(
        "no session is allowed",
        "takes no further session",
        "On the mail host: in sshd_config, MaxSessions of 6 or more; systemctl reload ssh",
        restarted("MaxSessions 0"),
        {"timeout": 1.0},
    ),
    Break(
        "the user's shell is nologin",
        "The shell of {user} there is nologin",
        "On the mail host: usermod --shell /bin/sh {user}",
        shell("/usr/sbin/nologin"),
    ),
    Break(
        "there is no sudo, says sh",
        "There is no sudo on the mail host",
        "On the mail host: apt-get install sudo",
        forced("PATH=/nonexistent; sudo -n /usr/local/sbin/maildesk-agent"),
    ),
    Break(
        "there is no sudo, says bash",
        "There is no sudo on the mail host",
        "On the mail host: apt-get install sudo",
        without_sudo_in_bash,
    ),
    Break(
        "sudo asks for a password",
        "sudo does not let the bot's user run /usr/local/sbin/maildesk-agent without a password",
        INSTALL,
        forced("sudo -n /usr/local/sbin/maildesk-agent"),
    ),
    Break(
        "the forced command names nothing",
        "The forced command of the bot's key starts no agent",
        f"On the mail host: {FORCED}",
        forced("/nonexistent/maildesk-agent"),
    ),
    Break(
        "the forced command is no agent",
        "What answered there is no agent of ours: 'hello'",
        f"On the mail host: {FORCED}",
        forced("echo hello"),
    ),
    Break(
        "the forced command is without sudo",
        "The agent runs as user 1001",
        f"On the mail host: {FORCED}",
        lambda it: answers(it, user=1001),
    ),
    Break(
        "the agent needs root and has it not",
        "It must run as root",
        f"On the mail host: {FORCED}",
        lambda it: answers(it, "The agent may not do this: /var/spool/postfix. It must run as root."),
    ),
    Break(
        "the agent speaks a newer protocol",
        "this agent speaks version 7",
        "Update the bot",
        lambda it: answers(it, NEWER),
    ),
    Break("the agent speaks an older protocol", "version 0", INSTALL, lambda it: answers(it, OLDER)),
    Break("the agent does not know the verb", "there is no verb 'info'", INSTALL, lambda it: answers(it, UNKNOWN_VERB)),
    Break(
        "Python's library is not there",
        "Python there is without its standard library",
        "On the mail host: apt-get install python3",
        forced("/usr/bin/python3 -I -c 'import no_such_part_of_it'"),
    ),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: each.name)
async def test_doctor_names_what_is_broken_and_what_mends_it(mx2: PrivateSSHD, broken: Break) -> None:
    assert {line.level for line in await look(mx2)} == {Level.OK}, "all is well before"
    broken.do(mx2)
    (line,) = [line for line in await look(mx2, **broken.sets) if line.level is not Level.OK]
    private = {"user": mx2.user.name, "port": mx2.port, "key": mx2.key, "known_hosts": mx2.known_hosts}
    assert (line.level, line.about) == (Level.PROBLEM, "mx2")
    assert broken.text.format(**private) in line.text
    assert broken.mend.format(**private) in line.mend
    assert "=sudo" not in line.mend, "that would be the bot's own Postfix"


async def test_a_host_that_may_be_silent_for_longer_than_doctor_waits_is_told_by_its_link(
    mx2: PrivateSSHD, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailhosts, "PATIENCE", 0.5)
    mx2.freeze()
    (line,) = await look(mx2, timeout=2.0)
    assert "took the connection but did not let the bot log in within 2 s" in line.text


async def test_a_name_that_is_unknown(mx2: PrivateSSHD, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests ask no resolver but their own, so what this one would say is said here."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (line,) = await look(mx2, address="mx2.invalid")
    assert f"[mx2.invalid]:{mx2.port} can't be connected to: " in line.text and "service not known" in line.text
    assert line.mend == "getent hosts mx2.invalid; or in the settings: the address of mx2"


async def test_a_host_key_that_is_unknown_is_known_after_the_command_that_mends_it(mx2: PrivateSSHD) -> None:
    mx2.known_hosts.unlink()
    (line,) = await look(mx2)
    scan = line.mend.partition("; then compare")[0]
    assert await (await asyncio.create_subprocess_shell(f"{scan} 2>/dev/null")).wait() == 0
    assert {line.level for line in await look(mx2)} == {Level.OK}


async def test_asking_the_agent_by_hand_asks_it_as_the_bot_does(mx2: PrivateSSHD) -> None:
    command = by_hand(mx2.settings("mx2")).partition("echo ")[2]
    asked = await asyncio.create_subprocess_shell(f"echo {command}", stdout=asyncio.subprocess.PIPE)
    said, _ = await asked.communicate()
    assert json.loads(said) == {"event": "done", "result": INFO}

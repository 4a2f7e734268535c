"""An ordinary user, a real sshd with a forced command, a real sudo, a real Postfix: what works, and nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import errors
from bot.agent.protocol import Identity, Selection, Term
from bot.mailhost.host import MailHost
from tests.installed import Installed, request
from tests.postfix.filling import fill, mixture
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.waiting import wait_until
from tests.postfix.world import World
from tests.ssh.server import PrivateSSHD

pytestmark = [pytest.mark.real("postfix"), pytest.mark.real("sudo"), pytest.mark.real("sshd"), pytest.mark.takes(300)]

KEY = "57-k3qf"


@pytest.fixture
async def mx1(installed: Installed, sshd: PrivateSSHD) -> AsyncIterator[MailHost]:
    """The mail host as a bot that is no user of it reaches it."""
    sshd.authorize(f"sudo -n {installed.agent}")
    host = sshd.host()
    yield host
    await host.close()


async def test_a_queue_is_looked_at_deleted_and_brought_back_over_ssh(
    mx1: MailHost, sshd: PrivateSSHD, postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    before = postfix.queue("deferred")
    info, depth, listing = await asyncio.gather(mx1.info(), mx1.depth(), mx1.list(limit=10))
    assert (info.mail_system_up, info.instances) == (True, ("default",))
    assert (depth.queues["deferred"], listing.total) == (3, 3)
    found = await mx1.select(Selection((Term("from", "ann@sender.test"),)))
    deleted = await mx1.delete(KEY, found)
    assert deleted.result.counts == {"deleted": 3}
    assert postfix.queue() == []
    restored = await mx1.restore(KEY)
    assert restored.result.counts == {"restored": 3}
    assert {entry.queue_id for entry in postfix.queue("deferred")} == {entry.queue_id for entry in before}
    assert sshd.accepted() == 1


@pytest.mark.parametrize("how", ["the connection is cut", "sshd is killed with all that it started"])
async def test_a_deletion_that_lost_its_listener_is_unknown_and_the_same_key_tells_what_became_of_it(
    mx1: MailHost, sshd: PrivateSSHD, postfix: PrivatePostfix, how: str
) -> None:
    fill(postfix, mixture(3_000))
    everything = await mx1.select(Selection())

    async def under_way(done: int, total: int | None, text: str) -> None:
        if how == "the connection is cut":
            sshd.cut()
        else:
            sshd.stop()

    with pytest.raises(errors.OutcomeUnknown, match=r"cut.* so it is not known whether the delete was"):
        await mx1.delete(KEY, everything, progress=under_way)
    if how != "the connection is cut":
        with pytest.raises(errors.HostUnreachable, match="Nothing was asked of it"):
            await sshd.host().delete(KEY, everything)
        sshd.start()
    assert await _settled(mx1, everything) == {"deleted": 3_000}
    assert postfix.count("deferred") == postfix.count("hold") == 0
    kept = postfix.queue_directory / "maildesk-trash" / KEY / "kept"
    assert len(list(kept.iterdir())) == 3_000, "each of them can be brought back"


async def _settled(host: MailHost, targets: Sequence[Identity]) -> dict[str, int]:
    """Ask again with the same key, as long as the agent that nobody hears any more is still at it."""
    end = time.monotonic() + 120
    while True:
        try:
            return dict((await host.delete(KEY, targets)).result.counts)
        except (errors.HostBusy, errors.HostUnreachable):
            assert time.monotonic() < end
            await asyncio.sleep(0.2)


# The forced command accepts nothing but the agent's protocol ----------------------------------------------------------


def ssh(sshd: PrivateSSHD, *arguments: str, program: str = "ssh", stdin: str = "") -> subprocess.CompletedProcess[str]:
    """OpenSSH's own client, with the bot's key: what somebody could try who has stolen it."""
    trust = ("-F", "none", "-i", str(sshd.key), "-o", f"UserKnownHostsFile={sshd.known_hosts}", "-o", "BatchMode=yes")
    return subprocess.run(
        [program, *trust, "-o", f"Port={sshd.port}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def there(installed: Installed, sshd: PrivateSSHD) -> str:
    """Where the key lets somebody in: `user@127.0.0.1`."""
    sshd.authorize(f"sudo -n {installed.agent}")
    return f"{sshd.user.name}@127.0.0.1"


@pytest.mark.parametrize(
    "command", ["id", "/bin/sh -i", "; id", "$(id)", "sudo -n id", "scp -f /etc/passwd", "maildesk-agent --ini /x", ""]
)
def test_no_other_command_runs(sshd: PrivateSSHD, there: str, command: str) -> None:
    done = ssh(sshd, there, *([command] if command else []), stdin="id\n")
    assert answer(done)["code"] == "bad_request"
    assert "uid=" not in done.stdout + done.stderr


def test_no_sftp(sshd: PrivateSSHD, there: str) -> None:
    hello = "\0\0\0\5\1\0\0\0\3"  # SSH_FXP_INIT of draft-ietf-secsh-filexfer-02
    assert answer(ssh(sshd, "-s", there, "sftp", stdin=hello))["code"] == "bad_request"


def test_no_terminal(sshd: PrivateSSHD, there: str) -> None:
    done = ssh(sshd, "-tt", there, stdin="id\n")
    assert "PTY allocation request failed" in done.stderr
    assert "uid=" not in done.stdout


def test_no_forwarding_of_ports_in_any_direction(sshd: PrivateSSHD, there: str, tmp_path: Path) -> None:
    onwards = ssh(sshd, "-W", f"127.0.0.1:{sshd.port}", there)
    assert onwards.returncode != 0 and "administratively prohibited" in onwards.stderr
    for way in (("-R", "0:127.0.0.1:25"), ("-R", f"{tmp_path}/socket:127.0.0.1:25")):
        back = ssh(sshd, "-o", "ExitOnForwardFailure=yes", *way, there)
        assert back.returncode != 0 and "forwarding failed" in back.stderr
    tunnel = ssh(sshd, "-w", "any", "-o", "ExitOnForwardFailure=yes", there)
    assert answer(tunnel)["code"] == "bad_request" if tunnel.stdout else tunnel.returncode != 0


def test_no_agent_and_no_screen_is_forwarded(sshd: PrivateSSHD, there: str) -> None:
    sshd.authorize("env")
    socket = sshd.folder / "ssh-agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as agent:
        wait_until(socket.exists)
        forwarded = ssh(sshd, "-o", f"ForwardAgent={socket}", "-X", "-o", "XAuthLocation=/bin/false", there)
        agent.terminate()
    assert "SSH_CONNECTION=" in forwarded.stdout
    assert "SSH_AUTH_SOCK=" not in forwarded.stdout and "DISPLAY=" not in forwarded.stdout


def test_an_environment_that_sshd_lets_in_misleads_nobody(
    sshd: PrivateSSHD, there: str, postfix: PrivatePostfix
) -> None:
    home = sshd.user.home
    flag = home / "was-here"
    (home / "json.py").write_text(f"open({str(flag)!r}, 'w').close()\n")
    (home / "main.cf").write_text(f"queue_directory = {home}\n")
    evil = {"MAIL_CONFIG": home, "PYTHONPATH": home, "PYTHONSTARTUP": home / "json.py", "LD_PRELOAD": home / "x.so"}
    options = [part for name, value in evil.items() for part in ("-o", f"SetEnv={name}={value}")]
    told = answer(ssh(sshd, *options, there, stdin=request("info")))
    assert told["result"]["parameters"]["queue_directory"] == str(postfix.queue_directory)
    assert not flag.exists()

"""An ordinary user, a real sudo, a real Postfix: the installed agent works, and can be used for nothing else."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.agent.build import build
from tests.ordinary_user import OrdinaryUser
from tests.postfix.instance import PREFIX, PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.world import World

pytestmark = [pytest.mark.real("postfix"), pytest.mark.real("sudo")]

SETTINGS = Path("/etc/maildesk")
OPT = Path("/opt")
MARK = "; written by the tests of Maildesk, which remove it again\n"


@dataclass(frozen=True, slots=True)
class Installed:
    """The agent as an admin installs it, and the ordinary user who may start it and nothing else."""

    agent: Path
    user: OrdinaryUser

    def ask(
        self, verb: str, *targets: Sequence[object], options: tuple[str, ...] = (), **args: object
    ) -> dict[str, object]:
        """The last event of one request through sudo."""
        return self.answer(self.user.sudo(str(self.agent), stdin=request(verb, *targets, **args), options=options))

    def answer(self, done: subprocess.CompletedProcess[str]) -> dict[str, object]:
        assert done.stdout, done.stderr
        event: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return event


def request(verb: str, *targets: Sequence[object], **args: object) -> str:
    if targets:
        args["targets"] = len(targets)
    lines = [json.dumps({"v": 1, "verb": verb, "instance": "default", "args": args})]
    return "\n".join([*lines, *map(json.dumps, targets)]) + "\n"


@pytest.fixture
def installed(ordinary_user: OrdinaryUser, postfix: PrivatePostfix) -> Iterator[Installed]:
    """/etc/maildesk is the machine's own, so one test at a time uses it, and never over somebody's real file."""
    with Path("/run/lock/maildesk-tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ini = SETTINGS / "agent.ini"
        if ini.exists() and not ini.read_text().startswith(MARK):
            pytest.skip(f"{ini} belongs to a real installation, and this test would have to replace it")
        for left in OPT.glob(f"{PREFIX}*"):  # by a run that was killed, and so has the lock no more
            shutil.rmtree(left)
        # Not in tmp_path: the installed agent refuses to lie below a folder that others can write to, such as /tmp.
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=OPT))
        folder.chmod(0o755)
        try:
            SETTINGS.mkdir(mode=0o755, exist_ok=True)
            ini.write_text(f"{MARK}[default]\nconfig_directory = {postfix.config_directory}\n")
            ini.chmod(0o644)
            agent = folder / "maildesk-agent"
            build(agent)
            ordinary_user.allow(f'{{user}} ALL=(root) NOPASSWD: {agent} ""')
            yield Installed(agent, ordinary_user)
        finally:
            shutil.rmtree(folder)
            ini.unlink(missing_ok=True)
            SETTINGS.rmdir()


def queued(postfix: PrivatePostfix, world: World, count: int = 3) -> list[str]:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=count)
    return [entry.queue_id for entry in postfix.queue("deferred")]


def test_an_ordinary_user_lists_holds_and_releases_through_sudo(
    installed: Installed, postfix: PrivatePostfix, world: World
) -> None:
    ids = queued(postfix, world)
    listing = installed.ask("list")
    assert listing["result"]["total"] == 3, listing  # type: ignore[index]
    held = installed.ask("hold", *[[queue_id] for queue_id in ids], key="h-test")
    assert held["result"]["counts"] == {"held": 3}, held  # type: ignore[index]
    assert postfix.count("hold") == 3
    released = installed.ask("release", key="h-test")
    assert released["result"]["counts"] == {"released": 3}, released  # type: ignore[index]
    assert {entry.queue_id for entry in postfix.queue("deferred")} == set(ids)


def test_without_sudo_the_user_can_do_none_of_it(installed: Installed, postfix: PrivatePostfix, world: World) -> None:
    ids = queued(postfix, world, 1)
    event = installed.answer(installed.user.run(str(installed.agent), stdin=request("hold", [ids[0]], key="h-test")))
    assert event["event"] == "error"
    assert event["code"] in ("denied", "internal")
    assert postfix.count("hold") == 0


@pytest.mark.parametrize("arguments", [("--ini", "/tmp/evil.ini"), ("-c", "/tmp"), ("",), ("x",)])  # noqa: S108
def test_sudo_refuses_any_argument(installed: Installed, arguments: tuple[str, ...]) -> None:
    done = installed.user.sudo(str(installed.agent), *arguments, stdin=request("info"))
    assert done.returncode != 0
    assert not done.stdout


def test_sudo_allows_no_other_program(installed: Installed) -> None:
    for program in ("/usr/sbin/postsuper", "/usr/bin/python3", "/bin/sh", "/usr/sbin/postconf"):
        assert installed.user.sudo(program, "-h").returncode != 0


def test_the_agent_takes_no_arguments_from_root_either(installed: Installed) -> None:
    done = subprocess.run(
        [installed.agent, "--ini", "/etc/passwd"], input=request("info"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert installed.answer(done)["code"] == "bad_request"


def test_the_users_environment_and_folder_mislead_nobody(
    installed: Installed, postfix: PrivatePostfix, world: World
) -> None:
    queued(postfix, world, 2)
    home, flag = installed.user.home, installed.user.home / "was-here"
    evil = f"open({str(flag)!r}, 'w').close()\n"
    (home / "bot" / "agent").mkdir(parents=True)
    for place in (
        "bot/__init__.py",
        "bot/agent/__init__.py",
        "json.py",
        "sitecustomize.py",
        "usercustomize.py",
        "start.py",
    ):
        (home / place).write_text(evil)
    (home / "main.cf").write_text(f"queue_directory = {home}\ncommand_directory = {home}\n")
    for program in ("postqueue", "postconf", "postfix", "postsuper", "python3"):
        (home / program).write_text(f"#!/bin/sh\ntouch {flag}\n")
        (home / program).chmod(0o755)
    environment = {
        "MAIL_CONFIG": str(home),
        "PATH": f"{home}:{os.environ['PATH']}",
        "PYTHONPATH": str(home),
        "PYTHONHOME": str(home),
        "PYTHONSTARTUP": str(home / "start.py"),
        "PYTHONUSERBASE": str(home),
        "PYTHONINSPECT": "1",
        "IFS": "/",
    }
    done = installed.user.run("/usr/bin/sudo", "-n", str(installed.agent), stdin=request("info"), env=environment)
    event = installed.answer(done)
    assert event["event"] == "done", event
    assert event["result"]["parameters"]["queue_directory"] == str(postfix.queue_directory)  # type: ignore[index]
    listing = installed.answer(
        installed.user.run("/usr/bin/sudo", "-n", str(installed.agent), stdin=request("list"), env=environment)
    )
    assert listing["result"]["total"] == 2  # type: ignore[index]
    assert not flag.exists()


def test_the_user_can_neither_write_nor_replace_the_agent_its_ini_or_its_trash(
    installed: Installed, postfix: PrivatePostfix, world: World
) -> None:
    ids = queued(postfix, world, 1)
    installed.ask("hold", [ids[0]], key="h-test")
    trash = postfix.queue_directory / "maildesk-trash"
    for path in (
        installed.agent,
        SETTINGS / "agent.ini",
        postfix.config_directory / "main.cf",
        trash / "holds" / "h-test",
    ):
        for command in (f"echo x >> {path}", f"mv {path} {path}.old", f"rm -f {path}", f"ln -sf /etc/passwd {path}"):
            assert installed.user.run("sh", "-c", command).returncode != 0, command
        assert path.is_file()
    assert installed.user.run("ls", str(trash)).returncode != 0


def test_an_agent_that_others_can_write_refuses_to_run(installed: Installed) -> None:
    installed.agent.chmod(0o777)
    event = installed.ask("info")
    assert event["code"] == "denied"
    assert str(installed.agent) in str(event["text"])
    installed.agent.chmod(0o755)
    installed.agent.parent.chmod(0o1777)
    assert installed.ask("info")["code"] == "denied"


def test_an_ini_that_others_can_write_is_not_believed(installed: Installed) -> None:
    (SETTINGS / "agent.ini").chmod(0o666)
    assert installed.ask("info")["code"] == "denied"
    (SETTINGS / "agent.ini").chmod(0o644)
    os.chown(SETTINGS, installed.user.account.pw_uid, -1)
    assert installed.ask("info")["code"] == "denied"
    os.chown(SETTINGS, 0, -1)
    assert installed.ask("info")["event"] == "done"


def test_what_the_ini_takes_away_is_refused(installed: Installed, postfix: PrivatePostfix, world: World) -> None:
    ids = queued(postfix, world, 1)
    ini = SETTINGS / "agent.ini"
    ini.write_text(ini.read_text() + "verbs = info depth list show\n")
    event = installed.ask("hold", [ids[0]], key="h-test")
    assert event["code"] == "denied"
    assert "does not allow hold" in str(event["text"])
    assert postfix.count("hold") == 0
    assert installed.ask("list")["event"] == "done"

"""An ordinary user, a real sudo, a real Postfix: the installed agent works, and can be used for nothing else."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.installed import SETTINGS, Installed, request
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.world import World

pytestmark = [pytest.mark.real("postfix"), pytest.mark.real("sudo")]


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

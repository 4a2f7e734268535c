"""What the agent lets nobody do: the sentences of its boundary, held against the real program on a stand-in Postfix."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agent.__main__ import STATUS
from bot.agent.protocol import ERROR_CODES
from bot.agent.verbs import RESULTS
from tests.agent.spooled import BODY, ID, put, whole
from tests.agent.standin import StandIn, entry, lines, request

KEY = "57-k3qf"

# A request names an instance, never a path.


@pytest.mark.parametrize("instance", ["/etc/postfix", "../etc", "default/../x", "nobody", "DEFAULT", "-c", "\0"])
def test_an_instance_that_agent_ini_does_not_name_is_refused(standin: StandIn, instance: str) -> None:
    answer = standin.send(request("list", instance=instance))
    assert (answer.status, answer.code) == (64, "bad_request")
    assert standin.ran() == []


@pytest.mark.parametrize("name", ["config_directory", "queue_directory", "ini", "command_directory", "trash", "env"])
def test_no_argument_chooses_a_path(standin: StandIn, name: str) -> None:
    assert standin.send(request("list", **{name: "/tmp"})).code == "bad_request"  # noqa: S108
    assert standin.ran() == []


def test_postfix_is_always_told_the_configuration_of_the_instance(standin: StandIn) -> None:
    for verb in ("info", "list", "depth"):
        standin.ask(verb)
    ran = standin.ran()
    assert ran
    assert all(f" -c {standin.config_directory} " in f"{line} " for line in ran)


# The children's environment is built from nothing.


def test_children_see_a_bare_environment_the_root_folder_and_a_strict_umask(standin: StandIn) -> None:
    seen = standin.folder / "seen"
    standin.does("postqueue", f"{{ env; pwd; umask; }} >{seen}")
    environment = {
        "MAIL_CONFIG": "/evil",
        "MAIL_DEBUG": "1",
        "LC_ALL": "tr_TR.UTF-8",
        "PATH": "/evil",
        "SECRET": "x",
        "PYTHONPATH": "/evil",
    }
    subprocess.run(standin.argv, input=request("list"), capture_output=True, env=environment, check=True)
    *variables, folder, umask = seen.read_text().splitlines()
    mine = {line.partition("=")[0]: line.partition("=")[2] for line in variables}
    # The shell that the stand-in is adds its own.
    for of_the_shell in ("PWD", "_", "OLDPWD", "SHLVL"):
        mine.pop(of_the_shell, None)
    assert mine == {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    assert (folder, umask) == ("/", "0077")


# It refuses to run where others could have put something in its way.


def world_writable(path: Path) -> None:
    path.chmod(0o777)


def of_another_user(path: Path) -> None:
    os.chown(path, 65534, -1)


@pytest.mark.parametrize("spoil", [world_writable, of_another_user])
@pytest.mark.parametrize("what", ["agent.ini", "etc", "etc/main.cf", "sbin", "spool/maildesk-trash"])
def test_what_others_can_write_is_not_believed(standin: StandIn, what: str, spoil: Callable[[Path], None]) -> None:
    if spoil is of_another_user and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = standin.folder / what
    if what.endswith("trash"):
        path.mkdir(mode=0o700)
    spoil(path)
    answer = standin.ask("info")
    assert (answer.status, answer.code) == (77, "denied")
    assert str(path) in answer.last["text"]
    if what != "spool/maildesk-trash":
        assert standin.ran() == []


def test_a_folder_above_that_others_can_write_is_not_believed(standin: StandIn) -> None:
    standin.folder.chmod(0o777)
    answer = standin.ask("info")
    assert (answer.code, str(standin.folder) in answer.last["text"]) == ("denied", True)
    standin.folder.chmod(0o700)


def test_a_link_to_a_configuration_that_others_can_write_is_not_believed(standin: StandIn) -> None:
    evil = standin.folder / "evil"
    evil.mkdir(mode=0o777)
    evil.chmod(0o777)
    (evil / "main.cf").touch()
    shutil.rmtree(standin.config_directory)
    standin.config_directory.symlink_to(evil)
    assert standin.ask("info").code == "denied"


# What it answers.


def test_the_body_of_a_message_is_never_returned(standin: StandIn) -> None:
    message = whole(put(standin, "incoming"))
    standin.says("postqueue", lines([entry(ID, queue_name="incoming")]))
    standin.does("postcat", f'case " $* " in *" -b "*|*" -q {ID} "*) echo "{BODY}";; esac; echo "Subject: hello"')
    said, asked = "", set()
    for verb, targets, args in (
        ("list", (), {"limit": 10}),
        ("list", (), {"select": True}),
        ("show", (), {"queue_id": ID}),
        ("info", (), {}),
        ("depth", (), {}),
        ("hold", [ID], {"key": "h-test"}),
        ("release", [ID], {}),
        ("flush", (), {"wait": 0}),
        ("expire", [ID], {"key": KEY}),
        ("delete", [message], {"key": KEY}),
        ("trash", (), {"key": KEY}),
        ("restore", (), {"key": KEY}),
        ("purge", (), {}),
        ("requeue", [ID], {}),
        ("probe", (), {"smtp": ["127.0.0.1"], "wait": 1}),
    ):
        asked.add(verb)
        said += json.dumps(standin.ask(verb, targets, **args).events)
    assert BODY not in said
    assert asked == set(RESULTS)
    assert all(" -b" not in line for line in standin.ran() if line.startswith("postcat"))


def test_verbs_can_be_taken_away(standin: StandIn) -> None:
    standin.configure("verbs = info depth list show\n")
    for verb in RESULTS:
        needed: dict[str, dict[str, object]] = {
            "show": {"queue_id": ID},
            "probe": {"smtp": ["192.0.2.25"]},
            **{keyed: {"key": KEY} for keyed in ("hold", "delete", "restore", "expire")},
        }
        answer = standin.ask(verb, **needed.get(verb, {}))
        allowed = verb in ("info", "depth", "list", "show")
        assert (answer.code == "denied") is not allowed, (verb, answer.last)
    assert not any(line.startswith(("postsuper", "postqueue -f")) for line in standin.ran())


@pytest.mark.parametrize(
    ("data", "status"), [(b"", 64), (b"{", 64), (request("erase"), 64), (request("show", queue_id=ID), 64)]
)
def test_the_exit_status_is_of_sysexits(standin: StandIn, data: bytes, status: int) -> None:
    assert standin.send(data).status == status


def test_each_error_has_its_status_of_sysexits() -> None:
    assert {
        "bad_request": os.EX_USAGE,
        "denied": os.EX_NOPERM,
        "mail_system_down": os.EX_UNAVAILABLE,
        "busy": os.EX_TEMPFAIL,
        "partial": os.EX_DATAERR,
        "internal": os.EX_SOFTWARE,
    } == STATUS
    assert set(STATUS) == set(ERROR_CODES)


def test_half_a_queue_has_a_status_of_its_own(standin: StandIn) -> None:
    broken = "postqueue: fatal: malformed showq server response"
    standin.says("postqueue", lines([entry(ID)]), stderr=broken, status=69)
    answer = standin.ask("list", select=True)
    assert (answer.status, answer.code) == (os.EX_DATAERR, "partial")


def test_a_mistake_in_agent_ini_has_a_status_of_its_own(standin: StandIn) -> None:
    standin.configure("colour = red\n")
    answer = standin.ask("depth")
    assert (answer.status, answer.code) == (os.EX_SOFTWARE, "internal")
    assert "colour" in answer.last["text"]
    assert standin.ran() == []


def test_a_mail_system_that_is_down_has_a_status_of_its_own(standin: StandIn) -> None:
    standin.stop()
    answer = standin.ask("flush")
    assert (answer.status, answer.code) == (69, "mail_system_down")

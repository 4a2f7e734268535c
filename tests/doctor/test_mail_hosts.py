"""A mail host broken on purpose, one thing at a time: the line that doctor must say of it, and what mends it."""

from __future__ import annotations

import asyncio
import json
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import __version__
from bot.agent.protocol import VERSION
from bot.doctor import Level, Line, mailhosts
from bot.doctor.unreachable import explained
from bot.errors import AgentFault, HostUnreachable
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from bot.settings import HostSettings
from tests.agent.standin import StandIn
from tests.doctor.clinic import Clinic
from tests.mailhost.agents import agent
from tests.slack.desk import host

PROBLEM, WARNING, OK = Level.PROBLEM, Level.WARNING, Level.OK
LOCAL = HostSettings("mx1")


async def ill(mail_host: MailHost, settings: HostSettings = LOCAL) -> list[Line]:
    return [line for line in await mailhosts.lines(mail_host, settings) if line.level is not OK]


async def look(mx1: StandIn, instance: str = "default") -> list[Line]:
    return await ill(host("mx1", mx1.ini, instance))


@dataclass(frozen=True)
class Break:
    name: str
    do: Callable[[StandIn], object]
    level: Level
    text: str
    mend: str


def mode(path: Callable[[StandIn], Path], bits: int) -> Callable[[StandIn], object]:
    return lambda mx1: path(mx1).chmod(bits)


def trash_is_a_file(mx1: StandIn) -> None:
    (mx1.queue_directory / "maildesk-trash").write_text("")


def without_postfix(mx1: StandIn) -> None:
    for program in mx1.programs.iterdir():
        if not program.name.startswith("."):
            program.unlink()


BREAKS = (
    Break(
        "mail system down",
        lambda mx1: mx1.stop(),
        PROBLEM,
        "is down",
        "On the mail host: postfix -c ",
    ),
    Break("Postfix is not installed", without_postfix, PROBLEM, "postconf can't be started", "apt-get install postfix"),
    Break(
        "the wrong configuration directory",
        lambda mx1: mx1.ini.write_text("[default]\nconfig_directory = /etc/no-postfix\n"),
        PROBLEM,
        "/etc/no-postfix",
        "On the mail host: apt-get install postfix, or name the right config_directory in /etc/maildesk/agent.ini",
    ),
    Break(
        "a mistake in agent.ini",
        lambda mx1: mx1.configure("colour = red\n"),
        PROBLEM,
        "has a mistake",
        "On the mail host: edit /etc/maildesk/agent.ini",
    ),
    Break(
        "agent.ini takes info away",
        lambda mx1: mx1.configure("verbs = depth list\n"),
        PROBLEM,
        "does not allow info",
        "add info to the line verbs",
    ),
    Break(
        "agent.ini can be written by others",
        mode(lambda mx1: mx1.ini, 0o666),
        PROBLEM,
        "can be written by others than its owner",
        "chmod go-w ",
    ),
    Break(
        "the configuration can be written by others",
        mode(lambda mx1: mx1.config_directory, 0o777),
        PROBLEM,
        "can be written by others than its owner",
        "chmod go-w ",
    ),
    Break(
        "the queue directory is gone",
        lambda mx1: mx1.queue_directory.rename(mx1.folder / "moved"),
        PROBLEM,
        "can't be opened: No such file or directory",
        "On the mail host: postfix check",
    ),
    Break(
        "the trash is on another file system",
        lambda mx1: mx1.configure("trash = /dev/shm/maildesk-no-such-trash\n"),
        PROBLEM,
        "can't keep deleted mail (Invalid cross-device link): only final deletions work.",
        "name a trash on the file system of the queue, or leave the line out",
    ),
    Break("the trash is a file", trash_is_a_file, PROBLEM, "can't keep deleted mail (Not a directory)", "agent.ini"),
    Break(
        "the folder of the trash is not there",
        lambda mx1: mx1.configure(f"trash = {mx1.folder}/none/trash\n"),
        PROBLEM,
        "can't keep deleted mail (No such file or directory)",
        "agent.ini",
    ),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: each.name)
async def test_doctor_names_what_is_broken_and_what_mends_it(mx1: StandIn, broken: Break) -> None:
    assert await look(mx1) == [], "all is well before"
    broken.do(mx1)
    (line,) = await look(mx1)
    assert (line.level, line.about) == (broken.level, "mx1")
    assert broken.text in line.text
    assert broken.mend in line.mend


async def test_the_mend_of_a_permission_is_a_command_that_mends_it(mx1: StandIn) -> None:
    mx1.config_directory.chmod(0o777)
    (line,) = await look(mx1)
    command = line.mend.removeprefix("On the mail host: ")
    process = await asyncio.create_subprocess_shell(command)  # as an admin would type it
    assert await process.wait() == 0
    assert await look(mx1) == []
    assert stat.S_IMODE(mx1.config_directory.stat().st_mode) == 0o755


async def test_an_instance_that_the_host_does_not_have_is_named_with_those_it_has(mx1: StandIn) -> None:
    (line,) = await look(mx1, "outbound")
    assert "this host has no instance 'outbound'; it has default" in line.text
    assert "the instance of mx1" in line.mend


async def test_what_a_read_only_host_does_not_allow_is_its_own_say(mx1: StandIn) -> None:
    mx1.configure("verbs = info depth list show\n")
    lines = await mailhosts.lines(host("mx1", mx1.ini, "default"), LOCAL)
    assert {line.level for line in lines} == {OK}
    assert any("does not allow flush, hold, release" in line.text for line in lines)
    assert not any("trash folder" in line.text for line in lines)


async def test_trying_the_trash_leaves_nothing_behind(mx1: StandIn) -> None:
    before = sorted(path.name for path in mx1.queue_directory.rglob("*"))
    lines = await mailhosts.lines(host("mx1", mx1.ini, "default"), LOCAL)
    assert any("can keep deleted mail" in line.text for line in lines)
    assert sorted(path.name for path in mx1.queue_directory.rglob("*")) == before


# Agents that answer otherwise than this checkout's -------------------------------------------------------------------


def answering(folder: Path, **info: object) -> MailHost:
    """An agent that is well, but for what `info` says of it."""
    well = {
        "agent_version": __version__,
        "protocol_version": VERSION,
        "python_version": "3.11.2",
        "instance": "default",
        "instances": ["default"],
        "verbs": ["info", "depth"],
        "mail_system_up": True,
        **info,
    }
    answers = {"info": well, "depth": {"taken_at": 0.0, "queues": {}}}
    script = (
        f"answers = json.loads({json.dumps(answers)!r})\n"
        "verb = json.loads(sys.stdin.readline())['verb']\n"
        "if verb == 'depth': answers['depth']['taken_at'] = time.time()\n"
        "print(json.dumps({'event': 'done', 'result': answers[verb]}))\n"
    )
    return agent(folder, script)


@pytest.mark.parametrize(
    ("said", "level", "text", "mend"),
    [
        ({}, OK, "as installed for this bot", ""),
        ({"agent_version": "0.0.1"}, WARNING, "The agent is 0.0.1", "maildesk agent install mx1"),
        ({"agent_version": "99.0"}, WARNING, "The agent is 99.0", "Update the bot"),
        ({"protocol_version": 7}, PROBLEM, "speaks version 7 of the protocol", "Update the bot"),
        ({"protocol_version": 0}, PROBLEM, "speaks version 0 of the protocol", "maildesk agent install mx1"),
        ({"mail_system_up": None}, WARNING, "Whether Postfix runs is not known", "status"),
        ({"unfinished": ["57-k3qf"]}, WARNING, "57-k3qf", "the bot finishes it"),
        ({"held_unexplained": 3}, OK, "3 messages are on hold that nobody held by Maildesk", ""),
        ({"verbs": ["info", "depth", "delete"]}, WARNING, "was not tried", "maildesk agent install mx1"),
        ({"user": 1001}, PROBLEM, "runs as user 1001", "MAIL_HOSTS=mx1=sudo"),
    ],
)
async def test_what_an_agent_says_of_itself(
    tmp_path: Path, said: dict[str, object], level: Level, text: str, mend: str
) -> None:
    lines = await mailhosts.lines(answering(tmp_path, **said), LOCAL)
    (line,) = [line for line in lines if text in line.text]
    assert line.level is level
    assert mend in line.mend


async def test_postfixs_own_limits_count_for_an_agent_that_is_not_root(tmp_path: Path) -> None:
    limits = {"authorized_mailq_users": "root, ops", "config_directory": "/etc/postfix-out"}
    found = await ill(answering(tmp_path, user=1001, parameters=limits, config_listed=False))
    assert any("authorized_mailq_users = root, ops" in line.text for line in found)
    assert any(line.mend.endswith("postconf -e 'alternate_config_directories = /etc/postfix-out'") for line in found)
    assert await ill(answering(tmp_path, user=0, parameters=limits)) == []


@pytest.mark.parametrize(
    ("free", "level"), [(50, OK), (8, WARNING), (3, PROBLEM)], ids=["room", "little", "hardly any"]
)
async def test_the_disk_of_the_queue(tmp_path: Path, free: int, level: Level) -> None:
    script = (
        "verb = json.loads(sys.stdin.readline())['verb']\n"
        f"print(json.dumps({{'event': 'done', 'result': {{'taken_at': time.time(), 'free_bytes': {free}, "
        "'total_bytes': 100, 'free_inodes': 90, 'total_inodes': 100}}))\n"
    )
    (line,) = mailhosts._space("mx1", await agent(tmp_path, script).depth())
    assert line.level is level
    assert ("make room" in line.mend) == (level is not OK)


async def test_something_else_that_answers_is_no_agent(tmp_path: Path) -> None:
    (line,) = await ill(agent(tmp_path, "print('Welcome to mx1!')"))
    assert "what answered there is no agent of ours" in line.text.lower()
    assert line.mend == "maildesk agent install mx1"


async def test_a_host_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailhosts, "PATIENCE", 0.1)
    mail_host = agent(tmp_path, "sys.stdin.read()\ntime.sleep(2)\n")
    (line,) = await ill(mail_host)
    assert (line.level, "No answer came within" in line.text) == (PROBLEM, True)
    await asyncio.gather(*mail_host._under_way.values(), return_exceptions=True)


async def test_without_sudo_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mail_host = MailHost(CommandLink("mx1", ("sudo", "-n", "/usr/local/sbin/maildesk-agent")))
    (line,) = await ill(mail_host, HostSettings("mx1", "sudo"))
    assert line.text.startswith("There is no sudo on this machine.")
    assert line.mend == "apt-get install sudo"


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        (
            'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
            "Use deploy/maildesk-sudo.service, or reach this host by ssh to 127.0.0.1",
        ),
        ("sudo: /etc/sudoers.d/maildesk:1:9: syntax error", "visudo -c"),
        ("something that nobody has seen before", "See for yourself: echo '{"),
    ],
)
def test_what_can_not_be_made_happen_here_is_explained_all_the_same(said: str, mend: str) -> None:
    assert explained(HostUnreachable("mx1", said), HostSettings("mx1", "sudo"))[1].startswith(mend)
    assert explained(AgentFault("mx1", said), HostSettings("mx1", "sudo"))[1].startswith(mend)


async def test_one_host_alone_is_looked_at(well: Clinic) -> None:
    lines = await well.look("MX1")
    assert {line.about for line in lines} == {"mx1"}


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)
        assert not any(Path(folder).iterdir())


async def test_a_trash_that_is_there_on_another_file_system(mx1: StandIn, elsewhere: Path) -> None:
    mx1.configure(f"trash = {elsewhere}\n")
    (line,) = await look(mx1)
    assert f"{elsewhere} can't keep deleted mail (Invalid cross-device link)" in line.text

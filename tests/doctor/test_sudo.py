"""A real sudo, the installed agent and a real Postfix, broken on purpose: what doctor says as the ordinary user."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bot.doctor import Level, Line, mailhosts
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from bot.settings import HostSettings
from tests.installed import SETTINGS, Installed
from tests.postfix.instance import PrivatePostfix

pytestmark = [pytest.mark.real("postfix"), pytest.mark.real("sudo")]

INSTALL = "maildesk agent install mx1"


async def look(installed: Installed) -> list[Line]:
    """As the bot's ordinary user: root's own sudo gives up its rights first."""
    argv = ("sudo", "-n", "-u", installed.user.name, "sudo", "-n", str(installed.agent))
    return await mailhosts.lines(MailHost(CommandLink("mx1", argv)), HostSettings("mx1", "sudo", agent=argv[-1]))


async def test_all_is_well(installed: Installed, postfix: PrivatePostfix) -> None:
    lines = await look(installed)
    assert {line.level for line in lines} == {Level.OK}, lines
    said = " ".join(line.text for line in lines)
    for part in ("The agent is", f"runs ({postfix.config_directory})", "can keep deleted mail", "clock of mx1", "free"):
        assert part in said


@dataclass(frozen=True)
class Break:
    name: str
    do: Callable[[Installed], object]
    text: str
    mend: str


def another_python(installed: Installed) -> None:
    agent = installed.agent
    agent.write_bytes(agent.read_bytes().replace(b"#!/usr/bin/python3 -I", b"#!/usr/bin/no-python -I", 1))


def ini(text: str) -> Callable[[Installed], object]:
    return lambda _: (SETTINGS / "agent.ini").write_text((SETTINGS / "agent.ini").read_text() + text)


BREAKS = (
    Break("the agent is absent", lambda it: it.agent.unlink(), "There is no agent at ", INSTALL),
    Break("the agent can't be executed", lambda it: it.agent.chmod(0o644), "There is no agent at ", INSTALL),
    Break("Python is absent", another_python, "/usr/bin/python3, which it runs by, is not", "apt-get install python3"),
    Break("sudo asks for a password", lambda it: it.user.sudoers.unlink(), "without a password", INSTALL),
    Break(
        "sudo allows something else",
        lambda it: it.user.allow('{user} ALL=(root) NOPASSWD: /usr/bin/id ""'),
        "without a password",
        INSTALL,
    ),
    Break("the agent can be written by others", lambda it: it.agent.chmod(0o777), "can be written by", "chmod go-w "),
    Break(
        "the agent is not root's",
        lambda it: os.chown(it.agent, it.user.account.pw_uid, -1),
        "belongs to user",
        "chown root ",
    ),
    Break("its folder can be written by others", lambda it: it.agent.parent.chmod(0o777), "can be", "chmod go-w "),
    Break("agent.ini can be written", lambda _: (SETTINGS / "agent.ini").chmod(0o666), "can be", "chmod go-w "),
    Break("agent.ini has a mistake", ini("colour = red\n"), "has a mistake", "edit /etc/maildesk/agent.ini"),
    Break("the trash is elsewhere", ini("trash = /dev/shm/no-trash\n"), "cross-device", "the file system of the queue"),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: each.name)
async def test_doctor_names_what_is_broken_and_what_mends_it(installed: Installed, broken: Break) -> None:
    broken.do(installed)
    (line,) = [line for line in await look(installed) if line.level is not Level.OK]
    assert (line.level, line.about) == (Level.PROBLEM, "mx1")
    assert broken.text in line.text
    assert broken.mend in line.mend


async def test_a_stopped_postfix(installed: Installed, postfix: PrivatePostfix) -> None:
    postfix.stop()
    try:
        (line,) = [line for line in await look(installed) if line.level is not Level.OK]
        assert "is down" in line.text
        assert line.mend == f"On the mail host: postfix -c {postfix.config_directory} start"
    finally:
        postfix.start()

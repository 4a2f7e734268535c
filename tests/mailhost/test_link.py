"""How an agent is started: here, or through a real sudo, which may refuse."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import warnings
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from bot.errors import HostUnreachable, OutcomeUnknown
from bot.mailhost import unheard
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink, link_to
from bot.settings import INSTALLED_AGENT, HostSettings
from tests.conftest import children
from tests.ordinary_user import OrdinaryUser
from tests.postfix.waiting import eventually, wait_until


def test_the_command_is_a_list_that_mail_and_people_have_no_part_in() -> None:
    assert argv(HostSettings("mx1")) == (sys.executable, "-I", "-m", "bot.agent")
    assert argv(HostSettings("mx1", ini="/x/agent.ini"))[-2:] == ("--ini", "/x/agent.ini")
    assert argv(HostSettings("mx1", "sudo")) == ("sudo", "-n", INSTALLED_AGENT)
    assert argv(HostSettings("mx1", "sudo", "two", agent="/opt/agent")) == ("sudo", "-n", "/opt/agent")


def argv(settings: HostSettings) -> tuple[str, ...]:
    made = link_to(settings)
    assert isinstance(made, CommandLink)
    return made._argv


def link(tmp_path: Path, script: str) -> CommandLink:
    path = tmp_path / "agent.py"
    path.write_text(f"import json, os, signal, sys, time\n{script}\n")
    return CommandLink("mx1", (sys.executable, "-I", str(path)))


async def test_an_agent_that_answers_before_it_has_read_everything_is_heard(tmp_path: Path) -> None:
    script = """print('{"event": "error", "code": "bad_request", "text": "too long"}', flush=True)"""
    events = [event async for event in link(tmp_path, script).ask(b"x" * 5_000_000)]
    assert [event["code"] for event in events] == ["bad_request"]


async def test_an_agent_that_talks_and_listens_at_once_does_not_stand_still(tmp_path: Path) -> None:
    script = (
        "for line in sys.stdin.buffer:\n"
        "    print(json.dumps({'event': 'message', 'x': 'y' * 500}))\n"
        "    print('z' * 200, file=sys.stderr)\n"
        'print(\'{"event": "done"}\')'
    )
    events = [event async for event in link(tmp_path, script).ask(b"a line\n" * 20_000)]
    assert len(events) == 20_001


async def test_an_agent_goes_on_to_its_end_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    finished = tmp_path / "finished"
    script = (
        "sys.stdin.read()\n"
        'print(\'{"event": "progress"}\', flush=True)\n'
        f"time.sleep(0.3)\nopen({str(finished)!r}, 'w').close()"
    )
    mx1 = link(tmp_path, script)
    asked = mx1.ask(b"{}\n")
    assert (await anext(asked))["event"] == "progress"
    await asked.aclose()
    (agent,) = children()
    await eventually(finished.exists)
    await mx1.close()
    assert agent not in children(), "nobody waited for it"


@pytest.mark.parametrize("linger", [5.0, 0.0])
def test_at_the_end_of_the_bot_an_agent_goes_on_and_nothing_of_it_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linger: float
) -> None:
    monkeypatch.setattr(unheard, "LINGER", linger)
    finished = tmp_path / "finished"
    script = (
        "sys.stdin.read()\n"
        'print(\'{"event": "progress"}\', flush=True)\n'
        f"time.sleep(0.3)\nos.mkdir({str(finished)!r})"
    )

    async def live() -> None:
        mx1 = link(tmp_path, script)
        async with aclosing(mx1.ask(b"{}\n")) as asked:
            assert (await anext(asked))["event"] == "progress"
        await mx1.close()

    with warnings.catch_warnings(record=True) as told:
        asyncio.run(live())
        (agent,) = children() or (None,)
        assert (agent is None) == bool(linger) == finished.exists()
        gc.collect()
        wait_until(finished.exists, what="asyncio kills what is collected while it runs")
        if agent:
            # Where it is a thread of asyncio's that waits for it, not a loop that has ended, this comes too late.
            with suppress(ChildProcessError):
                os.waitpid(agent, 0)
        gc.collect()
    assert told == []


async def test_an_event_may_be_long_but_not_without_end(tmp_path: Path) -> None:
    script = 'sys.stdout.write(\'{"event": "message", "x": "\' + \'y\' * 20_000_000 + \'"}\\n\')'
    with pytest.raises(OutcomeUnknown, match="too long"):
        await MailHost(link(tmp_path, script)).hold(["ABCDEF"])


@pytest.mark.real("sudo")
@pytest.mark.parametrize("rules", ["", '{user} ALL=(root) NOPASSWD: /usr/bin/id ""', "{user} ALL=(root) NOPASSWD: ALL"])
async def test_a_real_sudo_that_refuses_or_finds_nothing_was_asked_nothing(
    ordinary_user: OrdinaryUser, rules: str
) -> None:
    if rules:
        ordinary_user.allow(rules)
    argv = ("sudo", "-n", "-u", ordinary_user.name, "sudo", "-n", "/nonexistent/maildesk-agent")
    with pytest.raises(HostUnreachable, match="nothing was asked of it: "):
        await MailHost(CommandLink("mx1", argv)).hold(["ABCDEF"])

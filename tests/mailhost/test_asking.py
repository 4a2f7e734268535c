"""A mail host's answers and their absence: unreachable, refused, failed and unknown are four different things."""

import asyncio
from pathlib import Path

import pytest

from bot import errors
from bot.mailhost import asking
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import CommandLink
from tests.conftest import children
from tests.mailhost.agents import DEPTH, HELD, agent, fails, says
from tests.postfix.waiting import eventually


async def test_an_answer_is_read_and_what_is_unknown_stays_unknown(tmp_path: Path) -> None:
    depth = await agent(tmp_path, says(DEPTH)).depth()
    assert depth.queues == {"deferred": 3, "hold": None}


async def test_an_agent_that_is_not_there_was_asked_nothing() -> None:
    with pytest.raises(errors.HostUnreachable, match="mx1: the agent can't be started"):
        await MailHost(CommandLink("mx1", ("/nonexistent/agent",))).hold(["ABCDEF"])


@pytest.mark.parametrize(
    "complaint",
    [
        "sudo: a password is required",
        "sudo: unable to resolve host mx1\\nsudo: /usr/local/sbin/maildesk-agent: command not found",
        "Sorry, user bot is not allowed to execute the agent as root on mx1.",
    ],
)
async def test_a_sudo_that_refuses_means_that_nothing_was_asked(tmp_path: Path, complaint: str) -> None:
    script = f"sys.stdin.read()\nprint('{complaint}', file=sys.stderr)\nsys.exit(1)\n"
    with pytest.raises(errors.HostUnreachable, match=r"nothing was asked of it: (sudo: [a/]|Sorry)"):
        await agent(tmp_path, script).hold(["ABCDEF"])


@pytest.mark.parametrize(
    "script",
    [
        "sys.stdin.read()\nos.kill(os.getpid(), signal.SIGKILL)\n",
        says('{"event": "progress", "done": 1, "total": 2, "text": "x"}') + "os.kill(os.getpid(), signal.SIGKILL)\n",
        says("this is no agent"),
        says('{"event": "done", "result": 7}'),
        says('{"event": "done", "result": {"no": "key"}}'),
        says('{"event": "message", "outcome": ["ABCDEF"]}', HELD),
        says('{"event": "message", "outcome": 7}', HELD),
        "print('sudo: no such host', file=sys.stderr, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n",
        "sys.stdin.read()\nraise RuntimeError\n",
    ],
)
async def test_a_change_without_an_answer_is_unknown_and_not_failed(tmp_path: Path, script: str) -> None:
    with pytest.raises(errors.OutcomeUnknown, match="It was not repeated"):
        await agent(tmp_path, script).hold(["ABCDEF"])


async def test_a_change_that_broke_off_in_its_middle_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(errors.OutcomeUnknown, match="carried out in part"):
        await agent(tmp_path, fails("partial", "It may have been carried out in part.")).hold(["ABCDEF"])


async def test_a_change_that_takes_too_long_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", {"hold": 0.3})
    with pytest.raises(errors.OutcomeUnknown, match="no answer came within"):
        await agent(tmp_path, "sys.stdin.read()\nos.close(1)\nos.close(2)\ntime.sleep(0.8)\n").hold(["ABCDEF"])
    await asyncio.sleep(0.8)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("bad_request", errors.AgentRefused),
        ("denied", errors.AgentRefused),
        ("mail_system_down", errors.MailSystemDown),
        ("busy", errors.HostBusy),
        ("internal", errors.AgentFault),
        ("of-a-newer-agent", errors.AgentFault),
    ],
)
async def test_an_error_reaches_people_in_the_agents_own_words(
    tmp_path: Path, code: str, kind: type[errors.HostError]
) -> None:
    with pytest.raises(kind, match="mx1: In plain words"):
        await agent(tmp_path, fails(code, "In plain words.")).hold(["ABCDEF"])


async def test_a_question_without_an_answer_changed_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(errors.HostUnreachable, match="Nothing was changed"):
        await agent(tmp_path, "sys.stdin.read()\n").depth()


async def test_a_hundred_thousand_targets_are_announced_and_sent(tmp_path: Path) -> None:
    script = (
        "head = json.loads(sys.stdin.readline())\n"
        "assert head['args']['targets'] == len(sys.stdin.readlines()) == 100_000\n"
        f"print({HELD!r})\n"
    )
    held = await agent(tmp_path, script).hold([f"{number:06X}" for number in range(100_000)])
    assert held.result.counts == {"held": 1}


async def test_at_the_end_of_the_bot_nobody_waits_for_an_answer_any_more(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    mx1 = agent(tmp_path, f"sys.stdin.read()\nos.mkdir({str(begun)!r})\ntime.sleep(1)\n")
    asking = asyncio.create_task(mx1.depth())
    await eventually(begun.exists)
    await MailHosts([mx1]).close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert children() == set()

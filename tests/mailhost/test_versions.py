"""Agents of other versions: what both know goes on working, and who must be updated is said with the command."""

import json
from pathlib import Path

import pytest

from bot import __version__, errors
from bot.agent.protocol import Info
from bot.mailhost import versions
from tests.mailhost.agents import HELD, agent, fails, says

INFO = Info(__version__, 1, "3.9.2", "default", ("default",), ("info",), True)

# An agent from before `behind`: it refuses what it does not know, as agents do, and counts how often it was asked.
OLDER = """
request = json.loads(sys.stdin.readline())
with open(__file__ + ".asked", "a") as file:
    file.write(request["verb"] + " " + " ".join(sorted(request["args"])) + "\\n")
for name in request["args"]:
    if name not in ("selection", "sort", "limit", "targets", "key"):
        text = "The request was refused and nothing was done: args has an unknown member %r." % name
        print(json.dumps({"event": "error", "code": "bad_request", "text": text}))
        sys.exit(64)
print(json.dumps({"event": "done", "result": {"taken_at": 1.0, "total": 7}}))
"""


async def test_what_an_older_agent_does_not_know_and_is_not_needed_is_left_out_once_for_all(tmp_path: Path) -> None:
    host = agent(tmp_path, OLDER)
    for _ in range(2):
        listing = await host.list(limit=3, behind=10)
        assert (listing.total, listing.behind) == (7, None)
    asked = (tmp_path / "agent.py.asked").read_text().splitlines()
    assert asked == ["list behind limit selection sort", "list limit selection sort", "list limit selection sort"]


async def test_what_a_change_means_is_never_left_out(tmp_path: Path) -> None:
    with pytest.raises(
        errors.AgentRefused, match=r"unknown member 'not_after'\. The agent there is older .* Update it: "
    ):
        await agent(tmp_path, OLDER).hold(["ABCDEF"], not_after=1.0)
    assert (tmp_path / "agent.py.asked").read_text().count("hold") == 1


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("there is no verb 'probe'; there are info depth list", "older than this bot"),
        ("there is no term of the kind 'login'", "maildesk agent install mx1"),
        ("protocol version 1; this agent speaks version 0", "maildesk agent install mx1"),
        ("protocol version 1; this agent speaks version 2", "speaks protocol 1. Update the bot."),
    ],
)
async def test_a_refusal_that_comes_of_two_versions_says_who_must_be_updated(
    tmp_path: Path, said: str, advice: str
) -> None:
    text = f"The request was refused and nothing was done: {said}."
    with pytest.raises(errors.AgentRefused) as refused:
        await agent(tmp_path, fails("bad_request", text)).hold(["ABCDEF"])
    assert text in str(refused.value)
    assert advice in str(refused.value)


async def test_any_other_refusal_stands_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(errors.AgentRefused, match=r"that is no queue ID\.\Z"):
        await agent(tmp_path, fails("bad_request", "The request was refused: that is no queue ID.")).hold(["ABCDEF"])


async def test_what_a_newer_agent_says_beyond_is_ignored_and_what_an_older_one_leaves_out_is_unknown(
    tmp_path: Path,
) -> None:
    newer = json.loads(HELD)
    newer["result"]["mood"] = "good"
    lines = (json.dumps({"event": "weather", "is": "fine"}), json.dumps(newer))
    assert (await agent(tmp_path, says(*lines)).hold(["ABCDEF"])).result.counts == {"held": 1}
    depth = await agent(tmp_path, says('{"event": "done", "result": {"taken_at": 1.0}}')).depth()
    assert (depth.queues, depth.mail_system_up) == ({}, None)


@pytest.mark.parametrize(
    ("version", "old"), [(__version__, False), ("0.0.9", True), ("99.1", False), ("0.0", True), ("strange", True)]
)
def test_an_agent_is_told_to_be_old_where_its_version_is_less(version: str, old: bool) -> None:
    line = versions.outdated("mx1", INFO._replace(agent_version=version))
    assert bool(line) is old
    assert line.endswith("maildesk agent install mx1") is old
    assert versions.outdated("mx1", None) == ""

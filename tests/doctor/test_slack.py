"""Slack's side broken on purpose, one thing at a time: the line that doctor must say, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.console.workspace import faults
from bot.doctor import Level, exit_status
from bot.store.outbox import Told
from handlers import doctor
from tests.deploy.test_slack_manifest import manifest
from tests.doctor.clinic import BEN, Clinic
from tests.slack.desk import APRIL, GUEST, OPS, utc

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING


@dataclass(frozen=True)
class Break:
    """What is done to an installation where all is well, and the one line that follows from it."""

    name: str
    do: Callable[[Clinic], object]
    level: Level
    text: str
    mend: str


def sets(**settings: object) -> Callable[[Clinic], object]:
    return lambda clinic: clinic.settings.update(settings)


def lacks(*scopes: str) -> Callable[[Clinic], object]:
    return lambda clinic: clinic.workspace.scopes.difference_update(scopes)


def fails(method: str, fault: faults.Fault) -> Callable[[Clinic], object]:
    return lambda clinic: clinic.workspace.faults.add(method, fault)


def archived(clinic: Clinic) -> None:
    state = clinic.workspace.state
    state.channels[OPS] = replace(state.channels[OPS], is_archived=True)


def closed(clinic: Clinic) -> None:
    users = clinic.workspace.state.users
    users[BEN] = replace(users[BEN], deleted=True)


BREAKS = (
    Break("bot token not set", sets(slack_bot_token=None), PROBLEM, "SLACK_BOT_TOKEN is not set", ".env"),
    Break("app token not set", sets(slack_app_token=None), PROBLEM, "SLACK_APP_TOKEN is not set", ".env"),
    Break("no ops channel", sets(ops_channels=()), PROBLEM, "OPS_CHANNELS is not set", ".env"),
    Break(
        "wrong bot token",
        sets(slack_bot_token=SecretStr("xoxb-wrong")),
        PROBLEM,
        "Slack does not accept SLACK_BOT_TOKEN (invalid_auth).",
        "Copy the bot's token again",
    ),
    Break(
        "wrong app token",
        sets(slack_app_token=SecretStr("xapp-wrong")),
        PROBLEM,
        "Slack does not accept SLACK_APP_TOKEN (invalid_auth).",
        "Switch on Socket Mode, and make a new app-level token",
    ),
    Break(
        "Slack is away",
        sets(slack_api_url="http://127.0.0.1:1/api/"),
        PROBLEM,
        "Slack can't be reached at http://127.0.0.1:1/api/",
        "curl -sS http://127.0.0.1:1/api/api.test",
    ),
    Break(
        "a scope is missing that something needs",
        lacks("files:write"),
        WARNING,
        "The app lacks files:write: lists and pictures can't be sent.",
        "Reinstall the app from deploy/slack-manifest.yaml",
    ),
    Break(
        "a scope is missing that everything needs",
        lacks("chat:write"),
        PROBLEM,
        "The app lacks chat:write: nothing can be posted.",
        "Reinstall the app",
    ),
    Break(
        "not in the channel",
        lambda clinic: clinic.workspace.add_channel(OPS, "ops", bot=False),
        PROBLEM,
        f"The bot is not in #ops ({OPS}).",
        "Type there: /invite @maildesk",
    ),
    Break(
        "a private channel that it is not in",
        lambda clinic: clinic.workspace.add_channel(OPS, "ops", bot=False, is_private=True),
        PROBLEM,
        f"OPS_CHANNELS: {OPS} is no channel that the bot can see.",
        "If it is a private one, type there: /invite @maildesk",
    ),
    Break("archived channel", archived, PROBLEM, f"#ops ({OPS}) is archived", "Name another channel"),
    Break(
        "an approver whose account is closed",
        closed,
        WARNING,
        f"APPROVERS: {BEN} has no role. This account is closed.",
        f"Take {BEN} out of APPROVERS",
    ),
    Break(
        "somebody who does not exist",
        sets(viewers=("U0NOBODY",)),
        WARNING,
        "VIEWERS: U0NOBODY has no role. There is no such account in this workspace.",
        "Take U0NOBODY out of VIEWERS",
    ),
    Break(
        "nobody has a role", sets(viewers=(), operators=(), approvers=()), PROBLEM, "Nobody has a role", "APPROVERS=U"
    ),
    Break("nobody may approve", sets(approvers=()), PROBLEM, "Nobody may approve, so each request", "APPROVERS=U"),
    Break(
        "logins alone may approve",
        sets(approvers=("login:ana",)),
        WARNING,
        "APPROVERS names terminal logins alone, so nobody may approve in Slack",
        "APPROVERS=U",
    ),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: each.name)
async def test_doctor_names_what_is_broken_and_what_mends_it(well: Clinic, broken: Break) -> None:
    assert await well.wrong() == [], "all is well before"
    broken.do(well)
    wrong = await well.wrong()
    (line,) = [line for line in wrong if broken.text in line.text]
    assert line.level is broken.level
    assert broken.mend in line.mend
    assert exit_status(wrong) == (2 if PROBLEM in {line.level for line in wrong} else 1)
    # Whatever follows from the same break has a command of its own; nothing that is well is called ill.
    assert all(line.mend for line in wrong)


async def test_a_guest_is_named(well: Clinic) -> None:
    well.workspace.add_user(GUEST, "guest", is_restricted=True)
    well.settings["operators"] = (GUEST,)
    (line,) = await well.wrong()
    assert f"OPERATORS: {GUEST} has no role. Guests can't run this bot." in line.text


@pytest.mark.parametrize(
    ("error", "why", "mend"),
    [
        ("plan_upgrade_required", "this workspace's plan has no user groups", "Name people by their IDs (U…) instead"),
        ("missing_scope", "the app lacks the scope usergroups:read", "Reinstall it from its manifest"),
    ],
)
async def test_a_user_group_that_can_not_be_read_is_a_problem_and_who_may_approve_is_unknown(
    well: Clinic, error: str, why: str, mend: str
) -> None:
    well.settings["approvers"] = (APRIL, "S0TEAM")
    well.workspace.faults.add("usergroups.*", faults.refused(error))
    group, approvers = await well.wrong()
    assert group.level is PROBLEM
    assert "User group S0TEAM can't be read, so it gives nobody a role" in group.text and why in group.text
    assert group.mend == mend
    assert (approvers.level, "Who may approve is not known" in approvers.text) == (WARNING, True)


async def test_a_user_group_counts_its_members(well: Clinic) -> None:
    well.workspace.add_usergroup("S0TEAM", "team", [APRIL, BEN])
    well.settings["approvers"] = ("S0TEAM",)
    lines = await well.look()
    assert "User group S0TEAM has 2 members." in [line.text for line in lines]
    assert any(line.text.startswith("2 people may approve.") for line in lines)
    well.workspace.add_usergroup("S0TEAM", "team", [])
    assert [line.text for line in await well.wrong()] == [
        "User group S0TEAM has no members.",
        "Nobody may approve, so each request for a deletion ends undecided.",
    ]


async def test_one_approver_is_well_and_what_stands_in_for_a_second_person_is_said(well: Clinic) -> None:
    well.settings["approvers"] = (APRIL,)
    lines = await well.look()
    (line,) = [line for line in lines if line.about == "people"]
    assert (line.level, "the typed number stands in for a second person" in line.text) == (Level.OK, True)


@pytest.mark.parametrize(("off", "level"), [(0, Level.OK), (-30, WARNING), (3600, PROBLEM)])
async def test_a_clock_that_is_wrong_shows_against_slacks_and_the_hosts(well: Clinic, off: int, level: Level) -> None:
    well.now = lambda: utc() + timedelta(seconds=off)
    clocks = [line for line in await well.look() if "clock of" in line.text or "Slack's clock" in line.text]
    assert [line.about for line in clocks] == ["this machine", "mx1"]
    assert {line.level for line in clocks} == {level}
    assert all(("timedatectl set-ntp true" in line.mend) == (level is not Level.OK) for line in clocks)


async def test_what_slack_did_not_take_is_told_with_what_mends_it(well: Clinic) -> None:
    services = well.services()
    async with services.store as store:
        async with store.transaction() as transaction:
            await transaction.tell(Told(well.workspace.team_id, OPS, "request", "1"))
        item = await store.outbox.claim(well.workspace.team_id, "me", services.now(), timedelta(minutes=1))
        assert item
        await store.outbox.failed(item, "me", f"not_in_channel in {OPS}", services.now())
        lines = await doctor.lines(services)
    (line,) = [line for line in lines if line.level is not Level.OK]
    assert "could not be posted" in line.text and "/invite" in line.text


async def test_without_a_bot_token_that_works_nothing_else_is_asked(well: Clinic) -> None:
    well.settings["slack_bot_token"] = SecretStr("xoxb-wrong")
    asked = len(well.workspace.calls)
    lines = [line for line in await well.look() if line.about == "Slack"]
    assert len(lines) == 1
    assert [call.method for call in well.workspace.calls[asked:]] == ["auth.test"]


def test_doctor_knows_the_scopes_of_the_manifest() -> None:
    assert list(doctor.SCOPES) == manifest()["oauth_config"]["scopes"]["bot"]
    assert set(doctor.NEEDED) <= set(doctor.SCOPES)


async def test_no_token_is_ever_in_a_line(well: Clinic) -> None:
    well.settings["slack_app_token"] = SecretStr("xapp-secretsecret")
    said = " ".join(f"{line.text} {line.mend}" for line in await well.look())
    assert "secretsecret" not in said and well.workspace.bot_token not in said

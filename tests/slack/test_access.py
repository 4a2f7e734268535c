"""Who is let in, where, and what the others read."""

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.console.workspace import Workspace, faults, text_of
from handlers.startup import startup
from tests.slack.conftest import SmallHost
from tests.slack.desk import GUEST, LOUNGE, NOEL, OPAL, OPS, VIC, Desk, host
from tests.slack.desk import desk as serving


def nothing_was_asked(ops: Desk, small: SmallHost) -> bool:
    """Whether the channel saw nothing; the agent leaves no other trace of a question."""
    return ops.workspace.messages(OPS) == []


async def test_elsewhere_it_says_where_it_works(ops: Desk, small: SmallHost) -> None:
    before = small.queue()
    for text in ("status", "hold all", "help"):
        (message,) = await ops.type(f"/mail {text}", channel=LOUNGE)
        assert message.ephemeral_to == OPAL
        assert text_of(message) == "I work in C0OPS only. Nothing was done here."
    assert small.queue() == before


async def test_who_is_on_no_list_may_only_read_help(ops: Desk, small: SmallHost) -> None:
    for verb in ("status", "queue", f"show {small.dead[0]}", "flush", "hold all", "release all"):
        (message,) = await ops.type(f"/mail {verb}", NOEL)
        assert message.ephemeral_to == NOEL
        assert "you have no role here. Nothing was done." in text_of(message)
    words = await ops.say("/mail help", NOEL)
    assert "You have no role here, so you may only read this" in words
    words_of_viewers = "status, check, rbl, digest, queue, show, trash, pending, audit and alerts"
    assert f"{words_of_viewers}: ask U0VIC, U0OPAL or U0APRIL" in words
    assert nothing_was_asked(ops, small)


async def test_help_shows_what_this_person_may(ops: Desk) -> None:
    words = await ops.say("/mail help", VIC)
    allowed, denied = words.split("Not for you")
    assert "You are a viewer here." in allowed
    assert "/mail queue [host]" in allowed and "/mail hold" not in allowed
    attending = "acknowledge, unacknowledge, snooze, unsnooze, mute and unmute"
    changing = f"flush, hold, release, requeue, delete, expire, purge, restore, {attending}"
    assert f"{changing}: ask U0OPAL or U0APRIL" in denied
    assert "You may not do this." in await ops.say("/mail help hold", VIC)
    assert "You may not do this." not in await ops.say("/mail help hold", OPAL)


async def test_guests_never_have_a_role(ops: Desk, small: SmallHost) -> None:
    ops.services.roster.approvers = (GUEST,)
    for text in ("help", "status", "flush"):
        assert (
            await ops.say(f"/mail {text}", GUEST) == "Guests can't run this bot. A full member of this workspace can."
        )
    assert nothing_was_asked(ops, small)


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"is_bot": True}, "Bots can't run this bot."),
        ({"team_id": "T0OTHER"}, "This bot serves its own workspace only."),
    ],
)
async def test_bots_and_other_teams_never_have_a_role(
    ops: Desk, small: SmallHost, changes: dict[str, object], answer: str
) -> None:
    ops.workspace.add_user(NOEL, "noel", **changes)  # type: ignore[arg-type]
    ops.services.roster.approvers = (NOEL,)
    assert answer in await ops.say("/mail flush", NOEL)
    assert nothing_was_asked(ops, small)


async def test_a_listener_for_every_button_refuses_who_has_no_role(ops: Desk, small: SmallHost) -> None:
    """Whatever button there is: a press by somebody on no list changes nothing and says so."""
    before = small.queue()
    actions = [
        *("status.refresh", "status.overview", "status.host", "status.flush", "status.queue"),
        *("queue.next", "queue.previous", "queue.first", "queue.message"),
        *("message.flush", "message.hold", "message.release", "hold.undo", "release.undo"),
        *("request.approve", "request.deny", "request.hold", "request.cancel", "request.restore", "request.list"),
        *("request.next", "request.previous", "request.file"),
    ]
    for action in actions:
        button = {"type": "button", "text": {"type": "plain_text", "text": action}, "action_id": action, "value": "[]"}
        await ops.app.client.chat_postMessage(
            channel=OPS, text=action, blocks=[{"type": "actions", "elements": [button]}]
        )
        (message,) = await ops.press(ops.workspace.last(OPS), action, user=NOEL)
        assert message.ephemeral_to == NOEL
        assert "You may not use" in text_of(message)
    assert small.queue() == before


async def test_a_button_that_nobody_knows_is_a_clear_error(ops: Desk) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Old"}, "action_id": "old.one", "value": "x"}
    await ops.app.client.chat_postMessage(channel=OPS, text="old", blocks=[{"type": "actions", "elements": [button]}])
    (message,) = await ops.press(ops.workspace.last(OPS), "old.one")
    assert "This button was made by another version of this bot" in text_of(message)


async def test_when_slack_does_not_say_who_it_is_nobody_is_let_in(ops: Desk, small: SmallHost) -> None:
    before = small.queue()
    ops.workspace.faults.add("users.info", faults.refused("internal_error"))
    (message,) = await ops.type("/mail hold all")
    assert message.ephemeral_to == OPAL
    assert "Slack did not say who you are, so nothing was done." in text_of(message)
    ops.workspace.faults.clear()
    assert small.queue() == before
    (held,) = await ops.type("/mail hold all")
    assert "put 15 messages on hold" in text_of(held)


async def test_when_slack_does_not_say_which_workspace_it_is_nobody_is_let_in(ops: Desk, small: SmallHost) -> None:
    before = small.queue()
    ops.workspace.faults.add("auth.test", faults.refused("internal_error"))
    (message,) = await ops.type("/mail hold all")
    assert message.ephemeral_to == OPAL
    assert "Slack did not say who this bot is, so nothing was done." in text_of(message)
    assert small.queue() == before


async def test_a_user_group_gives_its_members_a_role(small: SmallHost) -> None:
    async with serving([host("mx1", small.ini)], viewers=(), operators=("S0OPS",), approvers=()) as ops:
        ops.workspace.add_usergroup("S0OPS", "mailops", [NOEL])
        assert "put 15 messages on hold" in await ops.say("/mail hold all", NOEL)
        refused = await ops.say("/mail status", OPAL)
        assert "you have no role here" in refused
        assert "Who may: S0OPS." in refused


@pytest.mark.parametrize("error", ["plan_upgrade_required", "missing_scope", "no_such_subteam", "internal_error"])
async def test_a_group_that_cannot_be_read_grants_nothing_and_the_start_says_so(small: SmallHost, error: str) -> None:
    async with serving([host("mx1", small.ini)], approvers=("S0OPS",)) as ops:
        ops.workspace.add_usergroup("S0OPS", "mailops", [NOEL])
        ops.workspace.faults.add("usergroups.users.list", faults.refused(error))
        assert "you have no role here" in await ops.say("/mail status", NOEL)
        assert "mx1 is well" in await ops.say("/mail status", VIC)
        (line,) = await startup(ops.app.client, ops.services)
        assert line.startswith("User group S0OPS can't be read, so it gives nobody a role: ")


async def test_a_start_without_anything_wrong_says_nothing(ops: Desk) -> None:
    assert await startup(ops.app.client, ops.services) == []


async def test_the_start_names_channels_the_bot_is_not_in_and_those_that_are_not_there(small: SmallHost) -> None:
    async with serving([host("mx1", small.ini)], ops_channels=(OPS, "C0ELSE", "C0NONE")) as ops:
        ops.workspace.add_channel("C0ELSE", "elsewhere", [OPAL], bot=False)
        assert await startup(ops.app.client, ops.services) == [
            "The bot is not in #elsewhere (C0ELSE). Type there: /invite @maildesk",
            "OPS_CHANNELS: C0NONE is no channel that the bot can see. If it is a private one, "
            "type there: /invite @maildesk",
        ]


async def test_the_start_says_what_is_wrong_with_the_token_and_that_nobody_has_a_role(small: SmallHost) -> None:
    async with serving([host("mx1", small.ini)], viewers=(), operators=(), approvers=()) as ops:
        assert await startup(ops.app.client, ops.services) == [
            "Nobody has a role: name at least one person (U…) in OPERATORS or APPROVERS."
        ]
        ops.app.client.token = "xoxb-wrong"
        (line,) = await startup(ops.app.client, ops.services)
        assert line.startswith("Slack does not accept SLACK_BOT_TOKEN (invalid_auth)")


async def test_the_start_says_that_slack_is_out_of_reach(small: SmallHost) -> None:
    async with serving([host("mx1", small.ini)]) as ops, Workspace() as gone:
        url = gone.api_url
        await gone.stop()
        ops.app.client.base_url = url
        (line,) = await startup(ops.app.client, ops.services)
        assert line.startswith("Slack can't be reached at ")


async def test_home_checks_the_role_and_tells_each_host_in_a_line(ops: Desk) -> None:
    home = ops.workspace.home
    await ops.workspace.open_home(OPAL)
    await ops.services.background.idle()
    view = home(OPAL)
    assert view is not None
    assert "🟢 mx1 is well." in text_of(view)
    assert "You are an operator here." in text_of(view)
    for user, words in ((NOEL, "You have no role here"), (GUEST, "Guests can't run this bot.")):
        await ops.workspace.open_home(user)
        await ops.services.background.idle()
        view = home(user)
        assert view is not None
        assert words in text_of(view)
        assert "mx1 is well" not in text_of(view)


async def test_a_request_of_another_team_over_the_socket_is_refused(ops: Desk, small: SmallHost) -> None:
    before = small.queue()
    body = {
        "team_id": "T0OTHER",
        "channel_id": OPS,
        "user_id": OPAL,
        "command": "/mail",
        "text": "hold all",
        "api_app_id": "A0",
    }
    response = await ops.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert response.status == 200
    await ops.services.background.idle()
    assert "its own workspace only" in text_of(ops.workspace.last(OPS, OPAL))
    assert small.queue() == before

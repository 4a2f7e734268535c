"""The Web API method by method: state, errors in Slack's words, files, views and response URLs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.console.workspace import Workspace, live
from bot.console.workspace.hooks import new_hook
from tests.console.app import ANA, BEN, OPS, client_of, mrkdwn, people, plain

MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "m",
    "title": plain("T"),
    "blocks": [{"type": "section", "text": plain("x")}],
}


def error_of(caught: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(caught.value.response["error"])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: c.chat_postMessage(channel="C9", text="x"), "channel_not_found"),
        (lambda c: c.chat_postMessage(channel="C0FAR", text="x"), "not_in_channel"),
        (lambda c: c.chat_postMessage(channel="C0SECRET", text="x"), "channel_not_found"),
        (lambda c: c.api_call("chat.postMessage", json={"channel": OPS, "text": ""}), "no_text"),
        (lambda c: c.chat_postMessage(channel=OPS, text="x" * 40_001), "msg_too_long"),
        (lambda c: c.chat_postMessage(channel=OPS, text="x", thread_ts="1.000001"), "thread_not_found"),
        (lambda c: c.chat_postMessage(channel=OPS, text="x", metadata={"event_type": 1}), "invalid_metadata_format"),
        (lambda c: c.chat_postMessage(channel=OPS, text="x", chanel=OPS), "invalid_arguments"),
        (lambda c: c.chat_postEphemeral(channel=OPS, text="x", user="U9"), "user_not_in_channel"),
        (lambda c: c.chat_update(channel=OPS, ts="1.000001", text="x"), "message_not_found"),
        (lambda c: c.chat_delete(channel=OPS, ts="1.000001"), "message_not_found"),
        (lambda c: c.conversations_info(channel="C0SECRET"), "channel_not_found"),
        (lambda c: c.conversations_history(channel="C0FAR"), "not_in_channel"),
        (lambda c: c.users_info(user="U9"), "user_not_found"),
        (lambda c: c.usergroups_users_list(usergroup="S9"), "no_such_subteam"),
        (lambda c: c.views_open(trigger_id="guess", view=MODAL), "invalid_trigger_id"),
        (lambda c: c.views_update(view_id="V9", view=MODAL), "not_found"),
        (lambda c: c.views_publish(user_id="U9", view={"type": "home", "blocks": []}), "user_not_found"),
        (lambda c: c.api_call("views.destroy"), "unknown_method"),
    ],
)
async def test_a_mistake_gets_slacks_own_code(
    workspace: Workspace, client: AsyncWebClient, call: Callable[[AsyncWebClient], Any], error: str
) -> None:
    workspace.add_channel("C0FAR", "far", [ANA], bot=False)
    workspace.add_channel("C0SECRET", "secret", [ANA], bot=False, is_private=True)
    with pytest.raises(SlackApiError) as caught:
        await call(client)
    assert error_of(caught) == error
    assert workspace.calls[-1].error == error
    assert workspace.messages(OPS) == []


async def test_only_the_apps_own_lasting_messages_can_be_changed(workspace: Workspace, client: AsyncWebClient) -> None:
    theirs = await workspace.say(ANA, OPS, "mine")
    alone = await client.chat_postEphemeral(channel=OPS, user=ANA, text="psst")
    for ts, error in ((theirs.ts, "cant_update_message"), (alone["message_ts"], "message_not_found")):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_update(channel=OPS, ts=ts, text="x")
        assert error_of(caught) == error
    with pytest.raises(SlackApiError, match="cant_delete_message"):
        await client.chat_delete(channel=OPS, ts=theirs.ts)
    assert [m.text for m in workspace.messages(OPS, BEN)] == ["mine"]
    assert [m.text for m in workspace.messages(OPS, ANA)] == ["mine", "psst"]


async def test_an_update_keeps_what_it_does_not_name_but_text_alone_removes_blocks(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    blocks = [{"type": "section", "text": mrkdwn("*x*"), "block_id": "r0"}]
    metadata = {"event_type": "outbox", "event_payload": {"id": 7}}
    posted = await client.chat_postMessage(channel=OPS, text="one", blocks=blocks, metadata=metadata)
    await client.chat_update(channel=OPS, ts=posted["ts"], text="two", blocks=[{**blocks[0], "block_id": "r1"}])
    assert [b["block_id"] for b in workspace.last(OPS).blocks] == ["r1"]
    await client.chat_update(channel=OPS, ts=posted["ts"], text="three")
    message = workspace.last(OPS)
    assert (message.text, message.blocks, message.metadata, message.revision) == ("three", (), metadata, 2)
    assert [m.text for m in workspace.revisions(message)] == ["one", "two", "three"]


async def test_history_pages_backwards_and_shows_metadata_when_asked(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    metadata = {"event_type": "outbox", "event_payload": {"id": "7"}}
    for n in range(5):
        sent = await client.chat_postMessage(channel=OPS, text=str(n), metadata=metadata)
    await client.chat_postMessage(channel=OPS, text="reply", thread_ts=sent["ts"])
    await client.chat_postEphemeral(channel=OPS, user=ANA, text="alone")
    first = await client.conversations_history(channel=OPS, limit=3, include_all_metadata=True)
    assert [m["text"] for m in first["messages"]] == ["4", "3", "2"]
    assert first["messages"][0]["metadata"] == metadata
    assert first["has_more"] is True
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=OPS, limit=3, cursor=cursor)
    assert [m["text"] for m in rest["messages"]] == ["1", "0"]
    assert "metadata" not in rest["messages"][0]
    since = await client.conversations_history(channel=OPS, oldest=sent["ts"], inclusive=True)
    assert [m["text"] for m in since["messages"]] == ["4"]
    thread = await client.conversations_replies(channel=OPS, ts=sent["ts"])
    assert [m["text"] for m in thread["messages"]] == ["4", "reply"]


async def test_a_thread_pages_forwards_within_its_bounds_and_shows_metadata_when_asked(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    root = await client.chat_postMessage(channel=OPS, text="root")
    sent = []
    for number in range(5):
        metadata = {"event_type": "outbox", "event_payload": {"id": number}}
        sent.append(
            await client.chat_postMessage(channel=OPS, text=str(number), thread_ts=root["ts"], metadata=metadata)
        )
    await client.chat_update(channel=OPS, ts=sent[4]["ts"], text="4, edited")
    asked = {"channel": OPS, "ts": root["ts"], "limit": 2, "include_all_metadata": True}
    first = await client.conversations_replies(**asked, oldest=sent[0]["ts"], latest=sent[4]["ts"], inclusive=True)
    assert [m["text"] for m in first["messages"]] == ["0", "1"]
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_replies(
        **asked, oldest=sent[0]["ts"], latest=sent[4]["ts"], inclusive=True, cursor=cursor
    )
    assert [m["metadata"]["event_payload"]["id"] for m in second["messages"]] == [2, 3]
    last = await client.conversations_replies(**asked, oldest=sent[3]["ts"])
    assert [(m["text"], m["metadata"]["event_payload"]["id"]) for m in last["messages"]] == [("4, edited", 4)]
    assert [m["text"] for m in (await client.conversations_history(channel=OPS))["messages"]] == ["root"]


async def test_people_and_channels_are_what_they_were_made(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.add_user("U0GUEST", "gus", is_restricted=True)
    workspace.add_user("U0FAR", "fay", team_id="T0OTHER")
    assert (await client.users_info(user="U0GUEST"))["user"]["is_restricted"] is True
    assert (await client.users_info(user="U0FAR"))["user"]["team_id"] == "T0OTHER"
    assert (await client.users_info(user=workspace.bot_user))["user"]["is_bot"] is True
    info = (await client.conversations_info(channel=OPS))["channel"]
    assert (info["name"], info["is_member"], info["is_private"]) == ("ops", True, False)
    members = (await client.conversations_members(channel=OPS))["members"]
    assert set(members) == {ANA, BEN, workspace.bot_user}
    assert [c["id"] for c in (await client.conversations_list(types="public_channel"))["channels"]] == [OPS]
    me = await client.auth_test()
    assert (me["user_id"], me["bot_id"], me["team_id"]) == (workspace.bot_user, workspace.bot_id, workspace.team_id)


async def test_a_message_to_a_person_lands_in_their_direct_messages(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    opened = (await client.conversations_open(users=[ANA]))["channel"]["id"]
    sent = await client.chat_postMessage(channel=ANA, text="for you")
    assert sent["channel"] == opened == workspace.im(ANA).id
    assert workspace.last(opened).text == "for you"


async def test_a_file_is_uploaded_and_shared(workspace: Workspace, client: AsyncWebClient) -> None:
    answer = await client.files_upload_v2(channel=OPS, filename="list.txt", content="a\nb\n", title="The list")
    (name,) = workspace.last(OPS).files
    assert answer["files"][0]["id"] == name
    assert (workspace.file(name).content, workspace.file(name).title) == (b"a\nb\n", "The list")
    half = await client.files_getUploadURLExternal(filename="x", length=3)
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": half["file_id"], "title": "x"}], channel_id=OPS)


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


async def test_a_trigger_opens_one_modal_within_three_seconds() -> None:
    clock = Clock()
    async with Workspace(clock) as workspace:
        people(workspace)
        client = client_of(workspace)
        trigger = workspace.state.new_trigger(ANA)
        clock.time += timedelta(seconds=3)
        await client.views_open(trigger_id=trigger, view=MODAL)
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            await client.views_open(trigger_id=trigger, view=MODAL)
        late = workspace.state.new_trigger(ANA)
        clock.time += timedelta(seconds=3.1)
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await client.views_open(trigger_id=late, view=MODAL)


async def test_views_stack_up_to_three_and_a_stale_hash_is_a_conflict(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    opened = await client.views_open(trigger_id=workspace.state.new_trigger(ANA), view={**MODAL, "external_id": "e"})
    below = opened["view"]["id"]
    for _ in range(2):
        trigger = workspace.state.new_trigger(ANA, below)
        pushed = (await client.views_push(trigger_id=trigger, view=MODAL))["view"]
        assert (pushed["root_view_id"], pushed["previous_view_id"]) == (opened["view"]["id"], below)
        below = pushed["id"]
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=workspace.state.new_trigger(ANA, below), view=MODAL)
    changed = {**MODAL, "title": plain("New")}
    await client.views_update(external_id="e", hash=opened["view"]["hash"], view=changed)
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=opened["view"]["id"], hash=opened["view"]["hash"], view=changed)
    assert [view.body["title"]["text"] for view in workspace.views(ANA)] == ["New", "T", "T"]


async def test_a_response_url_works_five_times_and_for_thirty_minutes() -> None:
    clock = Clock()
    async with Workspace(clock) as workspace:
        people(workspace)
        url = new_hook(workspace.state, ANA, OPS)
        answers = [await AsyncWebhookClient(url).send(text=str(n), response_type="ephemeral") for n in range(6)]
        assert [(a.status_code, a.body) for a in answers][4:] == [(200, "ok"), (404, "used_url")]
        assert [m.text for m in workspace.messages(OPS, ANA)] == list("01234")
        assert workspace.messages(OPS, BEN) == []
        other = new_hook(workspace.state, ANA, OPS)
        clock.time += timedelta(minutes=30)
        assert (await AsyncWebhookClient(other).send(text="all", response_type="in_channel")).status_code == 200
        assert workspace.last(OPS, BEN).text == "all"
        clock.time += timedelta(seconds=1)
        assert (await AsyncWebhookClient(other).send(text="late")).body == "expired_url"
        assert (
            await AsyncWebhookClient(new_hook(workspace.state, ANA, OPS)).send(blocks=[{}])
        ).body == "invalid_blocks"


async def test_a_response_url_replaces_and_deletes_what_it_belongs_to(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    alone = await client.chat_postEphemeral(channel=OPS, user=ANA, text="psst")
    url = new_hook(workspace.state, ANA, OPS, alone["message_ts"])
    await AsyncWebhookClient(url).send(text="changed", replace_original=True)
    assert [(m.text, m.ephemeral_to) for m in workspace.messages(OPS, ANA)] == [("changed", ANA)]
    await AsyncWebhookClient(url).send(delete_original=True)
    assert workspace.messages(OPS, ANA) == []


async def test_form_and_json_bodies_mean_the_same(workspace: Workspace) -> None:
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    blocks = '[{"type": "divider"}]'
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(
            f"{workspace.api_url}chat.postMessage", data={"channel": OPS, "text": "f", "blocks": blocks}
        ) as answer:
            assert (await answer.json())["ok"] is True
        async with session.post(
            f"{workspace.api_url}chat.postMessage", data="{", headers={"Content-Type": "application/json"}
        ) as answer:
            assert (await answer.json())["error"] == "invalid_json"
        data = {"token": workspace.bot_token, "channel": OPS, "text": "g", "blocks": "{"}
        async with session.post(f"{workspace.api_url}chat.postMessage", data=data) as answer:
            assert (await answer.json())["error"] == "invalid_blocks_format"
    assert [block["type"] for block in workspace.last(OPS).blocks] == ["divider"]


async def test_what_slack_would_act_on_is_found_wherever_it_stands(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    rich: list[dict[str, Any]] = [{"type": "user", "user_id": "U1"}, {"type": "text", "text": "<!here>"}]
    loud: list[dict[str, Any]] = [
        {"type": "section", "text": mrkdwn("hi <!channel> <https://x.example|y>")},
        {"type": "section", "text": plain("<!channel>")},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": rich}]},
    ]
    await client.chat_postMessage(channel=OPS, text="<@U2> &lt;!everyone&gt; a < b > c", blocks=loud)
    assert live(workspace.last(OPS)) == ["<@U2>", "<!channel>", "<https://x.example|y>", "<U1>"]

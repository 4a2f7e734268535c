"""What Slack's client lets people do, and what the app hears of it."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import NotFilled, Workspace, controls
from tests.console.app import ANA, BEN, OPS, actions, button, people, plain, running


def modal(title: str = "T", **more: Any) -> dict[str, Any]:
    blocks = more.pop("blocks", [{"type": "section", "text": plain("x")}])
    submit = {"submit": plain("OK")}
    return {"type": "modal", "callback_id": "m", "title": plain(title), "blocks": blocks, **submit, **more}


def field(block_id: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    element = {"action_id": "x", **element}
    return {"type": "input", "block_id": block_id, "label": plain(block_id.upper()), "element": element, **more}


def options(*names: str) -> list[dict[str, Any]]:
    return [{"text": plain(name.title()), "value": name} for name in names]


FORM = modal(
    blocks=[
        field("text", {"type": "plain_text_input", "initial_value": "as it was", "max_length": 10}),
        field("number", {"type": "number_input", "is_decimal_allowed": False, "min_value": "2"}),
        field("one", {"type": "static_select", "options": options("red", "green")}),
        field("many", {"type": "checkboxes", "options": options("a", "b", "c")}, optional=True),
    ]
)


class Hears:
    """An app that keeps what it hears and answers submissions as it is told."""

    def __init__(self, **answer: Any) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answer = answer

    def register(self, app: AsyncApp) -> None:
        async def hear(ack: Any, body: Any) -> None:
            await ack()
            self.bodies.append(body)

        for listen in (app.command("/mail"), app.action("go"), app.view_closed("m")):
            listen(hear)

        @app.view("m")
        async def submitted(ack: Any, body: Any) -> None:
            self.bodies.append(body)
            await ack(**self.answer)


async def open_modal(workspace: Workspace, client: AsyncWebClient, view: dict[str, Any]) -> None:
    await client.views_open(trigger_id=workspace.state.new_trigger(ANA), view=view)


async def test_a_form_arrives_in_slacks_shape(workspace: Workspace, client: AsyncWebClient) -> None:
    app = Hears()
    async with running(workspace, app.register):
        await open_modal(workspace, client, FORM)
        (view,) = workspace.views(ANA)
        await workspace.submit(ANA, view, {"number": "7", "ONE": "Green", "many": ["a", "C"]})
    values = app.bodies[0]["view"]["state"]["values"]
    assert values["text"]["x"] == {"type": "plain_text_input", "value": "as it was"}
    assert values["number"]["x"] == {"type": "number_input", "value": "7"}
    assert values["one"]["x"]["selected_option"]["value"] == "green"
    assert [option["value"] for option in values["many"]["x"]["selected_options"]] == ["a", "c"]
    assert (app.bodies[0]["type"], app.bodies[0]["user"]["id"]) == ("view_submission", ANA)


@pytest.mark.parametrize(
    ("given", "block_id"),
    [
        ({"number": "7"}, "one"),
        ({"number": "1", "one": "red"}, "number"),
        ({"number": "x", "one": "red"}, "number"),
        ({"text": "", "number": "7", "one": "red"}, "text"),
        ({"text": "x" * 11, "number": "7", "one": "red"}, "text"),
    ],
)
async def test_the_client_itself_refuses_what_is_missing_or_out_of_range(
    workspace: Workspace, client: AsyncWebClient, given: dict[str, Any], block_id: str
) -> None:
    await open_modal(workspace, client, FORM)
    with pytest.raises(NotFilled) as caught:
        await workspace.submit(ANA, workspace.views(ANA)[0], given)
    assert list(caught.value.problems) == [block_id]
    with pytest.raises(LookupError, match="there is no field 'colour'"):
        await workspace.submit(ANA, workspace.views(ANA)[0], {"colour": "red"})


@pytest.mark.parametrize(
    ("answer", "titles"),
    [
        ({}, ["Below"]),
        ({"response_action": "update", "view": modal("New")}, ["Below", "New"]),
        ({"response_action": "push", "view": modal("New")}, ["Below", "Top", "New"]),
        ({"response_action": "clear"}, []),
    ],
)
async def test_a_submission_changes_the_stack_as_it_is_answered(
    workspace: Workspace, client: AsyncWebClient, answer: dict[str, Any], titles: list[str]
) -> None:
    app = Hears(**answer)
    async with running(workspace, app.register):
        await open_modal(workspace, client, modal("Below"))
        below = workspace.views(ANA)[0]
        trigger = workspace.state.new_trigger(ANA, below.id)
        await client.views_push(trigger_id=trigger, view=modal("Top"))
        with pytest.raises(LookupError, match="on top"):
            await workspace.submit(ANA, below)
        assert not (await workspace.submit(ANA, workspace.views(ANA)[-1])).error
    assert [view.body["title"]["text"] for view in workspace.views(ANA)] == titles


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "update", "view": modal("T" * 25)},
        {"response_action": "errors", "errors": {"nowhere": "No."}},
    ],
)
async def test_an_answer_that_slack_would_not_take_leaves_the_modal_open(
    workspace: Workspace, client: AsyncWebClient, answer: dict[str, Any]
) -> None:
    app = Hears(**answer)
    async with running(workspace, app.register):
        await open_modal(workspace, client, modal())
        receipt = await workspace.submit(ANA, workspace.views(ANA)[0])
    assert receipt.error.startswith("invalid_response")
    assert len(workspace.views(ANA)) == 1


@pytest.mark.parametrize("notify", [True, False])
async def test_closing_is_told_only_to_an_app_that_wants_to_know(
    workspace: Workspace, client: AsyncWebClient, notify: bool
) -> None:
    app = Hears()
    async with running(workspace, app.register):
        await open_modal(workspace, client, modal(notify_on_close=notify))
        await workspace.close(ANA, workspace.views(ANA)[0])
    assert [(body["type"], body["is_cleared"]) for body in app.bodies] == [("view_closed", False)] * notify
    assert workspace.views(ANA) == []


async def test_nobody_presses_what_they_do_not_see(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.add_user("U0OUT", "out")
    card = [actions(button("go", "Go"))]
    await client.chat_postMessage(channel=OPS, text="x", blocks=card)
    shown = workspace.last(OPS)
    await client.chat_postEphemeral(channel=OPS, user=ANA, text="x", blocks=card)
    alone = workspace.last(OPS, ANA)
    await client.chat_delete(channel=OPS, ts=shown.ts)
    for user, message, why in (
        (BEN, alone, "does not see"),
        ("U0OUT", alone, "not in a channel"),
        (ANA, shown, "delet"),
    ):
        with pytest.raises(LookupError, match=why):
            await workspace.press(user, message, "go")
    with pytest.raises(LookupError, match="there is no 'stop' to press; there is: go"):
        await workspace.press(ANA, alone, "stop")


async def test_a_press_on_what_one_person_sees_comes_without_the_message(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    app = Hears()
    async with running(workspace, app.register):
        await client.chat_postEphemeral(channel=OPS, user=ANA, text="x", blocks=[actions(button("go", "Go"))])
        await workspace.press(ANA, workspace.last(OPS, ANA), "go")
        await workspace.wait(lambda: app.bodies)
    assert "message" not in app.bodies[0]
    assert app.bodies[0]["container"]["is_ephemeral"] is True
    assert app.bodies[0]["response_url"].startswith(workspace.api_url.removesuffix("api/"))


async def test_an_old_copy_is_pressed_with_its_own_block_id(workspace: Workspace, client: AsyncWebClient) -> None:
    app = Hears()
    async with running(workspace, app.register):
        sent = await client.chat_postMessage(
            channel=OPS, text="x", blocks=[actions(button("go", "Go", value="old"), block_id="r0")]
        )
        old = workspace.last(OPS)
        await client.chat_update(
            channel=OPS, ts=sent["ts"], text="x", blocks=[actions(button("go", "Go", value="new"), block_id="r1")]
        )
        for message in (old, workspace.last(OPS)):
            await workspace.press(BEN, message, controls(message)[0])
        await workspace.wait(lambda: len(app.bodies) == 2)
    pressed = [(body["actions"][0]["block_id"], body["actions"][0]["value"]) for body in app.bodies]
    assert pressed == [("r0", "old"), ("r1", "new")]


@pytest.mark.parametrize(
    ("links", "typed", "arrives"),
    [
        (False, "  show  @ben from:ana@x.example  ", "show  <@login:ben> from:ana@x.example"),
        (False, "x@ben @nobody (@ben) #ops", "x@ben @nobody (<@login:ben>) <#C0OPS>"),
        (
            True,
            "from:ana@x.example https://x.example/a",
            "from:<mailto:ana@x.example|ana@x.example> <https://x.example/a>",
        ),
        (True, "from:@x.example *@x.example", "from:@x.example *@x.example"),
    ],
)
async def test_typed_text_arrives_as_it_was_but_for_what_slack_escapes(links: bool, typed: str, arrives: str) -> None:
    app = Hears()
    async with Workspace(escape_links=links) as workspace:
        people(workspace)
        async with running(workspace, app.register):
            await workspace.command(ANA, OPS, f"/mail {typed}")
            await workspace.wait(lambda: app.bodies)
    assert app.bodies[0]["text"] == arrives


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        (lambda c, im: c.conversations_history(channel=im), "im:history"),
        (lambda c, im: c.conversations_info(channel=im), "im:read"),
        (lambda c, im: c.conversations_list(types="public_channel,im"), "im:read"),
        (lambda c, im: c.team_info(), "team:read"),
    ],
)
async def test_the_manifests_scopes_do_not_reach_everything(
    workspace: Workspace, client: AsyncWebClient, call: Callable[[AsyncWebClient, str], Any], scope: str
) -> None:
    im = workspace.im(ANA).id
    with pytest.raises(SlackApiError) as caught:
        await call(client, im)
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", scope)
    workspace.scopes.add(scope)
    await call(client, im)

"""One whole conversation of a real Bolt app with the workspace, over HTTP and a real WebSocket."""

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.console.workspace import ConfirmNeeded, Workspace, text_of
from tests.console.app import ANA, BEN, OPS, actions, button, plain, running

MODAL = {
    "type": "modal",
    "callback_id": "typed",
    "title": plain("Type it"),
    "submit": plain("OK"),
    "blocks": [
        {
            "type": "input",
            "block_id": "number",
            "label": plain("Number"),
            "element": {"type": "plain_text_input", "action_id": "typed"},
        }
    ],
}


class Seen:
    """What the app was sent, newest last."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def register(self, app: AsyncApp) -> None:
        @app.command("/mail")
        async def mail(ack: Any, body: Any, command: Any, respond: Any, client: Any) -> None:
            await ack()
            self.bodies.append(body)
            await respond(f"you said {command['text']}")
            pick: dict[str, Any] = {"type": "static_select", "action_id": "pick", "placeholder": plain("Message …")}
            pick["options"] = [{"text": plain(f"Number {n}"), "value": str(n)} for n in (1, 2)]
            go = button("go", "Go", value="1")
            drop = button("drop", "Drop", confirm={"title": plain("Sure?"), "text": plain("It goes.")})
            await client.chat_postMessage(channel=OPS, text="card", blocks=[actions(go, drop, pick, block_id="r0")])

        @app.action("go")
        async def go(ack: Any, body: Any, client: Any) -> None:
            await ack()
            self.bodies.append(body)
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

        @app.action("drop")
        @app.action("pick")
        async def other(ack: Any, body: Any, respond: Any) -> None:
            await ack()
            self.bodies.append(body)
            await respond(text="replaced", replace_original=True)

        @app.view("typed")
        async def typed(ack: Any, body: Any, view: Any) -> None:
            self.bodies.append(body)
            if view["state"]["values"]["number"]["typed"]["value"] == "7":
                await ack()
            else:
                await ack(response_action="errors", errors={"number": "It is seven."})

        @app.event("app_home_opened")
        async def home(body: Any, event: Any, client: Any) -> None:
            self.bodies.append(body)
            blocks = [{"type": "section", "text": plain("Welcome home")}]
            await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})


async def test_a_command_is_acknowledged_answered_and_seen_by_those_who_should(workspace: Workspace) -> None:
    seen = Seen()
    async with running(workspace, seen.register):
        receipt = await workspace.command(ANA, OPS, "/mail show @ben from:a@b.example")
        assert receipt.acked
        assert 0 < receipt.seconds < 3
        await workspace.wait_message(OPS, "Go")
    assert [text_of(m).splitlines()[0] for m in workspace.messages(OPS, ANA)] == [
        "you said show <@login:ben> from:a@b.example",
        "Go",
    ]
    assert [text_of(m).splitlines()[0] for m in workspace.messages(OPS, BEN)] == ["Go"]
    command = seen.bodies[0]
    assert command["command"] == "/mail"
    assert (command["user_id"], command["user_name"]) == (ANA, "ana")
    assert (command["channel_id"], command["channel_name"]) == (OPS, "ops")
    assert command["trigger_id"]


async def test_a_button_opens_a_modal_whose_errors_keep_it_open(workspace: Workspace) -> None:
    seen = Seen()
    async with running(workspace, seen.register):
        await workspace.command(ANA, OPS, "/mail x")
        card = await workspace.wait_message(OPS, "Go")
        assert (await workspace.press(ANA, card, "Go")) is not None
        (view,) = await workspace.wait(lambda: workspace.views(ANA))
        refused = await workspace.submit(ANA, view, {"Number": "3"})
        assert refused.errors == {"number": "It is seven."}
        assert workspace.views(ANA) == [view]
        accepted = await workspace.submit(ANA, view, {"number": "7"})
        assert accepted.acked
        assert accepted.errors == {}
        assert workspace.views(ANA) == []
    press = next(body for body in seen.bodies if body.get("type") == "block_actions")
    assert press["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": OPS,
        "is_ephemeral": False,
    }
    action = press["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"], action["type"]) == ("go", "r0", "1", "button")
    assert press["message"]["ts"] == card.ts


async def test_a_confirmed_press_and_a_choice_use_the_response_url(workspace: Workspace) -> None:
    seen = Seen()
    async with running(workspace, seen.register):
        await workspace.command(ANA, OPS, "/mail x")
        card = await workspace.wait_message(OPS, "Go")
        with pytest.raises(ConfirmNeeded, match="Sure"):
            await workspace.press(ANA, card, "drop")
        assert await workspace.press(ANA, card, "drop", confirmed=False) is None
        await workspace.press(ANA, card, "drop", confirmed=True)
        replaced = await workspace.wait_message(OPS, "replaced")
        assert replaced.ts == card.ts
        # The old copy can still be pressed, by someone whose client did not hear of the change.
        await workspace.press(BEN, card, "pick", "Number 2")
        await workspace.wait(lambda: len(workspace.revisions(replaced)) == 3)
    chosen = seen.bodies[-1]["actions"][0]
    assert chosen["selected_option"]["value"] == "2"
    assert seen.bodies[-1]["state"]["values"]["r0"]["pick"]["selected_option"]["value"] == "2"


async def test_opening_home_lets_the_app_publish_it(workspace: Workspace) -> None:
    seen = Seen()
    async with running(workspace, seen.register):
        assert (await workspace.open_home(BEN)).acked
        home = await workspace.wait(lambda: workspace.home(BEN))
    assert text_of(home) == "Welcome home"
    assert workspace.home(ANA) is None


async def test_fifty_commands_at_once_are_each_acknowledged(workspace: Workspace) -> None:
    seen = Seen()
    async with running(workspace, seen.register):
        receipts = await asyncio.gather(*(workspace.command(ANA, OPS, f"/mail {n}") for n in range(50)))
        assert all(receipt.acked for receipt in receipts)
        await workspace.wait(lambda: len(workspace.messages(OPS)) == 50)

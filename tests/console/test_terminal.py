"""The terminal front end, driven by lines, with a real Bolt app behind it."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.background import Background
from bot.console.terminal import run
from bot.console.workspace import Workspace
from tests.console.app import ANA, BEN, OPS, actions, button, mrkdwn, people, plain, running

CONFIRM = {"title": plain("Drop it?"), "text": mrkdwn("It is gone then."), "confirm": plain("Drop")}


def pick(count: int) -> dict[str, Any]:
    options = [{"text": plain(f"Message {n}"), "value": f"m{n}"} for n in range(1, count + 1)]
    return {"type": "static_select", "action_id": "pick", "placeholder": plain("Message …"), "options": options}


def typed_modal() -> dict[str, Any]:
    field = {"type": "plain_text_input", "action_id": "x"}
    reason = {"type": "static_select", "action_id": "x", "options": pick(2)["options"]}
    return {
        "type": "modal",
        "callback_id": "typed",
        "title": plain("Delete 7 messages"),
        "submit": plain("Delete"),
        "blocks": [
            {"type": "section", "text": mrkdwn("*7* messages of `a@b`")},
            {"type": "input", "block_id": "number", "label": plain("Type the number"), "element": field},
            {"type": "input", "block_id": "why", "label": plain("Why"), "element": reason, "optional": True},
        ],
    }


class Shop:
    """A little app: a card that counts, a private list, a dialog, a modal, slow work with progress, a Home tab."""

    def __init__(self) -> None:
        self.background = Background()
        self.done: list[str] = []
        self.count = 0

    def card(self) -> dict[str, Any]:
        row = [button("add", "Add"), button("drop", "Drop", style="danger", confirm=CONFIRM), button("type", "Type …")]
        text = {"type": "section", "text": mrkdwn(f"*Count*: {self.count}")}
        return {"text": f"Count: {self.count}", "blocks": [text, actions(*row, block_id=f"card-{self.count}")]}

    def register(self, app: AsyncApp) -> None:
        @app.command("/mail")
        async def mail(ack: Any, command: Any, respond: Any, client: Any) -> None:
            await ack()
            word = command["text"]
            if word == "card":
                await client.chat_postMessage(channel=OPS, **self.card())
            elif word == "list":
                await respond(text="list", blocks=[{"type": "section", "text": plain("Yours")}, actions(pick(3))])
            elif word == "look":
                blocks = [{"type": "section", "text": plain("Only to be read")}]
                view = {"type": "modal", "title": plain("Look"), "blocks": blocks}
                await client.views_open(trigger_id=command["trigger_id"], view=view)
            elif word == "slow":
                self.background.start(self.slow(client), "slow")
            else:
                await respond(f"I don't know {word!r}.")

        @app.action("add")
        async def add(ack: Any, body: Any, client: Any) -> None:
            await ack()
            self.count += 1
            await client.chat_update(channel=OPS, ts=body["message"]["ts"], **self.card())

        @app.action("drop")
        async def drop(ack: Any, body: Any, client: Any) -> None:
            await ack()
            self.done.append(f"dropped by {body['user']['name']}")
            await client.chat_update(channel=OPS, ts=body["message"]["ts"], text="Dropped.")

        @app.action("pick")
        async def picked(ack: Any, body: Any, respond: Any) -> None:
            await ack()
            await respond(f"You chose {body['actions'][0]['selected_option']['value']}.")

        @app.action("type")
        async def opened(ack: Any, body: Any, client: Any) -> None:
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=typed_modal())

        @app.view("typed")
        async def typed(ack: Any, view: Any) -> None:
            values = view["state"]["values"]
            if values["number"]["x"]["value"] != "7":
                await ack(response_action="errors", errors={"number": "That is not 7."})
                return
            await ack()
            self.done.append(str((values["why"]["x"]["selected_option"] or {}).get("value")))

        @app.event("app_home_opened")
        async def home(event: Any, client: Any) -> None:
            view = {
                "type": "home",
                "blocks": [{"type": "header", "text": plain("At home")}, actions(button("add", "A"))],
            }
            await client.views_publish(user_id=event["user"], view=view)

    async def slow(self, client: Any) -> None:
        sent = await client.chat_postMessage(channel=OPS, text="0 of 3")
        for step in (1, 2, 3):
            await asyncio.sleep(0.05)
            await client.chat_update(channel=OPS, ts=sent["ts"], text=f"{step} of 3" if step < 3 else "All 3 done")


Drive = Callable[..., Awaitable[str]]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def drive(shop: Shop) -> Drive:
    """Runs the console on some lines and returns what was printed."""

    async def driven(*lines: str, users: tuple[str, ...] = (ANA, BEN)) -> str:
        out = io.StringIO()
        async with Workspace() as workspace:
            people(workspace)
            async with running(workspace, shop.register):
                source = io.StringIO("".join(f"{line}\n" for line in lines))
                idle = shop.background.idle
                await asyncio.wait_for(
                    run(workspace, users=users, channel=OPS, idle=idle, stdin=source, stdout=out), 10
                )
        return out.getvalue()

    return driven


async def test_a_command_is_echoed_and_answered_before_the_next_line(drive: Drive) -> None:
    printed = await drive("card", "/mail list", "mail nonsense")
    parts = printed.split("> ")
    assert "Count: 0" in parts[1]
    assert "[1] Add   [2] Drop   [3] Type …" in parts[1]
    assert "Maildesk (only ana sees this)" in parts[2]
    assert "[4] Message … ▾" in parts[2]
    assert "I don't know 'nonsense'." in parts[3]
    assert "\x1b" not in printed
    assert all(len(line) <= 100 for line in printed.splitlines())


async def test_a_number_presses_the_newest_copy_and_stays_when_the_message_is_edited(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "1", "1", "9")
    assert shop.count == 2
    assert [line.strip() for line in printed.splitlines() if "Count" in line] == ["Count: 0", "Count: 1", "Count: 2"]
    assert printed.count("[1] Add") == 3
    assert printed.count("Maildesk (updated)") == 2
    assert "There is no button 9." in printed


async def test_a_dialog_is_asked_and_no_means_no(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "2", "n", ":as ben", "2", "maybe", "y", "1")
    assert shop.done == ["dropped by ben"]
    assert "It is gone then." in printed
    assert "Not done." in printed
    assert "Please answer y or n." in printed
    assert printed.index("You are ben now.") < printed.index("Dropped.")
    assert "Button 1 is gone" in printed


async def test_a_list_is_opened_or_chosen_from_at_once(drive: Drive) -> None:
    printed = await drive("list", "1", "2", "1.3", "1.7", "1", ":press mess = Message 1")
    assert "2. Message 2" in printed
    assert [line.strip() for line in printed.splitlines() if "You chose" in line] == [
        "You chose m2.",
        "You chose m3.",
        "You chose m1.",
        "You chose m1.",
    ]
    assert "'7' is none of these." in printed


async def test_a_modal_is_filled_field_by_field_and_refusals_are_asked_again(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "3", "8", "", "7", "3", "7", "2")
    assert shop.done == ["None", "m2"]
    assert "┌ Delete 7 messages" in printed
    assert "Why (optional)" in printed
    assert "Type the number: That is not 7." in printed


async def test_a_modal_can_be_cancelled_and_a_required_field_is_not_sent_empty(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "3", "", "", ":cancel", "nonsense")
    assert shop.done == []
    assert "Please complete this required field." in printed
    assert "The window is closed." in printed
    assert "I don't know 'nonsense'." in printed


async def test_a_command_behind_an_open_question_is_not_taken_for_its_answer(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "3", "/mail list", ":home", "list", "", ":cancel", "list")
    assert "'/mail list' was not done: a question is open. :cancel leaves this" in printed
    assert "':home' was not done: a question is open." in printed
    refused = "Type the number: That is not 7.\n:cancel leaves this; then commands are taken again."
    assert refused in printed, "what could be an answer is sent as one"
    assert printed.index(refused) < printed.index("The window is closed.") < printed.index("Yours")
    assert shop.done == [] and "At home" not in printed


async def test_whoever_answers_otherwise_is_told_how_to_leave(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "2", "list", ":cancel", "list", "4.9", ":cancel")
    assert "Please answer y or n. :cancel leaves this; then commands are taken again." in printed
    assert "'9' is none of these. :cancel leaves this; then commands are taken again." in printed
    assert printed.count("Not done.") == 2 and shop.done == []


async def test_cancel_closes_a_window_that_asks_nothing_too(drive: Drive) -> None:
    printed = await drive(":cancel", "look", ":cancel", ":cancel")
    assert printed.count("No window is open.") == 2
    assert printed.index("Only to be read") < printed.index("The window is closed.")


async def test_only_the_last_state_of_slow_work_is_printed(drive: Drive) -> None:
    printed = await drive("slow", "card")
    assert "0 of 3" not in printed
    assert "2 of 3" not in printed
    assert printed.index("All 3 done") < printed.index("> card")
    assert "updated" not in printed


async def test_remarks_are_told_and_blank_lines_are_nothing(drive: Drive) -> None:
    printed = await drive("# First look:", "# a card", "", "card", "# That was it.")
    assert printed.startswith("# First look:\n# a card\n> card\n")
    assert printed.endswith("\n\n# That was it.\n")
    assert printed.count(">") == 1


async def test_one_can_only_be_somebody_of_the_list(drive: Drive) -> None:
    printed = await drive(":as ben", ":as ana", users=(ANA,))
    assert "You can be: ana." in printed
    assert "You are ana now." in printed
    assert "You are ben now." not in printed


async def test_home_messages_and_help_are_shown_and_quit_ends(drive: Drive) -> None:
    printed = await drive("card", ":home", ":messages", ":help", ":nonsense", "/other", ":quit", "list")
    assert "At home" in printed
    assert "[4] A" in printed
    assert printed.count("Count: 0") == 2
    assert "open the app's Home tab" in printed
    assert "There is no :nonsense" in printed
    assert "The only command here is /mail" in printed
    assert "> list" not in printed


async def test_the_end_of_the_input_in_a_modal_closes_it(drive: Drive, shop: Shop) -> None:
    printed = await drive("card", "3", "7")
    assert shop.done == []
    assert "The window is closed." in printed

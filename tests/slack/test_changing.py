"""`/mail flush`, `hold` and `release`, and the way back, from Slack to the spool."""

import asyncio
from pathlib import Path

import pytest

from bot.console.workspace import controls, text_of
from bot.demo.mail import Mail
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.desk import APRIL, OPAL, OPS, VIC, Desk, host
from tests.slack.desk import desk as serving


async def test_a_flush_tells_what_became_of_the_mail(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type("/mail flush")
    words = text_of(card)
    assert card.ephemeral_to == ""
    assert "U0OPAL flushed mx1: all" in words
    assert f"Postfix was asked to try {DEAD + FINE} messages again" in words
    assert f"{FINE} gone from the queue" in words
    assert f"{DEAD} tried again and deferred again" in words
    assert "Why deferred again" in words
    assert f"Before: deferred {DEAD + FINE} and hold 1" in words
    assert f"After: deferred {DEAD} and hold 1" in words
    assert "It deletes nothing." in words
    assert small.queue().keys() == {*small.dead, small.held}


async def test_a_flush_again_too_soon_is_warned_of(ops: Desk) -> None:
    await ops.type("/mail flush")
    words = text_of((await ops.type("/mail flush"))[-1])
    assert "The last flush was only" in words
    assert "minimal_backoff_time" in words


async def test_a_flush_of_some_leaves_the_others(ops: Desk, small: SmallHost) -> None:
    words = text_of((await ops.type("/mail flush from:jane0@home.test"))[-1])
    assert "1 gone from the queue" in words
    assert small.fine[0] not in small.queue()
    assert set(small.fine[1:]) <= small.queue().keys()


async def test_a_flush_names_the_queue_ids_that_are_no_message(ops: Desk, small: SmallHost) -> None:
    lines = text_of((await ops.type(f"/mail flush {small.fine[0]} 4jYTY25PbJzBBBB"))[-1]).splitlines()
    absent = "not in the queue, so there was nothing to try: gone before, or mistyped"
    assert "1 gone from the queue: delivered, or sent back as undeliverable" in lines
    assert f"4jYTY25PbJzBBBB {absent}" in lines


@pytest.mark.parametrize(
    ("verb", "done"),
    [
        ("flush", "flushed"),
        ("hold", "held"),
        ("release", "released"),
        ("requeue", "requeued"),
        ("delete", "asked for"),
    ],
)
async def test_that_nothing_matches_is_told_once_and_to_the_asker_alone(
    ops: Desk, monkeypatch: pytest.MonkeyPatch, verb: str, done: str
) -> None:
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 0.0)
    (nothing,) = await ops.type(f"/mail {verb} from:nobody@nowhere.test")
    assert nothing.ephemeral_to == OPAL
    assert text_of(nothing) == f"Nothing on mx1 matches from:nobody@nowhere.test, so nothing was {done}."
    assert not ops.workspace.messages(OPS)


async def test_the_flush_button_of_the_status_flushes(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type("/mail status")
    (flushed,) = await ops.press(card, "Flush")
    assert "U0OPAL flushed mx1" in text_of(flushed)
    assert small.count("deferred") == DEAD


async def test_long_work_is_shown_at_once_and_ends_in_place(
    ops: Desk, small: SmallHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 0.1)
    for number in range(8):
        small.add(Mail(f"s{number}@home.test", ("bob@busy.test",), "Slow", 1_700_000_000))
    (card,) = await ops.type("/mail flush")
    revisions = [text_of(revision) for revision in ops.workspace.revisions(card)]
    assert len(revisions) > 1, "a demo flush takes more than the moment after which work is shown"
    assert revisions[0].splitlines()[0] == "U0OPAL flushes all on mx1."
    assert "flushed mx1" in revisions[-1]
    assert len(ops.workspace.messages(OPS)) == 1


async def test_a_hold_is_undone_by_its_button(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type("/mail hold from:news@shop.test")
    assert f"U0OPAL put {DEAD} messages on hold on mx1: from:n…@shop.test" in text_of(card)
    assert small.count("hold") == DEAD + 1
    (undone,) = await ops.press(card, "hold.undo", user=APRIL)
    assert undone.ts == card.ts
    assert f"Undone: U0APRIL released {DEAD} messages again" in text_of(undone)
    assert controls(undone) == ()
    assert [queue for queue_id, queue in small.queue().items() if queue_id != small.held] == ["deferred"] * (
        DEAD + FINE
    )
    assert small.queue()[small.held] == "hold", "what was on hold before stays so"


async def test_only_the_first_press_of_an_undo_counts(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type("/mail hold from:news@shop.test")
    await asyncio.gather(
        ops.workspace.press(OPAL, card, "hold.undo", confirmed=True),
        ops.workspace.press(APRIL, card, "hold.undo", confirmed=True),
    )
    await ops.services.background.idle()
    told = [message for user in (OPAL, APRIL) for message in ops.workspace.messages(OPS, user) if message.ephemeral_to]
    assert len(told) == 1
    assert "This undo was pressed before, by " in text_of(told[0])
    (again,) = await ops.press(card, "hold.undo")
    assert again.ephemeral_to == OPAL
    assert "pressed before" in text_of(again)


async def test_a_hold_is_released_by_its_key(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type(f"/mail hold {small.fine[0]} {small.fine[1]}")
    key = text_of(card).split("/mail release mx1 ")[1].split()[0]
    (released,) = await ops.type(f"/mail release {key}")
    assert f"released 2 messages on mx1: {key}" in text_of(released)
    assert small.count("hold") == 1


async def test_a_release_is_undone_by_its_button_after_which_a_key_releases_again(ops: Desk, small: SmallHost) -> None:
    await ops.type("/mail hold from:@home.test")
    (card,) = await ops.type("/mail release from:@home.test")
    assert "Undo: hold these 3 again" in [control.label for control in controls(card)]
    (undone,) = await ops.press(card, "release.undo")
    assert "Undone: U0OPAL put 3 messages on hold again" in text_of(undone)
    assert all(small.queue()[queue_id] == "hold" for queue_id in small.fine)
    key = text_of(undone).split("/mail release mx1 ")[1].split()[0]
    await ops.type(f"/mail release mx1 {key}")
    assert not any(small.queue()[queue_id] == "hold" for queue_id in small.fine)


async def test_after_a_restart_both_undos_still_work(small: SmallHost, tmp_path: Path) -> None:
    async with serving([host("mx1", small.ini)], store=tmp_path) as ops:
        (held,) = await ops.type("/mail hold from:news@shop.test")
        await ops.type("/mail hold from:@home.test")
        (released,) = await ops.type("/mail release from:@home.test")
        values = {
            control.action_id: control.element["value"] for card in (held, released) for control in controls(card)
        }
    async with serving([host("mx1", small.ini)], store=tmp_path) as ops:
        client = ops.app.client
        for action in ("hold.undo", "release.undo"):
            button = {"type": "button", "text": {"type": "plain_text", "text": action}, "action_id": action}
            await client.chat_postMessage(
                channel=OPS,
                text=action,
                blocks=[{"type": "actions", "elements": [{**button, "value": values[action]}]}],
            )
        hold, release = ops.workspace.messages(OPS)
        (undone,) = await ops.press(hold, "hold.undo")
        assert f"released {DEAD} messages again" in text_of(undone)
        (undone,) = await ops.press(release, "release.undo")
        assert "put 3 messages on hold again" in text_of(undone)
        assert all(small.queue()[queue_id] == "hold" for queue_id in small.fine)


async def test_what_was_changed_stands_in_the_audit_chain_and_what_was_not_does_not(ops: Desk) -> None:
    (held,) = await ops.type("/mail hold from:news@shop.test")
    await ops.press(held, "hold.undo", user=APRIL)
    await ops.type("/mail flush from:jane0@home.test")
    await ops.type("/mail hold 4VbXm8dz3kzJ1Q")
    flush, undo, hold = await ops.services.store.audit.latest(10)
    assert (hold.verb, hold.actor, hold.host, hold.subject) == ("hold", OPAL, "mx1", "from:n…@shop.test")
    assert hold.details == {"held": DEAD}
    assert (undo.verb, undo.actor) == ("release", APRIL)
    assert undo.subject.startswith("h-") and undo.details == {"released": DEAD}
    assert flush.verb == "flush" and flush.details == {"asked": 1, "gone": 1}


@pytest.mark.parametrize("verb", ["hold", "release"])
async def test_without_a_selector_nothing_is_done_and_it_asks_what_is_meant(
    ops: Desk, small: SmallHost, verb: str
) -> None:
    before = small.queue()
    for text in (f"/mail {verb}", f"/mail {verb} mx1"):
        (message,) = await ops.type(text)
        assert message.ephemeral_to == OPAL
        assert "Which messages? Nothing was done." in text_of(message)
        assert f"/mail {verb} from:@example.org" in text_of(message)
    assert small.queue() == before


async def test_a_hold_of_what_is_not_there_is_told_to_the_asker_alone(ops: Desk, small: SmallHost) -> None:
    (message,) = await ops.type("/mail hold 4VbXm8dz3kzJ1Q")
    assert message.ephemeral_to == OPAL
    assert "held nothing on mx1" in text_of(message)
    assert controls(message) == ()


@pytest.mark.parametrize("verb", ["hold", "release", "requeue"])
async def test_mistyped_queue_ids_among_others_are_named(ops: Desk, small: SmallHost, verb: str) -> None:
    there = small.held if verb == "release" else small.fine[0]
    (card,) = await ops.type(f"/mail {verb} {there} 4VbXm8dz3kzJ1Q 4VbXm8dz3kzJ2Q")
    assert "2 not in the queue" in text_of(card)
    named = [line for line in text_of(card).splitlines() if line.startswith("4VbXm8dz3kzJ")]
    assert [line.split()[0] for line in named] == ["4VbXm8dz3kzJ1Q", "4VbXm8dz3kzJ2Q"]


async def test_the_buttons_of_a_message_hold_and_release_it_in_the_channels_sight(ops: Desk, small: SmallHost) -> None:
    (shown,) = await ops.type(f"/mail show {small.fine[0]}")
    (held,) = await ops.press(shown, "Hold")
    assert held.ephemeral_to == ""
    assert f"U0OPAL put 1 message on hold on mx1: {small.fine[0]}" in text_of(held)
    (shown,) = await ops.type(f"/mail show {small.fine[0]}")
    assert [control.label for control in controls(shown)] == ["Release"]
    (released,) = await ops.press(shown, "Release")
    assert "released 1 message" in text_of(released)
    (shown,) = await ops.type(f"/mail show {small.fine[0]}")
    (flushed,) = await ops.press(shown, "Flush")
    assert "1 gone from the queue" in text_of(flushed)


async def test_a_button_for_a_message_never_touches_another_that_got_its_id(ops: Desk, small: SmallHost) -> None:
    (shown,) = await ops.type(f"/mail show {small.fine[0]}")
    spool = small.instance.queue_directory
    (one,) = [path for path in spool.rglob(small.fine[0]) if "deferred" in path.parts]
    (other,) = [path for path in spool.rglob(small.dead[0]) if "deferred" in path.parts]
    one.write_bytes(other.read_bytes())
    (answer,) = await ops.press(shown, "Hold")
    assert "not touched: the queue ID belongs to another message now" in text_of(answer)
    assert small.queue()[small.fine[0]] == "deferred"


async def test_a_stopped_postfix_is_not_flushed_and_says_so(ops: Desk, small: SmallHost) -> None:
    small.instance.stop()
    (message,) = await ops.type("/mail flush")
    assert message.ephemeral_to == OPAL
    assert "Postfix is not running there, so nothing was flushed" in text_of(message)


@pytest.mark.parametrize("ops", [{"channel_addresses": "full"}, {"channel_addresses": "none"}], indirect=True)
async def test_the_channel_sees_addresses_as_the_settings_say(ops: Desk) -> None:
    (card,) = await ops.type("/mail hold from:jane1@home.test")
    full = ops.services.settings.channel_addresses == "full"
    assert ("jane1@home.test" if full else "…@home.test") in text_of(card)
    assert full or "jane1" not in text_of(card)


@pytest.mark.parametrize("command", ["flush", "hold all", "release all"])
async def test_a_viewer_changes_nothing_and_reads_who_may(ops: Desk, small: SmallHost, command: str) -> None:
    before = small.queue()
    (message,) = await ops.type(f"/mail {command}", VIC)
    assert message.ephemeral_to == VIC
    assert f"You may not use {command.split()[0]}: you are a viewer here. Nothing was done." in text_of(message)
    assert "Who may: U0OPAL or U0APRIL." in text_of(message)
    assert small.queue() == before


async def test_the_role_is_checked_again_at_each_press(ops: Desk, small: SmallHost) -> None:
    (status,) = await ops.type("/mail status")
    (held,) = await ops.type("/mail hold from:@home.test")
    before = small.queue()
    for card, button in ((status, "Flush"), (held, "hold.undo")):
        (message,) = await ops.press(card, button, user=VIC)
        assert message.ephemeral_to == VIC
        assert "You may not use" in text_of(message)
    assert small.queue() == before

"""Alerts in the channel: one card, its thread, who is mentioned, who may press what, and what a press does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.console.workspace import text_of
from bot.console.workspace.reading import live
from bot.watch.model import Reading
from tests.slack.conftest import SmallHost
from tests.slack.deleting import Clock, actions, alone, card, thread, verbs
from tests.slack.desk import APRIL, OPAL, OPS, VIC, Desk, desk, host
from tests.slack.watching import AWAY, MINUTE, cards, first_lines, flood, seen


async def test_one_card_is_edited_while_it_lasts_and_is_a_record_when_it_is_over(watched: Desk, clock: Clock) -> None:
    await seen(watched, flood(55))
    (posted,) = cards(watched)
    assert "🔴 mx1: One sender has most of a growing queue\nn…@shop.test has 12 of 15 messages." in text_of(posted)
    assert "Likely cause: Sent by the login news. A hacked account?" in text_of(posted)
    clock.ahead += 6 * MINUTE
    await seen(watched, flood(80, "news@shop.test has 120 of 150 messages."))
    (edited,) = cards(watched)
    assert edited.ts == posted.ts and edited.revision > posted.revision
    assert "Now 80, at the start 55, at its worst 80 (% of the queue)" in text_of(edited)
    for _ in range(3):
        clock.ahead += 6 * MINUTE
        await seen(watched, flood(0, "3 messages in the queue."))
    (record,) = cards(watched)
    assert record.ts == posted.ts and actions(record) == []
    assert "🟢 mx1: One sender has most of a growing queue\nOver, 24 min after it began, at" in text_of(record)
    assert "at its worst 80 (% of the queue)" in text_of(record)
    began, ended = (text_of(each) for each in thread(watched))
    assert began.startswith("🔴 Critical: One sender has most of a growing queue. n…@shop.test has 12 of 15")
    assert ended == (
        "🟢 Over: One sender has most of a growing queue. 24 min after it began. At its worst 80 (% of the queue)."
    )


@pytest.mark.parametrize("watched", [{"alert_mention": (APRIL, "S0OPS")}], indirect=True)
async def test_a_critical_alert_mentions_whom_the_settings_name_once_in_its_thread(watched: Desk, clock: Clock) -> None:
    await seen(watched, AWAY)
    clock.ahead += timedelta(hours=5)
    await seen(watched, AWAY)
    began, reminded = thread(watched)
    assert set(live(began)) == {f"<{APRIL}>", "<S0OPS>"}
    assert not live(card(watched)) and not live(reminded)
    assert "Still, for 5 h: Mail host can't be reached." in text_of(reminded)
    assert "Nobody has acknowledged it." in text_of(reminded)


async def test_an_operator_acknowledges_and_a_viewer_does_not(watched: Desk) -> None:
    await seen(watched, AWAY)
    (refused,) = await watched.press(card(watched), "alert.acknowledge", user=VIC)
    assert refused.ephemeral_to == VIC and "you are a viewer here. Nothing was done." in text_of(refused)
    assert "Acknowledged" not in text_of(card(watched))
    await watched.press(card(watched), "alert.acknowledge", user=OPAL)
    assert f"Acknowledged by {OPAL}. No answer for 5 minutes" in first_lines(card(watched))
    assert "alert.acknowledge" not in actions(card(watched)) and "alert.snooze" in actions(card(watched))
    assert text_of(thread(watched)[-1]) == "opal acknowledged it. There are no more reminders."
    assert await verbs(watched) == ["acknowledge"]


async def test_of_two_who_acknowledge_at_once_one_is_told_who_was_faster(watched: Desk) -> None:
    await seen(watched, AWAY)
    shown = card(watched)
    await asyncio.gather(
        watched.workspace.press(OPAL, shown, "alert.acknowledge"),
        watched.workspace.press(APRIL, shown, "alert.acknowledge"),
    )
    await watched.services.background.idle()
    told = [*alone(watched, OPAL), *alone(watched, APRIL)]
    assert [text_of(each) for each in told] in (
        ["april has acknowledged it already."],
        ["opal has acknowledged it already."],
    )
    assert await verbs(watched) == ["acknowledge"]


async def test_a_snooze_is_seen_on_the_card_and_keeps_reminders_away(watched: Desk, clock: Clock) -> None:
    await seen(watched, AWAY)
    (refused,) = await watched.press(card(watched), "alert.snooze", "8 hours", user=VIC)
    assert refused.ephemeral_to == VIC
    await watched.press(card(watched), "alert.snooze", "8 hours")
    assert "Snoozed until" in first_lines(card(watched)) and f"by {OPAL}" in first_lines(card(watched))
    assert text_of(thread(watched)[-1]) == "opal snoozed it for 8 h. Until then nobody is reminded or mentioned."
    clock.ahead += timedelta(hours=7)
    before = len(thread(watched))
    await seen(watched, AWAY)
    assert len(thread(watched)) == before
    await watched.press(card(watched), "alert.snooze", "Until it changes")
    assert "Snoozed until it changes by" in first_lines(card(watched))
    clock.ahead += 6 * MINUTE
    await seen(watched, {"unreachable": [Reading("", 500, "No answer for 500 minutes.")]})
    assert any("Worse than when it was snoozed" in text_of(each) for each in thread(watched)[before + 1 :])
    assert "Snoozed" not in text_of(card(watched))


async def test_a_card_says_within_a_minute_that_a_snooze_is_over(watched: Desk, clock: Clock) -> None:
    await seen(watched, AWAY)
    await watched.press(card(watched), "alert.acknowledge")
    await watched.press(card(watched), "alert.snooze", "1 hour")
    clock.ahead += timedelta(minutes=59)
    await watched.services.alerts.wake()
    await watched.services.background.idle()
    assert "Snoozed until" in first_lines(card(watched))
    before = thread(watched)
    clock.ahead += 2 * MINUTE
    await watched.services.sampling.look()
    await watched.services.background.idle()
    assert "Snoozed" not in text_of(card(watched)) and f"Acknowledged by {OPAL}" in first_lines(card(watched))
    assert len(thread(watched)) == len(before), "somebody looks after it: nobody is reminded"


async def test_an_old_copy_of_a_card_silences_nothing_that_was_not_seen(watched: Desk, clock: Clock) -> None:
    await seen(watched, {"corrupt": [Reading("", 2, "2 corrupt queue files.")]})
    clock.ahead += 11 * MINUTE
    await seen(watched, {"corrupt": [Reading("", 2, "2 corrupt queue files.")]})
    old = card(watched)
    clock.ahead += 2 * MINUTE
    await seen(watched, AWAY)
    (shared,) = cards(watched)
    assert "🔴 mx1: Mail host can't be reached" in first_lines(shared)
    assert "🟡 Corrupt queue files: 2 corrupt queue files." in text_of(shared)
    (refused,) = await watched.press(old, "alert.acknowledge")
    assert "another alert has joined it, so nothing was done" in text_of(refused)
    await watched.press(card(watched), "alert.acknowledge")
    assert await verbs(watched) == ["acknowledge"]


async def test_a_button_of_an_alert_that_is_over_says_so(watched: Desk, clock: Clock) -> None:
    await seen(watched, flood(60))
    old = card(watched)
    for _ in range(3):
        clock.ahead += 6 * MINUTE
        await seen(watched, flood(0))
    assert text_of((await watched.press(old, "alert.acknowledge"))[-1]).startswith("This alert is over")
    assert "so nothing was held" in text_of((await watched.press(old, "alert.hold"))[-1])
    assert await verbs(watched) == []


async def test_the_hold_button_holds_what_it_names_and_can_be_undone(watched: Desk, small: SmallHost) -> None:
    await seen(watched, flood(60))
    assert "Hold all of from:n…@shop.test" in text_of(card(watched))
    assert "news@shop.test" not in str(card(watched).blocks), "the channel holds no whole address"
    (refused,) = await watched.press(card(watched), "alert.hold", user=VIC)
    assert refused.ephemeral_to == VIC and small.count("hold") == 1
    await watched.press(card(watched), "alert.hold")
    held = cards(watched)[-1]
    assert f"{OPAL} put 12 messages on hold on mx1: from:n…@shop.test" in text_of(held)
    assert small.count("hold") == 13
    await watched.press(held, "hold.undo")
    assert small.count("hold") == 1


async def test_a_hold_button_whose_mail_is_another_by_now_holds_nothing(
    watched: Desk, clock: Clock, small: SmallHost
) -> None:
    await seen(watched, flood(60))
    old = card(watched)
    clock.ahead += 6 * MINUTE
    await seen(watched, flood(60, "jane0@home.test has most.", "from:@home.test"))
    (refused,) = await watched.press(old, "alert.hold")
    assert "about other mail now" in text_of(refused)
    assert small.count("hold") == 1


async def test_buttons_that_look_show_it_to_a_viewer(watched: Desk) -> None:
    await seen(watched, flood(60))
    (page,) = await watched.press(card(watched), "alert.queue", user=VIC)
    assert page.ephemeral_to == VIC and "news@shop.test" in text_of(page) and "12" in text_of(page)
    assert "🔴 mx1: One sender" in first_lines(card(watched)), "the card stays where it is"


async def test_after_a_restart_the_card_goes_on(small: SmallHost, clock: Clock, tmp_path: Path) -> None:
    async with desk([host("mx1", small.ini)], clock, tmp_path) as ops:
        await ops.services.alerts.move_in(ops.workspace.team_id)
        await seen(ops, AWAY)
        assert len(cards(ops)) == 1
    clock.ahead += 10 * MINUTE
    async with desk([host("mx1", small.ini)], clock, tmp_path) as ops:
        assert ops.workspace.messages(OPS) == []
        await ops.services.alerts.show(ops.workspace.team_id)
        await ops.services.background.idle()
        (shown,) = cards(ops)
        assert "🔴 mx1: Mail host can't be reached" in text_of(shown)
        await ops.press(shown, "alert.acknowledge")
        assert "Acknowledged by" in first_lines(card(ops))

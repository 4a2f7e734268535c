"""A snooze, an acknowledgement and a mute can be ended, and replaced: that is said, and shown as it really was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.console.workspace import text_of
from bot.watch.model import Reading
from tests.slack.deleting import Clock, card, thread, verbs
from tests.slack.desk import APRIL, OPAL, VIC, Desk
from tests.slack.watching import AWAY, MINUTE, cards, first_lines, seen

HOUR = timedelta(hours=1)
CERTIFICATE = {"certificate": [Reading("mx1", 5, "The certificate of mx1 has 5 days left.")]}


async def answer(ops: Desk, command: str, start: str, user: str = OPAL) -> str:
    """The one answer that begins so, among all that this person sees anew."""
    (found,) = [text_of(each) for each in await ops.type(command, user) if text_of(each).startswith(start)]
    return found


def until(clock: Clock, ahead: timedelta) -> str:
    return f"{clock() + ahead:%Y-%m-%d %H:%M} UTC"


async def test_a_shorter_snooze_replaces_a_longer_one_and_says_so_in_the_answer_and_in_the_thread(
    watched: Desk, clock: Clock
) -> None:
    await seen(watched, AWAY)
    before = await answer(watched, "/mail snooze 1 8h", "Snoozed")
    assert "before" not in before
    moment = before.removeprefix("Snoozed until ").partition(": alert")[0]
    clock.ahead += HOUR
    now = await answer(watched, "/mail snooze 1 90s", "Snoozed", APRIL)
    assert now.endswith(f": alert 1 of mx1. It was snoozed until {moment} before, by opal: that is replaced.")
    assert text_of(thread(watched)[-1]).startswith("april snoozed it for 90 s (in place of opal's snooze, which had ")
    await answer(watched, "/mail snooze 1 changes", "Snoozed until it changes: alert 1 of mx1. It was snoozed until")
    last = await answer(watched, "/mail snooze 1 1h", "Snoozed until 2")
    assert last.endswith("It was snoozed until it changes before, by opal: that is replaced.")
    assert "(in place of opal's snooze, which was until it changes)" in text_of(thread(watched)[-1])


async def test_of_several_that_are_snoozed_those_are_named_that_were_before(watched: Desk, clock: Clock) -> None:
    await seen(watched, AWAY)
    clock.ahead += 10 * MINUTE
    await seen(watched, CERTIFICATE)
    await watched.type("/mail snooze 2 8h")
    told = await answer(watched, "/mail snooze mx1 1h", "Snoozed")
    assert ": alert 1 of mx1 and alert 2 of mx1. Alert 2 was snoozed until 2" in told
    assert "Alert 1 was" not in told
    await watched.type("/mail snooze mx1 changes")
    told = await answer(watched, "/mail snooze mx1 8h", "Snoozed")
    assert told.endswith("Alerts 1 and 2 were snoozed until it changes before, by opal: that is replaced.")


async def test_all_that_stands_on_the_card_of_what_is_snoozed_is_named(watched: Desk) -> None:
    await seen(watched, {"corrupt": [Reading("", 3, "3 corrupt files.")], **CERTIFICATE})
    await seen(watched, AWAY)
    told = await answer(watched, "/mail snooze certificate 8h", "Snoozed until 2")
    assert told.endswith(
        ": alert 1 of mx1. That goes for all that stands on the same card: mx1/unreachable, mx1/certificate."
    )


@pytest.mark.parametrize("words", ["unsnooze 1", "unsnooze mx1/unreachable", "unsnooze mx1"])
async def test_a_snooze_is_ended_by_number_host_or_rule(watched: Desk, words: str) -> None:
    await seen(watched, AWAY)
    await watched.type("/mail snooze 1 8h")
    assert await answer(watched, f"/mail {words}", "Not snoozed") == "Not snoozed any more: alert 1 of mx1."
    assert "Snoozed" not in text_of(card(watched))
    said = text_of(thread(watched)[-1])
    assert said.startswith("opal ended opal's snooze, which had ") and said.endswith(" to go.")
    assert await watched.say(f"/mail {words}") == "Alert 1: It is not snoozed."
    assert await verbs(watched) == ["snooze", "unsnooze"]


async def test_a_snooze_that_was_ended_reminds_as_if_there_had_been_none(watched: Desk, clock: Clock) -> None:
    await seen(watched, AWAY)
    await watched.type("/mail snooze 1 3d")
    await watched.type("/mail unsnooze 1")
    clock.ahead += MINUTE
    await seen(watched, AWAY)
    assert "Still" not in text_of(thread(watched)[-1]), "whoever ended it has just looked"
    clock.ahead += 4 * HOUR
    await seen(watched, AWAY)
    assert "🔴 Still, for 4 h" in text_of(thread(watched)[-1])


async def test_the_cards_list_ends_a_snooze_while_there_is_one(watched: Desk) -> None:
    await seen(watched, AWAY)
    assert "End the snooze" not in str(card(watched).blocks)
    await watched.press(card(watched), "alert.snooze", "8 hours")
    await watched.press(card(watched), "alert.snooze", "End the snooze", user=APRIL)
    assert "Snoozed" not in text_of(card(watched)) and "End the snooze" not in str(card(watched).blocks)
    assert text_of(thread(watched)[-1]).startswith("april ended opal's snooze")
    assert await verbs(watched) == ["snooze", "unsnooze"]


@pytest.mark.parametrize("words", ["unacknowledge 1", "unack mx1/unreachable"])
async def test_an_acknowledgement_is_taken_back_and_there_are_reminders_again(
    watched: Desk, clock: Clock, words: str
) -> None:
    await seen(watched, AWAY)
    await watched.type("/mail ack 1", APRIL)
    said = await answer(watched, f"/mail {words}", "Nobody")
    assert said == "Nobody looks after it any more: alert 1 of mx1. It is reminded of, unless it is snoozed or muted."
    assert "Acknowledged" not in text_of(card(watched)) and "alert.acknowledge" in str(card(watched).blocks)
    assert text_of(thread(watched)[-1]) == "opal took back that april looks after it: nobody does now."
    assert await watched.say(f"/mail {words}") == "Alert 1: Nobody has acknowledged it."
    clock.ahead += 5 * HOUR
    await seen(watched, AWAY)
    assert "🔴 Still, for 5 h" in text_of(thread(watched)[-1])
    assert await verbs(watched) == ["acknowledge", "unacknowledge"]


async def test_viewers_end_nothing(watched: Desk) -> None:
    await seen(watched, AWAY)
    await watched.type("/mail snooze 1 8h")
    for command in ("unack 1", "unsnooze 1"):
        assert "you are a viewer here. Nothing was done." in await watched.say(f"/mail {command}", VIC)
    assert "Snoozed until" in first_lines(card(watched))


async def test_a_shorter_mute_replaces_a_longer_one_and_the_digest_has_it_once(watched: Desk, clock: Clock) -> None:
    first = await watched.say("/mail mute deferred mx1 3h", APRIL)
    assert "Before" not in first
    moment = first.partition(" on mx1 until ")[2].partition(".")[0]
    clock.ahead += HOUR
    told = await watched.say("/mail mute deferred mx1 for 30 minutes")
    assert f"\nBefore, it was muted until {moment}, by {APRIL}.\n" in told
    assert f"Before, it was muted until {moment}." in cards(watched)[-1].text
    clock.ahead += HOUR
    digest = text_of((await watched.type("/mail digest mx1", VIC))[-1])
    muted = digest.partition("Muted\n")[2].splitlines()[0]
    assert muted.startswith("Much deferred mail (was over at ") and muted.endswith(f", by {OPAL}")
    assert digest.count("Much deferred mail (") == 1


async def test_what_another_mute_still_covers_is_not_said_to_alert_again(watched: Desk, clock: Clock) -> None:
    await watched.say("/mail mute all mx1 1d")
    told = await watched.say("/mail mute deferred mx1 1h")
    assert "\nIt stays muted with every rule on mx1 until 2" in told
    ended = await watched.say("/mail unmute deferred mx1")
    assert ended.startswith(
        f"{OPAL} ended the mute of “Much deferred mail” on mx1.\nIt stays muted with every rule on mx1"
    )
    assert "can begin an alert again" not in ended
    assert "It can begin an alert again." in await watched.say("/mail unmute all mx1")

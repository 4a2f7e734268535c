"""`/mail alerts`, `snooze`, `mute` and `unmute`: what is said, what is done, and what a mistake is answered with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.console.workspace import text_of
from bot.store import samples
from bot.store.samples import Sample
from bot.watch.model import Alert, Reading
from tests.slack.deleting import Clock, card, thread, verbs
from tests.slack.desk import APRIL, OPAL, OPS, VIC, Desk
from tests.slack.watching import AWAY, BACK, MINUTE, cards, first_lines, flood, seen


async def looked(ops: Desk) -> None:
    """A look at the host, as the clock takes one each minute."""
    async with ops.services.store.transaction() as transaction:
        await samples.keep(transaction, "mx1", Sample(int(ops.services.now().timestamp()), deferred=1))


async def test_that_nothing_fires_and_that_nothing_is_known_are_two_answers(watched: Desk, clock: Clock) -> None:
    told = await watched.say("/mail alerts", VIC)
    assert told.startswith("No alert now on mx1.\nmx1 has not been looked at yet: whether there is something is not")
    await looked(watched)
    assert await watched.say("/mail alerts", VIC) == "No alert now on mx1."
    clock.ahead += 20 * MINUTE
    assert "mx1 was looked at last 2" in await watched.say("/mail alerts mx1", VIC)


async def test_alerts_are_listed_with_who_looks_after_them_and_a_link(watched: Desk) -> None:
    await looked(watched)
    await seen(watched, AWAY)
    await watched.press(card(watched), "alert.acknowledge")
    (told,) = await watched.type("/mail alerts", VIC)
    assert told.ephemeral_to == VIC
    text = text_of(told)
    assert text.startswith("1 alert now on mx1.\n🔴 mx1: Mail host can't be reached\nAcknowledged by U0OPAL. No answer")
    assert "Critical for " in text and "alert 1" in text and "mx1/unreachable" in text
    assert f"archives/{OPS}/p" in str(told.blocks), "a link to the card"


async def test_an_alert_that_is_well_again_says_so_wherever_it_is_told(watched: Desk) -> None:
    await looked(watched)
    await seen(watched, AWAY)
    fires = "🔴 1 alert fires on mx1: Mail host can't be reached. /mail alerts mx1"
    assert fires in text_of((await watched.type("/mail status mx1"))[-1])
    await seen(watched, BACK)
    assert "Well again since 20" in await watched.say("/mail alerts", VIC)
    (digest, *_) = await watched.type("/mail digest mx1", VIC)
    assert ", well again since " in text_of(digest)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("mx9", "“mx9” is no mail host: /mail alerts takes a mail host, mx1, or nothing, for all alerts."),
        ("deferred", "“deferred” is a rule, by which alerts are not picked here: /mail alerts takes a mail host"),
        ("mx1 mx1", "One mail host at a time: /mail alerts mx1. Without a name it shows all alerts."),
    ],
)
async def test_what_alerts_are_not_listed_by_is_said(watched: Desk, words: str, answer: str) -> None:
    assert answer in await watched.say(f"/mail alerts {words}", VIC)


async def test_a_card_that_somebody_deleted_comes_back_when_it_is_looked_for(watched: Desk) -> None:
    await seen(watched, AWAY)
    gone = card(watched)
    await watched.app.client.chat_delete(channel=OPS, ts=gone.ts)
    await watched.type("/mail alerts", VIC)
    assert [each.ts for each in cards(watched) if each.ts == gone.ts] == []
    assert "🔴 mx1: Mail host can't be reached" in text_of(cards(watched)[-1])


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("1 8h", "until 2"),
        ("#1 changes", "until it changes"),
        ("mx1 30m", "until 2"),
        ("mx1/unreachable 3d", "until 2"),
        ("unreachable 1h", "until 2"),
        ("8h 1", "until 2"),
        ("mx1/unreachable for 2h", "until 2"),
        ("1 for 2 hours", "until 2"),
        ("unreachable on mx1 90s", "until 2"),
        ("mx1: Mail host can't be reached 2 days", "until 2"),
        ("1 until it changes", "until it changes"),
        ("alert 1, #1 1h", "until 2"),
    ],
)
async def test_an_alert_is_snoozed_by_number_host_or_rule(watched: Desk, words: str, until: str) -> None:
    await seen(watched, AWAY)
    told = await watched.type(f"/mail snooze {words}")
    assert any(text_of(each).startswith(f"Snoozed {until}") for each in told)
    assert f"Snoozed {until}" in first_lines(card(watched))
    assert "opal snoozed it" in text_of(thread(watched)[-1])
    assert await verbs(watched) == ["snooze"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            "",
            "Which alert, and for how long? Nothing was snoozed. Say how long as well: 1h, 8h, 3d, changes, or any",
        ),
        (
            "1",
            "For how long? Nothing was snoozed. Say how long as well: 1h, 8h, 3d, changes, or any time from 1m to 30d",
        ),
        ("1", "as in /mail snooze 1 8h."),
        ("alert 1", "For how long? Nothing was snoozed."),
        ("mx1/unreachable", "For how long? Nothing was snoozed."),
        ("soon", "Which alert, and for how long? Nothing was snoozed."),
        ("1 soon", "“soon” is no time. Nothing was snoozed."),
        ("12 8", "“8” is no time. Nothing was snoozed."),
        ("1 for 2 parsecs", "“2 parsecs” is no time. Nothing was snoozed."),
        ("1 until 14:00", "“until 14:00” is no time. Nothing was snoozed."),
        ("1 1h 8h", "“1h” or “8h”? Nothing was done. Say one time."),
        ("1 8h changes", "Until it changes, or for 8h? Nothing was snoozed."),
        ("1 90d", "“90d” is too long: say 1m to 30d. Nothing was done."),
        ("1 5s", "“5s” is too short"),
        ("8h", "Which alert? Nothing was snoozed. What fires now: 1 (mx1/unreachable)."),
        ("1 7 8h", "No alert 7 fires now, so nothing was snoozed."),
        ("7 #8 1 8h", "No alerts 7 and 8 fire now, so nothing was snoozed."),
        ("1 2", "“2” is no time. Nothing was snoozed."),
        ("7 8h", "No alert 7 fires now, so nothing was snoozed. What fires now: 1 (mx1/unreachable)."),
        ("mx1/deferred 8h", "Nothing of mx1/deferred fires now, so nothing was snoozed."),
        ("mx9/deferred 8h", "“mx9” is no mail host: with deferred, say mx1, or none. Nothing was"),
        ("mx1/defered 8h", "“defered” is no rule. Did you mean deferred? Nothing was snoozed."),
        ("mx1/xyzzy 8h", "“xyzzy” is no rule. The rules are unreachable, postfix_down, disk, "),
        ("xyzzy 8h", "“xyzzy” is neither a rule nor a mail host. The rules are unreachable, "),
        ("mx1 deferred now 8h", "“now” is one word too many with mx1 and deferred. Nothing was snoozed."),
        (
            "mx1 deferred depth 8h",
            "One rule and one mail host at a time, or the number of an alert. Nothing was snoozed.",
        ),
        ("Queue depth 8h", "“Queue” is no mail host: with depth, say mx1, or none. Nothing was snoozed."),
        ("Long queue 8h", "“Long queue” is neither a rule nor a mail host. Did you mean depth (“A long queue”)?"),
        ("Much deferred mail 8h", "Nothing of Much deferred mail fires now, so nothing was snoozed."),
        ("for 8h", "Which alert? Nothing was snoozed."),
        ("on 8h", "Which alert? Nothing was snoozed."),
        ("@eu 8h", "There is no group of mail hosts '@eu'."),
        ("99999999999999999999999 8h", "is neither a rule nor a mail host."),
    ],
)
async def test_a_snooze_that_is_not_understood_says_what_can_be_said(watched: Desk, words: str, answer: str) -> None:
    await seen(watched, AWAY)
    assert answer in await watched.say(f"/mail snooze {words}")
    assert "Snoozed" not in text_of(card(watched)) and await verbs(watched) == []


@pytest.mark.parametrize("words", ["acknowledge 1", "ack #1", "ack mx1", "acknowledge mx1/unreachable"])
async def test_an_alert_is_acknowledged_by_number_host_or_rule(watched: Desk, words: str) -> None:
    await seen(watched, AWAY)
    told = await watched.type(f"/mail {words}")
    assert "Acknowledged: alert 1 of mx1. There are no more reminders." in [text_of(each) for each in told]
    assert f"Acknowledged by {OPAL}" in first_lines(card(watched))
    assert await watched.say(f"/mail {words}") == "Alert 1: opal has acknowledged it already."
    assert await verbs(watched) == ["acknowledge"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            "",
            "Which alert? Nothing was acknowledged. What fires now: 1 (mx1/unreachable). Say its number, a host",
        ),
        ("7", "No alert 7 fires now, so nothing was acknowledged. What fires now: 1 (mx1/unreachable)."),
        ("mx1/defered", "“defered” is no rule. Did you mean deferred? Nothing was acknowledged."),
        ("on", "Which alert? Nothing was acknowledged."),
        ("deferred", "Nothing of deferred fires now, so nothing was acknowledged."),
    ],
)
async def test_what_is_no_alert_is_not_acknowledged(watched: Desk, words: str, answer: str) -> None:
    await seen(watched, AWAY)
    assert answer in await watched.say(f"/mail ack {words}")
    assert "Acknowledged" not in text_of(card(watched)) and await verbs(watched) == []


async def test_of_several_those_that_somebody_looks_after_already_are_named(watched: Desk, clock: Clock) -> None:
    await seen(watched, flood(80))
    await watched.press(card(watched), "alert.acknowledge", user=APRIL)
    clock.ahead += 10 * MINUTE
    await seen(watched, {"certificate": [Reading("mx1", 5, "The certificate of mx1 has 5 days left.")]})
    told = [text_of(each) for each in await watched.type("/mail ack mx1")]
    assert (
        "Acknowledged: alert 2 of mx1. There are no more reminders. Alert 1: april has acknowledged it already." in told
    )


async def test_of_several_that_are_to_be_snoozed_the_one_that_is_over_meanwhile_is_named(
    watched: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seen(watched, AWAY)
    clock.ahead += 10 * MINUTE
    await seen(watched, {"certificate": [Reading("mx1", 5, "The certificate of mx1 has 5 days left.")]})
    alerts = watched.services.alerts
    firing = alerts.firing

    async def firing_until_now() -> tuple[Alert, ...]:
        found = await firing()
        await alerts.observe("mx1", {"certificate": [Reading("mx1", 60)]})
        clock.ahead += timedelta(hours=25)
        await alerts.observe("mx1", {"certificate": [Reading("mx1", 60)]})
        monkeypatch.undo()
        return found

    monkeypatch.setattr(alerts, "firing", firing_until_now)
    told = [text_of(each) for each in await watched.type("/mail snooze mx1 8h")]
    (answer,) = [text for text in told if text.startswith("Snoozed until ")]
    assert ": alert 1 of mx1. Alert 2: This alert is over, so there is nothing to do about it any more." in answer
    assert "Snoozed until" in first_lines(cards(watched)[0])


async def test_help_tells_of_a_command_by_its_short_name(watched: Desk) -> None:
    assert "/mail acknowledge number|host|rule|host/rule" in await watched.say("/mail help ack")


async def test_help_tells_how_alerts_rules_and_times_are_said(watched: Desk) -> None:
    snooze, mute = await watched.say("/mail help snooze"), await watched.say("/mail help mute")
    assert "An alert is named by\n12, #12 – the alert of that number" in snooze
    assert "mx1/deferred – that rule on that mail host" in snooze and "An alert is named" not in mute
    for said in (snooze, mute):
        assert "Rules: unreachable, postfix_down, disk, " in said and "Times go from 1m to 30d" in said
    assert "Times go" not in await watched.say("/mail help unsnooze")
    assert "Rules" not in await watched.say("/mail help alerts")


async def test_viewers_neither_snooze_nor_mute(watched: Desk) -> None:
    await seen(watched, AWAY)
    for command in ("ack 1", "snooze 1 8h", "mute all", "unmute all"):
        assert "you are a viewer here. Nothing was done." in await watched.say(f"/mail {command}", VIC)
    assert await verbs(watched) == []


async def test_a_mute_keeps_alerts_from_beginning_and_ends_by_itself(watched: Desk, clock: Clock) -> None:
    told = await watched.say("/mail mute sender on mx1 for 2h")
    assert told.startswith(f"{OPAL} muted “One sender has most of a growing queue” on mx1 until 2")
    assert "/mail unmute sender mx1" in told
    await seen(watched, flood(80))
    assert len(cards(watched)) == 1, "what the channel was told of the mute"
    assert "Muted\n“One sender has most of a growing queue” on mx1, until 2" in await watched.say("/mail alerts", VIC)
    clock.ahead += timedelta(hours=2, minutes=1)
    await seen(watched, flood(80))
    assert "🔴 mx1: One sender" in text_of(card(watched))


async def test_what_fires_already_shows_that_it_is_muted_and_that_it_is_not_any_more(watched: Desk) -> None:
    await seen(watched, AWAY)
    await watched.type("/mail mute all mx1 for 1d")
    await watched.services.background.idle()
    assert f"by {OPAL}" in first_lines(cards(watched)[0]) and "Muted until" in first_lines(cards(watched)[0])
    told = await watched.type("/mail unmute all mx1")
    assert any(f"{OPAL} ended the mute of every rule on mx1." in text_of(each) for each in told)
    await watched.services.background.idle()
    assert "Muted" not in text_of(cards(watched)[0])
    await seen(watched, BACK)
    assert await verbs(watched) == ["mute", "unmute"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("mute", "Which rule? Nothing was done. There are unreachable, postfix_down"),
        ("mute defered", "“defered” is neither a rule nor a mail host. Did you mean deferred? Nothing was done."),
        (
            "mute deferred mx9",
            "“mx9” is no mail host: with deferred, say mx1, or none. Nothing was",
        ),
        ("mute 12 2h", "A mute is of a rule, and “12” is none. Nothing was done. What fires already can be snoozed by"),
        ("unmute", "Which mute? Nothing was done. What is muted ends with /mail unmute all mx1."),
        ("mute mx1 2h", "Which rule? Nothing was done."),
        ("mute Long queue 2h", "Did you mean depth (“A long queue”)? Nothing was done."),
        ("mute deferred 2", "“2” is no time: say 90m, 2h or 3d, from 1m to 30d. Nothing was done."),
        ("mute xyzzy", "The rules are unreachable"),
        ("mute all for 90d", "“90d” is too long: say 1m to 30d."),
        ("mute all for 3parsecs", "“3parsecs” is no time: say 90m, 2h or 3d, from 1m to 30d. Nothing was done."),
        ("mute all deferred", "One rule, one mail host and one time at the most, so nothing was done."),
        ("unmute all 2h", "/mail unmute takes no time. Nothing was done."),
        (
            "unmute deferred",
            "There is no such mute, so nothing was done. What is muted ends with /mail unmute all mx1.",
        ),
    ],
)
async def test_a_mute_that_is_not_understood_says_what_can_be_said(watched: Desk, words: str, answer: str) -> None:
    await watched.say("/mail mute all mx1")
    assert answer in await watched.say(f"/mail {words}")
    assert await verbs(watched) == ["mute"]

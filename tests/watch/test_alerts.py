"""Alerts as they are kept: rows, cards and what is told, on each kind of database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.errors import UserError
from bot.store import alerts as kept
from bot.watch.model import Event, Reading, State
from bot.watch.observing import Observed
from bot.watch.rules import Rules, Severity
from tests.store.subjects import TEAM
from tests.watch.bots import ANA, HOUR, MINUTE, RULES, Bot, Clock, bot, looks


async def test_a_fault_becomes_a_row_a_card_and_a_message_in_its_thread(url: str) -> None:
    async with bot(url) as one:
        await one.see(deferred=700)
        (alert,) = await one.kept()
        assert (alert.rule, alert.host, alert.state, alert.value) == ("deferred", "mx1", State.FIRING, 700)
        assert await one.told() == {("alert", str(alert.card)): 1, ("transition", "1"): 1}
        found = await one.alerts.transition(1)
        assert found is not None
        happened, of = found
        assert (happened.event, happened.text, of) == (Event.FIRED, "700", alert)
        shown = await one.alerts.get(alert.card or 0)
        assert shown is not None and shown.alerts == shown.firing == (alert,)
        await one.see(deferred=100)
        assert await one.events() == ["fired", "resolved"]
        assert await one.told() == {("alert", "1"): 2, ("transition", "1"): 1, ("transition", "2"): 1}
        assert await one.alerts.firing() == ()


async def test_what_waits_tells_nobody_and_leaves_nothing(url: str) -> None:
    async with bot(url, rules=Rules()) as one:
        await one.see(deferred=700)
        assert [alert.state for alert in await one.kept()] == [State.PENDING]
        await one.see(deferred=0)
        assert await one.kept() == [] and await one.told() == {}


async def test_nothing_is_observed_before_somebody_has_moved_in(url: str) -> None:
    one = Bot(url, Clock())
    async with one.store:
        await one.see(deferred=700)
        assert await one.kept() == []
        await one.alerts.move_in(TEAM)
        await one.see(deferred=700)
        assert len(await one.kept()) == 1


async def test_alerts_that_start_together_share_a_card_and_a_later_one_has_its_own(url: str) -> None:
    async with bot(url, rules=Rules({name: {"lasting": "0m"} for name in ("corrupt", "held", "disk")})) as one:
        await one.see(corrupt=3)
        await one.see(corrupt=3, held=40)
        await one.see("mx2", corrupt=3, after=timedelta(0))
        await one.see(corrupt=3, held=40, disk=5, after=10 * MINUTE)
        cards = {(alert.host, alert.rule): alert.card for alert in await one.kept()}
        assert cards == {("mx1", "corrupt"): 1, ("mx1", "held"): 1, ("mx2", "corrupt"): 2, ("mx1", "disk"): 3}


async def test_what_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot(url) as one:

        async def killed(*_: object) -> int:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(kept, "happened", killed)
            with pytest.raises(ZeroDivisionError):
                await one.see(deferred=700)
        assert [await one.rows(name) for name in ("alerts", "alert_cards", "transitions", "outbox")] == [[]] * 4
        await one.see(deferred=700)
        assert await one.events() == ["fired"]


async def test_bots_that_see_the_same_at_once_open_one_alert_and_tell_each_transition_once(url: str) -> None:
    clock = Clock()
    async with bot(url, clock) as one, bot(url, clock) as other:
        for value in (700, 12_000, 100, 800, 100):
            clock.now += MINUTE
            seen = looks(deferred=value, postfix_down=value > 10_000)
            await asyncio.gather(*(each.alerts.observe("mx1", seen) for each in (one, other, one, other)))
            assert len(await one.open()) == (value > 500) + (value > 10_000)
        assert sorted(await one.events()) == sorted(
            ["fired", "fired", "worse", "resolved", "resolved", "again", "resolved"]
        )
        assert {alert.card for alert in await one.kept()} == {1}
        transitions = {key: times for key, times in (await one.told()).items() if key[0] == "transition"}
        assert len(transitions) == 7 and set(transitions.values()) == {1}


async def test_a_subject_that_is_missing_is_well_and_a_rule_that_is_missing_was_not_looked_at(url: str) -> None:
    async with bot(url) as one:
        both: Observed = {"listed": [Reading("a", 1), Reading("b", 1)]}
        await one.alerts.observe("mx1", both)
        await one.see(deferred=0)
        assert [alert.subject for alert in await one.open()] == ["a", "b"]
        await one.alerts.observe("mx1", {"listed": [Reading("a", None)]})
        assert [alert.subject for alert in await one.open()] == ["a"]


async def test_what_is_seldom_looked_at_fires_after_two_looks_and_what_was_not_looked_at_waits_anew(url: str) -> None:
    async with bot(url, rules=Rules()) as one:
        failing: Observed = {"check": [Reading("spf example.org", 1, "It is gone.")]}
        for every, fires in ((timedelta(0), False), (3 * HOUR, True)):
            for _ in range(2):
                one.clock.now += 3 * HOUR
                await one.alerts.observe("mx1", failing, every)
            assert bool(await one.alerts.firing()) is fires


async def test_a_subject_that_is_missing_has_no_number_and_says_what_it_was(url: str) -> None:
    async with bot(url) as one:
        text = "jane has 700 of 1,000 messages."
        await one.alerts.observe("mx1", {"sender": [Reading("jane", 70, text)]})
        for _ in range(2):
            one.clock.now += MINUTE
            await one.alerts.observe("mx1", {"sender": [Reading("news", 12, "news has 12 of 100 messages.")]})
            (alert,) = await one.open()
            assert alert.text == f"It was not among what was seen last. Before: {text}"
            assert (alert.value, alert.peak, alert.track) == (None, 70, (70,)) and alert.good_since
        one.clock.now += MINUTE
        await one.alerts.observe("mx1", {"sender": [Reading("jane", 40, "jane has 4 of 10 messages.")]})
        (alert,) = await one.open()
        assert (alert.value, alert.track, alert.text) == (40, (70, 40), "jane has 4 of 10 messages.")


async def test_a_host_that_cannot_be_reached_silences_what_depends_on_it_and_only_there(url: str) -> None:
    async with bot(url) as one:
        await one.see(unreachable=5)
        await one.see(deferred=700, unreachable=5)
        await one.see("mx2", deferred=700)
        firing = {(alert.host, alert.rule) for alert in await one.alerts.firing()}
        assert firing == {("mx1", "unreachable"), ("mx2", "deferred")}
        await one.see(unreachable=0)
        await one.see(unreachable=0, deferred=700, after=3 * MINUTE)
        assert ("mx1", "deferred") in {(alert.host, alert.rule) for alert in await one.alerts.firing()}


async def test_a_mute_ends_by_itself_and_then_it_begins_to_count(url: str) -> None:
    async with bot(url, rules=Rules({"deferred": {"lasting": "10m"}})) as one:
        await one.mutes.mute("", "mx1", HOUR, ANA)
        for _ in range(59):
            await one.see(deferred=700)
        assert await one.told() == {}
        for _ in range(9):
            await one.see(deferred=700)
        assert await one.mutes.in_force() == () and await one.told() == {}
        await one.see(deferred=700)
        assert await one.events() == ["fired"]


async def test_who_acknowledges_or_snoozes_is_remembered_and_told_once(url: str) -> None:
    async with bot(url) as one:
        await one.see(deferred=700, corrupt=0, growth=900)
        await one.see(depth=9000)
        shown = (await one.alerts.acknowledge(1, ANA)).card
        assert {alert.acknowledged_name for alert in shown.firing} == {"Ana"}
        with pytest.raises(UserError, match="Ana has acknowledged it already"):
            await one.alerts.acknowledge(1, ANA)
        await one.alerts.snooze(1, None, ANA)
        assert (await one.events())[-2:] == ["acknowledged", "snoozed"]
        await one.see(deferred=0, growth=0, depth=0)
        with pytest.raises(UserError, match="This alert is over"):
            await one.alerts.snooze(1, HOUR, ANA)
        with pytest.raises(UserError, match="forgotten by now"):
            await one.alerts.acknowledge(99, ANA)
        assert [row["verb"] for row in await one.rows("audit")] == ["acknowledge", "snooze"]


async def test_a_snooze_and_an_acknowledgement_are_taken_back_by_whoever_may_and_told_once(url: str) -> None:
    async with bot(url) as one:
        await one.see(deferred=700, corrupt=0, growth=900)
        with pytest.raises(UserError, match="It is not snoozed"):
            await one.alerts.unsnooze(1, ANA)
        with pytest.raises(UserError, match="Nobody has acknowledged it"):
            await one.alerts.unacknowledge(1, ANA)
        await one.alerts.acknowledge(1, ANA)
        await one.alerts.snooze(1, 8 * HOUR, ANA)
        one.clock.now += HOUR
        attended = await one.alerts.snooze(1, HOUR, ANA)
        ends = [{alert.snoozed_until for alert in each.firing} for each in (attended.before, attended.card)]
        assert ends == [{one.clock.now + 7 * HOUR}, {one.clock.now + HOUR}]
        one.clock.now += HOUR / 2
        await one.see(depth=9000)
        await one.alerts.unsnooze(1, ANA)
        await one.alerts.unacknowledge(1, ANA)
        told = [row["text"] for row in await one.rows("transitions") if row["by"]]
        assert told == [
            "",
            "for 8 h",
            "for 1 h (in place of Ana's snooze, which had 7 h to go)",
            "Ana's snooze, which had 29 min to go",
            "Ana",
        ]
        assert not [alert for alert in await one.open() if alert.snoozed(one.clock.now) or alert.acknowledged_at]
        verbs = ["acknowledge", "snooze", "snooze", "unsnooze", "unacknowledge"]
        assert [row["verb"] for row in await one.rows("audit")] == verbs


async def test_a_card_that_tells_of_a_snooze_or_a_mute_is_shown_anew_once_that_is_over(url: str) -> None:
    async with bot(url) as one, bot(url, one.clock) as other:
        await one.see(deferred=700)
        await one.see("mx2", deferred=700)
        await one.alerts.acknowledge(1, ANA)
        await one.alerts.snooze(1, HOUR, ANA)
        await one.mutes.mute("deferred", "mx2", 2 * HOUR, ANA)
        shown = await one.told()
        one.clock.now += HOUR - MINUTE
        assert await one.alerts.wake() == 0
        one.clock.now += MINUTE
        assert sorted(await asyncio.gather(one.alerts.wake(), other.alerts.wake())) == [0, 1]
        one.clock.now += 2 * HOUR
        assert [await one.alerts.wake(), await other.alerts.wake()] == [1, 0]
        again = await one.told()
        assert {key: times - shown[key] for key, times in again.items()} == {
            **dict.fromkeys(again, 0),
            ("alert", "1"): 1,
            ("alert", "2"): 1,
        }


async def test_what_the_settings_name_no_longer_ends_and_says_that_nobody_knows_how_it_is(url: str) -> None:
    async with bot(url) as one:
        await one.see("mx1", deferred=700)
        await one.see("mx9", deferred=700, held=40)
        await one.see("", store_space=50)
        assert await one.alerts.end_strangers(["mx1"]) == 1
        assert {(alert.host, alert.rule) for alert in await one.open()} == {("mx1", "deferred"), ("", "store_space")}
        last = (await one.rows("transitions"))[-1]
        assert (last["event"], last["text"].partition(":")[0]) == ("resolved", "mx9 is not watched any more")
        (gone,) = [alert for alert in await one.kept() if alert.host == "mx9"]
        assert gone.abandoned and gone.text == last["text"]
        assert await one.alerts.end_strangers(["mx1"]) == 0
    async with bot(url, one.clock, Rules({"deferred": {"enabled": False, "calm": "0m"}})) as later:
        await later.see("mx1", deferred=0)
        assert [alert.rule for alert in await later.open()] == ["deferred", "store_space"], "off is not well"
        assert await later.alerts.end_strangers(["mx1"]) == 1
        assert [alert.rule for alert in await later.open()] == ["store_space"]


async def test_a_card_stays_where_it_was_opened_and_moves_with_the_workspace(url: str) -> None:
    async with bot(url) as one:
        await one.see(deferred=700)
    async with bot(url, one.clock, channel="C0NEW") as moved:
        await moved.see(deferred=12_000)
        await moved.see("mx2", deferred=700)
        assert {(row["subject"], row["channel"]) for row in await moved.rows("outbox") if row["kind"] == "alert"} == {
            ("1", "C0OPS"),
            ("2", "C0NEW"),
        }
        await moved.alerts.move_in("T0OTHER")
        await moved.see(deferred=0)
        places = [(row["workspace"], row["channel"]) for row in await moved.rows("alert_cards")]
        assert places == [(TEAM, "C0OPS"), (TEAM, "C0NEW"), ("T0OTHER", "C0NEW")]
        assert (await moved.kept())[0].card == 3


async def test_text_that_no_database_takes_is_kept_without_what_it_does_not_take(url: str) -> None:
    async with bot(url) as one:
        for _ in range(2):
            await one.alerts.observe("mx1", {"listed": [Reading("z\0\ud800", 1, "t\0", "c\udcff", "from:\0")]})
        (alert,) = await one.kept()
        assert (alert.subject, alert.text, alert.cause) == ("z\ufffd?", "t\ufffd", "c?")
        await one.alerts.observe("mx1", {"listed": []})
        assert await one.open() == []


async def test_what_ended_long_ago_is_forgotten_with_all_that_told_of_it(url: str) -> None:
    async with bot(url) as one:
        await one.see("mx1", deferred=12_000)
        await one.see("mx1", deferred=0)
        await one.see("mx2", deferred=700)
        one.clock.now += 48 * HOUR
        await one.see("mx3", deferred=700)
        await one.see("mx3", deferred=0)
        assert await one.alerts.prune(24 * HOUR) == 1
        assert [alert.host for alert in await one.kept()] == ["mx2", "mx3"]
        assert {row["host"] for row in await one.rows("alert_cards")} == {"mx2", "mx3"}
        assert len(await one.told()) == 2 + 3
        assert [alert.severity for alert in await one.alerts.firing()] == [Severity.WARNING]
        assert RULES.of("mx1")["deferred"].severity is Severity.WARNING


async def test_an_alert_that_moved_keeps_the_card_whose_thread_tells_of_it(url: str) -> None:
    async with bot(url) as one:
        await one.see(deferred=700)
        await one.alerts.move_in("T0OTHER")
        await one.see(deferred=12_000)
        one.clock.now += 48 * HOUR
        assert await one.alerts.prune(24 * HOUR) == 0
        assert [row["workspace"] for row in await one.rows("alert_cards")] == [TEAM, "T0OTHER"]
        await one.see(deferred=0)
        one.clock.now += 48 * HOUR
        assert await one.alerts.prune(24 * HOUR) == 1
        assert await one.rows("alert_cards") == [] and await one.told() == {}

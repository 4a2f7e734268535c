"""What an alert's card looks like, and its thread; and that no mail can make them look otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.workspace import Message, text_of
from bot.text import Addresses
from bot.watch.engine import abandoned
from bot.watch.model import Alert, Event, State, Transition
from bot.watch.rows import AlertCard, Mute
from bot.watch.rules import Severity, load
from handlers.blocks.alert import alert_card
from handlers.blocks.alert_buttons import SNOOZES, Seen
from handlers.blocks.alert_words import Known
from handlers.blocks.kit import Card, unpacked
from handlers.blocks.transition import transition
from tests.handlers.blocks.hostile import taken_by_slack, texts, thorough

NOW = datetime(2026, 1, 31, 3, 12, tzinfo=UTC)
RULES = load()
KNOWN = Known(RULES, (), NOW, "masked")
SENDER = Alert(
    "sender",
    "mx1",
    "",
    State.FIRING,
    Severity.CRITICAL,
    since=NOW - timedelta(minutes=95),
    id=7,
    card=3,
    fired_at=NOW - timedelta(minutes=95),
    value=93.0,
    start=55.0,
    peak=95.0,
    text="jane@example.org has 2,900 of 3,100 messages.",
    cause="Sent by the login jane (20 of 20 that were looked at). A hacked account?",
    selector="login:jane@example.org",
    track=(55.0, 70.0, 95.0, 93.0),
    times=1,
)
DEFERRED = replace(
    SENDER,
    rule="deferred",
    id=8,
    severity=Severity.WARNING,
    value=5200.0,
    start=600.0,
    peak=5200.0,
    text="5,200 deferred messages.",
    cause="",
    selector="",
    track=(600.0,),
)


def over(alert: Alert) -> Alert:
    ended = NOW - timedelta(minutes=5)
    return replace(alert, state=State.OK, good_since=ended, ended_at=ended)


def shown(*alerts: Alert, known: Known = KNOWN, host: str = "mx1") -> str:
    card = alert_card(AlertCard(3, host, NOW - timedelta(hours=2), alerts), known, "ab12")
    return text_of_blocks(card)


def text_of_blocks(card: Card) -> str:
    return text_of(Message("C0OPS", "1.1", "U0BOT", card.text, taken_by_slack(card, mentions=MENTIONS)))


MENTIONS = ("U0ANA", "U0BEN", "U0CLEO", "S0OPS")


def lines(text: str) -> list[str]:
    return text.splitlines()


def labels(*alerts: Alert, known: Known = KNOWN, host: str = "mx1") -> list[str]:
    card = alert_card(AlertCard(3, host, NOW, alerts), known, "ab12")
    rows = [block["elements"] for block in card.blocks if block["type"] == "actions"]
    return [each["action_id"] for row in rows for each in row]


def test_the_first_two_lines_say_what_is_wrong_and_the_rest_how_badly() -> None:
    text = shown(SENDER)
    assert lines(text)[:2] == [
        "🔴 mx1: One sender has most of a growing queue",
        "j…@example.org has 2,900 of 3,100 messages.",
    ]
    assert "Critical, since 2026-01-31 01:37 UTC (1 h 35 min)" in text
    assert "Now 93, at the start 55, at its worst 95 (% of the queue)" in text
    assert "Likely cause: Sent by the login jane" in text


def test_the_notification_is_complete_by_itself() -> None:
    card = alert_card(AlertCard(3, "mx1", NOW, (SENDER, DEFERRED)), KNOWN, "ab12")
    assert card.text == (
        "Critical: mx1: One sender has most of a growing queue. j…@example.org has 2,900 of 3,100 messages. "
        "Sent by the login jane (20 of 20 that were looked at). A hacked account? And 1 other alert on this card."
    )


def test_what_people_said_of_it_is_in_the_second_line() -> None:
    acknowledged = replace(SENDER, acknowledged_at=NOW, acknowledged_by="U0ANA", acknowledged_name="ana")
    snoozed = replace(acknowledged, snoozed_until=NOW + timedelta(hours=1), snoozed_by="U0BEN", snoozed_name="ben")
    muted = replace(KNOWN, mutes=(Mute("", "mx1", NOW, NOW + timedelta(hours=2), "U0CLEO", "cleo"),))
    second = lines(shown(snoozed, known=muted))[1]
    assert second == (
        "Acknowledged by U0ANA. Snoozed until 2026-01-31 04:12 UTC by U0BEN. Muted until 2026-01-31 05:12 UTC by "
        "U0CLEO. j…@example.org has 2,900 of 3,100 messages."
    )
    changes = replace(snoozed, snoozed_at=140.0, snoozed_until=NOW + timedelta(days=3650))
    assert "Snoozed until it changes by U0BEN. " in lines(shown(changes))[1]
    assert "Snoozed" not in shown(replace(snoozed, snoozed_until=NOW))


def test_times_are_told_in_the_time_zone_of_the_settings() -> None:
    snoozed = replace(SENDER, snoozed_until=NOW + timedelta(hours=1), snoozed_by="U0BEN", snoozed_name="ben")
    muted = Mute("", "", NOW, NOW + timedelta(days=90), "U0CLEO", "cleo")
    madrid = replace(KNOWN, zone="Europe/Madrid", mutes=(muted,))
    text = shown(snoozed, over(DEFERRED), known=madrid)
    assert "Snoozed until 2026-01-31 05:12 CET by U0BEN. Muted until 2026-05-01 05:12 CEST by U0CLEO." in text
    assert "Critical, since 2026-01-31 02:37 CET (1 h 35 min)" in text
    assert "after it began, at 2026-01-31 04:07 CET." in text
    assert "as it was at 2026-01-31 04:12 CET" in text
    assert "UTC" not in text


def test_the_worst_leads_and_the_others_have_a_line_each() -> None:
    text = shown(SENDER, DEFERRED, over(replace(DEFERRED, rule="growth", id=9)))
    assert "🟡 Much deferred mail: 5,200 deferred messages." in text
    assert "🟢 The queue grows fast: over, 1 h 30 min after it began, at 2026-01-31 03:07 UTC." in text


def test_when_all_is_over_it_is_a_record_without_buttons() -> None:
    ended = over(replace(SENDER, times=3, acknowledged_at=NOW, acknowledged_by="U0ANA"))
    text = shown(ended, over(DEFERRED))
    assert lines(text)[:2] == [
        "🟢 mx1: One sender has most of a growing queue",
        "Over, 1 h 55 min after it began, at 2026-01-31 03:07 UTC. Acknowledged by U0ANA.",
    ]
    assert "At the start 55, at its worst 95 (% of the queue)" in text
    assert "It has fired 3 times" in text
    assert labels(ended) == []


def test_the_buttons_are_those_of_the_rules() -> None:
    assert labels(SENDER) == ["alert.queue", "alert.hold", "alert.acknowledge", "alert.snooze"]
    assert "alert.hold" not in labels(replace(SENDER, selector=""))
    assert labels(DEFERRED) == ["alert.queue", "alert.check", "alert.flush", "alert.acknowledge", "alert.snooze"]
    assert "alert.acknowledge" not in labels(replace(SENDER, acknowledged_at=NOW, acknowledged_by="U0ANA"))
    assert labels(replace(DEFERRED, rule="disk")) == [
        "alert.status",
        "alert.trash",
        "alert.acknowledge",
        "alert.snooze",
    ]
    itself = replace(DEFERRED, rule="store_space", host="")
    assert labels(itself, host="") == ["alert.acknowledge", "alert.snooze"]
    assert lines(shown(itself, host=""))[0] == "🟡 This bot: The bot's own disk is nearly full"


def test_what_is_so_or_not_has_no_numbers() -> None:
    listed = replace(DEFERRED, rule="listed", subject="192.0.2.25", value=1.0, text="On zen.spamhaus.org.")
    text = shown(listed)
    assert lines(text)[0] == "🟡 mx1: On a blocklist: 192.0.2.25"
    assert "Now" not in text and "worst" not in text


def test_a_rule_of_another_version_is_shown_by_its_name() -> None:
    text = shown(replace(SENDER, rule="weather"))
    assert lines(text)[0] == "🔴 mx1: weather"


def test_what_is_well_again_says_when_it_is_over() -> None:
    text = shown(replace(SENDER, good_since=NOW - timedelta(minutes=2)))
    assert "Well again since 2026-01-31 03:10 UTC; over once that has lasted 10 min" in text


def test_what_has_no_number_now_shows_none() -> None:
    text = shown(replace(SENDER, value=None, good_since=NOW))
    assert "At the start 55, at its worst 95 (% of the queue)" in text and "Now" not in text


def test_a_button_remembers_what_was_seen() -> None:
    card = alert_card(AlertCard(3, "mx1", NOW, (SENDER, DEFERRED)), KNOWN, "ab12")
    (row,) = [block["elements"] for block in card.blocks if block["type"] == "actions"]
    assert unpacked(row[-2]["value"], int, int, int) == [3, 8, 3]
    assert [unpacked(each["value"], int, int, int, str)[3] for each in row[-1]["options"]] == list(SNOOZES)
    assert Seen(8, 3).covers(Seen(7, 3)) and Seen(8, 3).covers(Seen(8, 2))
    assert not Seen(8, 3).covers(Seen(9, 1)) and not Seen(8, 2).covers(Seen(8, 3))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event.FIRED, "🔴 Critical: One sender has most of a growing queue. 900 of 1,000."),
        (Event.AGAIN, "🔴 Critical again: One sender has most of a growing queue. 900 of 1,000. It has fired 2 times."),
        (Event.WORSE, "🔴 Worse, critical now: One sender has most of a growing queue. 900 of 1,000."),
        (Event.REMINDED, "🔴 Still, for 1 h 35 min: One sender has most of a growing queue. 900 of 1,000. Nobody has"),
        (Event.WOKEN, "🔴 Worse than when it was snoozed, so the snooze is over: One sender has most of a growing"),
    ],
)
def test_a_transition_is_one_sentence_with_the_numbers_of_then(event: Event, words: str) -> None:
    said = Transition(event, NOW, Severity.CRITICAL, "900 of 1,000.")
    card = transition(said, replace(SENDER, times=2), KNOWN, MENTIONS)
    assert text_of_blocks(card).startswith(words)
    assert not any(name in str(card.blocks) for name in MENTIONS)
    assert card.text.startswith(words[2:].split(":")[0]) and "mx1" in card.text


def test_an_end_that_was_seen_says_how_long_it_lasted_and_how_bad_it_was() -> None:
    said = Transition(Event.RESOLVED, NOW, Severity.CRITICAL, "10 of 1,000.")
    assert text_of_blocks(transition(said, over(SENDER), KNOWN, MENTIONS)) == (
        "🟢 Over: One sender has most of a growing queue. 1 h 35 min after it began. At its worst 95 (% of the queue)."
    )


def test_an_end_that_nobody_saw_is_told_with_its_reason_and_not_as_well() -> None:
    why = "mx1 is not watched any more: the settings name it no longer. How it is now is not known."
    calmed = replace(SENDER, good_since=NOW - timedelta(minutes=2))
    (ended, (said,)) = (step := abandoned(calmed, NOW, why)).alert, step.transitions
    assert ended is not None
    title = "One sender has most of a growing queue"
    in_thread = text_of_blocks(transition(said, ended, KNOWN, MENTIONS))
    assert in_thread.startswith(f"⚪ No longer watched: {title}. {why} That was 1 h 35 min after it began.")
    assert lines(shown(ended))[:2] == [
        f"⚪ mx1: {title}",
        f"{why} That was 1 h 35 min after it began, at 2026-01-31 03:12 UTC.",
    ]
    assert f"⚪ {title}: no longer watched. {why} That was" in shown(DEFERRED, ended)
    told = alert_card(AlertCard(3, "mx1", NOW, (ended,)), KNOWN, "ab12").text
    assert told.startswith(f"No longer watched: mx1: {title}. {why}")
    everything = in_thread + shown(ended) + shown(DEFERRED, ended) + told
    assert "🟢" not in everything and "Over" not in everything


def test_only_a_transition_that_mentions_mentions() -> None:
    said = Transition(Event.FIRED, NOW, Severity.CRITICAL, "900 of 1,000.", mention=True)
    text = text_of_blocks(transition(said, SENDER, KNOWN, ("U0ANA", "S0OPS")))
    assert text.startswith("U0ANA and S0OPS 🔴 Critical: ")
    assert text_of_blocks(transition(said, SENDER, KNOWN, ())).startswith("🔴 Critical: ")


def test_who_did_it_is_told_by_name() -> None:
    said = Transition(Event.SNOOZED, NOW, Severity.CRITICAL, "for 8 h", by="ben")
    assert text_of_blocks(transition(said, SENDER, KNOWN, MENTIONS)) == (
        "ben snoozed it for 8 h. Until then nobody is reminded or mentioned."
    )


moments = st.timedeltas(timedelta(days=-400), timedelta(days=400)).map(lambda each: NOW + each)
values = st.floats(-1e9, 1e12)
alerts = st.builds(
    Alert,
    rule=st.one_of(st.sampled_from(sorted(RULES)), texts),
    host=st.just("mx1"),
    subject=texts,
    state=st.sampled_from((State.FIRING, State.OK)),
    severity=st.sampled_from(Severity),
    since=moments,
    id=st.integers(1, 10**9),
    ended_at=st.one_of(st.none(), moments),
    good_since=st.one_of(st.none(), moments),
    value=st.one_of(st.none(), values),
    start=values,
    peak=values,
    text=texts,
    cause=texts,
    selector=texts,
    track=st.lists(values, max_size=96).map(tuple),
    times=st.integers(0, 1000),
    acknowledged_at=st.one_of(st.none(), moments),
    acknowledged_by=st.just("U0ANA"),
    acknowledged_name=texts,
    snoozed_until=st.one_of(st.none(), moments),
    snoozed_at=st.one_of(st.none(), values),
    snoozed_by=st.just("U0BEN"),
)


@thorough
@given(st.lists(alerts, min_size=1, max_size=30), st.sampled_from(("masked", "full", "none")))
def test_slack_takes_any_card_and_acts_on_nothing_in_it(found: list[Alert], addresses: Addresses) -> None:
    found.sort(key=lambda alert: alert.state is not State.FIRING)
    card = alert_card(AlertCard(3, "mx1", NOW, tuple(found)), replace(KNOWN, addresses=addresses), "ab12")
    taken_by_slack(card, mentions=MENTIONS)


@thorough
@given(alerts, st.sampled_from(Event), texts, texts, st.booleans())
def test_slack_takes_any_transition_and_acts_on_nothing_in_it(
    alert: Alert, event: Event, text: str, by: str, mention: bool
) -> None:
    said = Transition(event, NOW, alert.severity, text, by=by, mention=mention)
    taken_by_slack(transition(said, alert, KNOWN, ("U0ANA", "S0OPS")), mentions=MENTIONS)

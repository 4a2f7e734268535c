"""The card of what blocklists say: the verdict first, then the listings, then how much of it is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.console.workspace import text_of
from bot.reputation.subjects import subject
from bot.reputation.sweep import Sweep, Verdict
from handlers.blocks import rbl
from handlers.blocks.kit import Card
from tests.handlers.blocks.hostile import ACTOR, taken_by_slack, texts, thorough
from tests.reputation.sweeps import SINCE, US, clean, hit, silent, sweep, zone


def card(found: Sweep, *notes: str) -> Card:
    return rbl.sweep(found, notes, "192.0.2.25", ACTOR, "r1")


def lines(found: Sweep, *notes: str) -> list[str]:
    return text_of(card(found, *notes).blocks).splitlines()


def test_a_listing_is_the_headline_and_tells_the_way_out() -> None:
    of = zone("high", delist="https://bl.example/remove")
    shown = lines(sweep(hit(of, reason="Spam trap", since=SINCE), clean(zone("low"))))
    assert shown[0] == "🔴 192.0.2.25 is listed by High List: many receivers refuse mail for it."
    assert shown[1] == "🔴 High List, weight high: sent spam 127.0.0.2"
    assert shown[2:4] == ["It says: Spam trap", "Seen here since 2026-02-01 08:05 UTC."]
    assert "https://bl.example/remove" in shown[4]
    assert shown[5] == "2 of 2 lists answered, asked through 127.0.0.1."


def test_what_is_not_known_is_neither_green_nor_red() -> None:
    shown = lines(sweep(clean(zone("low")), silent(zone("high"), cause="refused", detail="your resolver is public")))
    assert shown[0].startswith("⚪ 192.0.2.25 is not on the one blocklist that answered, but what High List")
    assert any("High List refused: your resolver is public." in line for line in shown)


def test_lists_that_were_not_asked_say_why() -> None:
    shown = lines(sweep(clean(zone("low")), left_out=(zone("medium", zone="{key}.m.example", key="m"),)))
    assert shown[0].startswith("🟢") and "Not asked: Medium List: needs a key." in shown


def test_a_host_without_an_address_is_told_of() -> None:
    shown = lines(sweep(), "mx1 sends through [relay]:587, so it is that host's address that counts.")
    assert shown[0] == "⚪ There is no address to ask about, so no list was asked."
    assert shown[1].startswith("mx1 sends through [relay]:587") and not any("lists answered" in line for line in shown)


def test_several_addresses_are_told_apart() -> None:
    other = subject("192.0.2.26")
    shown = lines(sweep(hit(zone("medium")), clean(zone("medium"), other), hit(zone("low"), other)))
    assert shown[0].startswith("🟡 192.0.2.25 and 192.0.2.26 are listed by Medium List and Low List: some")
    assert shown[1].startswith("🟡 192.0.2.25: Medium List") and shown[3].startswith("🟡 192.0.2.26: Low List")


HIGH, INFO = zone("high"), zone("info")


@thorough
@given(
    st.lists(st.tuples(texts, texts, st.sampled_from(("listed", "unknown", "not_listed"))), max_size=80), texts, texts
)
def test_slack_takes_whatever_lists_say(rows: list[tuple[str, str, str]], note: str, reason: str) -> None:
    verdicts: list[Verdict] = []
    for number, (words, detail, state) in enumerate(rows):
        who = subject(f"192.0.2.{number}")
        if state == "listed":
            verdicts.append(hit(HIGH, who, reason=words))
        elif state == "unknown":
            verdicts.append(silent(HIGH, who, "refused", detail))
        else:
            verdicts.append(clean(HIGH, who))
    taken_by_slack(card(sweep(*verdicts, hit(INFO, US, reason=reason)), note))

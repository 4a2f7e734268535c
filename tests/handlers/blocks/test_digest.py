"""The digest's cards: whether anything is wrong stands in the first two lines, and unknown is never well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.workspace import text_of
from bot.watch.digest import (
    GONE,
    NEW,
    STILL,
    WEEK,
    Asked,
    Blemish,
    Day,
    Deed,
    Digest,
    Fired,
    HostDigest,
    Listed,
    Muted,
    Queue,
    Reputation,
    Top,
)
from bot.watch.digests import Made, details, is_short
from handlers.blocks import digest as blocks
from tests.handlers.blocks.hostile import ACTOR, taken_by_slack, texts, thorough

END = 1_795_590_000
"""Wed 25 Nov 2026, 08:00 in Madrid."""
DAY, HOUR = 86_400, 3600
PEOPLE = (ACTOR, "U0OPAL", "U0APRIL")

QUEUE = Queue(
    points=tuple((END - DAY + 300 * number, 1, 40, 0, 0) for number in range(288)),
    peak=(END - 4 * HOUR, 3041),
    now=41,
    now_at=END - 300,
    oldest=END - 2 * HOUR,
    usual=41,
)
CLEAN = Reputation(END - HOUR, None, "192.0.2.25 is on none of the 24 blocklists that answered.")
WELL = HostDigest("mx1", QUEUE, reputation=CLEAN)
DOWN = Fired(
    "Postfix is down", "", "critical", "No mail comes in and none goes out.", "", END - HOUR, END - HOUR, None, 1
)
LISTED = Blemish("k", "rbl", "warning", "192.0.2.25 is listed by SpamCop.", NEW, END - HOUR, "SpamCop")


def digest(*hosts: HostDigest, **more: object) -> Digest:
    return replace(Digest("day", END - DAY, END, "Europe/Madrid", hosts), **more)  # type: ignore[arg-type]


def lines(made: Digest, asked_by: str = "") -> list[str]:
    return text_of(blocks.digest(Made(7, made, asked_by), "masked").blocks).splitlines()


def test_all_well_is_two_lines_and_says_where_the_rest_is() -> None:
    shown = lines(digest(WELL))
    assert shown[0] == "🟢 mx1 is well: no alert, on no blocklist that matters, and all checks pass."
    assert shown[1].startswith("Queue: 41 messages at the end, at most 3,041 at 04:00; the oldest waits for 2 h. ")
    assert shown[2].startswith("Digest: 24 hours up to Wednesday 25 November 2026 08:00 (Europe/Madrid).")
    assert shown[2].endswith("are in the thread.") and len(shown) == 3
    assert details(digest(WELL)) == ("mx1",)


def test_alerts_that_are_over_and_notices_are_told_of_a_host_that_is_well() -> None:
    over, notice = replace(DOWN, ended_at=END - 60), replace(DOWN, title="A blocklist is broken", severity="notice")
    assert lines(digest(replace(WELL, alerts=(over,))))[0].startswith("🟢 mx1 is well: no alert open (1 over), on no")
    shown = lines(digest(replace(WELL, alerts=(notice, over))))[0]
    assert shown.startswith("🟢 mx1 is well: 1 notice and no alert open (1 over), on no")


def test_what_is_not_known_is_neither_green_nor_red_and_is_named() -> None:
    shown = lines(digest(HostDigest("mx1")))
    assert shown[0] == (
        "⚪ mx1: nothing is known to be wrong, but nothing is known of its queue; its reputation was not checked."
    )
    assert shown[1] == "Queue: not known, no look at it succeeded."


def test_what_is_wrong_comes_first_and_all_of_it_is_there_with_the_picture() -> None:
    host = replace(
        WELL,
        alerts=(DOWN,),
        reputation=replace(CLEAN, told=(LISTED, replace(LISTED, key="o", list="PSBL", change=GONE))),
        listed=Listed(END - 300, END - DAY, END - HOUR, 41, 20, (Top("jane@x.test", 30, 4),), (), 6, END + HOUR),
        deeds=(Deed("hold", "U0OPAL", 2, 42),),
        done=(
            Asked("57-k3qf", "delete", False, 12, "from:jane@x.test", "U0OPAL", "U0APRIL", False, "done", END - 9, 12),
        ),
        open=(Asked("58-abcd", "final", False, 3, "all", "U0OPAL", "", False, "pending", END - 9),),
        mutes=(Muted("Much deferred mail", "mx1", END - HOUR, END + HOUR, "U0OPAL"),),
    )
    card = blocks.digest(Made(7, digest(host), ""), "masked")
    shown = text_of(card.blocks)
    assert shown.splitlines()[0] == "🔴 mx1: Postfix is down (since 07:00); listed by SpamCop (new)."
    for said in (
        "🔴 Postfix is down (since 07:00): No mail comes in and none goes out.",
        "🟡 192.0.2.25 is listed by SpamCop. New.",
        "✅ No longer listed by PSBL: was 192.0.2.25 is listed by SpamCop.",
        "6 messages go back to their senders within 12 hours, the first at 09:00",
        "30: j…@x.test (4 before)",
        "57-k3qf 07:59: 12 messages deleted (from:j…@x.test); asked by U0OPAL, decided by U0APRIL",
        "58-abcd final deletion of 3 messages: waits for a decision; asked by U0OPAL",
        "U0OPAL held 42 messages, 2 times",
        "Much deferred mail (until 09:00), by U0OPAL",
    ):
        assert said in shown, shown
    assert card.picture and "at most 3,041" in card.picture.alt
    assert details(digest(host)) == (), "the digest tells it all"
    taken_by_slack(card, mentions=PEOPLE)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (END + HOUR, "within 12 hours, the first at 09:00."),
        (END + 20 * HOUR, "within 12 hours, the first at Thu 26 Nov 04:00."),
        (END, "within 12 hours, the first at the next attempt."),
        (END - HOUR, "within 12 hours, the first at the next attempt."),
        (None, "within 12 hours"),
    ],
)
def test_mail_whose_time_has_passed_goes_back_at_the_next_attempt(at: int | None, said: str) -> None:
    going = Listed(END - 300, END - DAY, END - HOUR, 41, 20, (), (), 1, at)
    (line,) = [each for each in lines(digest(replace(WELL, alerts=(DOWN,), listed=going))) if "goes back" in each]
    assert line.endswith(f"1 message goes back to its sender {said}")


async def test_the_picture_is_a_png_and_the_same_each_time() -> None:
    card = blocks.details(Made(7, digest(WELL), ""), WELL, "masked")
    assert card.picture
    first = await card.picture.make()
    assert first.startswith(b"\x89PNG\r\n\x1a\n") and await card.picture.make() == first


def test_several_hosts_are_a_table_with_the_worst_first() -> None:
    bad, dark = replace(WELL, name="mx2", alerts=(DOWN,)), HostDigest("mx3")
    made = digest(WELL, bad, dark)
    shown = lines(made)
    assert shown[0] == "🔴 1 of 3 mail hosts needs somebody: mx2."
    assert shown[1] == "82 messages in their queues, of 1 host it is not known; 1 alert in 24 hours."
    rows = [line for line in shown if "mx" in line and " | " in line] or shown[3:6]
    assert [row[:5] for row in rows][:3] == ["🔴 mx2", "⚪ mx3", "🟢 mx1"]
    assert "not known" in rows[1]
    assert details(made) == ("mx1", "mx2", "mx3")


def test_a_queue_that_is_known_of_no_host_is_not_an_empty_one() -> None:
    shown = lines(digest(HostDigest("mx1"), HostDigest("mx2", alerts=(DOWN,))))
    assert shown[1] == "What is queued is not known of any; 1 alert in 24 hours."
    week = lines(digest(HostDigest("mx1"), HostDigest("mx2"), span=WEEK))
    assert week[1] == "What is queued is not known of any; 0 alerts in 7 days."


def test_several_hosts_that_are_well_are_two_lines_too() -> None:
    shown = lines(digest(WELL, replace(WELL, name="mx2")))
    assert shown[0] == "🟢 All is well on 2 mail hosts." and len(shown) == 3


def test_what_is_not_known_of_one_of_several_is_named() -> None:
    shown = lines(
        digest(WELL, replace(WELL, name="mx2", reputation=replace(CLEAN, unknown=("Spamhaus ZEN refused.",))))
    )
    assert shown[0] == "⚪ Nothing is known to be wrong on 2 mail hosts, but not all is known of mx2."
    assert shown[2] == "⚪ mx2: nothing is known to be wrong, but Spamhaus ZEN refused."


def test_the_bots_own_alerts_are_in_the_first_line() -> None:
    full = replace(DOWN, title="The bot's own disk is nearly full", severity="warning")
    made = digest(WELL, itself=HostDigest("", alerts=(full,)))
    assert not is_short(made)
    assert "The bot's own disk is nearly full" in "\n".join(lines(made))
    assert not lines(made)[0].startswith("🟢")


def test_an_alert_of_the_bot_itself_that_is_over_is_not_shown_as_open() -> None:
    full = replace(DOWN, title="The bot's own disk is nearly full", severity="warning", text="50 MB are free.")
    over = replace(full, ended_at=END - 60, text="9 GB are free.")
    shown = lines(digest(replace(WELL, alerts=(DOWN,)), itself=HostDigest("", alerts=(full, over))))
    of_bot = [each.lstrip("• ") for each in shown if each.lstrip("• ")[2:].startswith(full.title)]
    assert of_bot == [
        f"🟡 {full.title} (since 07:00): 50 MB are free.",
        f"✅ {full.title} (07:00, for 59 min): 9 GB are free.",
    ]


def test_an_alert_that_nobody_looks_at_any_more_is_not_well_again() -> None:
    why = "The rule is off. How it is now is not known."
    ended = replace(DOWN, ended_at=END - 60, text=why)
    for abandoned, sign in ((True, "⚪"), (False, "✅")):
        host = replace(WELL, alerts=(replace(ended, abandoned=abandoned),))
        shown = text_of(blocks.details(Made(7, digest(host), ""), host, "masked").blocks).splitlines()
        (line,) = [each for each in shown if why in each]
        assert line.lstrip("• ").startswith(f"{sign} Postfix is down (")


def test_it_says_that_it_is_late_and_who_asked() -> None:
    assert "It comes 3 h late: the bot was not running at its time." in lines(digest(WELL, late=3 * HOUR))[-1]
    assert lines(digest(WELL), ACTOR)[-1].endswith(f"Asked by {ACTOR}.")


def test_a_week_tells_each_day_and_the_trend() -> None:
    days = (Day("Tue 24 Nov", 90, 40), Day("Wed 25 Nov", None, None))
    host = replace(WELL, queue=replace(QUEUE, days=days, usual=60, usual_before=40))
    made = digest(host, span=WEEK, start=END - 7 * DAY)
    shown = text_of(blocks.details(Made(7, made, ""), host, "masked").blocks)
    assert "60 messages are usual this week, 40 in the week before (+50 %)" in shown
    assert "Tue 24 Nov: 90 at most, 40 as a rule" in shown and "Wed 25 Nov: not known" in shown
    assert "7 days up to Wednesday 25 November 2026" in shown


@pytest.mark.parametrize("addresses", ["masked", "none"])
def test_no_address_is_shown_whole(addresses: str) -> None:
    host = replace(
        WELL,
        alerts=(
            replace(DOWN, text="secret.person@x.test has 90 of 100 messages.", cause="login secret.person@x.test"),
        ),
        listed=Listed(
            END,
            None,
            None,
            1,
            None,
            (Top("secret.person@x.test", 3, None),),
            (Top("<secret.person@x.test>: full", 1, None),),
        ),
    )
    card = blocks.digest(Made(7, digest(host), ""), addresses)  # type: ignore[arg-type]
    assert "secret.person" not in str(card.blocks) + card.text and "x.test" in str(card.blocks)


@thorough
@given(texts, texts, st.integers(1, 20), st.sampled_from([NEW, STILL, GONE]))
def test_hostile_text_is_taken_by_slack_and_cannot_act(name: str, text: str, many: int, change: str) -> None:
    host = replace(
        WELL,
        name=name,
        queue=replace(QUEUE, points=QUEUE.points[:20]),
        alerts=(replace(DOWN, subject=text, text=text, cause=text, acknowledged_by="U0OPAL"),) * many,
        reputation=Reputation(
            END,
            END,
            text,
            (Blemish("k", "auth", "problem", text, change), replace(LISTED, list=text)) * many,
            (text,) * 12,
            (text,),
        ),
        listed=Listed(END, END, END, 1, 1, (Top(text, 3, 1),) * 3, (Top(text, 3, None),) * 3, 1, END),
        done=(Asked("57-k3qf", "delete", True, 12, text, "U0OPAL", "U0APRIL", True, "done", END, 12),) * many,
        deeds=(Deed("hold", "U0OPAL", 2, 42, 1),) * many,
        mutes=(Muted("", "", END, END, "U0OPAL"),) * many,
    )
    for made in (digest(host), digest(*[replace(host, name=f"{name}{number}") for number in range(many)])):
        taken_by_slack(blocks.digest(Made(7, made, ACTOR), "full"), mentions=PEOPLE)
    taken_by_slack(blocks.details(Made(7, digest(host), ""), host, "full"), mentions=PEOPLE)

"""What the channel is told of a flush, a hold and a release."""

from hypothesis import given
from hypothesis import strategies as st

from bot.agent.outcomes import FLUSH_OUTCOMES, HOLD_OUTCOMES, RELEASE_OUTCOMES, Flushed, Held, Outcome, Released
from bot.agent.protocol import Count, Tally
from bot.console.workspace import text_of
from bot.mailhost.host import Change
from bot.text import Addresses
from handlers.blocks import change, flush
from handlers.blocks.change import Deed
from tests.handlers.blocks.hostile import ACTOR, NOW, numbers, taken_by_slack, tallies, texts, thorough

DEED = Deed("mx1", "from:j…@example.org", ACTOR, "ana")
outcomes = st.lists(st.builds(Outcome, texts, st.sampled_from(HOLD_OUTCOMES), texts), max_size=20).map(tuple)
deeds = st.builds(Deed, st.just("mx1"), texts, st.just(ACTOR), texts)
FLUSHED = Flushed(
    100,
    {"gone": 60, "deferred": 30, "active": 4, "not_tried": 6},
    Tally((Count("Gmail: 421 4.7.28", 30),)),
    {"deferred": 100, "active": 0, "hold": None},
    {"deferred": 36, "active": 4, "hold": None},
    waited=12.0,
    previous=NOW - 72.0,
    minimal_backoff_time=300,
)


@thorough
@given(
    deeds,
    outcomes,
    st.dictionaries(st.one_of(st.sampled_from(HOLD_OUTCOMES), texts), numbers, max_size=10),
    st.sampled_from(("masked", "full", "none")),
)
def test_a_hold_and_a_release_of_anything_are_messages_that_slack_takes(
    deed: Deed, given_outcomes: tuple[Outcome, ...], counts: dict[str, int], addresses: Addresses
) -> None:
    held = Change(Held("h-4k2fq9", counts), given_outcomes)
    released = Change(Released(counts, mail_system_up=False), given_outcomes)
    first = change.held(deed, held, addresses, "r1")
    taken_by_slack(first)
    taken_by_slack(change.released(deed, released, '["mx1","r-1"]', addresses, "r1"))
    kept = taken_by_slack(first)
    taken_by_slack(change.undone(kept, change.undone_hold(ACTOR, "now", released), 0))
    taken_by_slack(change.undone(kept, change.undone_release("mx1", ACTOR, "now", held), 3))


@thorough
@given(deeds, tallies, st.dictionaries(st.sampled_from(("active", "deferred", "hold")), st.one_of(st.none(), numbers)))
def test_a_flush_of_anything_is_a_message_that_slack_takes(
    deed: Deed, reasons: Tally, queues: dict[str, int | None]
) -> None:
    result = FLUSHED._replace(reasons=reasons, before=queues, after=queues)
    taken_by_slack(flush.flushed(deed, Change(result, ()), NOW, "masked"))


def test_queue_ids_that_were_typed_and_are_no_message_are_named() -> None:
    became = (Outcome("A1", "held"), Outcome("B2", "gone"), Outcome("C3", "failed", "busy"), Outcome("D4", "gone"))
    result = Change(Held("h-4k2fq9", {"held": 1, "gone": 2, "failed": 1}), became)
    lines = text_of(change.held(DEED, result, "masked", "r1", ("A1", "B2", "C3", "D4")).blocks).splitlines()
    gone = "not in the queue: delivered, sent back or deleted meanwhile"
    assert [line for line in lines if line[:2] in ("B2", "C3", "D4")] == [
        "C3 not held: Postfix could not do it (busy)",
        f"B2 {gone}",
        f"D4 {gone}",
    ]
    picked = text_of(change.held(DEED, result, "masked", "r1").blocks)
    assert "C3" in picked and "B2" not in picked, "what a filter picked and is gone since was not mistyped"
    released = Change(Released({"released": 1, "gone": 1}), (Outcome("A1", "released"), Outcome("B2", "gone")))
    assert f"B2 {gone}" in text_of(change.released(DEED, released, None, "masked", "r1", ("A1", "B2")).blocks)


def test_a_hold_says_how_many_by_whom_and_how_to_take_it_back() -> None:
    result = Change(Held("h-4k2fq9", {"held": 57, "already_on_hold": 3, "gone": 1}), ())
    words = text_of(change.held(DEED, result, "masked", "r1").blocks)
    assert words.splitlines() == [
        "U0ANA put 57 messages on hold on mx1: from:j…@example.org",
        "57 put on hold",
        "3 on hold before (the undo leaves those alone)",
        "1 not in the queue: delivered, sent back or deleted meanwhile",
        "Held mail is neither delivered nor sent back. To release it: /mail release mx1 h-4k2fq9",
        "Undo: release these 57",
    ]


def test_a_hold_of_active_mail_says_that_some_may_still_go_out() -> None:
    result = Change(Held("h-4k2fq9", {"held": 60}, was_active=60), ())
    words = text_of(change.held(DEED, result, "masked", "r1").blocks)
    assert "60 of the held came out of the active queue" in words
    assert "57 put on hold" not in words, "the first line has said it"


def test_a_hold_of_nothing_has_nothing_to_undo() -> None:
    words = text_of(change.held(DEED, Change(Held("h-4k2fq9", {"gone": 2}), ()), "masked", "r1").blocks)
    assert "held nothing on mx1" in words
    assert "Undo" not in words


def test_what_was_requeued_is_named_as_not_undoable() -> None:
    result = Change(Released({"released": 50, "requeued": 7}), ())
    words = text_of(change.released(DEED, result, "v", "masked", "r1").blocks)
    assert "released 57 messages on mx1" in words
    assert "What has a new queue ID can't be put back on hold from here." in words
    assert "Undo: hold these 50 again" in words


def test_every_outcome_has_words() -> None:
    assert set(HOLD_OUTCOMES) == set(change.HELD)
    assert set(RELEASE_OUTCOMES) == set(change.RELEASED)
    assert set(FLUSH_OUTCOMES) == set(flush.FLUSHED)


def test_a_flush_tells_before_and_after_and_why_mail_stays() -> None:
    words = text_of(flush.flushed(DEED, Change(FLUSHED, ()), NOW, "masked").blocks)
    for text in (
        "Postfix was asked to try 100 messages again; this is how it stood 12 s later:",
        "60 gone from the queue",
        "30 tried again and deferred again",
        "4 still being tried",
        "6 not tried yet",
        "30  Gmail: 421 4.7.28",
        "Before: active 0, deferred 100 and hold unknown",
        "After: active 4, deferred 36 and hold unknown",
        "It deletes nothing.",
    ):
        assert text in words


def test_flushing_again_too_soon_is_warned_of() -> None:
    assert "The last flush was only 1 min ago, and Postfix itself waits at least 5 min" in flush.too_soon(FLUSHED, NOW)
    assert flush.too_soon(FLUSHED._replace(previous=NOW - 312.0), NOW) == ""
    assert flush.too_soon(FLUSHED._replace(previous=None), NOW) == ""


def test_the_record_of_an_undo_keeps_the_card_without_its_buttons() -> None:
    card = change.held(DEED, Change(Held("h-4k2fq9", {"held": 57}), ()), "masked", "r1")
    record = change.undone_hold("U0BOB", "2026-01-01 10:00 UTC", Change(Released({"released": 57}), ()))
    words = text_of(change.undone(card.blocks, record, 0).blocks)
    assert "put 57 messages on hold" in words
    assert "Undone: U0BOB released 57 messages again, 2026-01-01 10:00 UTC." in words
    assert "Undo:" not in words


def test_what_is_left_of_an_undo_keeps_its_button() -> None:
    card = change.held(DEED, Change(Held("h-4k2fq9", {"held": 57}), ()), "masked", "r1")
    done = Change(Released({"requeued": 52, "in_delivery": 5}), ())
    record = change.undone_hold("U0BOB", "2026-01-01 10:00 UTC", done)
    assert change.left(done) == 5
    some = change.undone(card.blocks, record, change.left(done))
    words = text_of(some.blocks)
    assert "Undone: U0BOB released 52 messages again" in words
    assert "5 still on hold: in delivery at this very moment" in words
    assert "5 messages could not be undone yet: press the button again in a minute." in words
    assert "Undo: release these 5" in words and "these 57" not in words
    again = change.undone_hold(
        "U0BOB", "2026-01-01 10:02 UTC", Change(Released({"released": 5, "not_on_hold": 52}), ())
    )
    assert "could not be undone yet" not in text_of(change.undone(some.blocks, again, 0).blocks)

"""The card of a request, from the question to the record."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.outcomes import DELETE_OUTCOMES, EXPIRE_OUTCOMES, HOLD_OUTCOMES, RESTORE_OUTCOMES, Outcome
from bot.approvals.model import Decision, Kind, Person, Request, Restoration, Result, State
from bot.approvals.trash import BROUGHT_BACK, BY_OTHERS
from bot.console.workspace import controls, text_of
from bot.console.workspace.state import Message
from bot.text import Addresses
from handlers.blocks.kit import Card
from handlers.blocks.request import Deciders, request_card
from handlers.blocks.request_record import Undone, ended
from handlers.blocks.request_words import BACK, DELETED, EXPIRED, HOLD, RESTORED
from tests.handlers.blocks.hostile import ACTOR, NOW, taken_by_slack, thorough
from tests.handlers.blocks.requests import ASKED_AT, DECIDER, DONE, PENDING, PREVIEW, decided, requests

BOTH = Deciders((ACTOR, DECIDER, "S0OPS"))
MENTIONS = (ACTOR, DECIDER, "S0OPS")
DECIDING = {"request.approve", "request.deny", "request.hold", "request.cancel"}


def seen(request: Request, deciders: Deciders = BOTH, head: str = "", undone: Undone | None = None) -> str:
    return text_of(request_card(request, deciders, "masked", head, undone).blocks)


def buttons(card: Card) -> dict[str, str]:
    kept = taken_by_slack(card, mentions=MENTIONS)
    return {each.action_id: each.label for each in controls(Message("C0OPS", "1.1", "U0BOT", card.text, kept))}


@thorough
@given(requests, st.sampled_from(("masked", "full", "none")), st.booleans(), st.booleans())
def test_any_request_is_a_card_that_slack_takes(
    request: Request, addresses: Addresses, asker_too: bool, typed: bool
) -> None:
    deciders = Deciders((ACTOR, DECIDER, "S0OPS"), asker_too, typed)
    card = request_card(request, deciders, addresses, "57:9f2c81d04e11", Undone(ACTOR, ASKED_AT, 3))
    offered = buttons(card)
    if request.state is State.PENDING:
        assert offered.keys() >= {"request.approve", "request.deny", "request.cancel", "request.list"}
    else:
        assert not offered.keys() & DECIDING
    taken_by_slack(ended(request))


@pytest.mark.parametrize("state", State)
def test_no_whole_address_is_in_the_channel(state: State) -> None:
    failures = (Outcome("4VbXm8dz3kzJ1Q", "changed", "now it is from joe1@example.org"),)
    request = decided(state, result=Result({"deleted": 3}, "from news@shop.example", failures=failures))
    for addresses in ("masked", "none"):
        card = request_card(request, BOTH, addresses)
        words = f"{card.text}\n{text_of(card.blocks)}\n{ended(request).text}"
        assert "news@" not in words and "joe1@" not in words


def test_the_first_two_lines_say_who_asks_for_what_and_who_may_approve_it() -> None:
    card = request_card(PENDING, BOTH, "masked")
    assert card.text == "ana asks to delete 341 messages on mx1: from:n…@shop.example"
    assert text_of(card.blocks).splitlines()[:2] == [
        "U0ANA asks to delete 341 messages on mx1: from:n…@shop.example",
        "Who may approve, until 2027-01-15 08:30 UTC: U0BOB or S0OPS.",
    ]


def test_the_card_says_what_there_is_to_know_of_the_messages() -> None:
    words = seen(PENDING)
    for text in (
        "341 messages, 13 KiB of mail: deferred 300 and active 41",
        "The oldest is 3 h 20 min old, the newest 2 min",
        "341  n…@shop.example",
        "300  example.org",
        "at least 200  connect to example.org: timed out",
        "The oldest 5 of them",
        "4VbXm8dz3kzJ3Q 2 h, 2.0 KiB, from n…@shop.example to j…@example.org and 2 more",
        "The trash of mx1 keeps it for 7 d; until then /mail restore 57-k3qf brings it back.",
        "its queue files, which are somewhat larger than the mail in them, stay there until they are purged",
        "Exactly these 341 messages will be touched: mail that arrives later is not meant",
        "Request 57-k3qf · list 3f9a2c81d04e · asked 2027-01-15 08:00 UTC",
    ):
        assert text in words


def test_one_message_is_spoken_of_as_one() -> None:
    one = replace(PENDING, preview=replace(PREVIEW, messages=1, sample=PREVIEW.sample[:1], queues={"deferred": 1}))
    words = seen(one)
    assert "asks to delete 1 message on mx1" in words
    assert "It is 3 h 20 min old" in words
    assert "Exactly this message will be touched" in words
    assert "From whom" not in words, "the message itself says so"


def test_the_button_that_destroys_is_red_and_asks_first_with_the_number_and_the_host() -> None:
    card = request_card(PENDING, BOTH, "masked")
    (row,) = [block for block in card.blocks if block["type"] == "actions"]
    approve, deny, hold, whole, cancel = row["elements"]
    assert row["block_id"] == "request:57:1"
    assert {element["value"] for element in row["elements"]} == {"[57,1]"}
    assert approve["style"] == "danger"
    assert approve["confirm"]["title"]["text"] == "Delete 341 messages on mx1?"
    assert "it can be restored until then" in approve["confirm"]["text"]["text"]
    assert not any("style" in each or "confirm" in each for each in (deny, hold, whole, cancel))


def test_where_the_number_is_typed_the_window_stands_in_for_the_dialog() -> None:
    card = request_card(PENDING, Deciders((DECIDER,), typed=True), "masked")
    (row,) = [block for block in card.blocks if block["type"] == "actions"]
    assert row["elements"][0]["text"]["text"] == "Delete 341 messages …"
    assert "confirm" not in row["elements"][0]
    assert "It takes typing the number." in text_of(card.blocks)


def test_each_revision_has_block_ids_of_its_own() -> None:
    rows = [
        block["block_id"]
        for revision in (1, 2)
        for block in request_card(replace(PENDING, revision=revision), BOTH, "masked").blocks
        if "block_id" in block
    ]
    assert rows == ["request:57:1", "request:57:2"]


def test_the_asker_is_named_only_where_they_may_confirm_their_own() -> None:
    assert "U0BOB or S0OPS." in seen(PENDING)
    assert "U0ANA, U0BOB or S0OPS." in seen(PENDING, replace(BOTH, asker_too=True))
    assert "APPROVERS names nobody who may" in seen(PENDING, Deciders((ACTOR,)))


def test_all_says_plainly_that_it_is_every_message() -> None:
    assert "This is every message that was in the queue of mx1." in seen(replace(PENDING, selector="all"))
    assert "every message" not in seen(replace(PENDING, selector="deferred"))


def test_what_has_no_way_back_says_so() -> None:
    final = seen(replace(PENDING, kind=Kind.FINAL))
    assert "asks to delete 341 messages for good on mx1" in final
    assert "Nothing brings this mail back." in final
    assert "/mail restore" not in final


def test_an_expiry_warns_of_backscatter() -> None:
    words = seen(replace(PENDING, kind=Kind.EXPIRE))
    assert "goes back to its senders as undeliverable" in words
    assert "where a sender is forged, as in most spam, the bounce goes to a stranger" in words
    assert "Send 341 messages back" in words


def test_a_purge_is_of_one_deletion_and_can_t_be_held_instead() -> None:
    purge = replace(PENDING, kind=Kind.PURGE, target_key="41-abcd", selector="41-abcd", digest="")
    card = request_card(purge, BOTH, "masked")
    words = text_of(card.blocks)
    assert "asks to purge 341 messages from the trash on mx1: 41-abcd" in words
    assert "What 41-abcd deleted is destroyed in the trash of mx1; 13 KiB of disk become free." in words
    assert "request.hold" not in buttons(card)


def test_work_under_way_shows_how_far_it_is() -> None:
    approved = decided(State.APPROVED)
    assert "U0BOB approved: deleting 341 messages on mx1" in seen(approved)
    assert "mx1 is about to be asked" in seen(approved)
    words = seen(decided(State.EXECUTING, done=120, total=341, doing="held"))
    assert "▰▰▰▱▱▱▱▱▱▱ 120 of 341 messages held" in words
    assert "Approved by U0BOB, 2027-01-15 08:02 UTC" in words
    held = seen(decided(State.EXECUTING, Decision.HOLD))
    assert "U0BOB chose to hold instead: putting 341 messages on hold on mx1" in held


def test_without_an_answer_nobody_is_told_to_do_it_twice() -> None:
    words = seen(decided(State.UNKNOWN, result=Result({}, "mx1: no answer came within 1800 seconds")))
    assert "mx1 was asked to delete 341 messages, and no answer came" in words.splitlines()[0]
    assert "The bot asks again by itself" in words.splitlines()[1]
    assert "Nothing has to be done twice" in words
    assert "no answer came within 1800 seconds" in words


def test_the_record_says_who_when_how_what_came_of_it_and_the_way_back() -> None:
    words = seen(DONE, head="57:9f2c81d04e11")
    assert words.splitlines() == [
        "Deleted 338 of 341 messages on mx1: from:n…@shop.example",
        "Asked by U0ANA · approved by U0BOB, 2027-01-15 08:02 UTC, the number typed",
        "338 deleted",
        "2 gone before: delivered, sent back or deleted meanwhile",
        "1 changed: the queue ID belongs to another message now, which was let go",
        "3 of the deleted were being delivered at that very moment and may still arrive.",
        "338 messages stay in the trash of mx1 until 2027-01-22 08:00 UTC; they take 13 KiB of disk.",
        "To bring them back: /mail restore 57-k3qf",
        "Restore 338 messages",
        "Whole list",
        "Request 57-k3qf · list 3f9a2c81d04e · audit 57:9f2c81d04e11",
    ]
    assert buttons(request_card(DONE, BOTH, "masked")).keys() == {"request.restore", "request.list"}


def test_what_went_wrong_with_single_messages_is_shown_with_its_reason() -> None:
    wrong = Result({"deleted": 340, "failed": 1}, failures=(Outcome("4VbXm8dz3kzJ1Q", "failed", "no such file"),))
    words = seen(replace(DONE, result=wrong))
    assert "1 still queued: Postfix could not delete it" in words
    assert "4VbXm8dz3kzJ1Q still queued: Postfix could not delete it (no such file)" in words


def test_of_many_that_went_wrong_a_few_are_shown_and_the_others_counted() -> None:
    shown = tuple(Outcome(f"4VbXm8dz3kzJ{number}Q", "failed", "unreadable") for number in range(10))
    words = seen(replace(DONE, result=Result({"deleted": 241, "failed": 100}, failures=shown)))
    assert words.count("its queue file can't be read") == 5
    assert "… and 95 more" in words


def test_mail_and_the_disk_that_it_takes_are_told_apart() -> None:
    whole = replace(DONE, result=Result({"deleted": 341}, kept_bytes=20_000, kept_until=NOW + 604_800.0))
    assert "13 KiB of mail, which takes 20 KiB of disk." in seen(replace(whole, left_in_trash=341))
    assert "disk" not in seen(replace(whole, left_in_trash=3, restorations=(back(ASKED_AT, {"restored": 338}),)))


def test_a_record_says_when_somebody_confirmed_their_own() -> None:
    own = replace(DONE, decided_by=PENDING.asked_by, alone=True, typed=False)
    assert "approved by U0ANA, 2027-01-15 08:02 UTC, who asked for it too" in seen(own)
    alone = replace(own, only_approver=True, typed=True)
    assert "who asked for it too and is the only approver there is, the number typed" in seen(alone)


def back(at: datetime, counts: dict[str, int], **more: Any) -> Restoration:
    return Restoration(Person(DECIDER, "bob"), at, counts, **more)


def test_a_restore_is_told_below_and_takes_its_button_away() -> None:
    once = back(ASKED_AT + timedelta(hours=1), {"restored": 330, "past_lifetime": 8})
    restored = replace(DONE, restorations=(once,), left_in_trash=0)
    words = seen(restored)
    assert words.startswith("Deleted 338 of 341 messages on mx1, restored since: ")
    assert "Restored 338 messages: U0BOB, 2027-01-15 09:00 UTC" in words
    assert "8 back, on hold: past its lifetime in the queue" in words
    assert "Nothing of it is in the trash any more." in words
    assert buttons(request_card(restored, BOTH, "masked")).keys() == {"request.list"}
    some = replace(restored, left_in_trash=8)
    assert buttons(request_card(some, BOTH, "masked"))["request.restore"] == "Restore 8 messages"


def test_what_comes_back_on_hold_has_the_command_that_releases_it() -> None:
    ids = tuple(f"4VbXm8dz3kzJ{number:02}Q" for number in range(10))
    stays = {"on_hold": ids[:1], "past_lifetime": ids[1:3], "force_expired": ids}
    once = back(ASKED_AT, {"restored": 9, "on_hold": 1, "past_lifetime": 2, "force_expired": 30}, stays=stays)
    lines = seen(replace(DONE, restorations=(once,))).splitlines()
    assert "1 back, and on hold as before. To release it: /mail release mx1 4VbXm8dz3kzJ00Q" in lines
    assert any(line.endswith("To release them: /mail release mx1 4VbXm8dz3kzJ01Q 4VbXm8dz3kzJ02Q") for line in lines)
    assert any(line.endswith("on hold because of this deletion: /mail release mx1 57-k3qf") for line in lines)
    many = back(ASKED_AT, {"on_hold": 11}, stays={"on_hold": ids})
    words = seen(replace(DONE, restorations=(many,)))
    assert f"To release the first 10 of them: /mail release mx1 {' '.join(ids)}; the others are among what" in words
    assert "/mail queue mx1 hold shows" in words


def test_purged_mail_is_not_offered_to_be_restored() -> None:
    purged = replace(DONE, purged_at=ASKED_AT + timedelta(days=7), left_in_trash=0)
    assert "The trash was purged of it, 2027-01-22 08:00 UTC" in seen(purged)
    assert buttons(request_card(purged, BOTH, "masked")).keys() == {"request.list"}


def test_what_was_held_instead_can_be_released() -> None:
    held = decided(State.DONE, Decision.HOLD, result=Result({"held": 340, "gone": 1}, was_active=3))
    words = seen(held)
    assert "Put 340 of 341 messages on hold on mx1, instead of deleting" in words
    assert "hold chosen by U0BOB" in words
    assert "3 of the held came out of the active queue" in words
    assert "/mail release mx1 57-k3qf" in words
    assert buttons(request_card(held, BOTH, "masked"))["hold.undo"] == "Undo: release these 340"
    undone = Undone(DECIDER, ASKED_AT + timedelta(hours=1), 340)
    assert "Undone: U0BOB released 340 messages again, 2027-01-15 09:00 UTC." in seen(held, undone=undone)
    assert "hold.undo" not in buttons(request_card(held, BOTH, "masked", undone=undone))
    assert seen(held, undone=undone).startswith(
        "Put 340 of 341 messages on hold on mx1, instead of deleting, released since"
    )
    assert "To release it" not in seen(held, undone=undone)


def test_an_undo_that_left_something_counts_what_is_left() -> None:
    held = decided(State.DONE, Decision.HOLD, result=Result({"held": 340}))
    some = Undone(DECIDER, ASKED_AT + timedelta(hours=1), 339, 1)
    words = seen(held, undone=some)
    assert "instead of deleting, 339 of them released since" in words
    assert "1 message could not be undone yet: press the button again in a minute." in words
    assert "To release it: /mail release mx1 57-k3qf" in words
    assert buttons(request_card(held, BOTH, "masked", undone=some))["hold.undo"] == "Undo: release it"


def test_where_nothing_could_be_kept_a_final_deletion_can_be_asked_for() -> None:
    failed = decided(State.FAILED, result=Result({}, not_kept="the disk is full"))
    words = seen(failed)
    assert words.startswith("Nothing was deleted on mx1")
    assert "Nothing could be kept, so nothing was deleted: the disk is full" in words
    assert "/mail delete mx1 … --final" in words, "a masked selector would mean other mail"
    assert "/mail delete mx1 deferred --final" in seen(replace(failed, selector="deferred"))
    final = seen(replace(failed, kind=Kind.FINAL))
    assert "Nothing was deleted: the disk is full" in final
    assert "--final" not in final, "it was one already"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (State.DENIED, "Nothing was deleted on mx1. Denied by U0BOB, 2027-01-15 08:02 UTC."),
        (State.CANCELLED, "Nothing was deleted on mx1. Cancelled by U0BOB, 2027-01-15 08:02 UTC."),
        (State.EXPIRED, "Nothing was deleted on mx1. Nobody decided before 2027-01-15 08:30 UTC. To ask again: "),
        (State.NOT_BEGUN, "Nothing was deleted on mx1. mx1 could not be asked in time after the approval"),
    ],
)
def test_what_was_never_begun_says_first_that_nothing_was_done(state: State, line: str) -> None:
    request = decided(state)
    first, second = seen(request).splitlines()[:2]
    assert first.startswith(line)
    assert second == "U0ANA had asked to delete 341 messages on mx1: from:n…@shop.example"
    assert buttons(request_card(request, BOTH, "masked")) == {}


def test_the_end_is_told_to_the_asker_by_a_mention() -> None:
    assert text_of(ended(DONE).blocks) == (
        "U0ANA 57-k3qf: Deleted 338 of 341 messages on mx1. /mail restore 57-k3qf brings back what is in the trash."
    )
    denied = ended(decided(State.DENIED))
    assert text_of(denied.blocks) == "U0ANA 57-k3qf: Nothing was deleted on mx1. Denied by U0BOB."
    assert denied.text == "57-k3qf: Nothing was deleted on mx1. Denied by bob."
    assert "The card says why." in text_of(ended(decided(State.FAILED, result=Result({}, "x"))).blocks)


def test_every_outcome_has_words() -> None:
    assert set(DELETE_OUTCOMES) == set(DELETED)
    assert set(EXPIRE_OUTCOMES) == set(EXPIRED)
    assert set(HOLD_OUTCOMES) == set(HOLD.names)
    assert set(RESTORE_OUTCOMES) == set(RESTORED) - {BY_OTHERS}
    assert set(BACK) == BROUGHT_BACK < set(RESTORED)


def test_an_expiry_says_what_on_hold_loses_its_mark() -> None:
    done = decided(State.DONE, kind=Kind.EXPIRE, result=Result({"expired": 3, "on_hold": 2}, unproven=1))
    assert "1 message on hold will lose the mark: once released, Postfix takes it in anew" in seen(done)


def test_a_restore_asks_first_and_says_what_comes_back_on_hold() -> None:
    card = request_card(decided(State.DONE, result=Result({"deleted": 3}), left_in_trash=3), BOTH, "masked")
    assert "What was on hold before the deletion comes back on hold" in str(card.blocks)


def test_queue_ids_that_are_no_mail_in_the_queue_are_counted_on_the_card() -> None:
    ids = "4VbXm8dz3kzJ1Q 4VbXm8dz3kzJ1R 4VbXm8dz3kzJ1S"
    request = replace(PENDING, host="mx1", selector=ids, preview=replace(PREVIEW, messages=2))
    assert "1 of the 3 queue IDs is not in the queue of mx1" in seen(request)
    assert "1 of the 3 queue IDs is not in the queue of mx1: " not in seen(request), "of five, two are known"
    there = tuple(
        message._replace(queue_id=each) for message, each in zip(PREVIEW.sample, ids.split()[::2], strict=False)
    )
    request = replace(request, preview=replace(request.preview, sample=there))
    assert "1 of the 3 queue IDs is not in the queue of mx1: 4VbXm8dz3kzJ1R" in seen(request)
    assert "queue IDs" not in seen(replace(request, preview=replace(PREVIEW, messages=3)))


def test_the_record_of_an_expiry_says_where_the_mail_goes() -> None:
    request = decided(State.DONE, kind=Kind.EXPIRE, result=Result({"expired": 3}))
    assert "goes back to its senders at the next delivery attempt" in seen(request)

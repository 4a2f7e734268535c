"""What lies in the trash, what came back, what is open, what was recorded, what was requeued: the lists."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.agent.outcomes import REQUEUE_OUTCOMES, Deletion, Outcome, Requeued, TrashListing
from bot.agent.protocol import Identity
from bot.approvals.model import Person, Request, Restoration, State
from bot.console.workspace import text_of
from bot.mailhost.host import Change
from bot.store.audit import Row
from handlers.blocks import audit, pending, requeue, trash
from handlers.blocks.change import Deed
from tests.handlers.blocks.hostile import ACTOR, NOW, numbers, taken_by_slack, texts, thorough
from tests.handlers.blocks.requests import (
    ASKED_AT,
    DECIDER,
    DONE,
    PENDING,
    decided,
    requests,
)

DEED = Deed("mx1", "57-k3qf", ACTOR, "ana")
ONE = Deletion("57-k3qf", NOW - 60.0, deleted=341, kept=338, bytes=13_000, until=NOW + 604_740.0)
deletions = st.builds(
    Deletion,
    key=st.sampled_from(("57-k3qf", "58-abcd")),
    begun=st.just(float(NOW)),
    finished=st.booleans(),
    final=st.booleans(),
    deleted=numbers,
    kept=numbers,
    bytes=numbers,
    until=st.one_of(st.none(), st.just(NOW + 1.0)),
    overdue=numbers,
    restored=numbers,
    purged=st.one_of(st.none(), st.just(float(NOW))),
)
identities = st.builds(Identity, texts, st.integers(0, NOW), numbers, texts)
rows = st.builds(
    Row,
    seq=numbers,
    previous=texts,
    mac=texts,
    at=st.just(ASKED_AT),
    actor=texts,
    name=texts,
    role=texts,
    verb=texts,
    host=texts,
    subject=texts,
    outcome=texts,
    details=st.dictionaries(texts, st.one_of(numbers, texts, st.booleans()), max_size=5),
)


@thorough
@given(st.lists(deletions, min_size=1, max_size=3), st.integers(0, 20), identities, requests)
def test_any_trash_is_a_message_that_slack_takes(
    listed: list[Deletion], many: int, message: Identity, request: Request
) -> None:
    listing = TrashListing(float(NOW), tuple(listed) * many, (message,) * many, 604_800, many, many)
    taken_by_slack(trash.trash("mx1", listing, {"57-k3qf": request}))
    for each in listed[:1]:
        taken_by_slack(trash.deletion("mx1", listing._replace(deletions=(each,)), request), mentions=(ACTOR,))


@thorough
@given(requests, st.integers(0, 25), rows, st.integers(0, 50))
def test_any_list_is_a_message_that_slack_takes(request: Request, open_ones: int, recorded: Row, many: int) -> None:
    taken_by_slack(pending.pending([request] * open_ones, ASKED_AT), mentions=(ACTOR, "C0OPS"))
    for done in request.restorations:
        taken_by_slack(trash.restored(DEED, "57-k3qf", done, "masked"))
    taken_by_slack(audit.audit([recorded] * many, "57:9f2c81d04e11"))


def test_the_trash_lists_what_can_be_restored_by_key_until_when_and_whose_it_was() -> None:
    old = Deletion("41-abcd", NOW - 9e6, deleted=3, kept=0, purged=NOW - 8e6)
    unknown = Deletion("3-zzzz", NOW - 90.0, finished=False, deleted=5, kept=5, bytes=10, until=None)
    listing = TrashListing(float(NOW), (ONE, unknown, old), (), 604_800, 13_010, 2**30)
    assert text_of(trash.trash("mx1", listing, {"57-k3qf": DONE}).blocks).splitlines() == [
        "mx1: 343 messages in the trash, 13 KiB",
        "Deleted mail is kept for 7 d and takes its disk space until then; 1.0 GiB are free.",
        "To bring mail back: /mail restore 57-k3qf",
        "Key | Deleted | Kept | Size | Until | By | What",
        "57-k3qf | 2027-01-15 07:59 UTC | 338 of 341 | 13 KiB | 2027-01-22 07:59 UTC | ana | from:news@shop.example",
        "3-zzzz | 2027-01-15 07:58 UTC | 5 of 5 | 10 B | not finished | not asked for here | –",
        "Of 1 deletion nothing is kept any more: restored, purged, or final.",
    ]


def test_an_empty_trash_says_so() -> None:
    words = text_of(trash.trash("mx1", TrashListing(float(NOW), (), (), 604_800, 0, 2**30), {}).blocks)
    assert "mx1: 0 messages in the trash" in words
    assert "There is nothing to restore." in words


def test_one_deletion_is_shown_with_its_messages() -> None:
    messages = (Identity("4VbXm8dz3kzJ1Q", NOW - 100, 2048, "news@shop.example"),)
    listing = TrashListing(float(NOW), (ONE._replace(overdue=8),), messages, 604_800, 13_000, 2**30)
    words = text_of(trash.deletion("mx1", listing, DONE).blocks)
    assert "57-k3qf on mx1: 338 of 341 messages in the trash" in words
    assert "Asked for by U0ANA, approved by U0BOB: from:news@shop.example" in words
    assert "8 of them are past their lifetime in the queue" in words
    assert "4VbXm8dz3kzJ1Q 2027-01-15 07:58 UTC, 2.0 KiB, news@shop.example" in words
    assert "… and 337 more" in words


def test_a_restore_says_how_many_are_back_and_what_stays_on_hold() -> None:
    done = Restoration(Person(ACTOR, "ana"), ASKED_AT, {"restored": 3, "past_lifetime": 1, "not_in_trash": 1})
    words = text_of(trash.restored(DEED, "57-k3qf", done, "masked").blocks)
    assert words.splitlines()[0] == "U0ANA restored 4 messages on mx1: 57-k3qf"
    assert "1 back, on hold: past its lifetime in the queue" in words
    assert "1 not in the trash: restored or purged before, or never kept" in words
    nothing = replace(done, counts={"not_in_trash": 2})
    assert "restored nothing on mx1" in text_of(trash.restored(DEED, "57-k3qf", nothing, "masked").blocks)
    words = text_of(trash.restored(DEED, "57-k3qf", replace(done, counts={}), "masked").blocks)
    assert "Nothing of 57-k3qf is in the trash of mx1 any more: it was restored or purged before." in words


def test_open_requests_say_who_asked_when_and_where_they_stand() -> None:
    under_way = decided(State.EXECUTING, done=120, total=341, doing="held")
    words = text_of(pending.pending([PENDING, under_way], ASKED_AT + timedelta(minutes=5)).blocks).splitlines()
    assert words[0] == "2 requests are open"
    assert words[1].startswith("57-k3qf delete 341 messages on mx1: from:news@shop.example")
    assert "U0ANA asked 5 min ago; waits for a decision, for another 25 min. Its card is in C0OPS." in words
    assert "U0ANA asked 5 min ago; under way, 120 of 341 held. Its card is in C0OPS." in words
    assert "Nothing is waiting" in text_of(pending.pending([], ASKED_AT).blocks)


def test_an_open_request_leads_to_its_card_where_slack_says_where_that_is() -> None:
    card = pending.pending([PENDING, PENDING, PENDING], ASKED_AT, ["https://slack.example/p1", ""])
    links = [
        piece["url"]
        for block in card.blocks
        for section in block["elements"]
        for piece in section["elements"]
        if piece["type"] == "link"
    ]
    assert links == ["https://slack.example/p1"]
    assert text_of(card.blocks).count("Its card is in C0OPS.") == 3


def row(**values: object) -> Row:
    given = {"actor": DECIDER, "name": "bob", "role": "approver", "verb": "delete.approve", "host": "mx1"}
    more = {"subject": "57-k3qf", "outcome": "done", "seq": 2, "previous": "", "mac": "", "at": ASKED_AT}
    return Row(**{**given, **more, **values})  # type: ignore[arg-type]


def test_the_audit_chain_is_a_table_with_its_head() -> None:
    rows = [
        row(details={"messages": 1341, "typed": True, "alone": False}),
        row(seq=1, name="clock", role="clock", verb="delete.end"),
    ]
    assert text_of(audit.audit(rows, "2:9f2c81d04e11").blocks).splitlines() == [
        "The last 2 of the audit chain",
        "No | When | Who | Verb | Host | What | Outcome | Counts",
        "2 | 2027-01-15 08:00 UTC | bob (approver) | delete.approve | mx1 | 57-k3qf | done | messages 1,341, typed",
        "1 | 2027-01-15 08:00 UTC | clock | delete.end | mx1 | 57-k3qf | done | –",
        "The chain's head: 2:9f2c81d04e11",
        "maildesk audit verify --head, with that, shows whether a row was changed, removed or cut off since.",
    ]
    assert "the audit chain is empty" in text_of(audit.audit([], "0:").blocks)


def test_a_requeue_says_that_queue_ids_are_new() -> None:
    done = Change(Requeued({"requeued": 5, "on_hold": 1}), (Outcome("4VbXm8dz3kzJ1Q", "failed", "why"),))
    card = requeue.requeued(DEED, done, "masked")
    taken_by_slack(card)
    assert "U0ANA requeued 5 messages on mx1" in text_of(card.blocks)
    assert "5 taken in anew: a new queue ID within a minute" in text_of(card.blocks)
    assert set(REQUEUE_OUTCOMES) == set(requeue.REQUEUED)

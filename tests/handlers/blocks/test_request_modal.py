"""The windows of a request, and its list as a file."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity
from bot.approvals.model import Kind, Person, Request, Restoration, Result, State
from bot.console.workspace import controls, text_of
from bot.console.workspace.blocks import checked_view
from bot.console.workspace.reading import live
from bot.console.workspace.state import Message
from bot.console.workspace.state import State as Slack
from bot.console.workspace.state import View as Opened
from bot.errors import UserError
from handlers.blocks import request_modal as modal
from handlers.blocks.request_modal import PAGE, Kept, View
from tests.handlers.blocks.hostile import NOW, texts, thorough
from tests.handlers.blocks.requests import ASKED_AT, DONE, PENDING, decided, requests

IDENTITIES = [Identity(f"4VbXm8dz3kzJ{number:03}Q", NOW - number, 2048, "news@shop.example") for number in range(45)]
identities = st.lists(st.builds(Identity, texts, st.integers(0, NOW), st.integers(0, 2**50), texts), max_size=2)
outcomes = st.one_of(st.none(), st.lists(st.builds(Outcome, texts, texts, texts), max_size=2))


def opened(view: View) -> Opened:
    """The window as Slack opens it. Fails where Slack would refuse it, or act on what stands in it."""
    body = checked_view(Slack(lambda: datetime(2026, 1, 1, tzinfo=UTC)), view)
    assert live(Message("C0OPS", "1.1", "U0BOT", "", tuple(body["blocks"]))) == []
    return Opened("V1", "U0ANA", body, "h1", "V1", None)


@thorough
@given(requests, texts)
def test_any_request_can_ask_for_its_number(request: Request, why: str) -> None:
    view = opened(modal.typing(request, why, "C0OPS"))
    assert modal.kept(view.body) == Kept("C0OPS", request.id, request.revision, request.messages)
    opened(modal.reading(request, "C0OPS"))


@thorough
@given(requests, identities, outcomes, st.integers(-1, 5))
def test_any_list_is_a_window_that_slack_takes(
    request: Request, some: list[Identity], became: list[Outcome] | None, page: int
) -> None:
    listed = some * 20
    opened(modal.whole(request, listed, became, page, "C0OPS"))
    lines = modal.as_file(request, listed, became).splitlines()
    assert len(lines) == 1 + len(listed)
    assert {line.count("\t") for line in lines} == {5 if became else 3}


def test_the_window_says_what_is_about_to_be_done_and_which_number_to_type() -> None:
    view = opened(modal.typing(PENDING, "", "C0OPS"))
    words = text_of(view)
    assert "You are about to delete 341 messages on mx1." in words
    assert "This mail is not delivered. The trash keeps it for 7 d" in words
    assert "How many messages? Type 341" in words
    assert view.body["submit"]["text"] == "Delete"


def test_the_list_is_paged_and_says_what_became_of_each() -> None:
    became = [Outcome(IDENTITIES[1].queue_id, "gone", "")]
    first = opened(modal.whole(DONE, IDENTITIES, became, 0, "C0OPS"))
    assert f"1–{PAGE} of 45 messages, by queue ID" in text_of(first)
    assert "news@shop.example – gone before: delivered" in text_of(first)
    assert [each.action_id for each in controls(first)] == ["request.next", "request.file"]
    last = opened(modal.whole(DONE, IDENTITIES, became, 2, "C0OPS"))
    assert "41–45 of 45 messages" in text_of(last)
    assert [each.action_id for each in controls(last)] == ["request.previous", "request.file"]
    few = opened(modal.whole(DONE, IDENTITIES[:3], None, 0, "C0OPS"))
    assert controls(few) == ()


def test_what_became_of_each_is_said_in_words_and_in_the_file_by_the_agents_word_too() -> None:
    flight = Outcome(IDENTITIES[0].queue_id, "deleted", "in_flight")
    restored = replace(DONE, restorations=(Restoration(Person("U0BOB", "bob"), ASKED_AT, {"restored": 1}),))
    words = text_of(opened(modal.whole(restored, IDENTITIES[:1], [flight], 0, "C0OPS")))
    assert "deleted (it was being delivered at that very moment and may still arrive)" in words
    assert "in_flight" not in words
    assert "So it was at the end of it; what was restored since, the card says." in words
    heading, line = modal.as_file(DONE, IDENTITIES[:1], [flight]).splitlines()
    assert heading.split("\t")[4:] == ["outcome", "became"]
    assert line.split("\t")[4] == "deleted" and line.split("\t")[5].startswith("deleted (it was being delivered")


def test_the_list_of_a_purge_says_what_the_deletion_did() -> None:
    purge = replace(DONE, kind=Kind.PURGE, target_key="41-abcd")
    gone = [Outcome(IDENTITIES[0].queue_id, "gone")]
    assert "gone before: delivered" in text_of(opened(modal.whole(purge, IDENTITIES[:1], gone, 0, "C0OPS")))


def test_a_forgotten_list_says_so() -> None:
    forgotten = opened(modal.whole(decided(State.DONE, result=Result({})), None, None, 0, "C0OPS"))
    assert "addresses are forgotten after 30 days" in text_of(forgotten)


def test_no_line_of_the_file_is_a_formula() -> None:
    listed = [Identity("4VbXm8dz3kzJ1Q", NOW, 1, '=HYPERLINK("https://evil.example")\t"<>"@a.example')]
    heading, line = modal.as_file(PENDING, listed, None).splitlines()
    assert heading == "queue_id\tarrival_time\tmessage_size\tsender"
    assert line.split("\t")[3].startswith("'=HYPERLINK")


def test_a_window_of_somebody_else_is_not_one_of_these() -> None:
    for metadata in ("", "{}", '["C0OPS",1]', None):
        with pytest.raises(UserError, match="another version of this bot"):
            modal.kept({"private_metadata": metadata})

"""`login:` and `client:` pick by what queue files say; what can't be read, or is too much, is said."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.agent import listing, submitters
from bot.agent.errors import AgentError
from bot.agent.protocol import Identity, Selection, Term
from tests.agent.standin import StandIn, lines
from tests.agent.test_behind import put
from tests.agent.test_listing import ARGS, listed
from tests.agent.test_matching import address_matches

LOGINS = ["", "ann@x.test", "ANN@x.test", "bob", "a*"]
CLIENTS = ["", "192.0.2.7", "192.0.2.200", "2001:db8::1", "unknown"]
TERMS = st.one_of(
    st.builds(Term, st.just("login"), st.sampled_from(["ann@x.test", "*@x.test", "BOB", "*", "a*"]), st.booleans()),
    st.builds(Term, st.just("client"), st.sampled_from(["192.0.2.7", "192.0.2.0/25", "2001:db8::/32"]), st.booleans()),
)


def holds(term: Term, login: str, client: str) -> bool:
    if term.kind == "login":
        return login != "" and address_matches(term.value, login)
    try:
        return ipaddress.ip_address(client) in ipaddress.ip_network(term.value)
    except ValueError:
        return False


@given(
    terms=st.lists(TERMS, min_size=1, max_size=3),
    mail=st.lists(st.tuples(st.sampled_from(LOGINS), st.sampled_from(CLIENTS)), max_size=5),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_selection_picks_what_a_plain_reading_of_it_picks(
    standin: StandIn, terms: list[Term], mail: list[tuple[str, str]]
) -> None:
    entries = [
        put(standin, n, "boss@x.test", sasl_username=login, client_address=client)
        for n, (login, client) in enumerate(mail)
    ]
    answer = listed(standin, entries, selection=Selection(tuple(terms)), limit=10)
    assert answer.complete
    assert [each.queue_id for each in answer.page] == [
        entry["queue_id"]
        for entry, each in zip(entries, mail, strict=True)
        if all(holds(term, *each) is not term.negated for term in terms)
    ]


EVE = Selection((Term("login", "eve"),))


def three(standin: StandIn) -> list[dict[str, Any]]:
    return [put(standin, n, "boss@x.test", sasl_username="eve") for n in range(3)]


def test_what_left_meanwhile_or_is_another_message_by_now_is_passed_over(standin: StandIn) -> None:
    entries = three(standin)
    (standin.queue_directory / "hold" / "000000").unlink()
    put(standin, 1, "someone@else.test", sasl_username="eve")
    answer = listed(standin, entries, selection=EVE, limit=10)
    assert answer.complete
    assert [each.queue_id for each in answer.page] == ["000002"]


def test_a_file_that_can_not_be_read_is_told_of_and_can_be_left_out(standin: StandIn) -> None:
    entries = three(standin)
    (standin.queue_directory / "hold" / "000001").write_bytes(b"nonsense")
    answer = listed(standin, entries, selection=EVE, limit=10)
    assert (answer.complete, answer.summary.messages) == (False, 2)
    assert "1 queue files could not be read" in answer.problem
    assert "-000001" in answer.problem
    with pytest.raises(AgentError, match="nothing was selected"):
        listing.select(standin.system, {**ARGS, "selection": EVE}, lambda _: None)
    without = Selection((*EVE.terms, Term("id", "000001", negated=True)))
    told: list[Identity] = []
    listing.select(standin.system, {**ARGS, "selection": without}, told.append)
    assert [each.queue_id for each in told] == ["000000", "000002"]


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_SECONDS"])
def test_more_than_can_be_read_is_refused_or_told(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(submitters, limit, 2 if limit == "MAX_FILES" else -1)
    standin.says("postqueue", lines(three(standin)))
    answer = listing.listing(standin.system, {**ARGS, "selection": EVE})
    assert (answer.complete, answer.summary.messages) == (False, 2 if limit == "MAX_FILES" else 0)
    assert "Narrow the selection" in answer.problem
    with pytest.raises(AgentError, match="Narrow the selection") as caught:
        listing.select(standin.system, {**ARGS, "selection": EVE}, lambda _: None)
    assert caught.value.code == "bad_request"


def test_files_are_opened_only_where_all_else_holds_and_a_maildrop_file_is_not_believed(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [*three(standin), put(standin, 9, "boss@x.test", "maildrop", sasl_username="eve")]
    monkeypatch.setattr(submitters, "MAX_FILES", 1)
    other = Selection((*EVE.terms, Term("from", "@else.test")))
    assert listed(standin, entries, selection=other).complete
    dropped = Selection((*EVE.terms, Term("queue", "maildrop")))
    answer = listed(standin, entries, selection=dropped)
    assert (answer.complete, answer.summary.messages) == (True, 0)


def test_a_client_that_is_no_address_is_a_bad_request(standin: StandIn) -> None:
    answer = standin.ask("list", selection={"terms": [{"kind": "client", "value": "mail.test"}]})
    assert answer.code == "bad_request"
    assert "neither an IP address nor a network" in answer.last["text"]

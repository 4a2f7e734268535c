"""Short messages, help and the Home tab, with hostile words in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actors import Actor, Role
from bot.agent.protocol import Listing
from bot.console.workspace import text_of
from bot.errors import AgentFault, AgentRefused, HostBusy, HostUnreachable, MailSystemDown, OutcomeUnknown
from bot.mailhost.look import Look
from handlers.blocks import help as blocks
from handlers.blocks import notice
from handlers.blocks.help import Entry
from handlers.blocks.home import Fleet, home
from handlers.blocks.rich import person, say
from tests.handlers.blocks.hostile import ACTOR, NOW, numbers, taken_by_slack, texts, thorough

WHO = ("U0BOSS", "S0OPS", "login:ana")
ENTRIES = (
    Entry("status", "status [host]", "Is it well", ("/mail status",), Role.VIEWER, WHO),
    Entry("hold", "hold [host] selector", "Keep messages", ("/mail hold all",), Role.OPERATOR, ()),
    Entry("help", "help [command]", "What you may do here", ("/mail help",), Role.NONE, WHO),
)
ANA = Actor(ACTOR, "ana", Role.VIEWER)


def fleet(*looks: Look) -> Fleet:
    return Fleet(looks, (), (), ())


@thorough
@given(texts, st.one_of(st.none(), numbers), numbers)
def test_any_words_make_messages_that_slack_takes(text: str, total: int | None, done: int) -> None:
    opening = [say([person(ACTOR), f" flushes {text}"])]
    for card in (
        notice.error(text),
        notice.error(f"{text}\n{text}"),
        notice.note(text),
        notice.refusal(text, ()),
        notice.progress(opening, done, total, text),
        notice.not_done(opening, HostUnreachable("mx1", text)),
        notice.untold(text),
        blocks.unknown(ANA, ENTRIES, text),
        home(ANA, ENTRIES, ("mx1",), fleet(Look("mx1", NOW, problems=(text,), reachable=False)), ("C0OPS",)),
    ):
        taken_by_slack(card, mentions=(ACTOR, "C0OPS", *WHO))


def test_a_refusal_names_who_may() -> None:
    assert text_of(notice.refusal("No.", WHO).blocks) == "No.\nWho may: U0BOSS, S0OPS or login:ana."
    assert "Nobody may yet" in text_of(notice.refusal("No.", ()).blocks)


def test_an_unexpected_error_says_what_is_certain() -> None:
    words = text_of(notice.unexpected("7f3a01bc").blocks)
    assert "Reference 7f3a01bc is in this bot's log" in words
    assert "Nothing more was done." in words


@pytest.mark.parametrize(
    ("failure", "certain"),
    [
        (HostUnreachable("mx1", "x"), "Nothing was changed."),
        (AgentRefused("mx1", "x"), "Nothing was changed."),
        (MailSystemDown("mx1", "x"), "Nothing was changed."),
        (HostBusy("mx1", "x"), "Nothing was changed."),
        (OutcomeUnknown("mx1", "x"), "it may have happened, wholly or in part"),
        (AgentFault("mx1", "x"), "what became of it"),
        (ZeroDivisionError(), "It is not known how far it got"),
    ],
)
def test_the_channel_reads_what_is_certain_after_a_failure(failure: Exception, certain: str) -> None:
    card = notice.not_done([say("opal flushes all on mx1.")], failure)
    assert text_of(card.blocks).startswith("opal flushes all on mx1.\n")
    assert certain in text_of(card.blocks)


def test_progress_is_a_bar_and_a_count() -> None:
    words = text_of(notice.progress([], 1700, 12345, "held").blocks)
    assert words == "▰▱▱▱▱▱▱▱▱▱ 1,700 of 12,345 messages held"
    assert text_of(notice.progress([], 12, None, "read").blocks) == "12 messages read"


def test_help_sorts_what_one_may_from_what_one_may_not() -> None:
    words = text_of(blocks.overview(ANA, ENTRIES, ("mx1", "mx2")).blocks)
    allowed, denied = words.split("Not for you")
    assert "/mail status [host] – Is it well" in allowed
    assert "Mail hosts: mx1 and mx2." in allowed
    assert "hold: nobody may yet" in denied


def test_the_examples_of_help_name_a_mail_host_that_there_is() -> None:
    entry = Entry(
        "hold", "hold [host] selector", "Keep", ("/mail hold mx1 all", "/mail ack mx1/deferred"), Role.VIEWER, ()
    )
    one = text_of(blocks.one(ANA, entry, ("relay.example.org", "mx2"), ()).blocks)
    assert "/mail hold relay.example.org all" in one and "/mail ack relay.example.org/deferred" in one
    assert "/mail hold mx2 all" in text_of(blocks.overview(ANA, [entry], ("mx2",)).blocks)


def test_home_without_a_role_tells_nothing_of_the_mail_hosts() -> None:
    nobody = Actor("U0NOEL", "noel", Role.NONE)
    words = text_of(home(nobody, ENTRIES, ("mx1",), None, ("C0OPS",)).blocks)
    assert "You have no role here" in words
    seen = text_of(home(ANA, ENTRIES, ("mx1",), fleet(Look("mx1", NOW, listing=Listing(NOW))), ("C0OPS",)).blocks)
    assert "🟢 mx1 is well. Nothing is queued." in seen

"""What the state of a mail host looks like, and that no mail can make it look otherwise."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import __version__
from bot.agent.protocol import Count, Depth, Info, Listing, QueuedMessage, QueueSummary, Summary, Tally
from bot.console.workspace import text_of
from bot.mailhost.look import Look
from bot.text import Addresses
from handlers.blocks.overview import Overview, overview
from handlers.blocks.status import status
from tests.handlers.blocks.hostile import ACTOR, NOW, listings, numbers, taken_by_slack, texts, thorough

INFO = Info(__version__, 1, "3.11", "default", ("default",), (), True, {"mail_version": "3.7.11"})
DEPTH = Depth(
    NOW,
    {"maildrop": 0, "incoming": 0, "active": 3, "deferred": 90, "hold": 7, "corrupt": 0},
    free_bytes=50 << 30,
    total_bytes=100 << 30,
    free_inodes=10**6,
    total_inodes=10**6,
)
OLDEST = QueuedMessage("deferred", "4VbXm8dz3kzJ1Q", NOW - 86_400, 1000, "jane@example.org")
SUMMARY = Summary(
    messages=100,
    bytes=5_000_000,
    recipients=120,
    queues={"deferred": QueueSummary(90, 1, NOW - 86_400, NOW), "active": QueueSummary(3), "hold": QueueSummary(7)},
    oldest=OLDEST,
    ages=(10, 0, 90),
    senders=Tally((Count("jane@example.org", 30), Count("MAILER-DAEMON", 20))),
    domains=Tally((Count("gmail.com", 80),)),
    reasons=Tally((Count("Gmail: 421 4.7.28 too fast, bob@example.com", 60),)),
    expires_at=NOW + 345_600,
)
LISTING = Listing(taken_at=NOW, total=100, summary=SUMMARY)
SEEN = Look("mx1", NOW, INFO, DEPTH, LISTING)

looks = st.builds(
    Look,
    host=st.just("mx1"),
    at=st.just(float(NOW)),
    info=st.one_of(st.none(), st.just(INFO), st.just(INFO._replace(mail_system_up=None, unfinished=("h-4k2fq9",)))),
    depth=st.one_of(
        st.none(),
        st.builds(
            Depth,
            st.just(float(NOW)),
            st.dictionaries(st.sampled_from(list(DEPTH.queues)), st.one_of(st.none(), numbers)),
            st.one_of(st.none(), st.just(float(NOW))),
            st.booleans(),
            numbers,
            numbers,
            numbers,
            numbers,
        ),
    ),
    listing=st.one_of(st.none(), listings),
    problems=st.lists(texts, max_size=3).map(tuple),
    reachable=st.booleans(),
    said_down=st.booleans(),
)
policies = st.sampled_from(("masked", "full", "none"))


@thorough
@given(looks, policies)
def test_whatever_mail_says_the_status_is_a_message_that_slack_takes(seen: Look, addresses: Addresses) -> None:
    taken_by_slack(status(seen, ACTOR, addresses, "r1"))


@thorough
@given(st.lists(looks, min_size=1, max_size=3), policies)
def test_several_hosts_are_one_message_too(seen: list[Look], addresses: Addresses) -> None:
    named = [replace(look, host=f"mx{number}") for number, look in enumerate(seen)]
    taken_by_slack(overview(Overview(named), ACTOR, addresses, "r1"))


AWAY = Look("mx1", NOW, problems=("the bot can't log in.",), reachable=False)
SILENT = Look("mx1", NOW, waiting=True, waited=12.0)


def fleet(*kinds: tuple[str, int, Look]) -> list[Look]:
    """So many looks of a kind, named by it: `ill1`, `ill2`."""
    return [replace(look, host=f"{name}{number}") for name, count, look in kinds for number in range(count)]


def test_of_sixty_hosts_each_is_named_in_one_message() -> None:
    empty = replace(SEEN, listing=Listing(taken_at=NOW), depth=DEPTH._replace(queues=dict.fromkeys(DEPTH.queues, 0)))
    looks = fleet(("ill", 20, SEEN), ("well", 30, empty), ("away", 5, AWAY), ("silent", 5, SILENT))
    known = {look.host: "Last seen at 08:00, 3 min ago: 12 messages queued, Postfix up." for look in looks[50:]}
    reputation = [f"🟢 Reputation of {look.host}, 1 h ago: all well." for look in looks]
    card = overview(Overview(looks, known, "@eu", reputation), ACTOR, "masked", "r1")
    taken_by_slack(card)
    words = text_of(card.blocks)
    assert words.startswith("@eu: 55 mail hosts of 60 have answered, 25 of them need a look.")
    assert words.splitlines()[1].startswith("🔴 away0: can't be reached: the bot can't log in.")
    assert words.splitlines()[2].startswith("Last seen at 08:00, 3 min ago: 12 messages")
    assert "left out" not in words
    named = set(words.replace(",", " ").replace(".", " ").replace(":", " ").split())
    assert {look.host for look in looks} <= named


def test_who_has_not_answered_yet_is_said_so_and_is_neither_well_nor_ill() -> None:
    words = text_of(overview(Overview(fleet(("silent", 1, SILENT), ("ill", 1, SEEN))), ACTOR, "masked", "r1").blocks)
    assert words.startswith("1 mail host of 2 has answered, 1 of them needs a look.")
    assert "⚪ silent0: no answer yet, for 12 s." in words


def test_a_queue_that_is_still_being_read_is_no_fault() -> None:
    half = replace(SEEN, listing=None, waiting=True, waited=30.0)
    words = text_of(status(half, ACTOR, "masked", "r1").blocks)
    assert "deferred 90" in words
    assert "could not be looked at" not in words
    assert "Its queue is still being read, for 30 s now." in words


@pytest.mark.parametrize(
    ("addresses", "seen", "unseen"),
    [
        ("masked", ["j…@example.org", "b…@example.com"], ["jane", "bob"]),
        ("full", ["jane@example.org", "bob@example.com"], []),
        ("none", ["…@example.org"], ["jane", "bob", "j…"]),
    ],
)
def test_the_channel_sees_addresses_as_the_settings_say(
    addresses: Addresses, seen: list[str], unseen: list[str]
) -> None:
    card = status(SEEN, ACTOR, addresses, "r1")
    words = card.text + text_of(card.blocks)
    assert all(text in words for text in seen)
    assert not any(text in words for text in unseen)


def test_the_numbers_are_there() -> None:
    words = text_of(status(SEEN, ACTOR, "masked", "r1").blocks)
    for text in (
        "mx1: 90 messages are deferred, the oldest for 1 d.",
        "up (3.7.11)",
        "deferred 90 · active 3 · incoming 0 · hold 7",
        "1 d; the first to expire does in 4 d",
        "50 GiB free (50 %)",
        "60 (60 %)  Gmail: 421 4.7.28",
        "30 (30 %)  j…@example.org",
        "80 (80 %)  gmail.com",
        "<5 min: 10 · <20 min: 90",
    ):
        assert text in words


def test_a_lower_bound_is_called_one() -> None:
    bounded = SUMMARY._replace(senders=SUMMARY.senders._replace(undercount=5))
    words = text_of(status(replace(SEEN, listing=LISTING._replace(summary=bounded)), ACTOR, "masked", "r1").blocks)
    assert "at least 30 (30 %)  j…@example.org" in words


def test_unknown_is_never_shown_as_nothing() -> None:
    words = text_of(status(Look("mx1", NOW, problems=("the agent broke off",)), ACTOR, "masked", "r1").blocks)
    assert "deferred unknown · active unknown · incoming unknown · hold unknown" in words
    assert "*Postfix*\nunknown" in words
    assert "*Oldest*\nunknown" in words
    assert " 0" not in words.split("Asked by")[0]


def test_a_host_whose_postfix_is_down_still_shows_its_queue() -> None:
    down = replace(SEEN, info=INFO._replace(mail_system_up=False), listing=LISTING._replace(mail_system_up=False))
    card = status(down, ACTOR, "masked", "r1")
    assert card.text.startswith("mx1: Postfix is down")
    assert "deferred 90" in text_of(card.blocks)


def test_each_revision_of_the_card_has_its_own_block_id() -> None:
    first, second = (
        {block["block_id"] for block in status(SEEN, ACTOR, "masked", revision).blocks if "block_id" in block}
        for revision in ("r1", "r2")
    )
    assert first and not first & second


def test_an_old_agent_and_an_instance_that_nobody_looks_after_are_said_with_what_mends_it() -> None:
    old = replace(SEEN, info=INFO._replace(agent_version="0.0.9", uncovered=("/etc/postfix-out",)))
    words = text_of(status(old, ACTOR, "masked", "r1").blocks)
    assert "The agent of mx1 is 0.0.9, this bot " in words and "Update it: maildesk agent install mx1" in words
    assert "a section [postfix-out] with config_directory = /etc/postfix-out in /etc/maildesk/agent.ini" in words
    several = overview(Overview(fleet(("mx", 9, old))), ACTOR, "masked", "r1")
    taken_by_slack(several)
    words = text_of(several.blocks)
    assert words.count("maildesk agent install mx") == 5 and "… and 4 more agents older than this bot." in words

"""What the rules read from a listing: the sender, the reason and the destination that have most of the queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.protocol import Behind, Count, Info, Listing, QueuedMessage, QueueSummary, Summary, Tally
from bot.mailhost.selector import parse
from bot.watch import listings
from bot.watch.model import Reading
from bot.watch.rules import Rules

RULES = Rules().of("mx1")
NOW = 1_800_000_000.0

FLOOD = Listing(
    taken_at=NOW,
    total=3100,
    summary=Summary(
        messages=3000,
        queues={"deferred": QueueSummary(messages=2900), "active": QueueSummary(messages=100)},
        oldest=QueuedMessage("deferred", "4VbXm8dz3kzJ1Q", int(NOW) - 3600, 1000, "info@shop.example"),
        ages=(3000, *[0] * 9),
        senders=Tally((Count("info@shop.example", 2800), Count("MAILER-DAEMON", 200))),
        domains=Tally((Count("gmail.com", 2600),)),
        reasons=Tally((Count("Gmail 421 4.7.28 unusual rate of mail", 2500),)),
    ),
    behind=Behind("info@shop.example", 10, (Count("info@shop.example", 10),), (Count("203.0.113.9", 10),)),
)


def reading(rule: str, listing: Listing = FLOOD, grown: int | None = 500) -> Reading:
    """Of the first subject; of a rule that sees none, that all is well."""
    found = listings.readings(listing, grown, RULES)[rule]
    return found[0] if found else Reading("", RULES[rule].clears)


def test_the_login_of_a_flood_is_named_and_picked() -> None:
    found = reading("sender")
    assert RULES["sender"].judge(found.value or 0) == "bad"
    assert found.text == "info@shop.example has 2,800 of 3,000 messages."
    assert "the login info@shop.example (10 of 10" in found.cause and "from 203.0.113.9" in found.cause
    assert found.selector == "login:info@shop.example"


def test_mail_without_a_login_is_picked_by_its_sender() -> None:
    found = reading("sender", FLOOD._replace(behind=Behind("info@shop.example", 10)))
    assert found.selector == "from:info@shop.example"
    assert "without a login" in found.cause


def test_a_queue_that_does_not_grow_begins_no_alert_and_ends_none() -> None:
    for grown in (None, 0, -50):
        found = reading("sender", grown=grown)
        assert RULES["sender"].judge(found.value or 0) == "between"
        assert not found.measured, "nobody saw the number that it is judged by"
        assert found.seen == pytest.approx(100 * 2800 / 3000)


def test_bounces_are_no_hacked_account() -> None:
    daemon = FLOOD.summary._replace(senders=Tally((Count("MAILER-DAEMON", 2999), Count("a@b.example", 1))))
    assert RULES["sender"].judge(reading("sender", FLOOD._replace(summary=daemon)).value or 0) == "good"


def test_few_messages_mean_nothing() -> None:
    few = FLOOD.summary._replace(
        messages=60,
        queues={"deferred": QueueSummary(messages=60)},
        senders=Tally((Count("a@b.example", 60),)),
        reasons=Tally((Count("Gmail 421", 60),)),
        domains=Tally((Count("gmail.com", 60),)),
    )
    for rule in ("sender", "reason", "destination"):
        assert RULES[rule].judge(reading(rule, FLOOD._replace(summary=few)).value or 0) == "good", rule


def test_each_sender_is_a_subject_of_its_own() -> None:
    """So that an alert about one does not go on about the next, once the first one's mail is on hold."""
    two = Tally((Count("info@shop.example", 1700), Count("news@shop.example", 900), Count("MAILER-DAEMON", 400)))
    found = listings.readings(FLOOD._replace(summary=FLOOD.summary._replace(senders=two)), 500, RULES)["sender"]
    assert [(each.subject, round(each.value or 0)) for each in found] == [
        ("info@shop.example", 57),
        ("news@shop.example", 30),
    ]
    assert [each.selector for each in found] == ["login:info@shop.example", "from:news@shop.example"]


def test_a_reason_says_what_it_means() -> None:
    listed = FLOOD.summary._replace(reasons=Tally((Count("554 5.7.1 blocked using zen.spamhaus.org", 2500),)))
    assert "/mail rbl" in reading("reason", FLOOD._replace(summary=listed)).cause
    nothing = FLOOD.summary._replace(reasons=Tally((Count("450 corporate policy separated", 2500),)))
    assert reading("reason", FLOOD._replace(summary=nothing)).cause == ""


def test_a_part_of_a_listing_says_nothing() -> None:
    assert listings.readings(FLOOD._replace(complete=False, problem="it broke off"), 500, RULES) == {}


def test_an_empty_queue_is_good_to_every_rule() -> None:
    for rule, found in listings.readings(Listing(taken_at=NOW), 0, RULES).items():
        for each in found:
            assert each.value is not None and RULES[rule].judge(each.value) == "good", rule


def test_one_old_message_alone_is_everyday_life() -> None:
    assert FLOOD.summary.oldest is not None
    aged = FLOOD.summary.oldest._replace(arrival_time=int(NOW) - 90 * 3600)
    old = FLOOD.summary._replace(oldest=aged)
    few = reading("oldest", FLOOD._replace(summary=old))
    assert (few.value, few.measured) == (0, False)
    assert few.text.startswith("The oldest message waits for 3 d 18 h; ")
    many = old._replace(ages=(*[0] * 9, 25))
    assert reading("oldest", FLOOD._replace(summary=many)).value == 90


def test_held_mail_that_is_not_known_of_is_unknown() -> None:
    info = Info("1", 1, "3.11", "default", (), (), True)
    assert listings.held(info)["held"][0].value is None
    (found,) = listings.held(info._replace(held_unexplained=1))["held"]
    assert found.value == 1 and found.text == "1 message is on hold by somebody else's doing."


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_mail_says_can_be_told(sender: str, login: str, reason: str) -> None:
    summary = FLOOD.summary._replace(
        senders=Tally((Count(sender, 2800),)),
        reasons=Tally((Count(reason, 2500),)),
        domains=Tally((Count(sender, 2800),)),
    )
    behind = Behind(sender, 10, (Count(login, 10),))
    found = listings.readings(FLOOD._replace(summary=summary, behind=behind), 500, RULES)
    for each in ("reason", "destination"):
        assert found[each][0].value


def test_the_selectors_can_be_typed() -> None:
    for rule in ("sender", "reason", "destination", "oldest"):
        if selector := reading(rule).selector:
            parse(selector)


def test_what_is_kept_of_a_listing_is_small() -> None:
    many = Tally(tuple(Count(f"user{number}@shop.example", 100 - number) for number in range(20)))
    kept = listings.summary(FLOOD._replace(summary=FLOOD.summary._replace(senders=many)))
    assert kept["messages"] == 3000 and len(kept["senders"]) == 5
    assert kept["senders"][0] == ["user0@shop.example", 100]


def test_a_rule_that_looks_at_the_least_queue_says_nothing_of_an_empty_one() -> None:
    rules = Rules({name: {"least": 0} for name in ("sender", "reason", "destination", "oldest")}).of("mx1")
    # A tally and the count of a queue come from two passes, and what moves meanwhile may be in one of them alone.
    for summary in (Summary(), FLOOD.summary._replace(messages=0, queues={})):
        found = listings.readings(FLOOD._replace(summary=summary), 500, rules)
        assert [found[name] for name in ("sender", "reason", "destination")] == [[], [], []]

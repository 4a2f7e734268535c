"""Is a mail host well, and if not, what hurts."""

from dataclasses import replace
from typing import Any

import pytest

from bot.agent.protocol import Count, Depth, Info, Listing, QueueSummary, Summary, Tally
from bot.mailhost.look import Look
from bot.mailhost.verdict import Level, at_least, verdict

NOW = 1_800_000_000
INFO = Info("0.1", 1, "3.11", "default", ("default",), (), True, {"mail_version": "3.7.11"})
DEPTH = Depth(NOW, {"deferred": 3, "corrupt": 0}, free_bytes=50, total_bytes=100, free_inodes=50, total_inodes=100)
SUMMARY = Summary(messages=3, queues={"deferred": QueueSummary(3, 100, NOW - 7200, NOW)})
WELL = Look("mx1", NOW, INFO, DEPTH, Listing(NOW, total=3, summary=SUMMARY))


def with_summary(messages: int = 3, **changes: Any) -> Look:
    queues = {"deferred": QueueSummary(messages, 100, NOW - 7200, NOW)}
    summary = SUMMARY._replace(messages=messages, queues=queues, **changes)
    return replace(WELL, listing=Listing(NOW, total=messages, summary=summary))


def test_a_well_host_is_called_well() -> None:
    said = verdict(WELL)
    assert said.level is Level.WELL
    assert said.headline == "mx1 is well. 3 messages are queued: 3 deferred."
    assert said.detail == "Postfix 3.7.11 runs."


def test_an_empty_queue_is_said_to_be_empty() -> None:
    assert verdict(replace(WELL, listing=Listing(NOW))).headline == "mx1 is well. Nothing is queued."


@pytest.mark.parametrize(
    ("seen", "level", "headline"),
    [
        (
            Look("mx1", NOW, problems=("sudo: a password is required",), reachable=False),
            Level.BAD,
            "mx1: can't be reached: sudo: a password is required",
        ),
        (
            replace(WELL, info=INFO._replace(mail_system_up=False)),
            Level.BAD,
            "mx1: Postfix is down: no mail comes in and none goes out.",
        ),
        (
            Look("mx1", NOW, depth=DEPTH, problems=("Postfix is down.",), said_down=True),
            Level.BAD,
            "mx1: Postfix is down: no mail comes in and none goes out.",
        ),
        (
            replace(WELL, depth=DEPTH._replace(free_bytes=3)),
            Level.BAD,
            "mx1: the spool's disk is nearly full: 3 B are free (3.0%).",
        ),
        (
            replace(WELL, depth=DEPTH._replace(free_inodes=8)),
            Level.WARNING,
            "mx1: the spool's disk is nearly out of inodes: 8 are free (8.0%).",
        ),
        (
            replace(WELL, listing=(WELL.listing or Listing(NOW))._replace(complete=False, problem="showq crashed")),
            Level.WARNING,
            "mx1: only a part of the queue could be read (3 messages): showq crashed",
        ),
        (
            Look("mx1", NOW, INFO, DEPTH, problems=("permission denied",)),
            Level.UNKNOWN,
            "mx1: the queue could not be looked at: permission denied",
        ),
        (
            with_summary(100, senders=Tally((Count("evil@example.org", 60),), 2)),
            Level.WARNING,
            "mx1: one sender has most of the queue: evil@example.org with at least 60 of 100 queued, 60 %. A hacked account?",  # noqa: E501
        ),
        (
            with_summary(expires_at=NOW + 3600),
            Level.WARNING,
            "mx1: the oldest message goes back to its sender in 1 h, undelivered.",
        ),
        (
            with_summary(expires_at=NOW - 1),
            Level.WARNING,
            "mx1: the oldest message goes back to its sender at its next attempt, undelivered.",
        ),
        (
            with_summary(200, reasons=Tally((Count("Gmail: 421 4.7.28 too fast", 150),))),
            Level.WARNING,
            "mx1: 200 messages are deferred, the oldest for 2 h. "
            "Most often (150 of 200 queued, 75 %): Gmail: 421 4.7.28 too fast.",
        ),
        (
            replace(WELL, depth=DEPTH._replace(queues={"corrupt": 2})),
            Level.WARNING,
            "mx1: 2 damaged queue files lie in the queue corrupt.",
        ),
        (
            replace(WELL, info=INFO._replace(unfinished=("h-4k2fq9",))),
            Level.WARNING,
            "mx1: 1 change was cut short here: h-4k2fq9.",
        ),
    ],
)
def test_what_hurts_is_said_first(seen: Look, level: Level, headline: str) -> None:
    said = verdict(seen)
    assert (said.level, said.headline) == (level, headline)


def test_the_active_queue_is_full_at_the_limit_that_is_set() -> None:
    queues = {"active": QueueSummary(500), "deferred": QueueSummary(3)}
    full = replace(WELL, listing=Listing(NOW, total=503, summary=SUMMARY._replace(messages=503, queues=queues)))
    assert verdict(full).level is Level.WELL
    limited = replace(full, info=INFO._replace(parameters={"qmgr_message_active_limit": "500"}))
    assert verdict(limited).headline == "mx1: the active queue is full (500 messages): new mail waits behind it."


def test_the_worst_is_first_and_the_next_worst_second() -> None:
    seen = replace(
        with_summary(200, expires_at=NOW + 60),
        info=INFO._replace(mail_system_up=False),
        depth=DEPTH._replace(free_bytes=1),
    )
    said = verdict(seen)
    assert said.headline.startswith("mx1: Postfix is down")
    assert said.detail.startswith("The spool's disk is nearly full")


def test_many_bounces_are_no_hacked_account() -> None:
    assert verdict(with_summary(49 + 1, senders=Tally((Count("MAILER-DAEMON", 50),)))).headline.startswith("mx1: 50 ")


def test_some_deferred_mail_is_everyday_life() -> None:
    assert verdict(with_summary(49)).level is Level.WELL


def test_unknown_is_not_nothing() -> None:
    seen = Look("mx1", NOW, INFO, problems=("no answer within 120 s.",))
    assert seen.queued is None
    assert set(seen.counts.values()) == {None}
    assert verdict(seen).detail == "How much is queued is not known."


def test_a_partial_listing_never_counts_the_queues() -> None:
    depth = DEPTH._replace(
        queues={"maildrop": 0, "incoming": 0, "active": 0, "deferred": 900, "hold": None, "corrupt": 1}
    )
    listing = Listing(NOW, complete=False, problem="cut", total=3, summary=SUMMARY)
    seen = replace(WELL, depth=depth, listing=listing)
    assert seen.counts["deferred"] == 900
    assert seen.queued is None


def test_a_lower_bound_is_called_one() -> None:
    assert at_least(1234, Tally()) == "1,234"
    assert at_least(1234, Tally((), 3)) == "at least 1,234"


def test_much_mail_on_hold_is_not_well_because_nobody_delivers_it() -> None:
    held = SUMMARY._replace(messages=3000, queues={"hold": QueueSummary(3000, 100, NOW - 7200, NOW)})
    said = verdict(replace(WELL, listing=Listing(NOW, total=3000, summary=held)))
    assert said.level is Level.WARNING
    assert said.headline == "mx1: 3,000 messages are on hold and stay there until someone releases them."
    assert said.detail == "3,000 messages are queued: 3,000 on hold."

"""Readings of how mail is received: unknown never flips anything, and only what turned is an alert."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.reputation.findings import Finding, Severity
from bot.reputation.report import Report
from bot.watch.engine import step
from bot.watch.memory import Memory, from_json, to_json
from bot.watch.model import Alert, Reading, State
from bot.watch.reputation import Readings, after, of_the_bot, readings
from bot.watch.rules import Severity as Bad
from bot.watch.rules import load
from tests.reputation.reports import ADDRESS, STARTED, finding, report

HALF_AN_HOUR = timedelta(minutes=30)
LISTED = finding("rbl.listed", Severity.PROBLEM, ADDRESS, "rbl", lists=("zen",), weight="high")
SILENT = finding("rbl.unknown", Severity.UNKNOWN, "", "rbl", lists=("zen",))
BROKEN = finding("rbl.broken", Severity.UNKNOWN, "", "rbl", lists=("zen",))
LISTS = {"listed": (LISTED,), "clean": (), "unknown": (SILENT,), "broken": (BROKEN,)}
GONE = finding("spf.none", Severity.PROBLEM)
OPEN = finding("spf.unknown", Severity.UNKNOWN)


def went(*reports: Report) -> list[Readings]:
    """The readings of one report after the other, half an hour apart, with a restart between any two."""
    memory, found = Memory(), []
    for number, each in enumerate(reports):
        now = STARTED + number * HALF_AN_HOUR
        memory = from_json(json.loads(json.dumps(to_json(after(each, memory, now)))))
        found.append(readings(each, memory, now))
    return found


def of(found: list[Readings], rule: str, subject: str) -> list[float | None]:
    """The value of one subject in each; 0 where it is well."""
    return [next((each.value for each in some.get(rule, ()) if each.subject == subject), 0) for some in found]


def spf(*others: Finding) -> Report:
    return report(*others, without="spf.ok" if others else "-")


@given(st.lists(st.sampled_from(sorted(LISTS)), max_size=12))
def test_whatever_lists_say_only_their_word_begins_or_ends_a_listing(said: list[str]) -> None:
    found = went(*(report(*LISTS[each]) for each in said))
    rule, listed = load()["listed"], False
    alert: Alert | None = None
    for number, (word, some) in enumerate(zip(said, found, strict=True)):
        seen = next((each for each in some["listed"] if each.subject == f"{ADDRESS} zen"), Reading(f"{ADDRESS} zen", 0))
        alert = step(alert, rule, "mx1", seen, STARTED + number * HALF_AN_HOUR).alert
        listed = word == "listed" if word in ("listed", "clean") else listed
        assert (alert is not None and alert.state is State.FIRING) == listed


@given(st.lists(st.sampled_from(["passes", "fails", "unknown"]), max_size=12))
def test_a_check_alarms_from_when_it_turned_until_it_passes_again(said: list[str]) -> None:
    reports = {"passes": spf(), "fails": spf(GONE), "unknown": spf(OPEN)}
    values = of(went(*(reports[each] for each in said)), "check", "spf example.org")
    passed, alarms = False, False
    for word, value in zip(said, values, strict=True):
        passed, alarms = passed or word == "passes", word != "passes" and (alarms or (word == "fails" and passed))
        passed = passed and word != "fails"
        assert value == ((None if word == "unknown" else 1) if alarms else 0)


def test_how_bad_a_listing_is_depends_on_its_weight() -> None:
    weights = {"critical": Bad.CRITICAL, "high": Bad.WARNING, "medium": Bad.WARNING, "low": Bad.NOTICE, "info": None}
    for weight, bad in weights.items():
        hit = finding("rbl.listed", Severity.WARNING, ADDRESS, "rbl", lists=("zen",), weight=weight)
        (found,) = went(report(hit))
        assert [each.severity for each in found["listed"]] == ([bad] if bad else [])


def test_a_host_that_is_away_ends_no_listing() -> None:
    away = finding("sending.unknown", Severity.UNKNOWN, "mx1", "dns")
    hidden = report(away, addresses=(), domains=())
    assert of(went(report(LISTED), hidden, report()), "listed", f"{ADDRESS} zen") == [1, None, 0]


def test_what_was_not_looked_at_stays_as_it_was() -> None:
    only_names = report(without="spf", scope="dns")
    assert of(went(spf(), spf(GONE), only_names), "check", "spf example.org") == [0, 1, None]


def test_hours_without_an_answer_are_counted() -> None:
    assert of(went(spf(OPEN), spf(OPEN), spf(OPEN), spf()), "check_unknown", "spf example.org") == [0, 0.5, 1, 0]


def test_the_days_of_a_certificate_are_read_and_an_unknown_one_stays() -> None:
    shown = [finding("tls.ok", subject="mx.example.org", part="tls", days_left=left) for left in (30.5, 12.5)]
    closed = finding("tls.unknown", Severity.UNKNOWN, "mx.example.org", "tls")
    assert of(went(report(*shown), report(closed)), "certificate", "mx.example.org") == [12.5, None]


def test_a_broken_list_is_one_notice_and_no_listing() -> None:
    memories = [after(report(BROKEN), Memory(), STARTED) for _ in range(3)]
    (seen,) = of_the_bot(report(BROKEN), memories)["list_broken"]
    assert (seen.subject, seen.value) == ("zen", 1)
    (seen,) = of_the_bot(report(SILENT), memories)["list_broken"]
    assert seen.value is None
    assert readings(report(BROKEN), memories[0], STARTED)["listed"] == []

"""Readings of how mail is received: unknown never flips anything, and only what turned is an alert."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.reputation.findings import Finding, Severity
from bot.reputation.report import Report
from bot.watch.engine import step
from bot.watch.memory import Memory, from_json, to_json
from bot.watch.model import Alert, Reading, State
from bot.watch.reputation import Readings, after, left_out, once, readings
from bot.watch.reputation_itself import of_the_bot
from bot.watch.rows import Mute
from bot.watch.rules import Severity as Bad
from bot.watch.rules import load
from tests.reputation.reports import ADDRESS, STARTED, finding, report

HALF_AN_HOUR = timedelta(minutes=30)
LISTED = finding("rbl.listed", Severity.PROBLEM, ADDRESS, "rbl", lists=("zen",), weight="high")
SILENT = finding("rbl.unknown", Severity.UNKNOWN, "", "rbl", lists=("zen",))
BROKEN = finding("rbl.broken", Severity.UNKNOWN, "", "rbl", lists=("zen",))
NAMES = {"zen": "Spamhaus ZEN", "spamcop": "SpamCop", "psbl": "PSBL"}
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


def test_a_check_that_failed_from_the_start_is_no_alert() -> None:
    assert of(went(spf(GONE), spf(OPEN), spf(GONE), spf(), spf(GONE)), "check", "spf example.org") == [0, 0, 0, 0, 1]


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
    (seen,) = of_the_bot(report(BROKEN), memories, NAMES, STARTED)["list_broken"]
    assert (seen.subject, seen.value) == ("zen", 1) and seen.text.startswith("Spamhaus ZEN fails the test")
    (seen,) = of_the_bot(report(SILENT), memories, NAMES, STARTED)["list_broken"]
    assert seen.value is None
    assert readings(report(BROKEN), memories[0], STARTED)["listed"] == []


def bot(*reports: Report) -> list[Readings]:
    """The readings of the bot itself, of one host's reports, six hours apart."""
    memory, found = Memory(), []
    for number, each in enumerate(reports):
        now = STARTED + number * timedelta(hours=6)
        memory = from_json(json.loads(json.dumps(to_json(after(each, memory, now)))))
        found.append(of_the_bot(each, [memory, Memory()], NAMES, now))
    return found


def test_lists_that_give_no_answer_are_counted_together_from_the_first_that_gave_none() -> None:
    other = finding("rbl.unknown", Severity.UNKNOWN, "", "rbl", lists=("spamcop", "psbl"))
    slight = finding("rbl.unknown", Severity.INFO, "", "rbl", lists=("small",))
    found = bot(report(SILENT, slight), report(SILENT, other), report(SILENT), report(slight), report(SILENT))
    assert of(found, "check_unknown", "blocklists") == [0, 6, 12, 0, 0]
    (seen,) = found[1]["check_unknown"]
    assert seen.text.startswith("No answer for 6 hours from Spamhaus ZEN, ") and "SpamCop" in seen.text


def test_lists_that_could_not_be_asked_at_all_are_without_an_answer_too() -> None:
    late = finding("rbl.unknown", Severity.UNKNOWN, "mx1", "rbl")
    found = bot(*(report(late, without="rbl.not_listed") for _ in range(3)), report())
    assert of(found, "check_unknown", "blocklists") == [0, 6, 12, 0]
    assert "from any list" in found[2]["check_unknown"][0].text


def test_a_name_server_that_lists_refuse_puts_nothing_else_in_doubt() -> None:
    server = "127.0.0.1:53"
    refused = report(finding("resolver.refused", Severity.WARNING, server, "dns"))
    invents = report(finding("resolver.rewrites", Severity.PROBLEM, server, "dns"))
    beside = report(finding("resolver.gone", Severity.WARNING, server, "dns"))
    gone = report(finding("resolver.gone", Severity.UNKNOWN, server, "dns"))
    found = bot(refused, invents, beside, gone, report(finding("resolver.ok", subject=server, part="dns")))
    assert of(found, "resolver", server) == [0, 1, 0, 1, 0]
    assert of(found, "resolver_limited", server) == [1, None, 1, None, 0]
    assert not any("resolver_limited" in rule.depends for rule in load().values())


def test_a_name_server_that_could_not_be_tried_is_what_it_was() -> None:
    (found,) = bot(report(finding("resolver.internal_error", Severity.UNKNOWN, "", "dns")))
    assert "resolver" not in found and "resolver_limited" not in found


def test_what_another_host_says_already_is_not_said_again() -> None:
    def alert(host: str, subject: str, state: State = State.FIRING) -> Alert:
        return Alert("check", host, subject, state, Bad.CRITICAL, STARTED, seen_at=STARTED)

    def left(*opened: Alert, muted: tuple[Mute, ...] = (), lately: datetime = STARTED) -> list[float | None]:
        return [each.value for each in once(found, "mx2", opened, muted, lately)["check"]]

    found = {"check": [Reading("spf example.org", 1), Reading("ptr 192.0.2.26", 1)]}
    waits = alert("mx1", "spf example.org", State.PENDING)
    mute = Mute("", "mx1", STARTED, STARTED, "U1", "Ana")
    assert left() == left(alert("mx1", "spf example.com")) == [1, 1]
    assert left(alert("mx1", "spf example.org")) == left(waits) == [None, 1]
    assert left(waits, muted=(mute,)) == [1, 1], "nobody is told of it at the other host"
    later = STARTED + HALF_AN_HOUR
    assert left(waits, lately=later) == [1, 1], "nobody knows how it goes on at the other host"
    assert left(alert("mx1", "spf example.org"), lately=later) == [None, 1], "that one is told already"
    assert left(alert("mx1", "spf example.org"), alert("mx2", "spf example.org")) == [1, 1], "its own has to end"


def tls(*codes: str, **more: Any) -> Report:
    return report(*(finding(code, Severity.WARNING, "mx.example.org", "tls") for code in codes), **more)


def test_tls_is_left_out_for_a_day_while_nothing_is_wrong_with_it() -> None:
    memory = after(tls("tls.ok"), Memory(), STARTED)
    for hours, leaves in ((0.5, ("tls",)), (23.9, ("tls",)), (24, ())):
        assert left_out(memory, STARTED + timedelta(hours=hours), runs_out=False) == leaves
    assert left_out(Memory(), STARTED, runs_out=False) == ()
    assert left_out(memory, STARTED, runs_out=True) == ()
    without = after(tls(left_out=("tls",)), memory, STARTED + HALF_AN_HOUR)
    assert without.tls == STARTED, "what was left out was not looked at"


def test_tls_is_looked_at_each_time_while_a_check_of_it_alarms_or_is_silent() -> None:
    well = after(tls("tls.ok"), Memory(), STARTED)
    unknown = finding("tls.unknown", Severity.UNKNOWN, "mx.example.org", "tls")
    for each in (tls("tls.none"), report(unknown)):
        assert left_out(after(each, well, STARTED), STARTED, runs_out=False) == ()
    from_the_start = after(tls("tls.none"), Memory(), STARTED)
    assert left_out(from_the_start, STARTED, runs_out=False) == ("tls",), "it never passed"


def test_a_part_that_was_left_out_ends_no_alert_of_it() -> None:
    shown = finding("tls.ok", subject="mx.example.org", part="tls", days_left=2.0)
    found = went(tls("tls.ok"), tls("tls.none"), tls(left_out=("tls",)), report(shown), tls(left_out=("tls",)))
    assert of(found, "check", "tls mx.example.org") == [0, 1, None, 0, 0]
    assert "certificate" in found[3] and "certificate" not in found[4]

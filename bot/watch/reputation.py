"""How the mail of a host is received, as readings of the rules; out of a report and what is remembered. No I/O.

What a report could not find out changes nothing, and what it did not look at neither. A check that failed from the
beginning is the digest's to tell: an alert is for what turned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from bot.reputation.findings import Finding, Part
from bot.reputation.findings import Severity as Found
from bot.reputation.report import Report
from bot.text import plural
from bot.watch.memory import Known, Memory
from bot.watch.model import Alert, Reading, State
from bot.watch.outcomes import PARTS, Outcome, outcome
from bot.watch.rows import Mute
from bot.watch.rules import Severity

Readings = Mapping[str, list[Reading]]

WEIGHTS = {
    "critical": Severity.CRITICAL,
    "high": Severity.WARNING,
    "medium": Severity.WARNING,
    "low": Severity.NOTICE,
}
"""How bad a listing is, by its weight; one that weighs less is no alert."""

TLS_EVERY = timedelta(days=1)
"""How often TLS is looked at while nothing is wrong with it."""

FORGOTTEN = timedelta(days=7)
"""A check that no report spoke of for so long is gone, even where that is not certain."""

SHARED = ("sending", "resolver")
"""Areas whose unknown leaves open what all others would have looked at."""

LISTINGS, SILENCES = ("rbl.listed", "rbl.policy"), ("rbl.unknown", "rbl.broken")


def left_out(memory: Memory, now: datetime, *, runs_out: bool) -> tuple[Part, ...]:
    """What need not be looked at this time. TLS is, once a day, and each time while a check of it alarms or is silent,
    or a certificate `runs_out`."""
    restless = runs_out or any(
        PARTS[name.partition(" ")[0]] == "tls" and (known.alarms or known.silent_since)
        for name, known in memory.checks.items()
    )
    return () if restless or memory.tls is None or now - memory.tls >= TLS_EVERY else ("tls",)


def after(report: Report, memory: Memory, now: datetime) -> Memory:
    """What is remembered once this report is in."""
    looked_at_tls = "tls" in report.parts
    return Memory(
        _checks(report, memory.checks, now),
        _listed(report, memory.listed, now) if _lists_spoke(report) else memory.listed,
        _broken(report, memory.broken, now) if _lists_spoke(report) else memory.broken,
        _silence(report, memory.silent, now),
        _certificates(report, memory.certificates) if looked_at_tls else memory.certificates,
        now if looked_at_tls else memory.tls,
    )


def readings(report: Report, memory: Memory, now: datetime) -> Readings:
    """Of the host; `memory` is what after() made of this report."""
    found: dict[str, list[Reading]] = {
        "check": _failing(report, memory),
        "check_unknown": _without_answer(report, memory, now),
    }
    if _lists_spoke(report):
        found["listed"] = _listings(report, memory)
    if "tls" in report.parts:
        found["certificate"] = _days_left(report, memory)
    return found


def once(found: Readings, host: str, opened: Iterable[Alert], muted: Collection[Mute], lately: datetime) -> Readings:
    """Without what another host's alert says already: the SPF record of a domain is the same for all who send for it.

    `opened` are the alerts that fire or wait. One that waits says nothing because it is muted, or because nobody knows
    how it goes on there: it was not seen since `lately`.
    """
    own: set[tuple[str, str]] = set()
    others: set[tuple[str, str]] = set()
    for alert in opened:
        if alert.host == host:
            own.add((alert.rule, alert.subject))
        elif alert.state is State.FIRING or _will_say(alert, muted, lately):
            others.add((alert.rule, alert.subject))
    said = others - own
    return {
        rule: [Reading(each.subject, None) if (rule, each.subject) in said else each for each in readings]
        for rule, readings in found.items()
    }


def _will_say(alert: Alert, muted: Collection[Mute], lately: datetime) -> bool:
    seen = alert.seen_at is not None and alert.seen_at >= lately
    return seen and not any(mute.covers(alert.rule, alert.host) for mute in muted)


def name_of(finding: Finding) -> str:
    """A check's name: `spf example.org`."""
    return f"{_area(finding)} {finding.subject}".strip()


def _lists_spoke(report: Report) -> bool:
    """Whether any list was asked. A check of the lists that failed as a whole has no list to name."""
    return any(finding.lists or finding.code == "rbl.not_listed" for finding in report.findings)


def _area(finding: Finding) -> str:
    return finding.code.partition(".")[0]


def _checks(report: Report, before: Mapping[str, Known], now: datetime) -> dict[str, Known]:
    outcomes: dict[str, set[Outcome]] = {}
    for finding in report.findings:
        if _area(finding) != "rbl" and (found := outcome(finding)) is not Outcome.ASIDE:
            outcomes.setdefault(name_of(finding), set()).add(found)
    known = {name: _next(before.get(name), found, now) for name, found in outcomes.items()}
    for name, earlier in before.items():
        if name not in known and now - earlier.seen < FORGOTTEN:
            gone = PARTS[name.partition(" ")[0]] in report.parts and not _open(report, name)
            known[name] = Known(earlier.passes, False, None, earlier.seen) if gone else earlier
    return known


def _next(before: Known | None, found: set[Outcome], now: datetime) -> Known:
    before = before or Known(None, False, None, now)
    if any(each.alert for each in found):
        return Known(False, before.alarms or before.passes is True, None, now)
    if Outcome.UNKNOWN in found:
        return Known(before.passes, before.alarms, before.silent_since or now, now)
    if Outcome.SET_UP in found:
        return Known(before.passes, before.alarms, None, now)
    return Known(True, False, None, now)


def _open(report: Report, name: str) -> bool:
    """Whether something that was not found out may be why a check that is known is not in the report."""
    part = PARTS[name.partition(" ")[0]]
    return any(
        finding.severity is Found.UNKNOWN and (finding.part == part or _area(finding) in SHARED)
        for finding in report.findings
    )


def _failing(report: Report, memory: Memory) -> list[Reading]:
    bad: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if outcome(finding).alert:
            bad.setdefault(name_of(finding), []).append(finding)
    return [
        _fails(name, bad[name]) if name in bad else Reading(name, None)
        for name, known in memory.checks.items()
        if known.alarms
    ]


def _fails(name: str, findings: list[Finding]) -> Reading:
    worst = max(findings, key=lambda finding: outcome(finding).alert or 0)
    return Reading(name, 1, f"{worst.text} {worst.advice}".strip(), severity=outcome(worst).alert)


def _without_answer(report: Report, memory: Memory, now: datetime) -> list[Reading]:
    said = {name_of(each): each.text for each in report.findings if outcome(each) is Outcome.UNKNOWN}
    found = []
    for name, known in memory.checks.items():
        if known.silent_since and name in said:
            hours = (now - known.silent_since) / timedelta(hours=1)
            found.append(Reading(name, hours, f"No answer for {plural(int(hours), 'hour')}. {said[name]}"))
        elif known.silent_since:
            found.append(Reading(name, None))
    return found


def _pairs(report: Report) -> dict[str, Finding]:
    return {
        f"{finding.subject} {each}": finding
        for finding in report.findings
        if finding.code in LISTINGS
        for each in finding.lists
    }


def _silent(report: Report) -> set[str]:
    return {each for finding in report.findings if finding.code in SILENCES for each in finding.lists}


def _listed(report: Report, before: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Since when each listing is known. What its list did not say now stays; so does what was not asked about."""
    pairs, silent = _pairs(report), _silent(report)
    left = {pair: since for pair, since in before.items() if _undecided(report, pair, silent)}
    return left | {pair: before.get(pair, now) for pair in pairs}


def _undecided(report: Report, pair: str, silent: set[str]) -> bool:
    subject, _, of = pair.rpartition(" ")
    asked = {*report.addresses, *report.domains}
    unsure = any(each.severity is Found.UNKNOWN and _area(each) in SHARED for each in report.findings)
    return of in silent or (subject not in asked and unsure)


def _listings(report: Report, memory: Memory) -> list[Reading]:
    pairs = _pairs(report)
    found = [Reading(pair, None) for pair in memory.listed if pair not in pairs]
    for pair, finding in pairs.items():
        if severity := WEIGHTS.get(finding.weight):
            found.append(Reading(pair, 1, f"{finding.text} {finding.advice}".strip(), severity=severity))
    return found


def _broken(report: Report, before: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Lists that fail their own test, since when; one that does not answer now is what it was."""
    failing = {each for finding in report.findings if finding.code == "rbl.broken" for each in finding.lists}
    silent = _silent(report)
    return {each: since for each, since in before.items() if each in silent} | {
        each: before.get(each, now) for each in failing
    }


def _silence(report: Report, before: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Lists that matter and gave no answer, since the first look in a row that brought none."""
    unknown = [each for each in report.findings if _area(each) == "rbl" and each.severity is Found.UNKNOWN]
    if not _lists_spoke(report):
        return {**before, "": before.get("", now)} if unknown else dict(before)
    silent = {each for finding in unknown if finding.code == "rbl.unknown" for each in finding.lists}
    return {each: before.get(each, now) for each in silent}


def _certificates(report: Report, before: frozenset[str]) -> frozenset[str]:
    seen = {finding.subject for finding in report.findings if finding.days_left is not None}
    return frozenset(seen | {name for name in before if _open(report, f"tls {name}")})


def _days_left(report: Report, memory: Memory) -> list[Reading]:
    left: dict[str, float] = {}
    for finding in report.findings:
        if finding.days_left is not None:
            left[finding.subject] = min(finding.days_left, left.get(finding.subject, finding.days_left))
    return [
        Reading(name, left[name], f"The certificate of {name} is good for {left[name]:.0f} more days.")
        if name in left
        else Reading(name, None)
        for name in sorted(memory.certificates | left.keys())
    ]

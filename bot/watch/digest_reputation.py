"""What the newest reports on a mail host say, against the digest before: listings, and checks that do not pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from bot.reputation.findings import Finding, Part, Severity
from bot.reputation.report import PARTS, Report
from bot.text import duration
from bot.watch.digest import GONE, NEW, NOT_COMPARED, STILL, Blemish, Reputation
from bot.watch.reputation import LISTINGS, SHARED, SILENCES, name_of

STALE = timedelta(hours=26)
"""A report that is older is not what is so now."""

RUNS_OUT = "tls.soon"
WRONG = (Severity.PROBLEM, Severity.WARNING)

MOST = 12
"""So many sentences of one kind are kept."""


def reputation(reports: Mapping[Part, Report | None], before: Reputation | None, end: datetime) -> Reputation:
    """`reports`: for each part the newest report that looked at it. `before`: of the digest to compare with."""
    if before is not None and before.at is None:
        before = None
    known = {part: report for part, report in reports.items() if report and report.finished}
    findings = [finding for part, report in known.items() for finding in report.findings if finding.part == part]
    soon = [each.text for each in findings if each.code == RUNS_OUT and each.severity is Severity.WARNING]
    silent = [each for each in findings if each.severity is Severity.UNKNOWN]
    told = [_told(each) for each in findings if _is_told(each)]
    ages = [int(report.finished.timestamp()) for report in known.values() if report.finished]
    at = min(ages, default=None)
    compared, lost = _compared(told, before, known, at)
    return Reputation(
        at=at,
        before=before.at if before else None,
        coverage=" ".join(each.text for each in findings if each.code == "rbl.not_listed")[:1000],
        told=tuple(compared),
        unknown=tuple([*_unseen(reports, end), *lost, *(each.text for each in silent)][:MOST]),
        certificates=tuple(soon[:MOST]),
    )


def _is_told(finding: Finding) -> bool:
    if finding.code == RUNS_OUT and finding.severity is Severity.WARNING:
        return False
    return finding.severity in WRONG or finding.code in LISTINGS


def _told(finding: Finding) -> Blemish:
    # The evidence of a listing begins with the list's name (bot/reputation/listings.py).
    name = finding.evidence[0].partition(" (")[0] if finding.code in LISTINGS and finding.evidence else ""
    since = int(finding.since) if finding.since else None
    return Blemish(_key(finding), finding.part, finding.severity.value, finding.text, NOT_COMPARED, since, name)


def _key(finding: Finding) -> str:
    """`spf example.org`, `rbl 192.0.2.25 zen`. A check that fails in another way than before still fails."""
    return " ".join((name_of(finding), *finding.lists)) if finding.code in LISTINGS else name_of(finding)


def _compared(
    told: Sequence[Blemish], before: Reputation | None, known: Mapping[Part, Report], at: int | None
) -> tuple[list[Blemish], list[str]]:
    """What is told now and what is gone; and sentences on what may be so still, as nobody could look."""
    if before is None:
        return list(told), []
    then = {each.key: each for each in before.told if each.change != GONE}
    compared, lost = [], []
    for each in told:
        earlier = then.get(each.key)
        since = at if earlier is None else earlier.since or before.at
        compared.append(replace(each, change=STILL if earlier else NEW, since=each.since or since))
    now = {each.key for each in told}
    for earlier in (each for key, each in then.items() if key not in now):
        report = known.get(cast(Part, earlier.part))
        if report is None or _not_known(earlier, report):
            compared.append(replace(earlier, change=STILL))
            lost.append(f"Whether this is still so could not be found out: {earlier.text}")
        elif earlier.list and _subject(earlier) not in (*report.addresses, *report.domains):
            lost.append(f"It is not looked up any more, as the host does not send by it: {earlier.text}")
        else:
            compared.append(replace(earlier, change=GONE))
    return compared, lost


def _not_known(told: Blemish, report: Report) -> bool:
    """Whether nobody could look now: the list is silent or broken, the check has no result, or nobody knows how the
    host sends."""
    area = told.key.partition(" ")[0]
    of_area = [each for each in report.findings if each.code.partition(".")[0] == area]
    unknown = [each for each in report.findings if each.severity is Severity.UNKNOWN]
    unsure = any(each.code.partition(".")[0] in SHARED for each in unknown)
    if told.list:
        of, asked = told.key.rpartition(" ")[2], (*report.addresses, *report.domains)
        silent = any(each.code in SILENCES and of in each.lists for each in of_area)
        failed = any(each in unknown and not each.lists for each in of_area)
        return not of_area or silent or failed or (unsure and _subject(told) not in asked)
    results = [each for each in of_area if each.subject == _subject(told)]
    silent = any(each in unknown and each.subject in ("", _subject(told)) for each in of_area)
    return not of_area or silent or (not results and unsure)


def _subject(told: Blemish) -> str:
    rest = told.key.partition(" ")[2]
    return rest.rpartition(" ")[0] if told.list else rest


def _unseen(reports: Mapping[Part, Report | None], end: datetime) -> list[str]:
    """Sentences on the parts that nobody looked at, or not lately."""
    together: dict[str, list[str]] = {}
    for part, report in reports.items():
        if report is None or report.finished is None:
            together.setdefault("never checked", []).append(PARTS[part])
        elif end - report.finished > STALE:
            age = duration((end - report.finished).total_seconds())
            together.setdefault(f"last checked {age} before", []).append(PARTS[part])
    return [f"{'; '.join(names)}: {when}." for when, names in together.items()]

"""What the newest reports on a mail host say, against the digest before: listings, and checks that do not pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.reputation.findings import Finding, Part, Severity
from bot.reputation.report import PARTS, Report
from bot.text import duration
from bot.watch.digest import GONE, NEW, NOT_COMPARED, STILL, Reputation, Told

STALE = timedelta(hours=26)
"""A report that is older is not what is so now."""

LISTED = ("rbl.listed", "rbl.policy")
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
    compared, lost = _compared(told, before, findings, at)
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
    return finding.severity in WRONG or finding.code in LISTED


def _told(finding: Finding) -> Told:
    # The evidence of a listing begins with the list's name (bot/reputation/listings.py).
    name = finding.evidence[0].partition(" (")[0] if finding.code in LISTED and finding.evidence else ""
    key = f"{finding.code} {finding.subject} {name}".strip()
    since = int(finding.since) if finding.since else None
    return Told(key, finding.part, finding.severity.value, finding.text, NOT_COMPARED, since, name)


def _compared(
    told: Sequence[Told], before: Reputation | None, findings: Sequence[Finding], at: int | None
) -> tuple[list[Told], list[str]]:
    """What is told now and what is gone; and sentences on what may be so still, as nobody could look."""
    if before is None:
        return list(told), []
    then = {each.key: each for each in before.told if each.change != GONE}
    compared, lost = [], []
    for each in told:
        earlier = then.pop(each.key, None)
        since = at if earlier is None else earlier.since or before.at
        compared.append(replace(each, change=STILL if earlier else NEW, since=each.since or since))
    for earlier in then.values():
        if _not_known(earlier, findings):
            compared.append(replace(earlier, change=STILL))
            lost.append(f"Whether this is still so could not be found out: {earlier.text}")
        else:
            compared.append(replace(earlier, change=GONE))
    return compared, lost


def _not_known(told: Told, findings: Sequence[Finding]) -> bool:
    """Whether nobody could look now: the list is silent, the check has no result, or the part was not looked at."""
    of_part = [each for each in findings if each.part == told.part]
    if told.list:
        return not of_part or any(each.code == "rbl.unknown" and told.list in each.text for each in of_part)
    area = told.key.partition(".")[0]
    results = [each for each in of_part if each.code.partition(".")[0] == area]
    subject = told.key.partition(" ")[2]
    silent = [each for each in results if each.severity is Severity.UNKNOWN and each.subject in ("", subject)]
    return not results or bool(silent)


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

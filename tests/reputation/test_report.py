"""What a report comes to, and its form in JSON."""

from __future__ import annotations

import json

import pytest

from bot.reputation.findings import Severity
from bot.reputation.report import NotAReport, Report, from_json, sorted_findings, to_json
from tests.reputation.reports import STARTED, finding, report

PROBLEM = finding("spf.none", Severity.PROBLEM)
WARNING = finding("mx.single", Severity.WARNING, part="dns")
UNKNOWN = finding("dkim.unknown", Severity.UNKNOWN)


@pytest.mark.parametrize(
    ("found", "worst", "status", "verdict"),
    [
        (report(), Severity.OK, 0, "all checks pass"),
        (report(WARNING), Severity.WARNING, 1, "1 warning"),
        (report(UNKNOWN), Severity.UNKNOWN, 3, "1 could not be found out"),
        (report(WARNING, UNKNOWN), Severity.WARNING, 1, "1 warning and 1 could not be found out"),
        (
            report(PROBLEM, PROBLEM, WARNING, UNKNOWN),
            Severity.PROBLEM,
            2,
            "2 problems, 1 warning and 1 could not be found out",
        ),
        (report(without=""), Severity.UNKNOWN, 3, "nothing could be checked"),
        (
            report(finding("ptr.not_applicable", Severity.NOT_APPLICABLE), without=""),
            Severity.UNKNOWN,
            3,
            "nothing could be checked",
        ),
        (report(finished=None), Severity.UNKNOWN, 3, "nothing wrong so far"),
        (report(without="", finished=None), Severity.UNKNOWN, 3, "nothing is known yet"),
        (report(PROBLEM, finished=None), Severity.PROBLEM, 2, "1 problem so far"),
        (report(broken_off=True), Severity.UNKNOWN, 3, "broken off before anything was known"),
        (report(WARNING, broken_off=True), Severity.WARNING, 1, "broken off; 1 warning until then"),
    ],
)
def test_the_worst_decides_and_what_did_not_end_is_never_clean(
    found: Report, worst: Severity, status: int, verdict: str
) -> None:
    assert (found.worst, found.exit_status, found.verdict) == (worst, status, verdict)


def test_findings_come_the_worst_first_and_by_their_parts() -> None:
    found = sorted_findings((UNKNOWN, finding("mx.ok", part="dns"), PROBLEM, WARNING, finding("a.ok", part="tls")))
    assert [each.code for each in found] == ["spf.none", "mx.single", "dkim.unknown", "mx.ok", "a.ok"]


@pytest.mark.parametrize("found", [report(PROBLEM, UNKNOWN), report(finished=None), Report("mx1", "tls", STARTED)])
def test_a_report_comes_back_from_json_as_it_was(found: Report) -> None:
    value = to_json(found)
    assert from_json(json.loads(json.dumps(value))) == found
    assert (value["verdict"], value["exit_status"], value["worst"]) == (found.verdict, found.exit_status, found.worst)


@pytest.mark.parametrize("change", [{"v": 1}, {"findings": [{}]}, {"started": "yesterday"}, {"findings": None}])
def test_what_another_version_wrote_is_not_read_as_something_else(change: dict[str, object]) -> None:
    with pytest.raises(NotAReport, match="written by another version"):
        from_json({**to_json(report()), **change})

"""Every code that a check can give has a meaning for whoever watches it, and only those."""

from __future__ import annotations

import re
from pathlib import Path

from bot.reputation.findings import Severity
from bot.reputation.report import PARTS as WHOLE
from bot.watch.outcomes import OUTCOMES, PARTS, Outcome, outcome
from tests.reputation.reports import finding

ROOT = Path(__file__).parents[2]

CODES = re.compile(r"Codes: (.*?)(?:\n\n|\"\"\")", re.DOTALL)
CODE = re.compile(r"\b([a-z]+\.[a-z][a-z0-9_]*)")


def documented() -> set[str]:
    """The codes that the docstrings of the checks name."""
    codes: set[str] = set()
    for module in (ROOT / "bot" / "reputation").glob("*.py"):
        for said in CODES.findall(module.read_text()):
            codes |= {code for code in CODE.findall(said) if not code.endswith(".py")}
    return codes


def test_the_table_has_each_code_of_the_checks() -> None:
    codes = documented()
    assert len(codes) > 100 and codes == set(OUTCOMES)


def test_each_area_belongs_to_a_part() -> None:
    assert set(PARTS.values()) == set(WHOLE)


def test_what_broke_off_is_unknown_and_what_does_not_matter_is_left_aside() -> None:
    assert outcome(finding("ptr.internal_error", Severity.UNKNOWN)) is Outcome.UNKNOWN
    assert outcome(finding("ptr.not_applicable", Severity.NOT_APPLICABLE)) is Outcome.ASIDE
    assert outcome(finding("spf.none", Severity.PROBLEM)).alert is not None
    assert outcome(finding("spf.ok")).alert is None

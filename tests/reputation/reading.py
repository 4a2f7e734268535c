"""What tests say of findings."""

from __future__ import annotations

from collections.abc import Iterable

from bot.reputation.findings import Finding, Severity
from tests.dns.world import DnsWorld


def faults(findings: Iterable[Finding]) -> list[str]:
    """The codes of everything that is not well, sorted."""
    return sorted(finding.code for finding in findings if finding.severity not in (Severity.OK, Severity.INFO))


def codes(findings: Iterable[Finding]) -> list[str]:
    return sorted(finding.code for finding in findings)


def only(findings: Iterable[Finding], code: str) -> Finding:
    """The one finding with this code."""
    (found,) = [finding for finding in findings if finding.code == code]
    return found


def are_told_well(findings: Iterable[Finding]) -> bool:
    """One sentence that ends, a source; and for what is not well the advice, and for what was seen the evidence."""
    for finding in findings:
        assert finding.text.endswith(".") and finding.source, finding
        if finding.severity is not Severity.OK:
            assert finding.advice.endswith((".", "?")), finding
    return True


def publish(dns: DnsWorld, zone: str, *records: str) -> None:
    """Replace a zone by records in full, as a finding says them: `a.test. IN TXT "…"`."""
    dns.zone(zone, "\n".join(records))

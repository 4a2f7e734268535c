"""Reports for tests: of a host that sends by itself, without a fault unless one is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.reputation.findings import Finding, Part, Severity
from bot.reputation.report import Report, sorted_findings

STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESS, DOMAIN = "192.0.2.25", "example.org"


def finding(
    code: str, severity: Severity = Severity.OK, subject: str = DOMAIN, part: Part = "auth", **more: Any
) -> Finding:
    """One that is told whole, whatever its severity."""
    values = {"text": f"{code} of {subject}.", "evidence": (f"{subject}. IN TXT",), "source": "RFC 7208 §4"}
    return Finding(part, severity, code, subject, **{**values, "advice": f"Mend {code}.", **more})


WELL = (
    finding("fqdn.ok", subject=f"mx1.{DOMAIN}", part="dns"),
    finding("ptr.ok", subject=ADDRESS, part="dns"),
    finding("mx.ok", part="dns"),
    finding("spf.ok"),
    finding("spf.pass", subject=f"{DOMAIN} from {ADDRESS}"),
    finding("dkim.ok", subject=f"s1._domainkey.{DOMAIN}"),
    finding("dmarc.ok"),
    finding("alignment.ok"),
    finding("rbl.not_listed", subject=ADDRESS, part="rbl"),
)


def report(*others: Finding, without: str = "-", **more: Any) -> Report:
    """Findings of WELL, those whose codes begin with `without` left out, and the others."""
    findings = (*(each for each in WELL if not each.code.startswith(without)), *others)
    values: dict[str, Any] = {"finished": STARTED + timedelta(seconds=8), "checks": 9, "ended": 9}
    sends = {"fqdn": f"mx1.{DOMAIN}", "addresses": (ADDRESS,), "domains": (DOMAIN,)}
    return replace(Report("mx1", "all", STARTED, findings=sorted_findings(findings)), **{**values, **sends, **more})

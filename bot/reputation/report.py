"""A report: what the checks of one mail host found, how much of it is known yet, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast, get_args

from bot.errors import MaildeskError
from bot.reputation.findings import Finding, Part, Severity
from bot.text import listed, plural

Scope = Literal["all", Part]
SCOPES: tuple[Scope, ...] = ("all", *get_args(Part))
PARTS: dict[Part, str] = {"dns": "names and addresses", "auth": "SPF, DKIM, DMARC", "rbl": "blocklists", "tls": "TLS"}

NO_REPUTATION = "Being on no list is not yet a reputation: what providers think of the host, only they know."
"""Said with every report that looked at blocklists."""

VERSION = 3

EXIT = {Severity.PROBLEM: 2, Severity.WARNING: 1, Severity.UNKNOWN: 3}
"""What a monitoring plugin exits with, by the worst that was found (Monitoring Plugins' guidelines: 0 to 3)."""


class NotAReport(MaildeskError):
    """What is kept as a report was written by another version, which this one can't read."""


@dataclass(frozen=True, slots=True)
class Report:
    """The checks of one host, `ended` of `checks` so far; `finished` is None while they run. Times are aware, in UTC.

    `fqdn`, `addresses`, `domains` and `through` are how it sends (bot/reputation/sending.py). `broken_off`: nobody goes
    on with it, and what had not ended is not known. `left_out`: parts of its scope that were not looked at.
    """

    host: str
    scope: Scope
    started: datetime
    finished: datetime | None = None
    findings: tuple[Finding, ...] = ()
    checks: int = 0
    ended: int = 0
    fqdn: str = ""
    addresses: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    through: str = ""
    broken_off: bool = False
    left_out: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it looks at."""
        wanted = get_args(Part) if self.scope == "all" else (self.scope,)
        return tuple(part for part in wanted if part not in self.left_out)

    def of(self, *severities: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity in severities)

    @property
    def worst(self) -> Severity:
        """PROBLEM, WARNING, UNKNOWN or OK. What did not end is unknown; so is a host of which nothing was checked."""
        for severity in (Severity.PROBLEM, Severity.WARNING, Severity.UNKNOWN):
            if self.of(severity):
                return severity
        complete = self.finished is not None and not self.broken_off
        return Severity.OK if complete and self.of(Severity.OK, Severity.INFO) else Severity.UNKNOWN

    @property
    def exit_status(self) -> int:
        return EXIT.get(self.worst, 0)

    @property
    def verdict(self) -> str:
        """`2 problems, 1 warning, 3 unknown`, or that all is well."""
        counts = [
            plural(len(self.of(Severity.PROBLEM)), "problem") if self.of(Severity.PROBLEM) else "",
            plural(len(self.of(Severity.WARNING)), "warning") if self.of(Severity.WARNING) else "",
            f"{len(self.of(Severity.UNKNOWN))} could not be found out" if self.of(Severity.UNKNOWN) else "",
        ]
        said = listed([count for count in counts if count])
        if self.broken_off:
            return f"broken off; {said} until then" if said else "broken off before anything was known"
        if self.finished is None:
            return f"{said} so far" if said else "nothing wrong so far" if self.findings else "nothing is known yet"
        return said or ("all checks pass" if self.worst is Severity.OK else "nothing could be checked")


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first; those of one severity in the order of the parts, and as they were found."""
    severities, parts = list(Severity), get_args(Part)
    return tuple(sorted(findings, key=lambda each: (severities.index(each.severity), parts.index(each.part))))


def to_json(report: Report) -> dict[str, Any]:
    """All of it as JSON has it; times in ISO 8601, and beside it the verdict and the exit status."""
    finished = report.finished.isoformat() if report.finished else None
    shown = {"v": VERSION, **asdict(report), "started": report.started.isoformat(), "finished": finished}
    return {**shown, "verdict": report.verdict, "worst": report.worst, "exit_status": report.exit_status}


def from_json(value: dict[str, Any]) -> Report:
    """Raises NotAReport for what to_json() of this version did not make."""
    try:
        if value["v"] != VERSION:
            raise ValueError(value["v"])
        fields = {name: value[name] for name in Report.__slots__}
        findings = tuple(_finding(each) for each in fields.pop("findings"))
        finished = datetime.fromisoformat(fields["finished"]) if fields["finished"] else None
        texts = {name: tuple(fields[name]) for name in ("addresses", "domains", "left_out")}
        started = datetime.fromisoformat(fields["started"])
        return replace(Report(**{**fields, **texts, "started": started, "finished": finished}), findings=findings)
    except (KeyError, TypeError, ValueError) as error:
        raise NotAReport(
            "This report was written by another version of this bot. /mail check makes a new one."
        ) from error


def _finding(value: dict[str, Any]) -> Finding:
    lists = {name: tuple(value[name]) for name in ("evidence", "publish", "lists")}
    return Finding(**{**value, **lists, "severity": Severity(value["severity"]), "part": cast(Part, value["part"])})

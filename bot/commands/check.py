"""`maildesk check`: all checks of the mail hosts at a shell, with the exit status of a monitoring plugin.

0: all is well; 1: warnings; 2: problems; 3: something could not be found out, and nothing worse is known.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing

from bot import bootstrap
from bot.errors import MaildeskError
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.reputation.compliance import compliance, in_a_line
from bot.reputation.findings import Finding, Severity
from bot.reputation.report import NO_REPUTATION, Report, Scope, to_json
from bot.reputation.running import Checks
from bot.settings import load
from bot.text import presentable

WORDS = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
WORST_FIRST = (2, 1, 3, 0)
LONGEST = 2000
"""Characters of one line; what it quotes may be long, and hostile."""


def main(host: str, scope: Scope, *, as_json: bool) -> int:
    """Check this host, or all of them, and print what was found; the exit status. Whatever hinders that is unknown."""
    try:
        settings = load()
        hosts = bootstrap.mail_hosts(settings.hosts())
        wanted = [hosts.named(host)] if host else list(hosts.values())
        found = asyncio.run(_all(bootstrap.checks(settings, bootstrap.tools(settings)), wanted, scope))
    except MaildeskError as error:
        print(f"{WORDS[3]}: {error}", file=sys.stderr)
        return 3
    if as_json:
        print(json.dumps([to_json(report) for report in found], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(lines(report)) for report in found))
    return next(status for status in WORST_FIRST if status in {report.exit_status for report in found})


async def _all(checks: Checks, hosts: Sequence[MailHost], scope: Scope) -> list[Report]:
    try:
        return list(await asyncio.gather(*(_last(checks, host, scope) for host in hosts)))
    finally:
        await MailHosts(hosts).close()


async def _last(checks: Checks, host: MailHost, scope: Scope) -> Report:
    """The report as it is at its end."""
    async with aclosing(checks.watch(host, scope)) as reports:
        async for report in reports:
            if report.finished:
                return report
    raise AssertionError("a report without an end")


def lines(report: Report) -> list[str]:
    """The verdict in the first line, as monitoring shows it; then each finding, the worst first."""
    shown = [f"{WORDS[report.exit_status]}: {report.host}: {report.verdict}"]
    for finding in report.findings:
        shown += _finding(finding)
    if report.scope == "all":
        shown += ["", in_a_line(compliance(report)), NO_REPUTATION]
    return [presentable(line, LONGEST) for line in shown]


def _finding(finding: Finding) -> list[str]:
    shown = [f"{finding.severity.upper().replace('_', ' ')}: {finding.text} [{finding.code}]"]
    if finding.severity in (Severity.OK, Severity.NOT_APPLICABLE):
        return shown
    details = [finding.advice, *finding.publish] if finding.publish else [finding.advice, *finding.evidence]
    return [*shown, *(f"    {line}" for line in details if line)]

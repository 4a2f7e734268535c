"""Whether the resolver can be believed; bot/reputation/selfcheck.py is what finds out."""

from bot.doctor.lines import Level, Line
from bot.reputation.findings import Severity
from bot.reputation.selfcheck import SelfCheck

ABOUT = "DNS"

LEVELS = {Severity.OK: Level.OK, Severity.NOT_APPLICABLE: Level.OK, Severity.PROBLEM: Level.PROBLEM}
"""Everything else, what is unknown among it, is a warning."""


async def lines(selfcheck: SelfCheck | None) -> list[Line]:
    """One for each thing that is wrong with a name server, or one for each that is well."""
    if selfcheck is None:
        return [Line(Level.OK, ABOUT, "The demo's own name server is asked; there is nothing to find out about it.")]
    found = await selfcheck.findings()
    if not found:
        return [
            Line(Level.WARNING, ABOUT, "No name server is known, so nothing can be asked.", "DNS_SERVERS=127.0.0.1")
        ]
    return [Line(LEVELS.get(each.severity, Level.WARNING), ABOUT, each.text, each.advice) for each in found]

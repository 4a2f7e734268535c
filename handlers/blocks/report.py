"""A report on one mail host: what fails, what warns, what could not be found out; the rest in a line, and on demand."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.reputation.compliance import Provider, Requirement, State, compliance, in_a_line
from bot.reputation.findings import Finding, Severity
from bot.reputation.report import NO_REPUTATION, PARTS, Report
from bot.text import duration, listed, plural
from handlers.blocks.kit import Block, Card, actions, button, card, context, packed
from handlers.blocks.rich import Line, bold, bullets, paragraph, person, preformatted, rich, say, words

SIGNS = {
    Severity.PROBLEM: "🔴",
    Severity.WARNING: "🟡",
    Severity.UNKNOWN: "⚪",
    Severity.INFO: "🔵",
    Severity.OK: "🟢",
    Severity.NOT_APPLICABLE: "➖",
}
STATES = {State.MET: "🟢", State.NOT_MET: "🔴", State.NOT_KNOWN: "⚪"}

AREAS = {
    "resolver": "the resolver",
    "sending": "how it sends",
    "ptr": "PTR",
    "fqdn": "host name",
    "mx": "MX",
    "spf": "SPF",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "alignment": "alignment",
    "rbl": "blocklists",
    "outbound": "port 25 outwards",
    "smtp": "mail servers",
    "tls": "STARTTLS",
    "mtasts": "MTA-STS",
    "tlsrpt": "TLS-RPT",
    "dane": "DANE",
}
"""What the first halves of the codes are called."""

SHOWN = 400
"""Characters of one sentence: a record or a reply that it quotes may be long."""
RECORDS = 1500
EVIDENCE = 700
PAGE = 5


def report(number: int, found: Report, asked_by: str) -> Card:
    """The whole card, finished or not; `number` is the report's, which the buttons remember."""
    worst = SIGNS[found.worst] if found.finished else "⏳"
    headline = f"{found.host}: {found.verdict}"
    wrong = found.of(Severity.PROBLEM, Severity.WARNING)
    first = f" {wrong[0].text}" if wrong else ""
    return card(
        f"{worst} {headline}.{first}",
        say([f"{worst} ", bold(f"{headline}.")], *_under_way(found)),
        *[_advised(finding) for finding in wrong],
        *_not_known(found.of(Severity.UNKNOWN)),
        last=[
            _passing(found),
            _matters_not(found.of(Severity.NOT_APPLICABLE)),
            *_providers_in_a_line(found),
            _buttons(number, found),
            _small_print(found, asked_by),
        ],
    )


def _under_way(found: Report) -> list[Line]:
    if found.broken_off:
        return ["The bot was stopped before all checks had ended. What is not shown here is not known."]
    if found.finished:
        return []
    if not found.checks:
        return [f"Asking {found.host} how it sends. This message completes itself."]
    return [f"{found.ended} of {found.checks} checks have ended. This message completes itself."]


def _advised(finding: Finding) -> Block:
    """What is wrong, what to do, and the records to publish."""
    lines: list[Line] = [[f"{SIGNS[finding.severity]} ", bold(finding.text, SHOWN)]]
    why = _cause(finding)
    if finding.advice or why:
        lines.append([words(f"{why}{finding.advice}", 2 * SHOWN)])
    return rich(paragraph(*lines), *([preformatted(finding.publish, RECORDS)] if finding.publish else []))


def _cause(finding: Finding) -> str:
    """Why something could not be found out, where the sentence does not say it."""
    if finding.severity is not Severity.UNKNOWN or not finding.evidence:
        return ""
    told = finding.evidence[0].partition(": ")[2] or finding.evidence[0]
    return "" if told.rstrip(".") in finding.text else f"Why: {told.rstrip('.')}. "


def _not_known(unknown: Sequence[Finding]) -> list[Block]:
    """What could not be found out; what has one cause and one way on is told together."""
    together: dict[str, list[Finding]] = {}
    for finding in unknown:
        together.setdefault(finding.advice, []).append(finding)
    blocks = []
    for advice, findings in together.items():
        if len(findings) == 1:
            blocks.append(_advised(findings[0]))
            continue
        names = listed([named(finding) for finding in findings[:12]])
        more = f" and {len(findings) - 12} more" if len(findings) > 12 else ""
        causes = listed(list(dict.fromkeys(finding.evidence[0] for finding in findings if finding.evidence))[:3], "or")
        lines: list[Line] = [
            [f"{SIGNS[Severity.UNKNOWN]} ", bold(f"{len(findings)} checks could not be done"), f": {names}{more}."],
            [words(f"Why: {causes}. {advice}" if causes else advice, 2 * SHOWN)],
        ]
        blocks.append(say(*lines))
    return blocks


def named(finding: Finding) -> str:
    """`SPF of example.org`."""
    area = _area(finding)
    return f"{AREAS.get(area, area)} of {finding.subject}" if finding.subject else AREAS.get(area, area)


def _passing(found: Report) -> Block | None:
    """What is well, by the areas of which nothing else was said above, and how many checks of each."""
    passing, notes = found.of(Severity.OK), found.of(Severity.INFO)
    if not passing and not notes:
        return None
    said = {_area(finding) for finding in found.of(Severity.PROBLEM, Severity.WARNING, Severity.UNKNOWN)}
    areas = Counter(_area(finding) for finding in passing)
    names = [AREAS.get(area, area) + (f" ({n})" if n > 1 else "") for area, n in areas.items() if area not in said]
    beside = sum(n for area, n in areas.items() if area in said)
    names += [f"{beside} beside what is said above"] if beside and names else []
    which = f": {listed(names)}" if names else ""
    parts = [f"{plural(len(passing), 'check passes', 'checks pass')}{which}" if passing else ""]
    parts.append(f"{plural(len(notes), 'note')} under All checks" if notes else "")
    return say(f"{SIGNS[Severity.OK]} {'; '.join(part for part in parts if part)}.")


def _area(finding: Finding) -> str:
    return finding.code.partition(".")[0]


def _matters_not(findings: Sequence[Finding]) -> Block | None:
    return (
        context(f"{SIGNS[Severity.NOT_APPLICABLE]} {' '.join(finding.text for finding in findings)}")
        if findings
        else None
    )


def _providers_in_a_line(found: Report) -> list[Block | None]:
    if found.scope != "all" or not found.finished or found.broken_off:
        return []
    line = f"What they demand of senders – {in_a_line(compliance(found))}."
    return [context(line, NO_REPUTATION)]


def _buttons(number: int, found: Report) -> Block | None:
    again = button("Check again", "report.again", packed(found.host, found.scope))
    everything = button("All checks", "report.all", packed(number, 0))
    providers = button("Google, Yahoo, Microsoft", "report.providers", packed(number))
    whole = found.finished and found.scope == "all" and not found.broken_off
    pressed = [*([everything] if found.findings else []), *([providers] if whole else [])]
    revision = f"{found.ended}:{'done' if found.finished else 'runs'}"
    return actions(f"report:{number}:{revision}", [*pressed, *([again] if found.finished else [])])


def _small_print(found: Report, asked_by: str) -> Block:
    what = "" if found.scope == "all" else f" {PARTS[found.scope]} only ·"
    sends = f" · sends from {listed(found.addresses)}" if found.addresses else ""
    sends += f" for {listed(found.domains)}" if found.domains else ""
    times = f"{found.started:%Y-%m-%d %H:%M} UTC"
    if found.finished:
        times += f", in {duration((found.finished - found.started).total_seconds())}"
    return say(["Asked by ", person(asked_by), words(f" ·{what} {times}{sends}")])


# On demand, for one person alone --------------------------------------------------------------------------------------


def everything(number: int, found: Report, page: int, revision: str) -> Card:
    """Every finding with its evidence and its source, a few at a time."""
    last = max(0, (len(found.findings) - 1) // PAGE)
    page = min(max(0, page), last)
    shown = found.findings[PAGE * page : PAGE * (page + 1)]
    span = f"{PAGE * page + 1}–{PAGE * page + len(shown)} of {plural(len(found.findings), 'result')}"
    title = f"{found.host}: {span}, the worst first"
    turns = [
        *([button("Previous", "report.previous", packed(number, page - 1))] if page > 0 else []),
        *([button("Next", "report.next", packed(number, page + 1))] if page < last else []),
    ]
    return card(
        title,
        say([bold(title)]),
        *[_whole(finding) for finding in shown],
        last=[actions(f"all:{number}:{revision}", turns), context("Only you see this.")],
    )


def _whole(finding: Finding) -> Block:
    lines: list[Line] = [[f"{SIGNS[finding.severity]} ", bold(finding.text, SHOWN)]]
    if finding.advice:
        lines.append([words(finding.advice, 2 * SHOWN)])
    lines.append([words(f"{finding.code} · {finding.source}", 200)])
    seen = [preformatted(finding.evidence, EVIDENCE)] if finding.evidence else []
    publish = (
        [paragraph("To publish or to ask for:"), preformatted(finding.publish, EVIDENCE)] if finding.publish else []
    )
    return rich(paragraph(*lines), *seen, *publish)


def providers(found: Report) -> Card:
    """What each provider demands, and whether it is met."""
    title = f"{found.host}: what Google, Yahoo and Microsoft demand of senders"
    return card(
        title,
        say([bold(title)]),
        *[_provider(provider) for provider in compliance(found)],
        last=[context(NO_REPUTATION, "Only you see this.")],
    )


def _provider(provider: Provider) -> Block:
    of_all = [_requirement(each) for each in provider.requirements if not each.bulk]
    of_bulk = [_requirement(each) for each in provider.requirements if each.bulk]
    return rich(
        paragraph([bold(provider.name), f"  {provider.source}"], "Of everybody:"),
        bullets(*of_all),
        paragraph("From 5,000 messages a day also:"),
        bullets(*of_bulk),
    )


def _requirement(each: Requirement) -> Line:
    verdict = each.verdict
    why = f": {verdict.why}" if verdict.why else ""
    look = f". Look at {verdict.look}" if verdict.look and verdict.state is not State.MET else ""
    return [f"{STATES[verdict.state]} ", words(f"{each.text}{why}{look}", SHOWN)]


# For /mail status -----------------------------------------------------------------------------------------------------


def last_result(host: str, found: Report | None, now: datetime) -> str:
    """One line of the last whole report, with its age; unknown is never said as clean."""
    if found is None or found.finished is None:
        return f"{SIGNS[Severity.UNKNOWN]} Reputation of {host}: not checked yet. /mail check {host}"
    age = duration((now - found.finished).total_seconds())
    return f"{SIGNS[found.worst]} Reputation of {host}, {age} ago: {found.verdict}. /mail check {host}"

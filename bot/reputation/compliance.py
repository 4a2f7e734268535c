"""What Google, Yahoo and Microsoft demand of senders: met, not met, or not to be known from here, and where to look.

Computed from a report's findings; nothing is asked. The demands are in force since February 2024 (Google, Yahoo) and
May 2025 (Microsoft); those for all senders first, then those from 5,000 messages a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.reputation import alignment
from bot.reputation.findings import Severity
from bot.reputation.records import plain
from bot.reputation.report import Report
from bot.text import listed

GOOGLE = "https://support.google.com/a/answer/81126"
YAHOO = "https://senders.yahooinc.com/best-practices/"
MICROSOFT = "https://sendersupport.olc.protection.outlook.com/pm/policies.aspx"

POSTMASTER_TOOLS = "Postmaster Tools (postmaster.google.com)"
SENDER_HUB = "Sender Hub and its Complaint Feedback Loop (senders.yahooinc.com)"
SNDS = "SNDS and JMRP (sendersupport.olc.protection.outlook.com)"
A_MESSAGE = "the headers of a message of yours there (“show original”)"


class State(StrEnum):
    MET = "met"
    NOT_MET = "not met"
    NOT_KNOWN = "not known from here"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` names what falls short or what is not known; `look` where it can be found out, for what is not known."""

    state: State
    why: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand of one provider; `bulk`: only of those who send 5,000 messages a day or more there."""

    text: str
    bulk: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    source: str
    requirements: tuple[Requirement, ...]

    def of(self, state: State) -> tuple[Requirement, ...]:
        return tuple(each for each in self.requirements if each.verdict.state is state)


Rule = Callable[[Report], Verdict]


def _spf(report: Report) -> Verdict:
    return _of_domains(report, "SPF", lambda domain: _spf_passes(report, domain))


def _dkim(report: Report) -> Verdict:
    found = _of_domains(report, "DKIM", lambda domain: alignment.of_dkim(domain, report.findings).passes)
    if found.state is State.MET:
        return Verdict(State.MET, "the keys are published; that the host signs is not seen in the DNS", A_MESSAGE)
    return found


def _spf_or_dkim(report: Report) -> Verdict:
    def either(domain: str) -> bool | None:
        passes = (_spf_passes(report, domain), alignment.of_dkim(domain, report.findings).passes)
        return True if True in passes else None if None in passes else False

    return _of_domains(report, "SPF or DKIM", either)


def _spf_passes(report: Report, domain: str) -> bool | None:
    # Of a relay's address nothing is known here, whatever the record of the domain is worth.
    return None if report.through else alignment.of_spf(domain, report.addresses, report.findings).passes


def _dmarc(report: Report) -> Verdict:
    return _of_domains(report, "DMARC", lambda domain: _area(report, ("dmarc.",), domain))


def _aligned(report: Report) -> Verdict:
    return _of_domains(report, "alignment", lambda domain: _area(report, ("alignment.",), domain))


def _of_domains(report: Report, what: str, passes: Callable[[str], bool | None]) -> Verdict:
    """Met if it holds for every sending domain, not met if it does not for one."""
    states = {domain: passes(domain) for domain in dict.fromkeys(map(plain, report.domains))}
    if falling := [domain for domain, state in states.items() if state is False]:
        return Verdict(State.NOT_MET, f"{what} of {listed(falling)}")
    if unknown := [domain for domain, state in states.items() if state is None]:
        return Verdict(State.NOT_KNOWN, f"{what} of {listed(unknown)}", A_MESSAGE)
    return Verdict(State.MET) if states else Verdict(State.NOT_KNOWN, "no sending domain is known", A_MESSAGE)


def _area(report: Report, areas: tuple[str, ...], subject: str = "") -> bool | None:
    """Whether the findings of these areas (about this subject) have no problem; None: that is not known."""
    found = {
        finding.severity
        for finding in report.findings
        if finding.code.startswith(areas) and (not subject or finding.subject == subject)
    }
    if Severity.PROBLEM in found:
        return False
    return None if Severity.UNKNOWN in found or found <= {Severity.NOT_APPLICABLE} else True


def _names(report: Report) -> Verdict:
    return _of_host(report, ("ptr.",), "the PTR record of an address")


def _tls(_: Report) -> Verdict:
    """Others offer TLS; whether the host takes it shows in their headers."""
    return Verdict(State.NOT_KNOWN, "whether each delivery used TLS", f"{POSTMASTER_TOOLS}, or {A_MESSAGE}")


def _of_host(report: Report, areas: tuple[str, ...], what: str) -> Verdict:
    if report.through:
        return Verdict(State.NOT_KNOWN, f"mail leaves through {report.through}", f"check {report.through}")
    match _area(report, areas):
        case True:
            return Verdict(State.MET)
        case False:
            return Verdict(State.NOT_MET, what)
    return Verdict(State.NOT_KNOWN, what, "the findings of this report: what could not be found out")


def _elsewhere(why: str, look: str) -> Rule:
    return lambda _: Verdict(State.NOT_KNOWN, why, look)


COMPLAINTS = "how many call it spam, the provider alone knows"
UNSUBSCRIBE = "newsletters need List-Unsubscribe and List-Unsubscribe-Post (RFC 8058) within what DKIM signs"
FORMAT = "seen in messages alone"

ROWS: tuple[tuple[str, str, tuple[tuple[str, bool, Rule], ...]], ...] = (
    (
        "Google",
        GOOGLE,
        (
            ("SPF or DKIM passes", False, _spf_or_dkim),
            ("PTR and A of the sending addresses agree", False, _names),
            ("TLS for what is sent", False, _tls),
            ("spam rate below 0.3 %", False, _elsewhere(COMPLAINTS, POSTMASTER_TOOLS)),
            ("well-formed messages (RFC 5322)", False, _elsewhere(FORMAT, A_MESSAGE)),
            ("SPF passes", True, _spf),
            ("DKIM passes", True, _dkim),
            ("a DMARC record, p=none at least", True, _dmarc),
            ("From aligns with SPF or DKIM", True, _aligned),
            ("one-click unsubscribe", True, _elsewhere(UNSUBSCRIBE, A_MESSAGE)),
        ),
    ),
    (
        "Yahoo",
        YAHOO,
        (
            ("SPF or DKIM passes", False, _spf_or_dkim),
            ("PTR and A of the sending addresses agree", False, _names),
            ("spam rate below 0.3 %", False, _elsewhere(COMPLAINTS, SENDER_HUB)),
            ("well-formed messages (RFC 5321, RFC 5322)", False, _elsewhere(FORMAT, A_MESSAGE)),
            ("SPF passes", True, _spf),
            ("DKIM passes", True, _dkim),
            ("a DMARC record, p=none at least", True, _dmarc),
            ("From aligns with SPF or DKIM", True, _aligned),
            ("one-click unsubscribe", True, _elsewhere(UNSUBSCRIBE, A_MESSAGE)),
        ),
    ),
    (
        "Microsoft",
        MICROSOFT,
        (
            ("PTR of the sending addresses", False, _names),
            ("few complaints", False, _elsewhere(COMPLAINTS, SNDS)),
            ("SPF passes", True, _spf),
            ("DKIM passes", True, _dkim),
            ("a DMARC record, p=none at least", True, _dmarc),
            ("From aligns with SPF or DKIM", True, _aligned),
        ),
    ),
)


def compliance(report: Report) -> tuple[Provider, ...]:
    """Each provider's demands, measured by what a whole report found."""
    return tuple(
        Provider(name, source, tuple(Requirement(text, bulk, rule(report)) for text, bulk, rule in rows))
        for name, source, rows in ROWS
    )


def in_a_line(providers: Sequence[Provider]) -> str:
    """`Google: 1 not met, 3 not known from here · Yahoo: …`."""
    return " · ".join(f"{provider.name}: {_counts(provider)}" for provider in providers)


def _counts(provider: Provider) -> str:
    counts = [f"{len(provider.of(state))} {state}" for state in (State.NOT_MET, State.NOT_KNOWN, State.MET)]
    return listed([count for count in counts if not count.startswith("0 ")])

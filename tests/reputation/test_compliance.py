"""What Google, Yahoo and Microsoft demand, measured by findings: never met by what is not known."""

from __future__ import annotations

import pytest

from bot.reputation.compliance import Provider, State, compliance, in_a_line
from bot.reputation.findings import Finding, Severity
from bot.reputation.report import Report
from tests.reputation.reports import ADDRESS, DOMAIN, finding, report

EITHER, NAMES, SPF, DKIM = "SPF or DKIM passes", "PTR and A of the sending addresses agree", "SPF passes", "DKIM passes"
DMARC, ALIGNED = "a DMARC record, p=none at least", "From aligns with SPF or DKIM"
OF_THE_DNS = {EITHER, NAMES, SPF, DKIM, DMARC, ALIGNED}
NEVER_KNOWN = {
    "TLS for what is sent",
    "spam rate below 0.3 %",
    "well-formed messages (RFC 5322)",
    "one-click unsubscribe",
}


def google(found: Report) -> Provider:
    return compliance(found)[0]


def states(found: Report, state: State) -> set[str]:
    return {each.text for each in google(found).of(state)}


def test_a_host_without_a_fault_meets_what_can_be_known_and_no_more() -> None:
    assert states(report(), State.MET) == OF_THE_DNS
    assert states(report(), State.NOT_KNOWN) == NEVER_KNOWN
    assert in_a_line(compliance(report())) == (
        "Google: 4 not known from here and 6 met · Yahoo: 3 not known from here and 6 met"
        " · Microsoft: 1 not known from here and 5 met"
    )


@pytest.mark.parametrize(
    ("wrong", "without", "not_met"),
    [
        (finding("spf.none", Severity.PROBLEM), "spf.", {SPF}),
        (finding("spf.not_passed", Severity.PROBLEM, f"{DOMAIN} from {ADDRESS}"), "spf.pass", {SPF}),
        (finding("dkim.absent", Severity.PROBLEM, f"s1._domainkey.{DOMAIN}"), "dkim.", {DKIM}),
        (finding("dmarc.none", Severity.PROBLEM), "dmarc.", {DMARC}),
        (finding("alignment.none", Severity.PROBLEM), "alignment.", {ALIGNED}),
        (finding("ptr.missing", Severity.PROBLEM, ADDRESS, "dns"), "ptr.", {NAMES}),
        (finding("rbl.listed", Severity.PROBLEM, ADDRESS, "rbl"), "rbl.", set()),
        (finding("dmarc.policy_none", Severity.WARNING), "dmarc.", set()),
        (finding("alignment.spf_only", Severity.WARNING), "alignment.", set()),
    ],
)
def test_a_fault_fails_what_it_is_about(wrong: Finding, without: str, not_met: set[str]) -> None:
    found = report(wrong, without=without)
    assert states(found, State.NOT_MET) == not_met
    assert states(found, State.MET) == OF_THE_DNS - not_met
    whys = {each.text: each.verdict.why for each in google(found).of(State.NOT_MET)}
    assert all(whys.values())


@pytest.mark.parametrize(
    ("code", "subject", "unknown"),
    [
        ("spf.unknown", DOMAIN, {SPF}),
        ("dkim.unknown", f"s1._domainkey.{DOMAIN}", {DKIM}),
        ("dmarc.unknown", DOMAIN, {DMARC}),
        ("alignment.unknown", DOMAIN, {ALIGNED}),
        ("ptr.unknown", ADDRESS, {NAMES}),
    ],
)
def test_what_is_not_known_is_neither_met_nor_failed(code: str, subject: str, unknown: set[str]) -> None:
    area = code.partition(".")[0]
    found = report(finding(code, Severity.UNKNOWN, subject), without=f"{area}.")
    assert states(found, State.NOT_MET) == set()
    assert states(found, State.NOT_KNOWN) == NEVER_KNOWN | unknown
    assert all(each.verdict.why and each.verdict.look for each in google(found).of(State.NOT_KNOWN))


def test_with_nothing_found_nothing_is_met() -> None:
    for found in (report(without=""), report(without="", domains=(), addresses=())):
        for provider in compliance(found):
            assert {each.verdict.state for each in provider.requirements} == {State.NOT_KNOWN}


def test_mail_that_leaves_through_a_relay_is_judged_by_its_keys_alone() -> None:
    found = report(through="relay.example.net", addresses=(), without="ptr.")
    assert states(found, State.MET) == {EITHER, DKIM, DMARC, ALIGNED}
    whys = {each.text: each.verdict.why for each in google(found).of(State.NOT_KNOWN)}
    assert whys[NAMES] == "mail leaves through relay.example.net"


def test_each_provider_has_its_page() -> None:
    assert all(provider.source.startswith("https://") for provider in compliance(report()))

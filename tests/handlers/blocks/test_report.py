"""The card of a report: what is wrong comes first, unknown is never clean, and Slack takes whatever it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.console.workspace import text_of
from bot.reputation.findings import Finding, Severity
from bot.reputation.report import NO_REPUTATION, Report, sorted_findings
from handlers.blocks import report as blocks
from handlers.blocks.kit import Card
from tests.handlers.blocks.hostile import ACTOR, taken_by_slack, texts, thorough
from tests.reputation.reports import STARTED, WELL, finding, report

SPF = finding(
    "spf.none",
    Severity.PROBLEM,
    text="example.org has no SPF record.",
    advice="Publish one.",
    publish=('example.org. IN TXT "v=spf1 ip4:192.0.2.25 ~all"',),
)
SINGLE = finding("mx.single", Severity.WARNING, part="dns", text="example.org has a single host.")


def words(card: Card) -> str:
    return text_of(card.blocks)


def lines(found: Report) -> list[str]:
    return words(blocks.report(7, found, ACTOR)).splitlines()


def test_a_good_report_is_a_verdict_and_a_line() -> None:
    shown = lines(report())
    assert shown[0] == "🟢 mx1: all checks pass."
    assert shown[1] == ("🟢 9 checks pass: host name, PTR, MX, SPF (2), DKIM, DMARC, alignment and blocklists.")
    assert shown[2].startswith("What they demand of senders – Google: 4 not known from here and 6 met · Yahoo")
    assert NO_REPUTATION in words(blocks.report(7, report(), ACTOR))


def test_what_fails_comes_first_with_advice_and_records() -> None:
    shown = lines(report(SINGLE, SPF, without="spf."))
    assert shown[:4] == [
        "🔴 mx1: 1 problem and 1 warning.",
        "🔴 example.org has no SPF record.",
        "Publish one.",
        'example.org. IN TXT "v=spf1 ip4:192.0.2.25 ~all"',
    ]
    assert shown[4] == "🟡 example.org has a single host."
    assert blocks.report(7, report(SPF), ACTOR).text.startswith("🔴 mx1: 1 problem. example.org has no SPF record.")


def test_what_could_not_be_found_out_for_one_reason_is_told_together() -> None:
    gone = [
        finding(code, Severity.UNKNOWN, advice="Look whether the resolver runs.", evidence=("timeout: no answer",))
        for code in ("spf.unknown", "dkim.unknown", "mx.unknown")
    ]
    shown = lines(report(*gone, without=""))
    assert shown[:3] == [
        "⚪ mx1: 3 could not be found out.",
        "⚪ 3 checks could not be done: SPF of example.org, DKIM of example.org and MX of example.org.",
        "Why: timeout: no answer. Look whether the resolver runs.",
    ]
    assert "pass" not in " ".join(shown[:3])


def test_one_under_way_says_how_far_it_is_and_judges_nothing() -> None:
    shown = lines(replace(report(SPF, without="spf."), finished=None, ended=4))
    assert shown[:2] == ["⏳ mx1: 1 problem so far.", "4 of 9 checks have ended. This message completes itself."]
    assert "demand" not in "".join(shown)
    shown = lines(Report("mx1", "all", STARTED))
    assert shown[:2] == ["⏳ mx1: nothing is known yet.", "Asking mx1 how it sends. This message completes itself."]


def test_one_that_was_broken_off_is_not_called_well() -> None:
    shown = lines(report(broken_off=True))
    assert shown[0].startswith("⚪ mx1: broken off")
    assert shown[1] == "The bot was stopped before all checks had ended. What is not shown here is not known."


def test_what_does_not_matter_is_said_with_its_reason() -> None:
    away = finding(
        "ptr.not_applicable", Severity.NOT_APPLICABLE, text="The PTR does not matter: mail leaves through r."
    )
    assert "➖ The PTR does not matter: mail leaves through r." in lines(report(away, without="ptr."))


def test_everything_is_shown_in_pages_with_evidence_and_source() -> None:
    found = report(SPF)
    seen = [words(blocks.everything(7, found, page, "r")) for page in range(2)]
    assert seen[0].startswith("mx1: 1–5 of 10 results, the worst first")
    assert "spf.none · RFC 7208 §4" in seen[0] and "example.org. IN TXT" in seen[0]
    for each in found.findings:
        assert sum(f"{each.code} · " in page for page in seen) == 1
    assert words(blocks.everything(7, found, 99, "r")) == seen[1]


def test_providers_are_shown_with_where_to_look() -> None:
    shown = words(blocks.providers(report(SPF, without="spf.")))
    assert "🔴 SPF passes: SPF of example.org" in shown.partition("From 5,000 messages a day also:")[2]
    assert "Postmaster Tools" in shown and "SNDS" in shown and NO_REPUTATION in shown


def test_the_line_of_status_has_an_age_and_never_takes_unknown_for_clean() -> None:
    now = STARTED + timedelta(hours=3, seconds=8)
    assert blocks.last_result("mx1", None, now) == "⚪ Reputation of mx1: not checked yet. /mail check mx1"
    assert blocks.last_result("mx1", report(SPF), now) == "🔴 Reputation of mx1, 3 h ago: 1 problem. /mail check mx1"
    unknown = report(finding("spf.unknown", Severity.UNKNOWN), without="spf.")
    assert blocks.last_result("mx1", unknown, now).startswith(
        "⚪ Reputation of mx1, 3 h ago: 1 could not be found out."
    )


findings = st.builds(
    Finding,
    part=st.sampled_from(("dns", "auth", "rbl", "tls")),
    severity=st.sampled_from(Severity),
    code=st.sampled_from([each.code for each in WELL]),
    subject=texts,
    text=texts,
    evidence=st.lists(texts, max_size=3).map(tuple),
    source=texts,
    advice=texts,
    publish=st.lists(texts, max_size=3).map(tuple),
)


@thorough
@given(st.lists(findings, max_size=30), texts, st.booleans(), texts)
def test_slack_takes_every_card_and_nothing_in_it_acts(
    found: list[Finding], host: str, finished: bool, through: str
) -> None:
    made = report(without="", findings=sorted_findings(found), through=through)
    made = made if finished else replace(made, finished=None)
    made = replace(made, host=host[:63] or "mx1")
    taken_by_slack(blocks.report(7, made, ACTOR))
    taken_by_slack(blocks.everything(7, made, 0, "r"))
    taken_by_slack(blocks.providers(made))


def test_a_note_has_a_sign_that_every_screen_shows() -> None:
    shown = words(blocks.everything(7, report(finding("mtasts.none", Severity.INFO)), 0, "r1"))
    assert "🔵" in shown and "\\u" not in shown

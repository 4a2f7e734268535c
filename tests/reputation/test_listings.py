"""What a sweep comes to: a sentence, findings and an exit status, in which unknown is neither clean nor listed."""

from __future__ import annotations

import pytest

from bot.reputation.findings import Severity
from bot.reputation.listings import coverage_line, findings, not_asked_line, silence_line, verdict
from bot.reputation.subjects import subject
from bot.reputation.sweep import Sweep
from tests.reputation.lists import table, zones
from tests.reputation.reading import are_told_well, codes, only
from tests.reputation.sweeps import POLICY, SINCE, US, clean, hit, silent, sweep, zone

OTHER = subject("192.0.2.26")


@pytest.mark.parametrize(
    ("found", "status", "severity", "said"),
    [
        (sweep(clean(zone())), 0, Severity.OK, "192.0.2.25 is not on the one blocklist that answered."),
        (sweep(hit(zone("critical"))), 2, Severity.PROBLEM, "is listed by Critical List: most receivers refuse"),
        (
            sweep(hit(zone("high")), hit(zone("info"))),
            2,
            Severity.PROBLEM,
            "is listed by High List and Info List: many",
        ),
        (sweep(hit(zone("medium"))), 1, Severity.WARNING, "listed by Medium List: some receivers refuse mail for it"),
        (sweep(hit(zone("low"))), 1, Severity.WARNING, "is listed by Low List: filters score it"),
        (sweep(hit(zone("info"))), 0, Severity.INFO, "is listed by Info List: hardly anybody refuses mail for it."),
        (
            sweep(hit(zone("info")), silent(zone("medium"))),
            3,
            Severity.UNKNOWN,
            "what Medium List would say is not known",
        ),
        (
            sweep(clean(zone()), silent(zone("medium"))),
            3,
            Severity.UNKNOWN,
            "but what Medium List would say is not known",
        ),
        (
            sweep(clean(zone()), silent(zone("low"))),
            0,
            Severity.OK,
            "192.0.2.25 is not on the one blocklist that answered.",
        ),
        (
            sweep(silent(zone("low"))),
            3,
            Severity.UNKNOWN,
            "It is not known whether 192.0.2.25 is listed: no blocklist answered.",
        ),
        (
            sweep(hit(zone("info", allow=True)), clean(zone())),
            0,
            Severity.OK,
            "is not on the one blocklist that answered.",
        ),
        (
            sweep(clean(zone()), silent(zone("high", allow=True, zone="good.example"))),
            0,
            Severity.OK,
            "is not on the one blocklist that answered.",
        ),
        (sweep(hit(zone("high"), codes=(POLICY,))), 2, Severity.PROBLEM, "is listed by High List"),
    ],
)
def test_the_verdict_and_the_exit_status(found: Sweep, status: int, severity: Severity, said: str) -> None:
    told, sentence = verdict(found)
    assert (found.exit_status, told) == (status, severity) and said in sentence


def test_a_listing_says_what_it_means_in_whose_words_since_when_and_what_to_do() -> None:
    of = zone("high", delist="https://bl.example/remove", expires="after a week")
    (found,) = findings(sweep(hit(of, reason="Spam, see https://bl.example", since=SINCE)), US)
    assert (found.code, found.severity, found.subject) == ("rbl.listed", Severity.PROBLEM, "192.0.2.25")
    assert found.text == "192.0.2.25 is listed by High List (sent spam): many receivers refuse mail for it."
    assert found.evidence == (
        "High List (high.example): 127.0.0.2",
        "High List says: Spam, see https://bl.example",
        "seen since 2026-02-01 08:05 UTC",
    )
    assert "https://bl.example/remove" in found.advice and "It leaves the list: after a week." in found.advice
    assert are_told_well([found])


def test_a_providers_policy_has_words_of_its_own() -> None:
    found = only(findings(sweep(hit(zone("critical"), codes=(POLICY,))), US), "rbl.policy")
    assert "not abuse" in found.advice and "many receivers" in found.text and are_told_well([found])


def test_lists_that_could_not_say_are_one_finding_for_one_cause_and_the_same_for_every_subject() -> None:
    medium, high, low = zone("medium"), zone("high"), zone("low")
    whole = sweep(*(silent(of, who) for of in (medium, high, low) for who in (US, OTHER)), clean(zone("info")))
    for who in (US, OTHER):
        told = [each for each in findings(whole, who) if each.code == "rbl.unknown"]
        assert [each.severity for each in told] == [Severity.UNKNOWN, Severity.INFO]
        assert told[0].text == "Medium List and High List gave no answer in time." and told[0].subject == ""
        assert are_told_well(told)
    assert codes(findings(whole, US)) == ["rbl.not_listed", "rbl.unknown", "rbl.unknown"]
    assert codes(findings(whole, OTHER)) == ["rbl.unknown", "rbl.unknown"], "no blocklist answered for it: not clean"


def test_one_of_several_of_which_nothing_is_known_is_not_clean_by_the_others() -> None:
    whole = sweep(clean(zone("low")), clean(zone("high")), silent(zone("info"), OTHER))
    assert whole.exit_status == 3
    assert verdict(whole) == (
        Severity.UNKNOWN,
        "It is not known whether 192.0.2.26 is listed: no blocklist answered.",
    )


def test_a_silence_about_one_of_several_names_it() -> None:
    of = zone()
    whole = sweep(clean(of), silent(of, OTHER, "servfail", "the resolver says SERVFAIL"))
    (each,) = whole.coverage.silent
    assert silence_line(each).startswith(
        "High List could not be looked up for 192.0.2.26: the resolver says SERVFAIL. "
    )
    assert whole.coverage.answered == 0, "a list answered when it did so for all"


def test_who_is_known_for_good_is_told_so_and_is_not_listed_for_it() -> None:
    found = findings(sweep(hit(zone("info", allow=True)), clean(zone("high"))), US)
    assert codes(found) == ["rbl.good", "rbl.not_listed"]


def test_the_coverage_is_honest() -> None:
    whole = sweep(
        clean(zone("low")),
        silent(zone("high"), cause="refused", detail="your resolver is public (127.255.255.254)"),
        left_out=(zone("medium", zone="{key}.m.example", key="m"), zone("high", zone="{key}.h.example", key="m")),
    )
    assert coverage_line(whole) == "1 of 2 lists answered, asked through 127.0.0.1."
    (each,) = whole.coverage.silent
    assert silence_line(each).startswith(
        "High List refused: your resolver is public (127.255.255.254). Have the bot ask"
    )
    assert not_asked_line(whole) == "Medium List and High List: they need a key"


def test_a_list_that_may_have_turned_this_resolver_away_says_what_it_asks_for() -> None:
    barracuda = zone("high", note="register your resolver's address")
    found = only(findings(sweep(silent(barracuda), clean(zone("low"))), US), "rbl.unknown")
    assert found.advice.endswith("High List: register your resolver's address.")
    unreachable = silent(barracuda, cause="unreachable", detail="nothing listens there")
    assert "register" not in only(findings(sweep(unreachable), US), "rbl.unknown").advice


def test_a_list_with_a_key_that_fails_its_test_may_have_a_wrong_key() -> None:
    (of,) = zones(table("{key}.bl.example", key="ours"), ours="secret26")
    found = only(findings(sweep(silent(of, cause="broken_zone", detail="its data are gone")), US), "rbl.broken")
    assert found.text.endswith(" failed the test of a list that works.") and "secret26" not in repr(found)
    assert found.advice.startswith("Look whether its key in DNSBL_KEYS is right.")


def test_lists_of_the_good_are_told_apart_from_the_blocklists() -> None:
    whole = sweep(clean(zone("low")), clean(zone("info", allow=True)))
    assert coverage_line(whole) == (
        "2 of 2 lists answered, asked through 127.0.0.1; 1 of them tells who is known for good, not who is bad."
    )

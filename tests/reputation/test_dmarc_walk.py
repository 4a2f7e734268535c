"""The tree walk, by the examples of RFC 9989 §4.10 and §5.1.8, and over a real DNS."""

from __future__ import annotations

import pytest

from bot.reputation.answers import Absent, Answer, Result, Unknown
from bot.reputation.dmarc_walk import MOST_QUERIES, Step, Walk, names, walk
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import NO_SUCH_NAME, Manner
from tests.dns.world import DnsWorld


def test_a_long_name_is_shortened_to_seven_labels() -> None:
    assert names("a.b.c.d.e.f.g.h.i.j.mail.example.com") == (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    )


def test_a_record_at_eight_labels_is_never_found_from_below() -> None:
    assert "b.c.d.e.f.g.example.com" not in names("mail.a.b.c.d.e.f.g.example.com")


@pytest.mark.parametrize("labels", range(1, 20))
def test_no_walk_asks_more_than_eight_times(labels: int) -> None:
    asked = names(".".join(f"l{number}" for number in range(labels)))
    assert len(asked) == min(labels, MOST_QUERIES) == len(set(asked))


def a_walk(domain: str, found: dict[str, str]) -> Walk:
    """One whose records are known; it ends where the real one does."""
    steps = []
    for name in names(domain):
        result: Result = Answer(name, 60, (found[name],)) if name in found else Absent(name, 60)
        steps.append(Step(name, result))
        if "psd=y" in found.get(name, "") or "psd=n" in found.get(name, ""):
            break
    return Walk(domain, tuple(steps))


@pytest.mark.parametrize(
    ("domain", "found", "organizational", "policy_at"),
    [
        # The three examples of §4.10.2.
        ("a.mail.example.com", {"mail.example.com": "", "example.com": ""}, "example.com", "example.com"),
        ("a.mail.example.com", {"mail.example.com": "psd=n"}, "mail.example.com", "mail.example.com"),
        ("a.mail.example.com", {"com": "psd=y"}, "example.com", "com"),
        # A public suffix in the middle, as in the second rule's text.
        ("a.mail.example.com", {"example.com": "psd=y"}, "mail.example.com", "example.com"),
        # A public suffix that sends mail is its own organization by rule 3.
        ("bank.test", {"bank.test": "psd=y"}, "bank.test", "bank.test"),
        ("a.example.com", {"a.example.com": "", "example.com": ""}, "example.com", "a.example.com"),
        ("a.example.com", {"example.com": "", "com": "psd=y"}, "example.com", "example.com"),
        ("a.example.com", {"a.example.com": "", "com": "psd=y"}, "example.com", "a.example.com"),
        ("a.example.com", {}, "a.example.com", None),
    ],
)
def test_organizational_domain_and_policy_follow_from_what_is_found(
    domain: str, found: dict[str, str], organizational: str, policy_at: str | None
) -> None:
    walked = a_walk(domain, {name: f"v=DMARC1; p=none; {tags}" for name, tags in found.items()})
    assert walked.organizational == organizational
    assert (walked.policy.name if walked.policy else None) == policy_at


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_several_records_at_one_name_are_discarded_and_the_walk_goes_on(dns: DnsWorld) -> None:
    dns.zone(
        "walk-several.test",
        '_dmarc TXT "v=DMARC1; p=reject"\n_dmarc.sub TXT "v=DMARC1; p=none"\n_dmarc.sub TXT "v=DMARC1; p=quarantine"',
    )
    walked = await walk(Resolver([dns.resolver]), "sub.walk-several.test")
    assert walked.policy and walked.policy.name == "walk-several.test" and len(walked.first.texts) == 2


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_a_walk_asks_for_each_name_once_and_stops_looking_at_psd(dns: DnsWorld) -> None:
    wrong = dns.misbehaving("walk-stop.test")
    wrong.below("walk-stop.test", NO_SUCH_NAME)
    wrong.at("_dmarc.b.walk-stop.test", Manner(records={"TXT": ['"v=DMARC1; p=none; psd=n"']}))
    wrong.at("_dmarc.walk-stop.test", Manner(rcode="SERVFAIL"))
    walked = await walk(Resolver([dns.resolver], timeout=2), "a.b.walk-stop.test")
    assert walked.organizational == "b.walk-stop.test" and walked.unknown is None


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_a_step_without_an_answer_leaves_the_organization_unknown(dns: DnsWorld) -> None:
    wrong = dns.misbehaving("walk-fails.test")
    wrong.below("walk-fails.test", NO_SUCH_NAME)
    wrong.at("_dmarc.walk-fails.test", Manner(rcode="SERVFAIL"))
    walked = await walk(Resolver([dns.resolver], timeout=2), "a.walk-fails.test")
    assert isinstance(walked.unknown, Unknown)

"""MTA-STS over real zones and a real HTTPS server: the good domain, then one fault at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.reputation.findings import Finding, Severity
from bot.reputation.mtasts import check
from bot.reputation.mtasts_policy import Policy, policy_id, read
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import SILENT
from tests.dns.world import DnsWorld
from tests.reputation.reading import are_told_well, codes
from tests.smtp.certificates import DAY, Authority, Shown, self_signed
from tests.smtp.peer import dropping, nobody
from tests.smtp.web import Web

pytestmark = pytest.mark.real("nsd", "rbldnsd", "unbound")

DOMAIN = "mtasts-checked.test"
HOST = f"mta-sts.{DOMAIN}"
ZONE = "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A 192.0.2.1\nmx2 A 192.0.2.2\n"
RECORD = '_mta-sts TXT "v=STSv1; id=20260101T000000;"\nmta-sts A 192.0.2.80\n'
POLICY = f"version: STSv1\r\nmode: enforce\r\nmx: mx1.{DOMAIN}\r\nmx: mx2.{DOMAIN}\r\nmax_age: 604800\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def seen(
    dns: DnsWorld, authority: Authority, end: tuple[str, int], zone: str = ZONE + RECORD, patience: float = 10
) -> tuple[Finding, ...]:
    dns.zone(DOMAIN, zone)
    resolver = Resolver([dns.resolver], timeout=1)
    found = await check(
        resolver, DOMAIN, road=lambda address, port: end, authorities=str(authority.file), patience=patience
    )
    assert are_told_well(found) and all(each.evidence for each in found)
    return found


@pytest.mark.parametrize("framing", ["length", "chunks", "until the end"])
async def test_a_good_domain_passes(dns: DnsWorld, authority: Authority, framing: str) -> None:
    with Web(authority.server(HOST), POLICY, framing=framing) as web:
        found = await seen(dns, authority, web.endpoint)
    assert codes(found) == ["mtasts.ok"]
    assert [asked.partition("/")[2] for asked in web.asked] == [".well-known/mta-sts.txt"]
    assert web.asked[0].startswith(HOST)


@pytest.mark.parametrize(
    ("fault", "severity", "policy"),
    [
        ("mtasts.mx", Severity.PROBLEM, POLICY.replace(f"mx: mx2.{DOMAIN}", "mx: mx.old.test")),
        ("mtasts.mx", Severity.PROBLEM, POLICY.replace(f"mx: mx2.{DOMAIN}", "mx: *.test")),
        ("mtasts.testing", Severity.WARNING, POLICY.replace("enforce", "testing")),
        ("mtasts.mode_none", Severity.INFO, "version: STSv1\nmode: none\nmax_age: 86400\n"),
        ("mtasts.short", Severity.WARNING, POLICY.replace("604800", "3600")),
        ("mtasts.bad_policy", Severity.PROBLEM, POLICY.replace("enforce", "on")),
        ("mtasts.bad_policy", Severity.PROBLEM, POLICY.replace("STSv1", "STSv2")),
        ("mtasts.bad_policy", Severity.PROBLEM, POLICY.replace("604800", "forever")),
        ("mtasts.bad_policy", Severity.PROBLEM, "version: STSv1\nmode: enforce\nmax_age: 604800\n"),
        ("mtasts.bad_policy", Severity.PROBLEM, "<!DOCTYPE html><title>Welcome</title>"),
        ("mtasts.bad_policy", Severity.PROBLEM, ""),
        ("mtasts.no_policy", Severity.PROBLEM, POLICY + "x: y\n" * 20_000),
    ],
)
async def test_each_fault_of_a_policy_is_found_and_nothing_else(
    dns: DnsWorld, authority: Authority, fault: str, severity: Severity, policy: str
) -> None:
    with Web(authority.server(HOST), policy) as web:
        found = await seen(dns, authority, web.endpoint)
    assert codes(found) == [fault] and found[0].severity is severity


async def test_what_testing_would_break_is_a_warning(dns: DnsWorld, authority: Authority) -> None:
    policy = POLICY.replace("enforce", "testing").replace(f"mx: mx2.{DOMAIN}\r\n", "")
    with Web(authority.server(HOST), policy) as web:
        found = await seen(dns, authority, web.endpoint)
    assert codes(found) == ["mtasts.mx", "mtasts.testing"]
    assert {each.severity for each in found} == {Severity.WARNING}


@pytest.mark.parametrize("shown", ["expired", "self-signed", "wrong name", "unknown authority", "no TLS at all"])
async def test_a_certificate_that_is_not_believed_is_found(
    dns: DnsWorld, authority: Authority, tmp_path: Path, shown: str
) -> None:
    kinds: dict[str, Callable[[], Shown | None]] = {
        "expired": lambda: authority.server(HOST, left=-1 * DAY),
        "self-signed": lambda: self_signed(tmp_path, HOST),
        "wrong name": lambda: authority.server(DOMAIN),
        "unknown authority": lambda: Authority(tmp_path, "Another").server(HOST),
        "no TLS at all": lambda: None,
    }
    with Web(kinds[shown](), POLICY) as web:
        found = await seen(dns, authority, web.endpoint)
    assert codes(found) == ["mtasts.certificate"] and found[0].severity is Severity.PROBLEM
    assert web.asked == []


async def test_a_redirect_is_not_followed(dns: DnsWorld, authority: Authority) -> None:
    with ExitStack() as stack:
        good = stack.enter_context(Web(authority.server(HOST), POLICY))
        to = f"https://{HOST}:{good.endpoint[1]}/.well-known/mta-sts.txt"
        web = stack.enter_context(Web(authority.server(HOST), status=301, location=to))
        found = await seen(dns, authority, web.endpoint)
    assert codes(found) == ["mtasts.redirect"] and good.asked == []


async def test_a_policy_that_is_not_there_is_found_and_one_that_is_not_reached_is_unknown(
    dns: DnsWorld, authority: Authority
) -> None:
    with Web(authority.server(HOST), "not here", status=404) as web:
        assert codes(await seen(dns, authority, web.endpoint)) == ["mtasts.no_policy"]
    assert codes(await seen(dns, authority, nobody())) == ["mtasts.no_policy"]
    assert codes(await seen(dns, authority, nobody(), ZONE + RECORD.partition("\n")[0])) == ["mtasts.no_policy"]
    with dropping() as silent:
        found = await seen(dns, authority, silent, patience=1)
    assert codes(found) == ["mtasts.unknown"] and found[0].severity is Severity.UNKNOWN
    with Web(authority.server(HOST), POLICY, after=2) as web:
        assert codes(await seen(dns, authority, web.endpoint, patience=1)) == ["mtasts.unknown"]


@pytest.mark.parametrize(
    ("fault", "severity", "record"),
    [
        ("mtasts.none", Severity.INFO, ""),
        ("mtasts.none", Severity.INFO, '_mta-sts TXT "unrelated"'),
        ("mtasts.several", Severity.PROBLEM, '_mta-sts TXT "v=STSv1; id=1;"\n_mta-sts TXT "v=STSv1; id=2;"'),
        ("mtasts.invalid", Severity.PROBLEM, '_mta-sts TXT "v=STSv1;"'),
        ("mtasts.invalid", Severity.PROBLEM, '_mta-sts TXT "v=STSv1; id=2026-01-01;"'),
        ("mtasts.invalid", Severity.PROBLEM, '_mta-sts TXT "v=STSv1 id=1"'),
    ],
)
async def test_each_fault_of_a_record_is_found_and_nothing_is_fetched(
    dns: DnsWorld, authority: Authority, fault: str, severity: Severity, record: str
) -> None:
    with Web(authority.server(HOST), POLICY) as web:
        found = await seen(dns, authority, web.endpoint, ZONE + "mta-sts A 192.0.2.80\n" + record)
    assert codes(found) == [fault] and found[0].severity is severity and web.asked == []


async def test_what_is_to_be_published_sets_it_up(dns: DnsWorld, authority: Authority) -> None:
    (none,) = await seen(dns, authority, nobody(), ZONE)
    record, *policy = none.publish
    with Web(authority.server(HOST), "\r\n".join(policy)) as web:
        found = await seen(dns, authority, web.endpoint, f"{ZONE}mta-sts A 192.0.2.80\n{record}")
    assert codes(found) == ["mtasts.testing"]


async def test_what_nobody_answers_is_unknown(dns: DnsWorld, authority: Authority) -> None:
    found = await check(Resolver([dns.nowhere], timeout=0.3), DOMAIN)
    assert codes(found) == ["mtasts.unknown"]
    dns.misbehaving("mtasts-silent.test").below("mtasts-silent.test", SILENT)
    with Web(authority.server(HOST), POLICY) as web:
        zone = RECORD.replace("mta-sts A 192.0.2.80", "mta-sts CNAME web.mtasts-silent.test.") + ZONE
        assert codes(await seen(dns, authority, web.endpoint, zone)) == ["mtasts.unknown"]


def test_a_policy_is_read_strictly() -> None:
    assert read(POLICY) == Policy("enforce", 604_800, (f"mx1.{DOMAIN}", f"mx2.{DOMAIN}"))
    assert read(POLICY + "mode: none\nfuture: yes\n") == read(POLICY)
    assert Policy("enforce", 1, ("*.a.test",)).has("mx.a.test")
    assert not Policy("enforce", 1, ("*.a.test",)).has("a.test")
    assert not Policy("enforce", 1, ("*.a.test",)).has("x.mx.a.test")
    assert isinstance(read(POLICY.replace("604800", "31557601")), str)
    assert isinstance(read(POLICY.replace("mx1", "mx 1")), str)
    assert policy_id("v=STSv1; id=abc123; later=1") == "abc123" and policy_id(f"v=STSv1; id={'x' * 33}") is None

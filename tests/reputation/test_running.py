"""All checks at once under one deadline: what is known is told early, what is missing is unknown with its cause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from bot.demo import dnsworld
from bot.demo.nameserver import NameServer
from bot.errors import HostUnreachable
from bot.mailhost.host import MailHost
from bot.reputation.answers import Kind, Result
from bot.reputation.findings import Severity
from bot.reputation.report import Report, Scope
from bot.reputation.resolver import Resolver
from bot.reputation.running import Checks
from bot.reputation.selfcheck import SelfCheck
from tests.dns.misbehaving import Manner, MisbehavingServer
from tests.reputation.hosts import Host, tools
from tests.reputation.lists import table, zones
from tests.reputation.reading import faults


class Away(Host):
    async def info(self) -> NoReturn:
        raise HostUnreachable("mx1", "nobody answers")

    async def probe(self, *_: Any, **__: Any) -> NoReturn:
        raise HostUnreachable("mx1", "nobody answers")


class Odd(Resolver):
    """Some names take their time, or hit upon a defect of the bot."""

    def __init__(self, server: str, after: float = 0.0, slow: str = "none", broken: str = "none") -> None:
        super().__init__([server], timeout=30)
        self._after, self._slow, self._broken = after, slow, broken

    async def ask(self, name: str, kind: Kind, *, zone: str = "") -> Result:
        if self._broken in name:
            raise KeyError(name)
        if self._slow in name:
            await asyncio.sleep(self._after)
        return await super().ask(name, kind, zone=zone)


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as made:
        made.publish("\n".join(dnsworld.records()))
        made.publish('_spf.newsletter.example. TXT "v=spf1 -all"')
        yield made


def checks(resolver: Resolver, deadline: float = 60.0) -> Checks:
    return Checks(tools(resolver), {}, lambda: datetime.now(UTC), deadline)


async def watched(made: Checks, host: MailHost, scope: Scope = "all", **more: Any) -> list[Report]:
    async with aclosing(made.watch(host, scope, **more)) as reports:
        return [report async for report in reports]


async def test_a_report_that_is_there_soon_is_told_once_and_whole(names: NameServer) -> None:
    (report,) = await watched(checks(Resolver([names.address])), Host(), first=60)
    assert report.finished and report.ended == report.checks > 5
    assert (report.fqdn, report.addresses, report.domains) == ("mx1.example.org", ("192.0.2.25",), ("example.org",))
    assert {"ptr.ok", "fqdn.ok", "mx.ok", "spf.ok", "dmarc.ok"} <= {each.code for each in report.findings}


@pytest.mark.parametrize("scope", ["dns", "auth", "rbl", "tls"])
async def test_a_narrowed_report_has_that_part_alone(names: NameServer, scope: Scope) -> None:
    (report,) = await watched(checks(Resolver([names.address])), Host(), scope, first=60)
    assert {each.part for each in report.findings} <= {scope} and report.scope == scope


async def test_what_is_known_is_told_before_the_rest_is(names: NameServer) -> None:
    made = checks(Odd(names.address, after=1.5, slow="_dmarc"))
    early, *_, last = await watched(made, Host(), first=0.2, between=0.2)
    assert early.finished is None and 0 < early.ended < early.checks
    codes = {each.code for each in early.findings}
    assert "ptr.ok" in codes and not any(code.startswith("dmarc") for code in codes)
    assert last.finished and last.ended == last.checks


async def test_a_host_that_thinks_for_long_is_told_of_too(names: NameServer) -> None:
    early, *_, last = await watched(checks(Resolver([names.address])), Host(after=0.5), first=0.1, between=60)
    assert early == Report("mx1", "all", early.started)
    assert last.finished and last.worst is not Severity.OK


async def test_what_the_deadline_cuts_off_is_unknown_and_the_rest_stays(names: NameServer) -> None:
    made = checks(Odd(names.address, after=60, slow="_dmarc"), deadline=5.0)
    began = time.monotonic()
    *_, report = await watched(made, Host())
    assert time.monotonic() - began < 30
    cut = {each.code: each for each in report.findings if "were over" in each.text}
    assert set(cut) == {"dmarc.unknown", "alignment.unknown"}
    assert cut["dmarc.unknown"].severity is Severity.UNKNOWN and cut["dmarc.unknown"].subject == "example.org"
    assert cut["dmarc.unknown"].text == (
        "The DMARC policy of example.org could not be found out: it was not known when the report's 5 s were over."
    )
    assert {"ptr.ok", "spf.ok"} <= {each.code for each in report.findings}


async def test_a_check_that_fails_inside_is_an_error_of_its_own_alone(
    names: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    *_, report = await watched(checks(Odd(names.address, broken="in-addr")), Host())
    (error,) = [each for each in report.findings if each.code.endswith(".internal_error")]
    assert (error.code, error.severity, error.subject) == ("ptr.internal_error", Severity.UNKNOWN, "192.0.2.25")
    (logged,) = caplog.records
    reference = str(logged.args[0]) if isinstance(logged.args, tuple) else ""
    assert reference and reference in error.text and reference in error.advice and logged.exc_info
    assert {"fqdn.ok", "mx.ok", "spf.ok"} <= {each.code for each in report.findings}


async def test_a_host_that_is_away_leaves_nothing_clean(names: NameServer) -> None:
    (report,) = await watched(checks(Resolver([names.address])), Away(), first=60)
    assert faults(report.findings) == ["outbound.unknown", "sending.unknown"]
    assert report.worst is Severity.UNKNOWN
    assert all("nobody answers" in each.text for each in report.findings)


async def test_a_host_that_never_says_how_it_sends_ends_with_the_deadline(names: NameServer) -> None:
    *_, report = await watched(checks(Resolver([names.address]), deadline=0.5), Host(after=60))
    assert faults(report.findings) == ["sending.unknown"] and report.finished


@pytest.mark.parametrize(
    "host",
    [
        Host(relayhost="[relay.example.net]:587"),
        Host(transport_maps="hash:/etc/postfix/transport", catch_all="[relay.example.net]:587"),
    ],
)
async def test_mail_that_leaves_through_another_host_makes_its_own_address_not_matter(
    names: NameServer, host: Host
) -> None:
    (report,) = await watched(checks(Resolver([names.address])), host, first=60)
    away = {each.code for each in report.of(Severity.NOT_APPLICABLE)}
    assert away == {"fqdn.not_applicable", "ptr.not_applicable", "rbl.not_applicable", "outbound.not_applicable"}
    assert all("[relay.example.net]:587" in each.text for each in report.of(Severity.NOT_APPLICABLE))
    assert not any(each.code.startswith("ptr.") and each.code not in away for each in report.findings)
    assert "mx.ok" in {each.code for each in report.findings}
    (aligned,) = [each for each in report.findings if each.code == "alignment.unknown"]
    assert (
        aligned.advice == "Look at Authentication-Results in a message that went out through [relay.example.net]:587."
    )


async def test_who_stops_listening_leaves_nothing_running(names: NameServer) -> None:
    made = checks(Odd(names.address, after=60, slow="_dmarc"))
    async with aclosing(made.watch(Host(), first=0.1)) as reports:
        async for _ in reports:
            break
    # `no_leftover_tasks` of conftest.py fails this test if something goes on.


async def test_with_the_resolver_gone_everything_is_unknown() -> None:
    with NameServer() as gone:
        address = gone.address
    *_, report = await watched(checks(Resolver([address], timeout=0.5)), Host())
    severities = {each.severity for each in report.findings if not each.code.startswith("sending.")}
    assert severities == {Severity.UNKNOWN} and report.worst is Severity.UNKNOWN


async def test_a_resolver_that_invents_answers_is_named_and_not_believed(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", Manner(records={"A": ["203.0.113.1"], "SOA": ["a. b. 1 2 3 4 5"]}))
    resolver = Resolver([misbehaving.address], timeout=2)
    asking = replace(tools(resolver), selfcheck=SelfCheck(resolver))
    made = Checks(asking, {}, lambda: datetime.now(UTC), 60)
    (report,) = await watched(made, Host(), first=60)
    assert "resolver.rewrites" in {each.code for each in report.findings}
    of_the_dns = [each for each in report.findings if each.code.startswith(("fqdn.", "mx.", "spf.", "dmarc."))]
    assert {each.severity for each in of_the_dns} == {Severity.UNKNOWN}


async def test_what_a_resolver_invented_before_it_was_found_out_is_not_believed_either(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below(".", Manner(records={"A": ["203.0.113.1"]}))
    misbehaving.at("com", Manner(records={"SOA": ["a. b. 1 2 3 4 5"]}, after=1.0))
    resolver = Resolver([misbehaving.address], timeout=10)
    lists = zones(table("one.test", kinds=["domain"]), table("two.test"))
    asking = replace(tools(resolver, lists), selfcheck=SelfCheck(resolver, lists))
    made = Checks(asking, {}, lambda: datetime.now(UTC), 60)
    (report,) = await watched(made, Host(smtp_bind_address=""), first=60)
    assert report.addresses == () and not any("203.0.113.1" in each.text for each in report.of(Severity.OK))
    assert "sending.unknown" in {each.code for each in report.of(Severity.UNKNOWN)}
    of_lists = {(each.code, each.severity) for each in report.findings if each.part == "rbl"}
    assert of_lists == {("rbl.unknown", Severity.UNKNOWN)}, "neither clean nor listed"

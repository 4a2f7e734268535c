"""A resolver that cannot be believed, or that lists refuse, is found and named; what it says counts for nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.reputation.answers import Answer, Unknown
from bot.reputation.blocklists import Blocklists
from bot.reputation.findings import Finding, Severity
from bot.reputation.resolver import Resolver
from bot.reputation.selfcheck import KEPT, SelfCheck
from bot.reputation.subjects import subject
from tests.dns.misbehaving import NO_SUCH_NAME, SILENT, Manner, MisbehavingServer
from tests.dns.world import DnsWorld
from tests.reputation.lists import a, behaves, table, zones

ERRORS = {"127.255.255.254": "your resolver is a public one"}
LISTS = zones(table("bl.test", errors=ERRORS, operator="Spamhouse"), table("other.test"))
INVENTED = a("198.51.100.80")
SOA = Manner(records={"SOA": ["ns.test. admin.test. 1 3600 600 86400 60"]})


@pytest.fixture
def second() -> Iterator[MisbehavingServer]:
    server = MisbehavingServer()
    server.start()
    yield server
    server.close()


def honest(server: MisbehavingServer) -> MisbehavingServer:
    server.below(".", NO_SUCH_NAME)
    server.at("com", SOA)
    server.at("good.test", a("192.0.2.1"))
    behaves(server, "bl.test")
    behaves(server, "other.test")
    return server


def rewriting(server: MisbehavingServer) -> MisbehavingServer:
    honest(server).below(".", INVENTED)
    return server


async def look(resolver: Resolver) -> tuple[Finding, ...]:
    return await SelfCheck(resolver, LISTS, parents=("com",)).findings()


def short(findings: tuple[Finding, ...]) -> list[tuple[str, Severity, str]]:
    return [(finding.code, finding.severity, finding.subject) for finding in findings]


async def test_one_that_knows_what_exists_and_denies_what_does_not_is_well(misbehaving: MisbehavingServer) -> None:
    resolver = Resolver([honest(misbehaving).address])
    assert short(await look(resolver)) == [("resolver.ok", Severity.OK, misbehaving.address)]
    assert isinstance(await resolver.ask("good.test", "A"), Answer)


async def test_one_that_invents_answers_is_named_and_nothing_it_says_is_believed(
    misbehaving: MisbehavingServer,
) -> None:
    resolver = Resolver([rewriting(misbehaving).address])
    assert isinstance(await resolver.ask("gone.test", "A"), Answer)  # before anybody looked
    (finding,) = await look(resolver)
    assert short((finding,)) == [("resolver.rewrites", Severity.PROBLEM, misbehaving.address)]
    assert misbehaving.address in finding.text and "DNS_SERVERS" in finding.advice
    assert all(line.endswith("A 198.51.100.80") for line in finding.evidence) and len(finding.evidence) == 2
    for name in ("gone.test", "good.test"):  # what was remembered counts no more
        assert await resolver.ask(name, "A") == Unknown(
            "rewritten", f"{misbehaving.address} invents answers for names that do not exist"
        )
    sweep = await Blocklists(resolver, LISTS).look([subject("192.0.2.9")])
    assert {(verdict.state, verdict.cause) for verdict in sweep.verdicts} == {("unknown", "rewritten")}


async def test_what_a_resolver_itself_calls_forged_is_invented(misbehaving: MisbehavingServer) -> None:
    honest(misbehaving).below("com", Manner(rcode="NXDOMAIN", extended=(4, "")))
    assert short(await look(Resolver([misbehaving.address]))) == [
        ("resolver.rewrites", Severity.PROBLEM, misbehaving.address)
    ]


async def test_another_server_is_asked_instead_of_one_that_invents(
    misbehaving: MisbehavingServer, second: MisbehavingServer
) -> None:
    resolver = Resolver([rewriting(misbehaving).address, honest(second).address])
    assert short(await look(resolver)) == [
        ("resolver.rewrites", Severity.PROBLEM, misbehaving.address),
        ("resolver.ok", Severity.OK, second.address),
    ]
    assert (await resolver.ask("good.test", "A")) == Answer("good.test", 60.0, ("192.0.2.1",))
    gone = await resolver.ask("gone.test", "A")
    assert not isinstance(gone, Answer | Unknown)


async def test_one_that_lists_refuse_is_named_with_those_that_refuse_it(misbehaving: MisbehavingServer) -> None:
    honest(misbehaving).at("2.0.0.127.bl.test", a("127.255.255.254"))
    (finding,) = await look(Resolver([misbehaving.address]))
    assert short((finding,)) == [("resolver.refused", Severity.WARNING, misbehaving.address)]
    assert finding.text.startswith(f"Spamhouse refused the resolver {misbehaving.address}")
    assert finding.evidence == ("bl.test: your resolver is a public one (127.255.255.254)",)
    assert misbehaving.questions("2.0.0.127.other.test", "A") == 0  # it tells of no refusals


@pytest.mark.parametrize(
    ("manner", "code"),
    [
        (Manner(rcode="REFUSED"), "resolver.resolves_nothing"),
        (Manner(rcode="SERVFAIL"), "resolver.resolves_nothing"),
        (NO_SUCH_NAME, "resolver.resolves_nothing"),  # of what exists, too
        (SILENT, "resolver.gone"),
    ],
)
async def test_one_of_no_use_is_unknown_not_wrong_and_a_warning_beside_one_that_works(
    misbehaving: MisbehavingServer, second: MisbehavingServer, manner: Manner, code: str
) -> None:
    misbehaving.below(".", manner)
    assert short(await look(Resolver([misbehaving.address], timeout=0.5))) == [
        (code, Severity.UNKNOWN, misbehaving.address)
    ]
    both = Resolver([misbehaving.address, honest(second).address], timeout=2)
    assert short(await look(both)) == [
        (code, Severity.WARNING, misbehaving.address),
        ("resolver.ok", Severity.OK, second.address),
    ]


async def test_what_was_found_is_good_for_a_while_and_a_mended_resolver_is_believed_again(
    misbehaving: MisbehavingServer,
) -> None:
    clock = [0.0]
    resolver = Resolver([rewriting(misbehaving).address])
    check = SelfCheck(resolver, LISTS, parents=("com",), now=lambda: clock[0])
    first = await check.findings()
    honest(misbehaving)
    assert await check.findings() == first
    clock[0] = KEPT
    assert [finding.code for finding in await check.findings()] == ["resolver.ok"]
    assert isinstance(await resolver.ask("good.test", "A"), Answer)


async def test_one_that_invented_answers_is_not_cleared_by_its_silence(misbehaving: MisbehavingServer) -> None:
    clock = [0.0]
    resolver = Resolver([rewriting(misbehaving).address], timeout=0.5)
    check = SelfCheck(resolver, LISTS, parents=("com",), now=lambda: clock[0])
    await check.findings()
    clock[0] = KEPT
    misbehaving.forget()
    misbehaving.below(".", SILENT)
    assert [finding.code for finding in await check.findings()] == ["resolver.gone"]
    rewriting(misbehaving)
    assert await resolver.ask("good.test", "A") == Unknown(
        "rewritten", f"{misbehaving.address} invents answers for names that do not exist"
    )


async def test_one_that_was_gone_is_looked_at_anew_each_time(misbehaving: MisbehavingServer) -> None:
    misbehaving.below(".", Manner(rcode="SERVFAIL"))
    check = SelfCheck(Resolver([misbehaving.address]), LISTS, parents=("com",))
    assert [finding.code for finding in await check.findings()] == ["resolver.resolves_nothing"]
    honest(misbehaving)
    assert [finding.code for finding in await check.findings()] == ["resolver.ok"]


@pytest.mark.real("nsd", "rbldnsd", "unbound")
async def test_a_real_resolver_is_well_and_one_that_is_not_there_is_gone(dns: DnsWorld) -> None:
    dns.zone("selfcheck.test", "@ A 192.0.2.1")
    dns.blocklist("bl-selfcheck.test", ip4set="127.0.0.2 :2:Test point")
    lists = zones(table("bl-selfcheck.test", errors=ERRORS))
    check = SelfCheck(Resolver([dns.resolver, dns.nowhere]), lists, parents=("selfcheck.test",))
    assert short(await check.findings()) == [
        ("resolver.ok", Severity.OK, dns.resolver),
        ("resolver.gone", Severity.WARNING, dns.nowhere),
    ]

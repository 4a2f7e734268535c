"""DKIM selectors that no settings name: found in the host's queue, and believed if their key is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import pytest

from bot.agent.protocol import Depth, Message, SigningKey
from bot.errors import AgentRefused, HostUnreachable
from bot.reputation import signatures
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import txt
from bot.reputation.resolver import Resolver
from tests.dns.misbehaving import NO_SUCH_NAME, Manner, MisbehavingServer
from tests.reputation.hosts import Host
from tests.reputation.reading import are_told_well, codes, only
from tests.reputation.test_dkim_key import ed25519_key, rsa_key

DOMAIN = "signed.test"
RSA, ED25519 = f"v=DKIM1; k=rsa; p={rsa_key(2048)}", f"v=DKIM1; k=ed25519; p={ed25519_key()}"


def signature(selector: str, domain: str = DOMAIN) -> str:
    return f"v=1; a=rsa-sha256; c=relaxed/simple; d={domain}; s={selector}; t=1; bh=aGVsbG8=; h=From; b=aGVsbG8="


def queued(*messages: Sequence[str]) -> Host:
    host = Host()
    host.queue = list(messages)
    return host


async def found(names: MisbehavingServer, host: Host, **keys: str) -> tuple[Finding, ...]:
    names.below(".", NO_SUCH_NAME)
    for selector, record in keys.items():
        at = f"{selector}._domainkey.{DOMAIN}"
        names.at(at, Manner(records={"TXT": [txt(at, record).partition(" TXT ")[2]]}))
    results = await signatures.check(Resolver([names.address], timeout=10), host, DOMAIN)
    assert are_told_well(results)
    return results


async def test_the_selector_of_the_newest_mail_is_offered_with_the_line_to_add(misbehaving: MisbehavingServer) -> None:
    results = await found(misbehaving, queued((), (signature("s1"),), ()), s1=RSA)
    assert codes(results) == ["dkim.ok", "dkim.selector_found"]
    offered = only(results, "dkim.selector_found")
    assert offered.severity is Severity.INFO and 'selectors = ["s1"] under [hosts.mx1]' in offered.advice
    assert offered.evidence == ("DKIM-Signature of 000001: d=signed.test; s=s1",)


async def test_two_signatures_are_two_selectors(misbehaving: MisbehavingServer) -> None:
    both = (signature("ed"), signature("S1"))
    results = await found(misbehaving, queued(both, both), s1=RSA, ed=ED25519)
    assert codes(results) == ["dkim.ok", "dkim.ok", "dkim.selector_found"]
    assert 'selectors = ["ed", "s1"]' in only(results, "dkim.selector_found").advice


async def test_a_fault_of_a_key_that_was_found_is_told(misbehaving: MisbehavingServer) -> None:
    results = await found(misbehaving, queued((signature("s1"),)), s1="v=DKIM1; p=")
    assert codes(results) == ["dkim.revoked", "dkim.selector_found"]


@pytest.mark.parametrize(
    "forged",
    [
        signature("s1", "other.test"),
        signature("s1", f"mail.{DOMAIN}"),
        signature("s1._domainkey.evil.test. x"),
        signature("*"),
        signature("a/b"),
        signature("\u202es1"),
        signature("x" * 101),
        "s=s1",
        f"d={DOMAIN}",
        "",
    ],
)
async def test_what_is_no_signature_of_the_domain_is_passed_over(misbehaving: MisbehavingServer, forged: str) -> None:
    results = await found(misbehaving, queued((forged,)), s1=RSA)
    assert codes(results) == ["dkim.no_selector"] and results[0].severity is Severity.UNKNOWN
    assert results[0].evidence == ("no signature of signed.test in the newest 1 deferred messages of mx1",)


async def test_a_signature_without_a_key_is_no_fault_of_the_hosts(misbehaving: MisbehavingServer) -> None:
    results = await found(misbehaving, queued((signature("forged"),)))
    assert codes(results) == ["dkim.no_selector"] and "no key is published" in results[0].evidence[0]
    results = await found(misbehaving, queued((signature("forged"), signature("s1"))), s1=RSA)
    assert codes(results) == ["dkim.ok", "dkim.selector_found"]
    assert 'selectors = ["s1"]' in only(results, "dkim.selector_found").advice


async def test_only_a_few_messages_are_read_the_newest(misbehaving: MisbehavingServer) -> None:
    mail = [(signature("old"),), *[()] * (signatures.LOOKED_AT - 1), (signature("new"),)]
    results = await found(misbehaving, queued(*mail), old=RSA, new=RSA)
    assert 'selectors = ["new"]' in only(results, "dkim.selector_found").advice


async def test_whether_the_key_of_a_signature_is_there_may_be_unknown(misbehaving: MisbehavingServer) -> None:
    misbehaving.at(f"s1._domainkey.{DOMAIN}", Manner(rcode="SERVFAIL"))
    assert codes(await found(misbehaving, queued((signature("s1"),)))) == ["dkim.selector_found", "dkim.unknown"]


async def test_what_the_hosts_own_files_name_comes_first_and_its_missing_key_is_a_problem(
    misbehaving: MisbehavingServer,
) -> None:
    misbehaving.below(".", NO_SUCH_NAME)
    at = f"s1._domainkey.{DOMAIN}"
    misbehaving.at(at, Manner(records={"TXT": [txt(at, RSA).partition(" TXT ")[2]]}))
    table = "/etc/opendkim/KeyTable"
    keys = [SigningKey(DOMAIN, "s1", table), SigningKey("", "s2", table), SigningKey("other.test", "s3", table)]
    host = queued((signature("queued"),))
    results = await signatures.check(Resolver([misbehaving.address], timeout=10), host, DOMAIN, keys)
    assert codes(results) == ["dkim.absent", "dkim.ok", "dkim.selector_found"] and are_told_well(results)
    offered = only(results, "dkim.selector_found")
    assert 'selectors = ["s1", "s2"] under [hosts.mx1]' in offered.advice
    assert offered.evidence == (f"{table}: signed.test, s1", f"{table}: all domains, s2")


class Long(Host):
    async def depth(self) -> Depth:
        return Depth(0.0, {"deferred": signatures.MOST, "active": 1, "hold": None})


class Away(Host):
    async def depth(self) -> NoReturn:
        raise HostUnreachable("mx1", "nobody answers on mx1")


class Delivered(Host):
    async def show(self, queue_id: str) -> Message:
        if queue_id == "000001":
            raise AgentRefused("mx1", "There is no message 000001 in the queue.")
        return await super().show(queue_id)


@pytest.mark.parametrize(("host", "said"), [(Long(), "has 20,001 messages"), (Away(), "nobody answers on mx1")])
async def test_a_queue_that_was_not_searched_is_not_an_empty_one(
    misbehaving: MisbehavingServer, host: Host, said: str
) -> None:
    host.queue = [(signature("s1"),)]
    results = await found(misbehaving, host, s1=RSA)
    assert codes(results) == ["dkim.no_selector"] and said in results[0].evidence[0]


async def test_mail_that_is_delivered_meanwhile_does_not_hinder(misbehaving: MisbehavingServer) -> None:
    host = Delivered()
    host.queue = [(signature("s1"),), (signature("s2"),)]
    results = await found(misbehaving, host, s1=RSA, s2=RSA)
    assert 'selectors = ["s1"]' in only(results, "dkim.selector_found").advice

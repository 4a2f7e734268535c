"""DANE: the certificate of a domain's mail servers, held against TLSA records in signed zones (RFC 7672, RFC 6698).

Without DNSSEC from the MX record on it means nothing, and a resolver that does not validate can't tell.
Codes: dane.ok dane.none dane.partial dane.unsigned dane.mismatch dane.usage dane.bogus dane.not_validated dane.unknown
dane.no_mx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.reputation import certificate
from bot.reputation.answers import Absent, Answer, Result, Tlsa, Unknown
from bot.reputation.conversation import Talk, Wanted, talk, unverified
from bot.reputation.findings import Finding, Severity
from bot.reputation.mailservers import Server, Servers, servers
from bot.reputation.records import absent, line, plain, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.road import Road, straight
from bot.text import listed

SOURCE = "RFC 7672 §2.2, §3.1"

SIGNED = ("org", "net", "com")
"""Zones that are signed for certain: who does not validate them validates nothing."""

TA, EE = 2, 3
"""The certificate usages that count with SMTP: an authority's certificate, the server's own (RFC 7672 §3.1)."""

PATIENCE = 25.0


async def check(
    resolver: Resolver,
    domain: str,
    *,
    road: Road = straight,
    signed: Sequence[str] = SIGNED,
    patience: float = PATIENCE,
) -> tuple[Finding, ...]:
    """Each mail server of a domain; `signed` names zones that a validating resolver says to be authentic."""
    domain = plain(domain)
    found = await servers(resolver, domain)
    if found.unknown and found.unknown.cause == "bogus":
        return (_bogus(domain, f"the MX records of {domain}", found.unknown),)
    if found.unknown:
        return (unknown("tls", "dane.unknown", domain, f"which hosts take mail for {domain}", found.unknown, SOURCE),)
    if not found.hosts:
        text = f"No host takes mail for {domain}, so there is nothing to pin by DANE."
        advice = "What to do about it stands with its MX records."
        return (Finding("tls", Severity.NOT_APPLICABLE, "dane.no_mx", domain, text, (), SOURCE, advice),)
    answers = await asyncio.gather(*(resolver.ask(_name(host), "TLSA") for host in found.hosts))
    pinned = [each for each in zip(found.hosts, answers, strict=True) if not isinstance(each[1], Absent)]
    if not pinned:
        return (await _none(domain, found, answers, road, patience),)
    validates = await _validates(resolver, found, answers, signed)
    results = await asyncio.gather(
        *(_server(domain, found, host, result, validates, road, patience) for host, result in pinned)
    )
    bare = [host for host, each in zip(found.hosts, answers, strict=True) if isinstance(each, Absent)]
    if bare and any(isinstance(each, Answer) for each in answers):
        return (*results, _partial(domain, bare))
    return tuple(results)


async def _server(
    domain: str,
    mail: Servers,
    host: Server,
    result: Result,
    validates: Unknown | bool,
    road: Road,
    patience: float,
) -> Finding:
    """One server that has TLSA records, or of which it is not known."""
    name = host.name
    if isinstance(result, Unknown):
        if result.cause == "bogus":
            return _bogus(name, f"the TLSA records of {name}", result)
        return unknown("tls", "dane.unknown", name, f"whether {name} has TLSA records", result, SOURCE)
    assert isinstance(result, Answer)
    evidence = tuple(_record(host, each) for each in result.certificates)
    if isinstance(validates, Unknown):
        return unknown("tls", "dane.unknown", name, "whether the resolver validates DNSSEC", validates, SOURCE)
    if not validates:
        text = f"It is not known what the TLSA records of {name} are worth: the resolver does not validate DNSSEC."
        advice = "Have the bot ask a resolver that validates, such as unbound on its own machine: DNS_SERVERS."
        return _finding(Severity.UNKNOWN, "not_validated", name, text, evidence, advice)
    if missing := [
        what
        for what, signed in (
            (f"the MX records of {domain}", mail.authentic),
            (f"the address of {name}", host.authentic),
            ("the TLSA records themselves", result.authentic),
        )
        if not signed
    ]:
        text = f"The TLSA records of {name} have no effect: DNSSEC does not vouch for {listed(missing)}."
        advice = "Sign the zone, and publish its DS record at the parent; or remove the TLSA records."
        return _finding(Severity.WARNING, "unsigned", name, text, evidence, advice)
    usable = [each for each in result.certificates if _is_usable(each)]
    if not usable:
        text = f"None of the TLSA records of {name} can be used for mail: usages 0 and 1 do not count with SMTP."
        advice = "Publish 3 1 1 (the server's own key) or 2 1 1 (its authority's)."
        seen = await _seen(host, road, patience)
        return _finding(Severity.PROBLEM, "usage", name, text, evidence, advice, _wanted(host, seen))
    return await _matched(domain, host, usable, evidence, road, patience)


async def _matched(
    domain: str, host: Server, usable: Sequence[Tlsa], evidence: tuple[str, ...], road: Road, patience: float
) -> Finding:
    """The records of a server, held against what it shows."""
    name = host.name
    seen = await _seen(host, road, patience)
    if seen is None or not seen.chain:
        if seen and seen.offered is False:
            text = f"{name} has TLSA records but offers no STARTTLS: senders that follow DANE deliver nothing to it."
            advice = "Let it offer STARTTLS (smtpd_tls_security_level = may), or remove the TLSA records."
            return _finding(Severity.PROBLEM, "mismatch", name, text, evidence, advice)
        why = seen.trouble.detail if seen and seen.trouble else seen.greeting.shown if seen else "it has no address"
        text = f"It could not be found out whether the TLSA records of {name} fit its certificate: {why}."
        advice = "Check again; how the server answers is said by the check of SMTP."
        return _finding(Severity.UNKNOWN, "unknown", name, text, (*evidence, why), advice)
    try:
        shown = certificate.read(seen.chain[0])
        fits = any(_fits(each, seen.chain, (name, domain)) for each in usable)
    except ValueError as error:
        text = f"The certificate of {name} can't be read ({error}), so no TLSA record fits it."
        return _finding(Severity.PROBLEM, "mismatch", name, text, evidence, "Renew it, then the TLSA record.")
    evidence = (*evidence, shown.shown, f"3 1 1 of it: {shown.selected(1, 1)}")
    if fits:
        text = f"The TLSA records of {name} fit its certificate, and DNSSEC vouches for them."
        return _finding(Severity.OK, "ok", name, text, evidence, "")
    text = (
        f"No TLSA record of {name} fits the certificate that it shows: senders that follow DANE deliver nothing to it."
    )
    advice = "Publish the record for the new key beside the old one, two TTLs before the certificate changes."
    return _finding(Severity.PROBLEM, "mismatch", name, text, evidence, advice, _wanted(host, seen))


def _partial(domain: str, bare: Sequence[Server]) -> Finding:
    """Whoever wants to read along makes the pinned servers unreachable: mail goes to the others (RFC 7672 §2.2.1)."""
    names = [host.name for host in bare]
    text = f"Not all mail servers of {domain} have TLSA records: there is none for {listed(names)}."
    advice = "Publish them for all: mail goes to an unprotected server whenever the others can't be reached."
    evidence = tuple(f"{_name(host)} TLSA: no such record" for host in bare)
    return _finding(Severity.WARNING, "partial", domain, text, evidence, advice)


async def _none(domain: str, mail: Servers, answers: Sequence[Result], road: Road, patience: float) -> Finding:
    """Nobody has TLSA records. What to publish is said only where it would have an effect."""
    text = f"{domain} has no TLSA records for its mail servers (DANE): it is not set up, and it is optional."
    evidence = tuple(
        absent(_name(host), "TLSA", each)
        for host, each in zip(mail.hosts, answers, strict=True)
        if isinstance(each, Absent)
    )
    signed = mail.authentic and all(host.authentic for host in mail.hosts)
    if not signed:
        advice = "It needs DNSSEC first: sign the zone and publish its DS record at the parent."
        return _finding(Severity.INFO, "none", domain, text, evidence, advice)
    advice = "To set it up, publish these records, keep the key when the certificate is renewed, and watch it."
    seen = await asyncio.gather(*(_seen(host, road, patience) for host in mail.hosts))
    publish = [each for host, found in zip(mail.hosts, seen, strict=True) for each in _wanted(host, found)]
    return _finding(Severity.INFO, "none", domain, text, evidence, advice, tuple(publish))


async def _validates(
    resolver: Resolver, mail: Servers, answers: Sequence[Result], signed: Sequence[str]
) -> Unknown | bool:
    """Whether the resolver validates DNSSEC, which it shows by any authentic answer; Unknown: nobody said."""
    if mail.authentic or any(not isinstance(each, Unknown) and each.authentic for each in answers):
        return True
    results = await asyncio.gather(*(resolver.ask(name, "SOA") for name in signed))
    known = [each for each in results if not isinstance(each, Unknown)]
    if known:
        return any(each.authentic for each in known)
    return next((each for each in results if isinstance(each, Unknown)), False)


async def _seen(host: Server, road: Road, patience: float) -> Talk | None:
    """What the first address that answers shows; None: it has no address."""
    found = None
    for address in host.addresses[:2]:
        found = await talk(road(address, 25), Wanted(host.name, unverified()), patience / 2)
        if found.chain:
            break
    return found


def _fits(record: Tlsa, chain: Sequence[bytes], names: tuple[str, str]) -> bool:
    """Raises ValueError for a certificate that can't be read."""
    if record.usage == EE:
        return certificate.read(chain[0]).selected(record.selector, record.matching) == record.data
    # An authority's certificate must have issued the server's, link by link, and the name counts (RFC 7672 §3.1.2).
    own = certificate.read(chain[0])
    if not any(own.matches(name) for name in names):
        return False
    for place, der in enumerate(chain):
        if certificate.read(der).selected(record.selector, record.matching) == record.data:
            return all(certificate.issued_by(chain[at], chain[at + 1]) for at in range(place))
    return False


def _is_usable(record: Tlsa) -> bool:
    return record.usage in (TA, EE) and record.selector in (0, 1) and record.matching in (0, 1, 2)


def _wanted(host: Server, seen: Talk | None) -> tuple[str, ...]:
    """The record that fits what the server shows, where that is known."""
    if not seen or not seen.chain:
        return ()
    try:
        key = certificate.read(seen.chain[0]).selected(1, 1)
    except ValueError:
        return ()
    return (line(_name(host), "TLSA", f"3 1 1 {key}"),)


def _name(host: Server) -> str:
    return f"_25._tcp.{host.name}"


def _record(host: Server, record: Tlsa) -> str:
    return line(_name(host), "TLSA", f"{record.usage} {record.selector} {record.matching} {record.data}")


def _bogus(subject: str, what: str, result: Unknown) -> Finding:
    text = f"DNSSEC says that {what} are forged or out of date, so senders that validate deliver nothing there."
    advice = "Renew the zone's signatures, or mend the DS record at its parent, at once."
    return _finding(Severity.PROBLEM, "bogus", subject, text, (result.detail or result.cause,), advice)


def _finding(
    severity: Severity,
    result: str,
    subject: str,
    text: str,
    evidence: tuple[str, ...],
    advice: str,
    publish: tuple[str, ...] = (),
) -> Finding:
    return Finding("tls", severity, f"dane.{result}", subject, text, evidence, SOURCE, advice, publish)

"""How the mail servers of a domain answer, seen from the bot's machine: greeting, EHLO, relaying, and their TLS.

A time-out is unknown, never a fault of theirs: the bot's own port 25 may be closed (bot/reputation/outbound.py looks
from the mail host). Codes: smtp.ok smtp.name smtp.slow smtp.no_ehlo smtp.plain_auth smtp.garbage smtp.refused
smtp.turned_away smtp.silent smtp.no_ipv6 smtp.not_all smtp.no_mx smtp.unknown; and those of bot/reputation/relaying.py
and bot/reputation/starttls.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.reputation import relaying, starttls
from bot.reputation.conversation import Talk, Trouble, Wanted, talk, unverified, verified
from bot.reputation.findings import Finding, Severity
from bot.reputation.mailservers import Server, servers
from bot.reputation.records import plain, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.road import Road, straight
from bot.text import listed

SOURCE = "RFC 5321 §3.1, §4.2"
GREETING_SOURCE = "RFC 5321 §4.2; §4.5.3.2.1"
AUTH_SOURCE = "RFC 4954 §4; Postfix's smtpd_tls_auth_only"
MX_SOURCE = "RFC 5321 §5.1"

PATIENCE = 25.0
"""Seconds for one conversation; some servers let strangers wait for their greeting on purpose."""

SLOW = 10.0
"""Seconds for a greeting after which impatient senders give up."""

FROM_HERE = "If it goes on, try from another network: this machine's own port 25 may be closed."

FULL_NAME = re.compile(r"(?=.{4,255}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)+[A-Za-z0-9-]{2,63}\.?\Z")


@dataclass(frozen=True, slots=True)
class Asking:
    """What all conversations of one check share; times in seconds."""

    domain: str
    foreign: str
    road: Road
    authorities: str
    patience: float
    slow: float
    now: Callable[[], datetime]


async def check(
    resolver: Resolver,
    domain: str,
    *,
    road: Road = straight,
    authorities: str = "",
    foreign: str = relaying.FOREIGN,
    patience: float = PATIENCE,
    slow: float = SLOW,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Finding, ...]:
    """Each mail server of a domain, at each of its addresses.

    `authorities` is a PEM file of who is believed instead of the system's; `foreign` the address that relaying is tried
    with, as far as RCPT.
    """
    domain = plain(domain)
    found = await servers(resolver, domain)
    if found.unknown:
        return (
            unknown("tls", "smtp.unknown", domain, f"which hosts take mail for {domain}", found.unknown, MX_SOURCE),
        )
    if not found.hosts:
        text = f"No host takes mail for {domain}, so none was looked at."
        advice = "What to do about it stands with its MX records."
        return (Finding("tls", Severity.NOT_APPLICABLE, "smtp.no_mx", domain, text, (), MX_SOURCE, advice),)
    asking = Asking(domain, foreign, road, authorities, patience, slow, now)
    judged = await asyncio.gather(*(_server(resolver, server, asking) for server in found.hosts))
    results = [finding for each in judged for finding in each]
    if found.left_out:
        text = f"{domain} has more mail servers than are looked at: {listed(found.left_out[:5])} were left out."
        advice = "Check those by hand."
        results.append(Finding("tls", Severity.INFO, "smtp.not_all", domain, text, found.left_out, MX_SOURCE, advice))
    return tuple(results)


async def _server(resolver: Resolver, server: Server, asking: Asking) -> list[Finding]:
    if not server.addresses:
        if server.unknown:
            what = f"where {server.name} is"
            return [unknown("tls", "smtp.unknown", server.name, what, server.unknown, MX_SOURCE)]
        return []  # bot/reputation/mx.py says so
    talks = await asyncio.gather(*(_talk(server.name, address, asking) for address in server.addresses))
    dane = await starttls.is_pinned(resolver, server.name)
    found: list[Finding] = []
    reached = any(each.talk.greeting.code for each in talks)
    for address, each in zip(server.addresses, talks, strict=True):
        if reached and ":" in address and each.talk.trouble and each.talk.trouble.kind == "unreachable":
            found.append(_no_ipv6(server.name, address))
        else:
            found += _judge(server.name, address, each.talk, asking)
            found += starttls.judge(server.name, address, each, asking.now(), pinned=dane)
    return _together(found)


async def _talk(name: str, address: str, asking: Asking) -> starttls.Seen:
    """As far as it goes: with a certificate that is believed, with any, with old TLS, and in plain."""
    tried = relaying.recipients(asking.domain, asking.foreign)
    endpoint = asking.road(address, 25)

    async def at(wanted: Wanted) -> Talk:
        # Behind a road the ends are not those of the connection.
        found = await talk(endpoint, wanted, asking.patience)
        return found if endpoint[0] == address else replace(found, remote=address)

    first = await at(Wanted(name, verified(asking.authorities), tried))
    match first.trouble:
        case Trouble(kind="untrusted"):
            return starttls.Seen(await at(Wanted(name, unverified(), tried)), first.trouble)
        case Trouble(stage="handshake", kind="broken"):
            old = await at(Wanted(name, unverified(old=True), tried))
            if not old.trouble:
                return starttls.Seen(old, first.trouble, old=True)
            in_plain = await at(Wanted(name, None, tried))
            return starttls.Seen(replace(in_plain, starttls=first.starttls, trouble=first.trouble), first.trouble)
    return starttls.Seen(first)


def _judge(name: str, address: str, seen: Talk, asking: Asking) -> list[Finding]:
    """What is to be said of SMTP itself at one address."""
    evidence = _evidence(address, seen)
    if seen.trouble and not (seen.trouble.stage in ("starttls", "handshake") and seen.hello.code == 250):
        return [_ended(name, address, seen, evidence)]
    if seen.greeting.code != 220:
        text = f"{name} turns the bot's machine away: “{seen.greeting.shown}”. What it says to others is not known."
        advice = "Read what it says; if it is the bot's address that it dislikes, other senders may well be welcome."
        return [_finding(Severity.UNKNOWN, "turned_away", name, text, evidence, advice, GREETING_SOURCE)]
    found = []
    if seen.delay > asking.slow:
        text = f"{name} greets after {seen.delay:.0f} s, and impatient senders give up before."
        advice = "Look what it waits for: its own DNS questions (PTR, blocklists) mostly, or postscreen's greet_wait."
        found.append(_finding(Severity.WARNING, "slow", name, text, evidence, advice, GREETING_SOURCE))
    if not FULL_NAME.match((seen.greeting.lines[0].split() or [""])[0]):
        text = f"{name} greets without its full name: “{seen.greeting.shown}”."
        advice = "Let smtpd_banner begin with $myhostname, and set myhostname to a full name."
        found.append(_finding(Severity.WARNING, "name", name, text, evidence, advice, GREETING_SOURCE))
    if seen.hello.code != 250:
        text = f"{name} does not take EHLO (“{seen.hello.shown}”), so it has no TLS and no other extension."
        advice = "Look for a firewall that rewrites SMTP in front of it."
        found.append(_finding(Severity.WARNING, "no_ehlo", name, text, evidence, advice, SOURCE))
    if plain_auth := [line for line in seen.hello.lines[1:] if _is_plain_auth(line)]:
        text = f"{name} takes passwords before the connection is encrypted."
        advice = "Set smtpd_tls_auth_only = yes, and better smtpd_sasl_auth_enable = no on port 25."
        found.append(
            _finding(Severity.WARNING, "plain_auth", name, text, (*plain_auth, *evidence), advice, AUTH_SOURCE)
        )
    found += relaying.judge(name, seen, asking.foreign)
    if not found:
        text = f"{name} greets properly and refuses to relay."
        found.append(_finding(Severity.OK, "ok", name, text, evidence, "", SOURCE))
    return found


def _ended(name: str, address: str, seen: Talk, evidence: tuple[str, ...]) -> Finding:
    """A conversation that broke off."""
    assert seen.trouble
    trouble = seen.trouble
    if trouble.kind == "rubbish":
        text = f"{name} does not speak SMTP: it said {trouble.detail}."
        advice = f"Look what listens on port 25 of {address}."
        return _finding(Severity.PROBLEM, "garbage", name, text, evidence, advice, SOURCE)
    if trouble.kind == "refused":
        text = f"{name} refuses connections to port 25 at {address}."
        advice = "Look whether Postfix runs and listens there (inet_interfaces), and whether a firewall rejects it."
        return _finding(Severity.PROBLEM, "refused", name, text, evidence, advice, MX_SOURCE)
    if trouble.stage == "connect":
        text = f"It could not be found out how {name} answers: {address} was not reached ({trouble.detail})."
        return _finding(Severity.UNKNOWN, "unknown", name, text, evidence, f"Check again. {FROM_HERE}", SOURCE)
    text = f"It could not be found out how {name} answers: it broke off at {address} ({trouble.detail})."
    advice = f"Look at its log for a connection from this machine. {FROM_HERE}"
    return _finding(Severity.UNKNOWN, "silent", name, text, evidence, advice, GREETING_SOURCE)


def _no_ipv6(name: str, address: str) -> Finding:
    text = f"{name} was not looked at by IPv6: the bot's machine has no way to {address}."
    advice = "Nothing needs to be done; run the bot where there is IPv6 to have that looked at too."
    return _finding(Severity.INFO, "no_ipv6", name, text, (address,), advice, SOURCE)


def _is_plain_auth(line: str) -> bool:
    words = line.upper().replace("=", " ").split()
    return words[:1] == ["AUTH"] and bool({"PLAIN", "LOGIN"} & set(words[1:]))


def _evidence(address: str, seen: Talk) -> tuple[str, ...]:
    lines = [f"{address}: {seen.greeting.shown}" if seen.greeting.code else f"{address}: no greeting"]
    if seen.hello.code:
        lines.append(f"EHLO: {' / '.join(seen.hello.lines[:12])}")
    if seen.trouble:
        lines.append(f"broke off at {seen.trouble.stage}: {seen.trouble.detail}")
    return tuple(lines)


def _together(findings: Iterable[Finding]) -> list[Finding]:
    """The same said of several addresses of a host is said once, with the evidence of each."""
    merged: dict[str, Finding] = {}
    for each in findings:
        first = merged.get(each.code)
        merged[each.code] = replace(first, evidence=first.evidence + each.evidence) if first else each
    # That one address is well is not said of a host whose other address is not.
    bad = {_area(each.code) for each in merged.values() if each.severity not in (Severity.OK, Severity.INFO)}
    return [each for each in merged.values() if each.severity is not Severity.OK or _area(each.code) not in bad]


def _area(code: str) -> str:
    return code.partition(".")[0]


def _finding(
    severity: Severity, result: str, name: str, text: str, evidence: tuple[str, ...], advice: str, source: str
) -> Finding:
    return Finding("tls", severity, f"smtp.{result}", name, text, evidence, source, advice)

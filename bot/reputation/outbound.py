"""Whether mail gets out of a mail host: it greets big receivers on port 25, and connects to port 443 to compare.

Providers block port 25 without a word, so only a comparison tells a closed port from a broken network.

Codes: outbound.open outbound.blocked outbound.blocked_ipv6 outbound.some_failed outbound.turned_away
outbound.no_starttls outbound.other_address outbound.no_network outbound.unknown.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from bot.agent.probed import Peer, Probed
from bot.errors import HostError
from bot.mailhost.host import MailHost
from bot.reputation.answers import Absent, Answer, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.resolver import Resolver
from bot.text import listed, plural

RECEIVERS = ("gmail.com", "outlook.com", "yahoo.com")
"""Unrelated receivers with mail servers, and web servers under their own name, that hardly ever all fail."""

SOURCE = "RFC 5321 §4.5.4.2; the provider's rules for port 25"
NAT_SOURCE = "RFC 5321 §4.1.1.1; RFC 3022"
TLS_SOURCE = "RFC 3207; Gmail's sender guidelines (TLS)"

WAIT = 25
"""Seconds for all peers together."""

MAIL, WEB = 25, 443

ASK_THE_PROVIDER = (
    "Ask the provider to open outbound port 25 (many do on request), look at the host's own firewall, or send through"
    " a relay on port 587 (relayhost)."
)

LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]")


@dataclass(frozen=True, slots=True)
class Found:
    """Addresses of receivers by what they are for, each with its receiver's domain; and what could not be looked up."""

    receivers: Mapping[str, str]
    mail: tuple[str, ...]
    web: tuple[str, ...]
    unknown: tuple[str, ...]


async def check(
    host: MailHost,
    resolver: Resolver,
    receivers: Sequence[str] = RECEIVERS,
    *,
    addresses: Sequence[str] = (),
    wait: int = WAIT,
) -> tuple[Finding, ...]:
    """Whether the host reaches the receivers' mail servers; it is told their addresses, so its DNS plays no part.

    `addresses` are those that it is thought to send from, which is held against what the receivers see.
    """
    found = await _find(resolver, receivers)
    if len({found.receivers[address] for address in found.mail}) < 2:
        why = listed(found.unknown) or "no receiver that it could be tried with has an address"
        return (_unknown(host.name, f"the receivers' mail servers could not be looked up: {why}", found.unknown),)
    try:
        probed = await host.probe(found.mail, found.web, wait=wait)
    except HostError as error:
        return (_unknown(host.name, str(error).rstrip("."), (str(error),)),)
    return judge(host.name, probed, found.receivers, addresses)


def judge(
    host: str, probed: Probed, receivers: Mapping[str, str], addresses: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """What a probe's answers come to; `receivers` is each address's receiver, `addresses` are as check() has them."""
    mail = [peer for peer in probed.peers if peer.port == MAIL]
    web = [peer for peer in probed.peers if peer.port == WEB]
    old, new = _of(mail, 4), _of(mail, 6)
    found = list(_family(host, old, _of(web, 4), probed, receivers))
    # Without IPv6 nothing of it works, and that is no fault: mail goes by IPv4 then.
    if new and not _connected(new) and len(_connected(_of(web, 6))) > 1 and _connected(old):
        text = f"{host} reaches nobody on port 25 by IPv6, though other ports work: mail is tried there first in vain."
        advice = f"{ASK_THE_PROVIDER} Or have Postfix send by IPv4 alone: smtp_address_preference = ipv4."
        evidence = _shown([*new, *_of(web, 6)], receivers)
        found.append(_finding(Severity.WARNING, "blocked_ipv6", host, text, evidence, advice))
    if others := _others(probed, addresses):
        text = (
            f"Receivers see {host} as {listed(others)}, and it was looked at as {listed(addresses)}: of what they see"
            " the PTR record, SPF and blocklists count."
        )
        advice = (
            f"Name it in the settings, addresses of [hosts.{host}], or have Postfix leave from the one that is meant."
        )
        found.append(
            _finding(Severity.WARNING, "other_address", host, text, _shown(mail, receivers), advice, NAT_SOURCE)
        )
    return tuple(found)


def _others(probed: Probed, addresses: Sequence[str]) -> list[str]:
    """Public addresses that receivers see, of a kind of which others are known; not a peer's own, which some say."""
    known = [ip_address(address) for address in addresses]
    kinds, own = {each.version for each in known}, {ip_address(peer.address) for peer in probed.peers}
    seen = [ip_address(each) for each in seen_as(probed)]
    return [str(each) for each in seen if each.version in kinds and each not in (*known, *own) and not each.is_private]


def seen_as(probed: Probed) -> tuple[str, ...]:
    """The addresses that peers say they see this host under, in their replies to EHLO; IPv4 first."""
    said = (match for peer in probed.peers for line in peer.hello[:3] for match in LITERAL.findall(line))
    return tuple(map(str, sorted(set(_addresses(said)), key=lambda address: (address.version, int(address)))))


def _family(
    host: str, mail: Sequence[Peer], web: Sequence[Peer], probed: Probed, receivers: Mapping[str, str]
) -> Iterable[Finding]:
    evidence = _shown([*mail, *web], receivers)
    connected = _connected(mail)
    if not connected:
        yield _closed(host, mail, web, receivers, evidence)
        return
    greeted = [peer for peer in connected if peer.banner.startswith("220")]
    turned_away = [peer for peer in connected if peer.banner and peer not in greeted]
    failed = [peer for peer in mail if peer not in greeted and peer not in turned_away]
    if turned_away:
        whose = listed([receivers.get(peer.address, peer.address) for peer in turned_away])
        text = f"{host} was turned away by {whose}: “{turned_away[0].banner}”."
        advice = "Read what it says: it often names a blocklist or a rule, and whom to ask."
        yield _finding(Severity.WARNING, "turned_away", host, text, evidence, advice, SOURCE)
    if failed:
        whose = listed([receivers.get(peer.address, peer.address) for peer in failed])
        text = f"{host} was not greeted by the mail server of {whose} on port 25: {failed[0].detail}."
        advice = "Check again; if it goes on, look whether that receiver or the way to it has trouble."
        yield _finding(Severity.WARNING, "some_failed", host, text, evidence, advice)
    if len(greeted) > 1 and all(peer.starttls is False for peer in greeted):
        text = (
            f"No receiver offers STARTTLS to {host}, though all of them do to others: something on the way removes it."
        )
        advice = "Look for a firewall or a transparent proxy that rewrites SMTP, at the host and at its provider."
        yield _finding(Severity.WARNING, "no_starttls", host, text, evidence, advice, TLS_SOURCE)
    elif greeted and not turned_away and not failed:
        seen = seen_as(probed)
        as_whom = f", which see it as {listed(seen)}" if seen else ""
        text = f"{host} reaches {plural(len(greeted), 'mail server')} of other providers on port 25{as_whom}."
        yield _finding(Severity.OK, "open", host, text, evidence)


def _closed(
    host: str, mail: Sequence[Peer], web: Sequence[Peer], receivers: Mapping[str, str], evidence: tuple[str, ...]
) -> Finding:
    """Nobody was reached on port 25."""
    tried = {receivers.get(peer.address, peer.address) for peer in mail if peer.outcome != "failed"}
    if len(tried) > 1 and _connected(web):
        text = f"Outbound port 25 is closed for {host}: no mail server of {listed(sorted(tried))} was reached,"
        text += " while port 443 works."
        return _finding(Severity.PROBLEM, "blocked", host, text, evidence, ASK_THE_PROVIDER)
    if unbound := next((peer for peer in mail if peer.outcome == "failed"), None):
        return _unknown(host, unbound.detail, evidence)
    if web and not _connected(web):
        text = f"{host} reached nobody, on port 443 neither: it seems to have no network, so port 25 was not judged."
        advice = "Look at the host's network, its default route and its firewall."
        return _finding(Severity.UNKNOWN, "no_network", host, text, evidence, advice)
    return _unknown(host, "too few receivers were tried, or none to compare with", evidence)


async def _find(resolver: Resolver, receivers: Sequence[str]) -> Found:
    """The best mail server of each receiver, and its web server, an address of each kind."""
    whose: dict[str, str] = {}
    unknown: list[str] = []
    mail: list[str] = []
    web: list[str] = []
    for receiver, (of_mail, of_web, missing) in zip(
        receivers, await asyncio.gather(*(_of_receiver(resolver, receiver) for receiver in receivers)), strict=True
    ):
        whose.update(dict.fromkeys((*of_mail, *of_web), receiver))
        mail += of_mail
        web += of_web
        unknown += missing
    return Found(whose, tuple(dict.fromkeys(mail)), tuple(dict.fromkeys(web)), tuple(unknown))


async def _of_receiver(resolver: Resolver, receiver: str) -> tuple[list[str], list[str], list[str]]:
    exchanges = await resolver.ask(receiver, "MX")
    if isinstance(exchanges, Unknown):
        return [], [], [f"{receiver} MX: {exchanges.detail or exchanges.cause}"]
    if isinstance(exchanges, Absent) or not exchanges.exchanges:
        return [], [], [f"{receiver} has no MX record"]
    best = min(exchanges.exchanges).exchange
    questions: list[tuple[str, Literal["A", "AAAA"]]] = [
        (name, kind) for name in (best, receiver) for kind in ("A", "AAAA")
    ]
    answers = await asyncio.gather(*(resolver.ask(name, kind) for name, kind in questions))
    first = [answer.values[:1] if isinstance(answer, Answer) else () for answer in answers]
    missing = [
        f"{name} {kind}: {answer.detail or answer.cause}"
        for (name, kind), answer in zip(questions, answers, strict=True)
        if isinstance(answer, Unknown)
    ]
    return [*first[0], *first[1]], [*first[2], *first[3]], missing


def _of(peers: Iterable[Peer], version: int) -> list[Peer]:
    return [peer for peer in peers if ip_address(peer.address).version == version]


def _connected(peers: Iterable[Peer]) -> list[Peer]:
    return [peer for peer in peers if peer.outcome == "connected"]


def _addresses(texts: Iterable[str]) -> Iterable[IPv4Address | IPv6Address]:
    for text in texts:
        try:
            yield ip_address(text)
        except ValueError:
            continue


def _shown(peers: Iterable[Peer], receivers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_line(peer, receivers.get(peer.address, "")) for peer in peers)


def _line(peer: Peer, receiver: str) -> str:
    """`gmail.com, 142.250.1.26 port 25: 220 mx.google.com ESMTP; 250-…; TLSv1.3`."""
    what = peer.detail or peer.outcome if peer.outcome != "connected" else "connected"
    parts = [what, peer.banner, *peer.hello[:2], peer.tls, peer.detail if peer.outcome == "connected" else ""]
    return f"{receiver}, {peer.address} port {peer.port}: {'; '.join(part for part in parts if part)}"


def _finding(
    severity: Severity,
    result: str,
    host: str,
    text: str,
    evidence: tuple[str, ...],
    advice: str = "",
    source: str = SOURCE,
) -> Finding:
    return Finding("tls", severity, f"outbound.{result}", host, text, evidence, source, advice)


def _unknown(host: str, why: str, evidence: tuple[str, ...]) -> Finding:
    text = f"It could not be found out whether {host} reaches other mail servers on port 25: {why}."
    advice = "Check again; if it goes on, look at the host, its agent (`probe` among its verbs) and the bot's resolver."
    return _finding(Severity.UNKNOWN, "unknown", host, text, evidence, advice)

"""Does From match what SPF and DKIM vouch for? (RFC 9989 §4.4, §4.10.2; Gmail 4.7.32, Microsoft 5.7.515)

Codes: alignment.ok alignment.none alignment.spf_only alignment.dkim_only alignment.unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.reputation.answers import Unknown
from bot.reputation.dmarc_walk import Walk, walk
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import plain, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.spf_record import subject_of
from bot.text import listed

Verdict = bool | Unknown | None
"""Of one mechanism: aligned or not; Unknown: the DNS did not tell; None: it would align, if it passes."""

SOURCE = "RFC 9989 §4.4, §4.10.2; Gmail 4.7.32; Microsoft 5.7.515"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A domain that SPF (of the envelope sender) or DKIM (d=) vouches for; `passes` is None where that is not known."""

    domain: str
    passes: bool | None = True


def of_spf(domain: str, addresses: Iterable[str], findings: Iterable[Finding]) -> Identifier:
    """What the findings of `spf_record.check` make of the envelope's domain: it passes if every address does."""
    domain = plain(domain)
    found = {(finding.code, finding.subject) for finding in findings if finding.code.startswith("spf.")}
    subjects = {domain, *(subject_of(domain, address) for address in addresses)}
    if len(subjects) > 1 and {("spf.pass", subject) for subject in subjects - {domain}} <= found:
        return Identifier(domain, True)
    unknown_yet = not found or any(("spf.unknown", subject) in found for subject in subjects)
    return Identifier(domain, None if unknown_yet else False)


def of_dkim(domain: str, findings: Iterable[Finding]) -> Identifier:
    """What the findings of `dkim.check` make of the signing domain: it passes if the key of some selector works.

    Whether the host really signs is not seen in the DNS.
    """
    domain = plain(domain)
    severities: dict[str, set[Severity]] = {}
    for finding in findings:
        if finding.code.startswith("dkim.") and finding.subject.endswith(f"._domainkey.{domain}"):
            severities.setdefault(finding.subject, set()).add(finding.severity)
    if any(not {Severity.PROBLEM, Severity.UNKNOWN} & each for each in severities.values()):
        return Identifier(domain, True)
    unknown_yet = not severities or any(Severity.UNKNOWN in each for each in severities.values())
    return Identifier(domain, None if unknown_yet else False)


async def check(
    resolver: Resolver, author: str, *, spf: Sequence[Identifier], dkim: Sequence[Identifier]
) -> tuple[Finding, ...]:
    """Whether mail whose From has the domain `author` is aligned by SPF, by DKIM, or both."""
    names = dict.fromkeys(plain(name) for name in (author, *(identifier.domain for identifier in (*spf, *dkim))))
    walks = dict(zip(names, await asyncio.gather(*(walk(resolver, name) for name in names)), strict=True))
    of_author = walks[plain(author)]
    by_spf = _aligned(of_author, "aspf", spf, walks)
    by_dkim = _aligned(of_author, "adkim", dkim, walks)
    evidence = (
        f"From: {author}",
        *(_shown("SPF", identifier) for identifier in spf),
        *(_shown("DKIM", identifier) for identifier in dkim),
    )
    if by_spf is True and by_dkim is True:
        text = f"From ({author}) aligns with SPF and with DKIM."
        return (Finding("auth", Severity.OK, "alignment.ok", author, text, evidence, SOURCE),)
    for verdict in (by_spf, by_dkim):
        if isinstance(verdict, Unknown):
            what = f"whether From ({author}) aligns with what SPF and DKIM vouch for"
            return (unknown("auth", "alignment.unknown", author, what, verdict, SOURCE),)
    if missing := [name for name, verdict in (("SPF", by_spf), ("DKIM", by_dkim)) if verdict is None]:
        text = f"It is not known whether mail from {author} passes {listed(missing)}, so neither whether From aligns."
        advice = "Settle what could not be found out of it first."
        return (Finding("auth", Severity.UNKNOWN, "alignment.unknown", author, text, evidence, SOURCE, advice),)
    return (_unaligned(author, by_spf is True, by_dkim is True, evidence),)


def _aligned(author: Walk, tag: str, identifiers: Sequence[Identifier], walks: dict[str, Walk]) -> Verdict:
    verdicts: list[Verdict] = []
    for identifier in identifiers:
        same = _same(author, tag, walks[plain(identifier.domain)])
        if identifier.passes is False or same is False:
            verdicts.append(False)
        else:
            verdicts.append(identifier.passes if same is True else same)
    if True in verdicts:
        return True
    return next((verdict for verdict in verdicts if verdict is not False), False)


def _same(author: Walk, tag: str, other: Walk) -> bool | Unknown:
    """Whether two domains align, in the mode that the author's policy asks for."""
    if author.domain == other.domain:
        return True
    if author.unknown and not author.first.record:
        return author.unknown
    step = author.policy
    if step and step.record and step.record.values.get(tag) == "s":
        return False
    doubt = author.unknown or other.unknown
    return doubt if doubt else author.organizational == other.organizational


def _unaligned(author: str, spf: bool, dkim: bool, evidence: tuple[str, ...]) -> Finding:
    if not spf and not dkim:
        text = f"From ({author}) aligns with neither SPF nor DKIM: its mail fails DMARC."
        advice = (
            "Let DKIM sign with d= of the domain in From (or of one in its organization); the envelope too, if you can."
        )
        return Finding("auth", Severity.PROBLEM, "alignment.none", author, text, evidence, SOURCE, advice)
    has, lacks = ("SPF", "DKIM") if spf else ("DKIM", "SPF")
    lost = "mail that is forwarded fails DMARC" if spf else "mail whose signature breaks on its way fails DMARC"
    text = f"From ({author}) aligns with {has} alone, not with {lacks}: {lost}."
    advice = (
        "Let DKIM sign with d= of the domain in From."
        if spf
        else "Use an envelope sender (MAIL FROM) in the domain of From, with an SPF record that passes."
    )
    return Finding("auth", Severity.WARNING, f"alignment.{has.lower()}_only", author, text, evidence, SOURCE, advice)


def _shown(mechanism: str, identifier: Identifier) -> str:
    state = {True: "passes", False: "does not pass", None: "passes or not: not known"}[identifier.passes]
    return f"{mechanism}: {identifier.domain} ({state})"

"""Do DMARC reports arrive? Addresses in other organizations must agree to get them (RFC 9990 §4, RFC 9991 §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from bot.reputation.answers import Answer, Unknown
from bot.reputation.dmarc_record import Destination, DmarcRecord, is_record
from bot.reputation.dmarc_walk import Walk, walk
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import absent, txt, unknown
from bot.reputation.resolver import Resolver

LONGEST_NAME = 253

MOST_HOSTS = 10
"""Other organizations of one record that are asked; the rest of a longer list is not."""


async def check(resolver: Resolver, at: str, walked: Walk, record: DmarcRecord) -> list[Finding]:
    """The destinations of the record that was found at the domain `at`, of which `walked` is the walk."""
    found = []
    if "rua" not in record.values:
        found.append(_no_rua(at, record))
    for tag, destinations in (("rua", record.rua), ("ruf", record.ruf)):
        if tag in record.values:
            found += _unusable(at, tag, record, destinations)
    asked = {
        (host, tag): None
        for tag, destinations in (("rua", record.rua), ("ruf", record.ruf))
        for host in dict.fromkeys(destination.host for destination in destinations if destination.host)
        if host != at
    }
    verdicts = await asyncio.gather(
        *(_agreed(resolver, at, walked, record, host, tag) for host, tag in list(asked)[:MOST_HOSTS])
    )
    return found + [verdict for verdict in verdicts if verdict]


def _no_rua(at: str, record: DmarcRecord) -> Finding:
    text = (
        f"The DMARC record of {at} asks for no reports (rua): nobody tells you who sends in its name, and what fails."
    )
    advice = "Add an address that someone, or some program, reads."
    publish = (txt(f"_dmarc.{at}", _with(record, "rua", f"mailto:dmarc@{at}")),)
    evidence = (txt(f"_dmarc.{at}", record.text),)
    return Finding(
        "auth", Severity.WARNING, "dmarc.no_rua", at, text, evidence, "RFC 9989 §4.7, §5.1.3", advice, publish
    )


def _unusable(at: str, tag: str, record: DmarcRecord, destinations: Sequence[Destination]) -> list[Finding]:
    bad = [destination.uri for destination in destinations if not destination.host]
    if destinations and not bad:
        return []
    text = f"No report can be sent to an address in {tag} of {at}'s DMARC record: {', '.join(bad) or 'it is empty'}."
    advice = f"Write it as {tag}=mailto:dmarc@{at}; several with commas between them."
    evidence = (txt(f"_dmarc.{at}", record.text),)
    return [Finding("auth", Severity.WARNING, f"dmarc.bad_{tag}", at, text, evidence, "RFC 9989 §4.6, §4.7", advice)]


async def _agreed(
    resolver: Resolver, at: str, walked: Walk, record: DmarcRecord, host: str, tag: str
) -> Finding | None:
    """None: reports arrive there, as far as the DNS says."""
    source = "RFC 9990 §4" if tag == "rua" else "RFC 9991 §5"
    name = f"{at}._report._dmarc.{host}"
    if len(name) > LONGEST_NAME:
        return _refused(at, host, tag, source, (f"{name}: too long for a name",), ())
    result, of_host = await asyncio.gather(resolver.ask(name, "TXT"), walk(resolver, host))
    if isinstance(result, Answer) and any(is_record(text) for text in result.values):
        return None
    walked_unknown = walked.unknown or of_host.unknown
    if not walked_unknown and walked.organizational == of_host.organizational:
        return None
    what = f"whether {host} agrees to get the DMARC reports of {at}"
    if isinstance(result, Unknown):
        return unknown("auth", "dmarc.unknown", at, what, result, source)
    if walked_unknown:
        return unknown("auth", "dmarc.unknown", at, what, walked_unknown, source)
    evidence = (
        tuple(txt(name, text) for text in result.values)
        if isinstance(result, Answer)
        else (absent(name, "TXT", result),)
    )
    return _refused(at, host, tag, source, (txt(f"_dmarc.{at}", record.text), *evidence), (txt(name, "v=DMARC1"),))


def _refused(at: str, host: str, tag: str, source: str, evidence: tuple[str, ...], publish: tuple[str, ...]) -> Finding:
    text = f"{host} does not say that it takes the DMARC reports of {at}, so receivers send none there ({tag})."
    advice = f"Have the record published in the zone of {host}, or use an address within {at}."
    return Finding("auth", Severity.WARNING, f"dmarc.{tag}_not_authorised", at, text, evidence, source, advice, publish)


def _with(record: DmarcRecord, tag: Literal["rua"], value: str) -> str:
    return f"{record.text.rstrip().rstrip(';')}; {tag}={value}"

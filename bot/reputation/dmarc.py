"""The DMARC policy that applies to a sending domain (RFC 9989; RFC 9990 and 9991 for its reports).

Codes: dmarc.ok dmarc.none dmarc.several dmarc.misplaced dmarc.invalid dmarc.ignored dmarc.bad_policy dmarc.policy_none
dmarc.testing dmarc.bad_tag dmarc.removed_tags dmarc.unknown_tags dmarc.no_rua dmarc.bad_rua dmarc.bad_ruf
dmarc.rua_not_authorised dmarc.ruf_not_authorised dmarc.unknown.
"""

from __future__ import annotations

import asyncio

from bot.reputation import dmarc_reports
from bot.reputation.answers import Absent, Answer, Result
from bot.reputation.dmarc_record import REMOVED, DmarcRecord, is_record
from bot.reputation.dmarc_walk import Step, Walk, walk
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import absent, plain, txt, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.taglist import tags
from bot.text import listed

FORMAT = "RFC 9989 §4.7"
DISCOVERY = "RFC 9989 §4.10.1"


async def check(resolver: Resolver, domain: str) -> tuple[Finding, ...]:
    """The record that receivers apply to mail from `domain`, and what it asks for."""
    domain = plain(domain)
    twice = f"_dmarc.{domain}.{domain}"
    walked, own, doubled = await asyncio.gather(
        walk(resolver, domain), resolver.ask(domain, "TXT"), resolver.ask(twice, "TXT")
    )
    if len(walked.first.texts) > 1:
        return (_several(domain, walked.first),)
    if walked.unknown and not walked.first.record:
        what = f"which DMARC policy {domain} has"
        return (unknown("auth", "dmarc.unknown", domain, what, walked.unknown, DISCOVERY),)
    if not walked.first.record:
        wrong = {domain: _misplaced(own), twice: _misplaced(doubled)}
        if any(wrong.values()):
            return (_put_elsewhere(domain, wrong),)
        if walked.first.nearly:
            return (_invalid(domain, walked.first.nearly),)
    step = walked.policy
    if step is None or step.record is None:
        return (_none(domain, walked),)
    found = _policy(domain, step, step.record, own) + _tags(step, step.record)
    of_record = walked if step is walked.first else await walk(resolver, step.name)
    found += await dmarc_reports.check(resolver, step.name, of_record, step.record)
    if all(finding.severity is Severity.INFO for finding in found):
        where = "" if step is walked.first else f", which it has from {step.name}"
        policy = step.record.policy(inherited=bool(where), exists=_exists(own))
        text = f"The DMARC policy of {domain}{where} is {policy}."
        found.insert(0, Finding("auth", Severity.OK, "dmarc.ok", domain, text, _evidence(step), FORMAT))
    return tuple(found)


def _policy(domain: str, step: Step, record: DmarcRecord, own: Result) -> list[Finding]:
    """What receivers are asked to do with mail that fails."""
    inherited = step.name != domain
    evidence = _evidence(step)
    policy = record.policy(inherited=inherited, exists=_exists(own))
    start = (txt(f"_dmarc.{step.name}", _with_policy(record, "none")),)
    if policy is None:
        text = f"Receivers pass over the DMARC record of {step.name}: it has no valid p, sp or np, and no rua either."
        advice = "Write p=none to begin with, p=quarantine or p=reject later."
        return [Finding("auth", Severity.PROBLEM, "dmarc.ignored", domain, text, evidence, DISCOVERY, advice, start)]
    if not record.sound:
        text = f"The DMARC record of {step.name} has no valid p, or an sp or np that is not: receivers read p=none."
        advice = "Write none, quarantine or reject."
        return [Finding("auth", Severity.WARNING, "dmarc.bad_policy", domain, text, evidence, DISCOVERY, advice, start)]
    if policy == "none":
        text = f"The DMARC policy of {domain} is none: mail that others forge in its name is delivered."
        advice = "Read the reports; when your own mail passes, go to quarantine, then reject."
        source = f"{FORMAT}, §5.1.7"
        return [Finding("auth", Severity.WARNING, "dmarc.policy_none", domain, text, evidence, source, advice)]
    if record.testing:
        text = f"The DMARC policy of {domain} is {policy}, but being tested (t=y): receivers apply the next weaker one."
        advice = "Remove t=y when your own mail passes."
        publish = (txt(f"_dmarc.{step.name}", _without(record, "t")),)
        return [Finding("auth", Severity.WARNING, "dmarc.testing", domain, text, evidence, FORMAT, advice, publish)]
    return []


def _tags(step: Step, record: DmarcRecord) -> list[Finding]:
    """Tags that receivers pass over."""
    found = []
    evidence, at = _evidence(step), step.name
    mistakes = [mistake for mistake in record.mistakes if not mistake.startswith(("p=", "sp=", "np="))]
    if mistakes:
        text = f"Receivers pass over a part of the DMARC record of {at}: {listed(mistakes)}."
        advice = "Mend or remove it; until then the default holds."
        source = "RFC 9989 §4.8"
        found.append(Finding("auth", Severity.WARNING, "dmarc.bad_tag", at, text, evidence, source, advice))
    if record.removed:
        names = listed([tag.name for tag in record.removed])
        harmless = all((tag.value or "").lower() == REMOVED[tag.name] for tag in record.removed)
        severity = Severity.INFO if harmless else Severity.WARNING
        text = f"The DMARC record of {at} uses {names}, which receivers that follow RFC 9989 do not know any more."
        advice = "Remove it. Where pct was to soften a policy, t=y does: the next weaker policy is applied."
        publish = (txt(f"_dmarc.{at}", _without(record, *(tag.name for tag in record.removed))),)
        source = f"{FORMAT}, Appendix A.6"
        found.append(Finding("auth", severity, "dmarc.removed_tags", at, text, evidence, source, advice, publish))
    if record.unknown:
        text = f"The DMARC record of {at} has tags that nobody knows: {listed(record.unknown)}. A slip?"
        advice = "Mend or remove them."
        found.append(Finding("auth", Severity.INFO, "dmarc.unknown_tags", at, text, evidence, FORMAT, advice))
    return found


def _none(domain: str, walked: Walk) -> Finding:
    text = (
        f"No DMARC record applies to {domain}: anybody can write in its name, and Gmail and Yahoo limit what it sends."
    )
    advice = "Publish one to start with; it changes nothing for your mail, and reports begin to come in."
    evidence = tuple(
        f"{len(step.texts)} DMARC records at _dmarc.{step.name}: all discarded"
        if step.texts
        else absent(f"_dmarc.{step.name}", "TXT", step.result)
        if isinstance(step.result, Absent)
        else f"_dmarc.{step.name} TXT: no DMARC record"
        for step in walked.steps
    )
    source = f"{DISCOVERY}; https://support.google.com/a/answer/81126"
    return Finding("auth", Severity.PROBLEM, "dmarc.none", domain, text, evidence, source, advice, _to_start(domain))


def _several(domain: str, step: Step) -> Finding:
    text = f"{domain} has {len(step.texts)} DMARC records, so receivers discard them all."
    advice = "Leave one."
    source = "RFC 9989 §4.10"
    return Finding("auth", Severity.PROBLEM, "dmarc.several", domain, text, _evidence(step), source, advice)


def _put_elsewhere(domain: str, wrong: dict[str, tuple[str, ...]]) -> Finding:
    text = f"The DMARC record of {domain} is not at _dmarc.{domain}, the only place where receivers look."
    advice = "Move it; some control panels add the domain to the name that is typed, so try “_dmarc” alone."
    publish = (txt(f"_dmarc.{domain}", next(text for texts in wrong.values() for text in texts)),)
    evidence = tuple(txt(name, text) for name, texts in wrong.items() for text in texts)
    return Finding("auth", Severity.PROBLEM, "dmarc.misplaced", domain, text, evidence, DISCOVERY, advice, publish)


def _invalid(domain: str, texts: tuple[str, ...]) -> Finding:
    text = f"What stands at _dmarc.{domain} is no DMARC record: it must begin with v=DMARC1, in capitals."
    evidence = tuple(txt(f"_dmarc.{domain}", shown) for shown in texts)
    advice = "Write it anew."
    return Finding("auth", Severity.PROBLEM, "dmarc.invalid", domain, text, evidence, FORMAT, advice, _to_start(domain))


def _misplaced(result: Result) -> tuple[str, ...]:
    values = result.values if isinstance(result, Answer) else ()
    return tuple(value for value in values if is_record(value))


def _exists(own: Result) -> bool:
    """Only NXDOMAIN makes a domain non-existent (RFC 8020)."""
    return not (isinstance(own, Absent) and not own.exists)


def _evidence(step: Step) -> tuple[str, ...]:
    return tuple(txt(f"_dmarc.{step.name}", text) for text in step.texts)


def _to_start(domain: str) -> tuple[str, ...]:
    return (txt(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),)


def _with_policy(record: DmarcRecord, policy: str) -> str:
    kept = [f"{name}={value}" for name, value in tags(record.text)[1:] if name.lower() not in ("p", "sp", "np")]
    return "; ".join(["v=DMARC1", f"p={policy}", *kept])


def _without(record: DmarcRecord, *names: str) -> str:
    return "; ".join(
        f"{name}={value}" for name, value in tags(record.text) if value is not None and name.lower() not in names
    )

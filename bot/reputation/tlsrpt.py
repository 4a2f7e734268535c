"""TLS-RPT: who is told when TLS to a domain's mail servers fails (RFC 8460).

Codes: tlsrpt.ok tlsrpt.none tlsrpt.several tlsrpt.invalid tlsrpt.unknown.
"""

from __future__ import annotations

import re

from bot.reputation.answers import Absent, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import absent, plain, txt, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.taglist import tags
from bot.text import listed

SOURCE = "RFC 8460 §3"

DESTINATION = re.compile(r"(?:mailto:[^\s@,;!]+@[^\s@,;!]+\.[^\s@,;!]+|https://[^\s,;!]+)\Z", re.IGNORECASE)


async def check(resolver: Resolver, domain: str) -> tuple[Finding, ...]:
    """The record of one domain."""
    domain = plain(domain)
    name = f"_smtp._tls.{domain}"
    publish = (txt(name, f"v=TLSRPTv1; rua=mailto:tls-reports@{domain}"),)
    result = await resolver.ask(name, "TXT")
    if isinstance(result, Unknown):
        return (unknown("tls", "tlsrpt.unknown", domain, f"whether {domain} has a TLS-RPT record", result, SOURCE),)
    texts = () if isinstance(result, Absent) else result.values
    records = [text for text in texts if text.partition(";")[0].strip() == "v=TLSRPTv1"]
    evidence = tuple(txt(name, text) for text in texts)
    if isinstance(result, Absent) or not texts:
        evidence = (absent(name, "TXT", result),) if isinstance(result, Absent) else ()
        text = f"{domain} has no TLS-RPT record, so nobody tells it when TLS to its mail servers fails."
        advice = "Publish a record with an address of yours; reports come once a day, as JSON."
        return (_finding(Severity.WARNING, "none", domain, text, evidence, advice, publish),)
    if len(records) > 1:
        text = f"{domain} has {len(records)} TLS-RPT records, so senders believe none of them."
        return (_finding(Severity.PROBLEM, "several", domain, text, evidence, "Keep one of them.", ()),)
    destinations = _destinations(records[0]) if records else ()
    wrong = [each for each in destinations if not DESTINATION.match(each)]
    if not destinations or wrong:
        what = f"it names {listed(wrong)}" if wrong else "it names nobody" if records else "it is of no known version"
        text = f"The TLS-RPT record of {domain} can't be used: {what}."
        advice = "It begins with v=TLSRPTv1; and names mailto: addresses, or https: pages, in rua."
        return (_finding(Severity.PROBLEM, "invalid", domain, text, evidence, advice, publish),)
    text = f"Reports of TLS that failed go to {listed(destinations)}."
    return (_finding(Severity.OK, "ok", domain, text, evidence, "", ()),)


def _destinations(record: str) -> tuple[str, ...]:
    rua = next((tag.value for tag in tags(record) if tag.name == "rua"), None)
    return tuple(each.strip() for each in rua.split(",")) if rua else ()


def _finding(
    severity: Severity,
    result: str,
    domain: str,
    text: str,
    evidence: tuple[str, ...],
    advice: str,
    publish: tuple[str, ...],
) -> Finding:
    return Finding("tls", severity, f"tlsrpt.{result}", domain, text, evidence, SOURCE, advice, publish)

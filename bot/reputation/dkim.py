"""The DKIM keys of a sending domain, one for each selector that its hosts sign with (RFC 6376, RFC 8301, RFC 8463).

Codes: dkim.ok dkim.absent dkim.revoked dkim.weak dkim.undecodable dkim.several dkim.short dkim.testing dkim.sha1
dkim.ed25519_only dkim.no_selector dkim.unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.reputation.answers import Absent, Unknown
from bot.reputation.dkim_key import Key, NoKey, read
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import absent, line, plain, txt, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.taglist import tags

KEY_SOURCE = "RFC 6376 §3.6.1"
SIZE_SOURCE = "RFC 8301 §3.2"

LEAST_BITS, GOOD_BITS = 1024, 2048
"""Verifiers must not accept an RSA key below the first; signers should use the second (RFC 8301 §3.2)."""

NEW_KEY = (
    "Make a key of 2048 bits under a new selector (opendkim-genkey -b 2048, or rspamadm dkim_keygen -b 2048),"
    " publish it, then let the host sign with it; leave the old one for a week."
)


async def check(resolver: Resolver, domain: str, selectors: Sequence[str]) -> tuple[Finding, ...]:
    """The key of each selector."""
    domain = plain(domain)
    if not selectors:
        text = f"It is not known whether {domain} signs with DKIM: a key can only be found by its selector."
        advice = "Name the selectors that the host signs with in the settings: s= of a DKIM-Signature that it made."
        return (Finding("auth", Severity.UNKNOWN, "dkim.no_selector", domain, text, (), KEY_SOURCE, advice),)
    checked = await asyncio.gather(*(_check(resolver, domain, selector) for selector in dict.fromkeys(selectors)))
    found = [finding for findings, _ in checked for finding in findings]
    keys = [key for _, key in checked if key]
    if len(keys) == len(checked) and {key.algorithm for key in keys} == {"ed25519"}:
        text = f"{domain} signs with Ed25519 alone: receivers that do not know it see mail without a signature."
        advice = "Let the host add a second signature with an RSA key of 2048 bits."
        found.append(Finding("auth", Severity.INFO, "dkim.ed25519_only", domain, text, (), "RFC 8463 §3", advice))
    return tuple(found)


async def _check(resolver: Resolver, domain: str, selector: str) -> tuple[tuple[Finding, ...], Key | None]:
    """What is to be said of one selector, and its key where that can be used."""
    name = plain(f"{selector}._domainkey.{domain}")
    result = await resolver.ask(name, "TXT")
    if isinstance(result, Unknown):
        what = f"which DKIM key the selector {selector} of {domain} has"
        return (unknown("auth", "dkim.unknown", name, what, result, KEY_SOURCE),), None
    if isinstance(result, Absent):
        text = f"There is no DKIM key at {name}: signatures with this selector do not verify."
        advice = (
            "Publish the key's record (OpenDKIM: SELECTOR.txt), or let the host sign with a selector that is there."
        )
        if result.name != name:
            advice = f"{name} is an alias of {result.name}, where nothing is: look there, or at the alias."
        seen = (absent(name, "TXT", result),)
        source = "RFC 6376 §3.6.2"
        return (Finding("auth", Severity.PROBLEM, "dkim.absent", name, text, seen, source, advice),), None
    evidence: tuple[str, ...] = tuple(txt(name, value) for value in result.values)
    if result.name != name:
        evidence = (line(name, "CNAME", f"{result.name}."), *evidence)
    if len(result.values) > 1:
        text = f"{name} has {len(result.values)} TXT records: which one receivers take for the key is left to chance."
        advice = "Leave one, the key."
        source = "RFC 6376 §3.6.2.2"
        return (Finding("auth", Severity.PROBLEM, "dkim.several", name, text, evidence, source, advice),), None
    return _judge(name, result.values[0], evidence)


def _judge(name: str, record: str, evidence: tuple[str, ...]) -> tuple[tuple[Finding, ...], Key | None]:
    try:
        key = read(record)
    except NoKey as why:
        text = f"The DKIM key at {name} can't be used, so signatures with this selector do not verify: {why}."
        advice = "Publish the record again as the tool that made the key wrote it, each string within quotes."
        return (Finding("auth", Severity.PROBLEM, "dkim.undecodable", name, text, evidence, KEY_SOURCE, advice),), None
    if key.revoked:
        text = f"The DKIM key at {name} is revoked (p= is empty): signatures with this selector do not verify."
        advice = f"If the host still signs with it: {NEW_KEY[0].lower()}{NEW_KEY[1:]} Else drop the selector here."
        return (Finding("auth", Severity.PROBLEM, "dkim.revoked", name, text, evidence, KEY_SOURCE, advice),), None
    if key.algorithm == "rsa" and key.bits < LEAST_BITS:
        text = f"The DKIM key at {name} has only {key.bits} bits: receivers must not accept signatures with it."
        return (Finding("auth", Severity.PROBLEM, "dkim.weak", name, text, evidence, SIZE_SOURCE, NEW_KEY),), None
    found = _doubts(name, record, key, evidence)
    if not found:
        kind = "Ed25519" if key.algorithm == "ed25519" else f"RSA, {key.bits} bits"
        text = f"The DKIM key at {name} is well ({kind})."
        found = (Finding("auth", Severity.OK, "dkim.ok", name, text, evidence, f"{KEY_SOURCE}; {SIZE_SOURCE}"),)
    return found, key


def _doubts(name: str, record: str, key: Key, evidence: tuple[str, ...]) -> tuple[Finding, ...]:
    """Of a key that works: why it may not for long, or not everywhere."""
    found = []
    if key.algorithm == "rsa" and key.bits < GOOD_BITS:
        text = f"The DKIM key at {name} has {key.bits} bits; {GOOD_BITS} are advised."
        found.append(Finding("auth", Severity.WARNING, "dkim.short", name, text, evidence, SIZE_SOURCE, NEW_KEY))
    if key.testing:
        text = f"The DKIM key at {name} says that it is being tested (t=y): receivers treat its mail as unsigned."
        publish = (txt(name, _without(record, "t", "y")),)
        advice = "Remove the flag y when signing works."
        found.append(
            Finding("auth", Severity.WARNING, "dkim.testing", name, text, evidence, KEY_SOURCE, advice, publish)
        )
    if key.hashes and "sha256" not in key.hashes:
        text = f"The DKIM key at {name} allows SHA-1 alone (h=sha1), which receivers must not accept."
        publish = (txt(name, _without(record, "h")),)
        advice = "Remove h=, and let the host sign with rsa-sha256."
        source = "RFC 8301 §3.1"
        found.append(Finding("auth", Severity.WARNING, "dkim.sha1", name, text, evidence, source, advice, publish))
    return tuple(found)


def _without(record: str, tag: str, flag: str = "") -> str:
    """The record without one tag, or without one flag of it."""
    kept = []
    for name, value in tags(record):
        if name == tag:
            flags = [word.strip() for word in (value or "").split(":")]
            value = ":".join(word for word in flags if flag and word.lower() != flag)
            if not value:
                continue
        kept.append(f"{name}={value}")
    return "; ".join(kept)

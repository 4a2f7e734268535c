"""What a mail server's TLS is worth to those who send to it: STARTTLS, its version, its certificate.

Most senders take any certificate (RFC 3207, RFC 7435); those that follow MTA-STS or DANE do not.
Codes: tls.ok tls.none tls.broken tls.old tls.expired tls.not_yet tls.soon tls.name tls.untrusted tls.unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bot.reputation import certificate
from bot.reputation.answers import Answer
from bot.reputation.certificate import Certificate
from bot.reputation.conversation import Talk, Trouble
from bot.reputation.findings import Finding, Severity
from bot.reputation.resolver import Resolver
from bot.text import listed

SOURCE = "RFC 3207; RFC 8461 §4.2"
OLD_SOURCE = "RFC 8996"
CERTIFICATE_SOURCE = "RFC 8461 §4.2; RFC 5280 §4.1.2.5"

SOON = 21
"""Days before a certificate's end that are too few: what renews it has missed its time by then."""

EXPIRED, NOT_YET = 10, 9
"""X509_V_ERR_CERT_HAS_EXPIRED and X509_V_ERR_CERT_NOT_YET_VALID of X509_STORE_CTX_get_error(3)."""

RENEW = "Renew it (certbot renew, or whatever made it) and reload Postfix: postfix reload."


@dataclass(frozen=True, slots=True)
class Seen:
    """One address: the conversation that got furthest, and why an earlier one did not; `old`: with TLS 1.0 or 1.1."""

    talk: Talk
    before: Trouble | None = None
    old: bool = False


async def is_pinned(resolver: Resolver, name: str) -> bool:
    """Whether a TLSA record for the server's own certificate stands in a signed zone: then names, chain and dates do
    not matter to those who follow it (RFC 7672 §3.1.1), and to others hardly."""
    result = await resolver.ask(f"_25._tcp.{name}", "TLSA")
    return isinstance(result, Answer) and result.authentic and any(each.usage == 3 for each in result.certificates)


def judge(name: str, address: str, seen: Seen, now: datetime, *, pinned: bool = False) -> list[Finding]:
    """Nothing where there was no EHLO: that is for bot/reputation/smtp.py to say."""
    found = seen.talk
    if found.hello.code != 250:
        return []
    evidence = _evidence(address, seen)
    if not found.offered:
        text = f"{name} does not offer STARTTLS, so all mail to it travels in plain."
        advice = "Set smtpd_tls_security_level = may and smtpd_tls_chain_files in main.cf."
        return [_finding(Severity.PROBLEM, "none", name, text, evidence, advice)]
    trouble = found.trouble
    if found.starttls.code not in (0, 220):
        text = f"{name} offers STARTTLS and then refuses it: “{found.starttls.shown}”."
        advice = "Read its log: mostly the certificate or key of smtpd_tls_chain_files can't be read."
        return [_finding(Severity.PROBLEM, "broken", name, text, evidence, advice)]
    if trouble and trouble.stage in ("starttls", "handshake"):
        if trouble.kind == "timeout":
            text = f"It could not be found out what TLS {name} speaks: {trouble.detail}."
            return [_finding(Severity.UNKNOWN, "unknown", name, text, evidence, "Check again; then read its log.")]
        text = f"{name} offers STARTTLS, but no TLS comes of it: {trouble.detail}."
        advice = "Read its log for this handshake; look at smtpd_tls_protocols, smtpd_tls_ciphers and the certificate."
        return [_finding(Severity.PROBLEM, "broken", name, text, evidence, advice)]
    if not found.chain:
        return []
    try:
        shown = certificate.read(found.chain[0])
    except ValueError as error:
        text = f"{name} shows a certificate that can't be read: {error}."
        return [_finding(Severity.PROBLEM, "broken", name, text, evidence, RENEW)]
    results = _of_certificate(name, shown, seen.before, now, (*evidence, shown.shown), pinned)
    if seen.old:
        text = f"{name} speaks {found.tls} and nothing newer, which others refuse by now."
        advice = "Let smtpd_tls_protocols be >=TLSv1.2, and update OpenSSL where it knows no newer version."
        results.append(_finding(Severity.PROBLEM, "old", name, text, evidence, advice, OLD_SOURCE))
    left = shown.days_left(now)
    if not results:
        text = f"{name} speaks {found.tls} with a certificate that is good for {left:.0f} more days."
        results.append(_finding(Severity.OK, "ok", name, text, (*evidence, shown.shown), ""))
    return [replace(each, days_left=left) for each in results]


def _of_certificate(
    name: str, shown: Certificate, before: Trouble | None, now: datetime, evidence: tuple[str, ...], pinned: bool
) -> list[Finding]:
    found = []
    left = shown.days_left(now)
    expired, not_yet = left <= 0, shown.begins > now
    lenient = Severity.INFO if pinned else Severity.WARNING
    aside = " Its TLSA record makes up for it with senders that follow DANE." if pinned else ""
    if expired:
        text = f"The certificate of {name} expired {-left:.0f} days ago, on {shown.ends:%Y-%m-%d}."
        found.append(_finding(Severity.PROBLEM, "expired", name, text, evidence, RENEW, CERTIFICATE_SOURCE))
    elif not_yet:
        text = f"The certificate of {name} is not good before {shown.begins:%Y-%m-%d %H:%M} UTC."
        advice = "Look at the clock of the host that made it, and use the one before until then."
        found.append(_finding(Severity.PROBLEM, "not_yet", name, text, evidence, advice, CERTIFICATE_SOURCE))
    elif left < SOON:
        text = f"The certificate of {name} expires in {left:.0f} days, on {shown.ends:%Y-%m-%d}."
        advice = f"What renews it should have done so by now: look at its log. {RENEW}"
        found.append(_finding(Severity.WARNING, "soon", name, text, evidence, advice, CERTIFICATE_SOURCE))
    if not shown.matches(name):
        names = listed(list(shown.names[:5])) or "nobody"
        text = f"The certificate of {name} is for {names}, so senders that look at names refuse it.{aside}"
        advice = f"Get one for {name}, the name in the MX record."
        found.append(_finding(lenient, "name", name, text, evidence, advice, SOURCE))
    if before and before.kind == "untrusted" and not (_by_date(before) and (expired or not_yet)):
        how = "vouched for by itself alone" if shown.is_self_signed else f"not believed: {before.detail}"
        text = f"The certificate of {name} is {how}, so senders that look at it refuse it.{aside}"
        advice = "Get one from a public authority, and let smtpd_tls_chain_files have its whole chain."
        found.append(_finding(lenient, "untrusted", name, text, evidence, advice, SOURCE))
    return found


def _by_date(trouble: Trouble) -> bool:
    return trouble.number in (EXPIRED, NOT_YET)


def _evidence(address: str, seen: Seen) -> tuple[str, ...]:
    talk = seen.talk
    lines = [f"{address}: STARTTLS {'offered' if talk.offered else 'not offered'}"]
    if talk.tls:
        lines.append(f"{address}: {talk.tls}")
    if seen.before:
        lines.append(f"{address}: {seen.before.detail}")
    return tuple(lines)


def _finding(
    severity: Severity, result: str, name: str, text: str, evidence: tuple[str, ...], advice: str, source: str = SOURCE
) -> Finding:
    return Finding("tls", severity, f"tls.{result}", name, text, evidence, source, advice)

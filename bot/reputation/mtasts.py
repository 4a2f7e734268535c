"""MTA-STS: senders that follow it deliver by verified TLS alone, to the mail servers that the policy names (RFC 8461).

Codes: mtasts.ok mtasts.none mtasts.several mtasts.invalid mtasts.no_policy mtasts.redirect mtasts.certificate
mtasts.bad_policy mtasts.mx mtasts.testing mtasts.mode_none mtasts.short mtasts.unknown.
"""

from __future__ import annotations

import asyncio

from bot.reputation.answers import Absent, Answer, Unknown
from bot.reputation.findings import Finding, Severity
from bot.reputation.mailservers import Servers, servers
from bot.reputation.mtasts_policy import Policy, is_record, policy_id, read
from bot.reputation.policyfile import PATH, NoPolicy, fetch
from bot.reputation.records import absent, line, plain, txt, unknown
from bot.reputation.resolver import Resolver
from bot.reputation.road import Road, straight
from bot.text import duration, listed

RECORD = "RFC 8461 §3.1"
FILE = "RFC 8461 §3.2, §3.3"
MATCHING = "RFC 8461 §4.1"

DAY = 86_400
WEEK = 7 * DAY


async def check(
    resolver: Resolver, domain: str, *, road: Road = straight, authorities: str = "", patience: float = 20.0
) -> tuple[Finding, ...]:
    """The record and the policy of one domain, held against its MX records; `patience` is in seconds.

    `authorities` is a PEM file of who is believed instead of the system's.
    """
    domain = plain(domain)
    name = f"_mta-sts.{domain}"
    result, mail = await asyncio.gather(resolver.ask(name, "TXT"), servers(resolver, domain))
    if isinstance(result, Unknown):
        return (unknown("tls", "mtasts.unknown", domain, f"whether {domain} has MTA-STS", result, RECORD),)
    records = [text for text in result.values if is_record(text)] if isinstance(result, Answer) else []
    evidence = tuple(txt(name, text) for text in result.values) if isinstance(result, Answer) else ()
    if isinstance(result, Absent) or not any("STSv1" in text for text in result.values):
        return (_none(domain, mail, (absent(name, "TXT", result),) if isinstance(result, Absent) else evidence),)
    if len(records) > 1:
        text = f"{domain} has {len(records)} MTA-STS records, so senders act as if there were none."
        return (_finding(Severity.PROBLEM, "several", domain, text, evidence, RECORD, "Keep one of them."),)
    if not records or not policy_id(records[0]):
        text = f"The MTA-STS record of {domain} can't be read, so senders act as if there were none."
        advice = "It is v=STSv1; id=…; with an id of up to 32 letters and digits, which changes with the policy."
        publish = (txt(name, "v=STSv1; id=1;"),)
        return (_finding(Severity.PROBLEM, "invalid", domain, text, evidence, RECORD, advice, publish),)
    found = await _fetched(resolver, domain, road, authorities, patience)
    if isinstance(found, Finding):
        return (found,)
    evidence += tuple(each for each in found.splitlines() if each.strip())[:30]
    policy = read(found)
    if isinstance(policy, str):
        text = f"The MTA-STS policy of {domain} can't be used: {policy}."
        advice = f"Mend the file at https://mta-sts.{domain}{PATH}, and give the record a new id."
        return (_finding(Severity.PROBLEM, "bad_policy", domain, text, evidence, FILE, advice),)
    return _judge(domain, policy, mail, evidence)


async def _fetched(resolver: Resolver, domain: str, road: Road, authorities: str, patience: float) -> str | Finding:
    host = f"mta-sts.{domain}"
    results = await asyncio.gather(resolver.ask(host, "A"), resolver.ask(host, "AAAA"))
    addresses = [value for result in results if isinstance(result, Answer) for value in result.values[:4]]
    failed = next((result for result in results if isinstance(result, Unknown)), None)
    if not addresses and failed:
        return unknown("tls", "mtasts.unknown", domain, f"where {host} is", failed, FILE)
    if not addresses:
        text = f"{domain} says that it has MTA-STS, but {host}, where its policy should be, has no address."
        advice = f"Publish an address for {host}, or remove the record _mta-sts.{domain}."
        return _finding(Severity.PROBLEM, "no_policy", domain, text, (f"{host}: no address",), FILE, advice)
    found = await fetch(host, addresses, road=road, authorities=authorities, patience=patience)
    if not isinstance(found, NoPolicy):
        return found
    evidence = (f"https://{host}{PATH}: {found.detail}", *addresses)
    return _not_fetched(domain, host, found, evidence)


def _not_fetched(domain: str, host: str, found: NoPolicy, evidence: tuple[str, ...]) -> Finding:
    match found.kind:
        case "timeout" | "unreachable":
            text = f"It could not be found out what the MTA-STS policy of {domain} says: {found.detail}."
            advice = f"Check again; if it goes on, look at {host}, and at this machine's way to port 443."
            return _finding(Severity.UNKNOWN, "unknown", domain, text, evidence, FILE, advice)
        case "redirect":
            text = (
                f"The MTA-STS policy of {domain} is not at its place but redirected ({found.detail}): nobody follows."
            )
            advice = f"Serve the file itself at https://{host}{PATH}."
            return _finding(Severity.PROBLEM, "redirect", domain, text, evidence, FILE, advice)
        case "certificate" | "tls":
            text = f"The certificate of {host} is not believed, so nobody reads its policy: {found.detail}."
            advice = f"Get one for {host} from a public authority, and look after its renewal."
            return _finding(Severity.PROBLEM, "certificate", domain, text, evidence, FILE, advice)
    text = f"{domain} says that it has MTA-STS, but there is no policy at {host}: {found.detail}."
    advice = f"Serve the file at https://{host}{PATH}, or remove the record _mta-sts.{domain}."
    return _finding(Severity.PROBLEM, "no_policy", domain, text, evidence, FILE, advice)


def _judge(domain: str, policy: Policy, mail: Servers, evidence: tuple[str, ...]) -> tuple[Finding, ...]:
    if policy.mode == "none":
        text = f"{domain} has switched MTA-STS off: the mode of its policy is none."
        advice = "Say mode: testing, then enforce; or remove record and file once max_age has passed."
        return (_finding(Severity.INFO, "mode_none", domain, text, evidence, FILE, advice),)
    found = []
    if mail.unknown:
        what = f"whether the MTA-STS policy of {domain} names its mail servers"
        found.append(unknown("tls", "mtasts.unknown", domain, what, mail.unknown, MATCHING))
    if missing := [name for name in mail.names if not policy.has(name)]:
        refused = policy.mode == "enforce"
        then = "senders that follow it refuse to deliver there" if refused else "enforced, it would keep mail away"
        text = f"The MTA-STS policy of {domain} does not name {listed(missing[:5])}, which the MX records do: {then}."
        advice = "Add an mx line for each to the policy first, then give the record _mta-sts a new id."
        seen = (*evidence, *(line(domain, "MX", f"… {name}.") for name in missing))
        severity = Severity.PROBLEM if refused else Severity.WARNING
        found.append(_finding(severity, "mx", domain, text, seen, MATCHING, advice))
    if policy.mode == "testing":
        text = f"The MTA-STS policy of {domain} is in testing: TLS that fails is reported, and mail goes on in plain."
        advice = "When the TLS-RPT reports show no failures, say mode: enforce and give the record a new id."
        found.append(_finding(Severity.WARNING, "testing", domain, text, evidence, FILE, advice))
    if policy.max_age < DAY:
        text = f"The MTA-STS policy of {domain} is kept for {duration(policy.max_age)}, too short to protect anybody."
        advice = f"Say max_age: {WEEK} (a week) or more."
        found.append(_finding(Severity.WARNING, "short", domain, text, evidence, FILE, advice))
    if found:
        return tuple(found)
    text = f"Senders that follow MTA-STS deliver to {domain} by verified TLS alone; the policy names its mail servers."
    return (_finding(Severity.OK, "ok", domain, text, evidence, FILE),)


def _none(domain: str, mail: Servers, evidence: tuple[str, ...]) -> Finding:
    text = f"{domain} has no MTA-STS: it is not set up, and it is optional."
    advice = (
        f"To set it up, serve these lines at https://mta-sts.{domain}{PATH}, with a certificate for that name, then"
        " publish the record; begin with testing."
    )
    names = [f"mx: {name}" for name in mail.names] or [f"mx: mail.{domain}"]
    file = ("version: STSv1", "mode: testing", *names, f"max_age: {WEEK}")
    publish = (txt(f"_mta-sts.{domain}", "v=STSv1; id=1;"), *file)
    return _finding(Severity.INFO, "none", domain, text, evidence, RECORD, advice, publish)


def _finding(
    severity: Severity,
    result: str,
    domain: str,
    text: str,
    evidence: tuple[str, ...],
    source: str,
    advice: str = "",
    publish: tuple[str, ...] = (),
) -> Finding:
    return Finding("tls", severity, f"mtasts.{result}", domain, text, evidence, source, advice, publish)

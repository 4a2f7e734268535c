"""Which checks there are for a mail host that sends so: a row for each, and what has to be known before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from bot.mailhost.host import MailHost
from bot.reputation import (
    alignment,
    dane,
    dkim,
    dmarc,
    identity,
    listings,
    mtasts,
    mx,
    outbound,
    signatures,
    smtp,
    spf_record,
    tlsrpt,
)
from bot.reputation.blocklists import Blocklists
from bot.reputation.findings import Finding, Part, Severity
from bot.reputation.records import plain
from bot.reputation.resolver import Resolver
from bot.reputation.road import Road, straight
from bot.reputation.selfcheck import SelfCheck
from bot.reputation.sending import Sending
from bot.reputation.subjects import subject
from bot.text import listed

Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One row. `area` is the first half of its codes; `what` is what is found out, as in `the SPF of example.org`.

    `ask` is handed what the checks in `after` found.
    """

    part: Part
    area: str
    subject: str
    what: str
    ask: Callable[[Findings], Awaitable[Findings]]
    after: tuple[Check, ...] = ()

    def unknown(self, why: str, advice: str, result: str = "unknown") -> Finding:
        """What is said of it when it has no end of its own."""
        text = f"{self.what[:1].upper()}{self.what[1:]} could not be found out: {why}."
        source = "Maildesk's own limits" if result == "unknown" else "Maildesk itself"
        return Finding(self.part, Severity.UNKNOWN, f"{self.area}.{result}", self.subject, text, (why,), source, advice)


@dataclass(frozen=True, slots=True)
class Tools:
    """What checks ask with: a resolver, the blocklists, and how connections go (bot/reputation/road.py).

    `authorities` is a PEM file of those whose certificates are trusted; empty: the system's. `lists_deadline` is how
    many seconds the blocklists have together. `selfcheck`, if there is one, looks at the resolver before anything else.
    """

    resolver: Resolver
    blocklists: Blocklists
    lists_deadline: float = 20.0
    road: Road = straight
    authorities: str = ""
    selfcheck: SelfCheck | None = None


def checks(tools: Tools, host: MailHost, sends: Sending) -> tuple[Check, ...]:
    """Every check of the host, its addresses and its sending domains; without what does not matter for it."""
    rows = [*_of_names(tools.resolver, sends), *_of_lists(tools, host, sends)]
    for domain in dict.fromkeys(plain(name) for name in sends.domains):
        rows += _of_domain(tools, host, sends, domain)
    if not sends.through:
        what = f"whether {host.name} reaches other mail servers on port 25"

        async def ask(_: Findings) -> Findings:
            return await outbound.check(host, tools.resolver, addresses=sends.addresses)

        rows.append(Check("tls", "outbound", host.name, what, ask))
    return tuple(rows)


def not_applicable(host: str, sends: Sending) -> Findings:
    """What does not matter because mail leaves through another host, each with that reason."""
    if not sends.through:
        return ()
    rows: tuple[tuple[Part, str, str], ...] = (
        ("dns", "fqdn", "Whether its name leads to the address that it sends from"),
        ("dns", "ptr", "The PTR record of its address"),
        ("rbl", "rbl", "Whether its address is on a blocklist"),
        ("tls", "outbound", "Whether it reaches other mail servers on port 25"),
    )
    return tuple(
        Finding(
            part,
            Severity.NOT_APPLICABLE,
            f"{area}.not_applicable",
            host,
            f"{what} does not matter for {host}: mail leaves through {sends.through}.",
            (f"through {sends.through}",),
            "postconf(5), relayhost, default_transport",
            "Check that host, or ask whoever runs it.",
        )
        for part, area, what in rows
    )


def _of_names(resolver: Resolver, sends: Sending) -> list[Check]:
    """The host's full name and the PTR of each address."""
    if sends.through:
        return []
    name, addresses = plain(sends.fqdn), [ip_address(address) for address in sends.addresses]
    rows = [_ptr(resolver, address, name) for address in addresses]
    if name:
        of_name = Check(
            "dns",
            "fqdn",
            name,
            f"where the name {name} leads",
            lambda _: identity.check_fqdn(resolver, name, addresses),
        )
        rows.insert(0, of_name)
    return rows


def _ptr(resolver: Resolver, address: IPv4Address | IPv6Address, name: str) -> Check:
    what = f"the PTR record of {address}"
    return Check("dns", "ptr", str(address), what, lambda _: identity.check_ptr(resolver, address, name, name))


def _of_lists(tools: Tools, host: MailHost, sends: Sending) -> list[Check]:
    """All addresses and domains in one sweep, so that each list is tried once."""
    names = list(dict.fromkeys([*([] if sends.through else sends.addresses), *sends.domains]))

    async def ask(_: Findings) -> Findings:
        subjects = [subject(name) for name in names]
        sweep = await tools.blocklists.look(subjects, tools.lists_deadline)
        # What lists did not say is told with each subject, and once is enough.
        return tuple(dict.fromkeys(finding for each in subjects for finding in listings.findings(sweep, each)))

    what = f"whether {listed(names)} {'is' if len(names) == 1 else 'are'} on a blocklist"
    return [Check("rbl", "rbl", host.name, what, ask)] if names else []


def _of_domain(tools: Tools, host: MailHost, sends: Sending, domain: str) -> list[Check]:
    """What a sending domain publishes, and its mail servers."""
    resolver, name = tools.resolver, plain(sends.fqdn)
    of_spf = Check(
        "auth",
        "spf",
        domain,
        f"the SPF of {domain}",
        lambda _: spf_record.check(resolver, domain, sends.addresses, name),
    )
    of_dkim = Check(
        "auth", "dkim", domain, f"the DKIM keys of {domain}", lambda _: _dkim(resolver, host, sends, domain)
    )
    return [
        Check("dns", "mx", domain, f"the MX records of {domain}", lambda _: mx.check(resolver, domain, name)),
        of_spf,
        of_dkim,
        Check(
            "auth",
            "alignment",
            domain,
            f"whether From ({domain}) aligns",
            lambda found: _aligned(resolver, sends, domain, found),
            after=(of_spf, of_dkim),
        ),
        *(_row(row, tools, domain) for row in OF_DOMAINS),
    ]


def _row(row: Row, tools: Tools, domain: str) -> Check:
    return Check(row.part, row.area, domain, row.what.format(domain), lambda _: row.check(tools, domain))


@dataclass(frozen=True, slots=True)
class Row:
    """A check that needs to know nothing but the domain."""

    part: Part
    area: str
    what: str
    check: Callable[[Tools, str], Awaitable[Findings]]


async def _smtp(tools: Tools, domain: str) -> Findings:
    return await smtp.check(tools.resolver, domain, road=tools.road, authorities=tools.authorities)


async def _mtasts(tools: Tools, domain: str) -> Findings:
    return await mtasts.check(tools.resolver, domain, road=tools.road, authorities=tools.authorities)


OF_DOMAINS = (
    Row("auth", "dmarc", "the DMARC policy of {}", lambda tools, domain: dmarc.check(tools.resolver, domain)),
    Row("tls", "smtp", "how the mail servers of {} answer", _smtp),
    Row("tls", "mtasts", "the MTA-STS policy of {}", _mtasts),
    Row("tls", "tlsrpt", "the TLS-RPT record of {}", lambda tools, domain: tlsrpt.check(tools.resolver, domain)),
    Row(
        "tls",
        "dane",
        "the DANE records of {}",
        lambda tools, domain: dane.check(tools.resolver, domain, road=tools.road),
    ),
)


async def _dkim(resolver: Resolver, host: MailHost, sends: Sending, domain: str) -> Findings:
    """The keys of the selectors that the settings name, else of those that the host is seen to sign with."""
    if sends.selectors:
        return await dkim.check(resolver, domain, sends.selectors)
    return await signatures.check(resolver, host, domain, sends.signing)


async def _aligned(resolver: Resolver, sends: Sending, domain: str, found: Findings) -> Findings:
    """Envelope, signature and From in one domain, which is how Postfix and its milters are mostly set up."""
    by_spf = alignment.of_spf(domain, sends.addresses, found)
    by_dkim = alignment.of_dkim(domain, found)
    aligned = await alignment.check(resolver, domain, spf=[by_spf], dkim=[by_dkim])
    if not sends.through:
        return aligned
    # Which address the relay sends from is not known here, so whether SPF passes never is.
    advice = f"Look at Authentication-Results in a message that went out through {sends.through}."
    return tuple(replace(each, advice=advice) if each.severity is Severity.UNKNOWN else each for each in aligned)

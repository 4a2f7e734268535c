"""The demo's DNS: example.org and its two hosts, those whom they write to, and every blocklist that the bot asks.

Four things are wrong in it: `mx1` is on SpamCop's list, since an account of its was broken into; Spamhaus refuses the
resolver, as it refuses public ones; the SPF record includes a domain that has none any more; and the certificate of
`mx1` expires in some days (bot/demo/outside.py). Addresses are those that RFC 5737 keeps for documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.reputation.codes import Pattern
from bot.reputation.records import txt
from bot.reputation.subjects import subject
from bot.reputation.zones import Zone

DOMAIN = "example.org"
HOSTS = {"mx1": "192.0.2.25", "mx2": "192.0.2.26"}
SELECTOR = "mail2026"

LISTING, LISTED = "spamcop", HOSTS["mx1"]
REASON = f"Blocked - see https://www.spamcop.net/bl.shtml?{LISTED}"
REFUSING = ("spamhaus-zen", "spamhaus-dbl")
REFUSAL = "127.255.255.254"

PROVIDERS = {"gmail.com": "198.51.100.30", "outlook.com": "198.51.100.31", "yahoo.com": "198.51.100.32"}
"""Stand-ins for those whom everybody writes to, so that the way out of the host can be tried."""

# An RSA key of 2048 bits whose other half nobody has.
KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtYfj8g1Z5W/jGyoExI5x3N6VXiu+IyyzicrICOxTaHAzYvxBCSKjYKJ7876KFFPY"
    "KQNtd2vEuhaZV93mjINXOHpJwo7+wgmZwohAJpI9wXqBR42iKqGZT52yU3ZF0M+DKgCn5KEmrwtlr91TgZFykJxjwPcJG6fzqYNPOW1oA1POA"
    "gCOQsL9q7Jv6a/4T8/UVV3RFAvhe2/Stn97nriK8dwfF0jcuGnoabfjyIvaca3K5QcZKG5jx+66/ILSJnxx9Msr7jIP1Jkh4WHyu3Rm3e83p2"
    "Of75u0SOtlSHsfDyjHKoYGRCQYfnrPn8WWRQD1xYUMBkzgaOZ4rKzoQhxnpwIDAQAB"
)

SPF = "v=spf1 include:_spf.newsletter.example ip4:192.0.2.24/29 -all"
"""The newsletter's service has gone, and with it the record that is included."""

OWN = f"""
{DOMAIN}. MX 10 mx1.{DOMAIN}.
{DOMAIN}. MX 20 mx2.{DOMAIN}.
{txt(DOMAIN, SPF)}
{txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{DOMAIN}")}
{txt(f"{SELECTOR}._domainkey.{DOMAIN}", f"v=DKIM1; k=rsa; p={KEY}")}
{txt(f"_smtp._tls.{DOMAIN}", f"v=TLSRPTv1; rua=mailto:tlsrpt@{DOMAIN}")}
newsletter.example. A 203.0.113.80
"""


def records(zones: Iterable[Zone] = ()) -> Iterator[str]:
    """Lines of a zone file for all of it, these blocklists included."""
    for zone in zones:
        if not zone.left_out:
            yield from _list(zone)
    yield OWN
    for name, address in HOSTS.items():
        yield f"{name}.{DOMAIN}. A {address}"
        yield f"{reverse(address)}.in-addr.arpa. PTR {name}.{DOMAIN}."
    for provider, address in PROVIDERS.items():
        yield f"{provider}. MX 10 mx.{provider}."
        yield f"{provider}. A {address}"
        yield f"mx.{provider}. A {address}"


def reverse(address: str) -> str:
    return ".".join(reversed(address.split(".")))


def _list(zone: Zone) -> Iterator[str]:
    """A list that answers for its test entries as it should, and whom it lists."""
    for labels in zone.listed.values():
        yield f"{zone.question(labels)}. A {_answer(zone)}"
    subjects = [subject(address) for address in HOSTS.values()] + [subject(DOMAIN)]
    for each in subjects:
        name = zone.question(each.labels(zone.domains))
        if each.kind in zone.kinds and zone.id in REFUSING:
            yield f"{name}. A {REFUSAL}"
        if str(each) == LISTED and zone.id == LISTING:
            yield f"{name}. A {_answer(zone)}"
            yield txt(name, REASON)


def _answer(zone: Zone) -> str:
    """What this list says of its listed test entry."""
    return REFUSAL if zone.id in REFUSING else _first(zone.sample or zone.codes[0].pattern)


def _first(pattern: Pattern) -> str:
    """The lowest answer that fits."""
    if pattern.bit:
        return f"127.0.0.{pattern.bit}"
    return ".".join(str(low) for low, _ in pattern.ranges)

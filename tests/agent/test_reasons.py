"""Reasons of deferral are grouped by what is the same: provider, reply code, enhanced code and words."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.reasons import PROVIDERS, SHOWN, grouped

# In the style of real replies, worded for these tests.
SAMPLES = [
    (
        "host gmail-smtp-in.l.google.com[192.0.2.27] said: 421-4.7.28 Too much mail came from your address lately "
        "421-4.7.28 so we slow it down for now. More about it: 421 4.7.28 https://support.example.test/mail/?p=Rate "
        "a1b2c3d4e5f6-123456 - gsmtp (in reply to end of DATA command)",
        "Gmail: 421 4.7.28 Too much mail came from your address lately so we slow it down for now. More about it: …"
        " - gsmtp",
    ),
    (
        "host mx-eu.mail.am0.yahoodns.net[198.51.100.3] refused to talk to me: 421 4.7.0 [TSS04] Messages from "
        "203.0.113.9 wait for now because of complaints; see https://help.example.test/x",
        "Yahoo: 421 4.7.0 [TSS04] Messages from … wait for now because of complaints; see",
    ),
    (
        "host example-org.mail.protection.outlook.com[198.51.100.4] said: 451 4.7.500 Server busy. Try again later from"
        " "
        "203.0.113.9. (S77719) [AM0EUR02FT012.eop-EUR02.prod.protection.outlook.com 2024-01-02T03:04:05.678Z "
        "08DC0A1B2C3D4E5F] (in reply to RCPT TO command)",
        "Microsoft 365: 451 4.7.500 Server busy. Try again later from … (S77719)",
    ),
    (
        "host hotmail-com.olc.protection.outlook.com[198.51.100.5] said: 451 4.7.650 The sender [203.0.113.9] is"
        " slowed "
        "down for its reputation (in reply to MAIL FROM command)",
        "Outlook.com: 451 4.7.650 The sender … is slowed down for its reputation",
    ),
    (
        "host mx01.mail.icloud.com[198.51.100.6] said: 450 4.2.2 <jane@icloud.test>: quota used up (in reply to RCPT TO"
        " command)",
        "iCloud: 450 4.2.2 … quota used up",
    ),
    (
        "host mx00.t-online.de[198.51.100.7] refused to talk to me: 554 IP=203.0.113.9 - No contact. (TOB)",
        "T-Online: 554 IP=… - No contact. (TOB)",
    ),
    (
        "host mx1.hc123-45.iphmx.com[198.51.100.8] refused to talk to me: 421 #4.4.5 Too many sessions to this host.",
        "Cisco: 421 4.4.5 Too many sessions to this host.",
    ),
    (
        "host mx.small.test[192.0.2.1] said: 450 4.7.1 <bob@small.test>: Greylisted for 300 seconds, see "
        "http://postgrey.test/help/small.test.html (in reply to RCPT TO command)",
        "450 4.7.1 … Greylisted for … seconds, see",
    ),
    (
        "host mx.small.test[192.0.2.1] said: 451 4.3.0 <queue-id ABC123DEF@mx.small.test> temporary failure (in"
        " reply to "
        "end of DATA command)",
        "451 4.3.0 … temporary failure",
    ),
    ("connect to mx.small.test[192.0.2.1]:25: Connection timed out", "connect to … Connection timed out"),
    ("connect to mx.small.test[2001:db8::7]:25: Connection refused", "connect to … Connection refused"),
    (
        "delivery temporarily suspended: connect to mx.small.test[192.0.2.1]:25: Connection refused",
        "connect to … Connection refused",
    ),
    (
        "delivery temporarily suspended: host mx.small.test[192.0.2.1] refused to talk to me: 421 4.3.2 All lines busy",
        "421 4.3.2 All lines busy",
    ),
    (
        "lost connection with mx.small.test[192.0.2.1] while receiving the initial server greeting",
        "lost connection with … while receiving the initial server greeting",
    ),
    (
        "conversation with mx.small.test[192.0.2.1] timed out while sending RCPT TO",
        "conversation with … timed out while sending RCPT TO",
    ),
    (
        "Host or domain name not found. Name service error for name=small.test type=MX: Host not found, try again",
        "Host or domain name not found. Name service error for name=… type=MX Host not found, try again",
    ),
    (
        "host mx.small.test[192.0.2.1] said: 454 4.7.1 Service unavailable; Client host [203.0.113.9] blocked using "
        "zen.blocklist.test; https://lookup.blocklist.test/query/ip/203.0.113.9 (in reply to RCPT TO command)",
        "454 4.7.1 Service unavailable; Client host … blocked using zen.blocklist.test",
    ),
    ("mail transport unavailable", "mail transport unavailable"),
    ("user lookup error: cannot connect to 10.1.2.3:3306", "user lookup error: cannot connect to"),
    ("host notgoogle.com[192.0.2.1] said: 450 4.2.0 later", "450 4.2.0 later"),
    ("host mx.google.com.evil.test[192.0.2.1] said: 450 4.2.0 later", "450 4.2.0 later"),
    ("", "no reason given"),
    (" \t ", "no reason given"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "group"), SAMPLES)
def test_a_reason_is_shown_as_its_group(reason: str, group: str) -> None:
    assert grouped(reason) == group


@pytest.mark.parametrize(
    "reason",
    [
        "host mx{n}.small{n}.test[192.0.2.{n}] said: 450 4.7.1 <u{n}@small{n}.test>: Greylisted, wait {n} seconds",
        "connect to mx{n}.d{n}.test[2001:db8::{n}]:25: Connection timed out",
        "delivery temporarily suspended: connect to mx.d{n}.test[192.0.2.{n}]:2{n}: Connection timed out",
        "host x{n}.l.google.com[192.0.2.{n}] said: 452-4.2.2 Full. 452 4.2.2 https://x.test/?p={n} b{n}7c5d9e1f{n}",
        "host d{n}.mail.protection.outlook.com[192.0.2.{n}] said: 451 4.7.500 No. [A{n}F.x.test 2024-01-{n}T01:02:03Z]",
        "host mx.test[192.0.2.1] said: 451 4.3.0 4A6B3C{n}7D8F: queue file write error at 12:{n}:59",
        "Host or domain name not found. Name service error for name=d{n}.test type=A: Host not found, try again",
        "host mx.test[192.0.2.1] said: 421 4.7.0 mx{n}.remote.test closes to 203.0.113.{n} (id 8{n}-12345-{n})",
    ],
)
def test_what_differs_from_message_to_message_does_not_split_a_group(reason: str) -> None:
    assert len({grouped(reason.format(n=number)) for number in range(10, 60)}) == 1


@pytest.mark.parametrize(
    "reasons",
    [
        [f"host mx.test[192.0.2.1] said: {code} 4.2.0 later" for code in (421, 450, 451, 452)],
        [f"host mx.test[192.0.2.1] said: 450 4.{code} later" for code in ("2.0", "2.2", "7.1")],
        [
            f"host mx.{end}[192.0.2.1] said: 450 4.2.0 later"
            for end in ("google.com", "yahoodns.net", "gmx.net", "x.test")
        ],
        [f"host mx.test[192.0.2.1] said: 450 blocked using {zone}.test; x" for zone in ("zen", "bl")],
        [f"connect to mx.test[192.0.2.1]:25: {what}" for what in ("Connection refused", "Connection timed out")],
    ],
)
def test_what_tells_reasons_apart_is_kept(reasons: list[str]) -> None:
    assert len({grouped(reason) for reason in reasons}) == len(reasons)


def test_each_provider_is_known_by_the_end_of_its_hosts_names() -> None:
    for end, name in PROVIDERS:
        assert grouped(f"host mx1.{end}[192.0.2.1] said: 450 later") in {
            f"{known}: 450 later" for other, known in PROVIDERS if f"mx1.{end}".endswith(other)
        }
        assert name


@given(st.text(max_size=2000))
def test_any_text_has_a_group_of_bounded_length(reason: str) -> None:
    group = grouped(reason)
    assert group
    assert len(group) <= SHOWN + 20
    assert grouped(f"delivery temporarily suspended: {reason}") == group or len(reason) > 900


HOSTILE: list[Callable[[int], str]] = [
    lambda size: "host " + "a" * size,
    lambda size: "host " + "a[" * (size // 2),
    lambda size: "(in reply to " * (size // 13),
    lambda size: "[" * size,
    lambda size: "[(" * (size // 2) + "])" * (size // 2),
    lambda size: "450 " * (size // 4),
    lambda size: "450-4.7.1" * (size // 9),
    lambda size: "… " * (size // 2),
    lambda size: "1." * (size // 2),
    lambda size: "a." * (size // 2) + "!",
    lambda size: ":1" * (size // 2) + "x",
    lambda size: "using " * (size // 6),
    lambda size: "delivery temporarily suspended: " * (size // 32),
    lambda size: "\u2028\x0c" * (size // 2),
    lambda size: "1 second" * (size // 8),
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_reason_costs_no_more_than_its_first_kilobyte(hostile: Callable[[int], str]) -> None:
    def cost(size: int) -> float:
        """The least of some tries, in seconds; each text is new, so that no cache answers."""
        times = []
        for number in range(8):
            text = f"{number}{hostile(size)}{number}"
            begun = time.process_time()
            grouped(text)
            times.append(time.process_time() - begun)
        return min(times)

    small = max(cost(1000), 50e-6)
    # A hundred times the text; copying and hashing it is all that may grow.
    assert cost(100_000) < 10 * small

"""Sixty blocklists on real servers, most of them with a trap, and what is true of eight addresses in each.

A false listing says that an address is listed where it is not, or where nobody can know; a false "clean" says that it
is not listed where it is, or where nobody can know. Unknown is never false.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.reputation.zones import Zone
from tests.dns.misbehaving import NO_SUCH_NAME, SILENT, Manner
from tests.dns.world import DnsWorld
from tests.reputation.lists import table, zones

Lay = Callable[[DnsWorld, str, list[str]], None]
Truth = Literal["listed", "not_listed", "unknown"]
"""What can be known, and what a checker may say."""

ADDRESSES = tuple(f"198.51.100.{last}" for last in range(1, 9))
DOMAIN = "lab.test"
POINT = "127.0.0.2"


@dataclass(frozen=True, slots=True)
class Trap:
    """`number` lists of one kind, set up by `lay`. A third of the addresses is marked: those that the list has, or that
    the trap is about. `marked` and `others` are what can be known of these and of the others."""

    name: str
    number: int
    lay: Lay
    marked: Truth = "listed"
    others: Truth = "not_listed"
    members: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Laid:
    """One list of the laboratory, the addresses that are marked in it, and what is true of each."""

    trap: Trap
    zone: str
    marked: tuple[str, ...]
    truth: dict[str, Truth]


def reversed_name(address: str, zone: str) -> str:
    return f"{'.'.join(reversed(address.split('.')))}.{zone}"


# How each kind of list is set up; `marked` are the addresses that it is about ---------------------------------------


def plain(dns: DnsWorld, zone: str, marked: list[str]) -> None:
    dns.blocklist(zone, ip4set="\n".join((f"{POINT} :2:Test", *(f"{each} :2:Spam" for each in marked))))


def own_test_point(dns: DnsWorld, zone: str, marked: list[str]) -> None:
    dns.blocklist(zone, ip4set="\n".join(f"{each} :36:Dynamic" for each in ("127.0.0.36", *marked)))


def behind(manner: Manner) -> Lay:
    """On the misbehaving server: a healthy list, except that the marked are answered in this manner."""

    def lay(dns: DnsWorld, zone: str, marked: list[str]) -> None:
        wrong = dns.misbehaving(zone)
        wrong.below(zone, NO_SUCH_NAME)
        wrong.at(reversed_name(POINT, zone), Manner(records={"A": [POINT]}))
        for each in marked:
            wrong.at(reversed_name(each, zone), manner)

    return lay


def throughout(manner: Manner, *, points: bool = False) -> Lay:
    """On the misbehaving server: every name is answered in this manner; with `points`, its test entries are well."""

    def lay(dns: DnsWorld, zone: str, _: list[str]) -> None:
        wrong = dns.misbehaving(zone)
        wrong.below(zone, manner)
        if points:
            wrong.at(reversed_name(POINT, zone), Manner(records={"A": [POINT]}))
            wrong.at(reversed_name("127.0.0.1", zone), NO_SUCH_NAME)

    return lay


def wildcard(dns: DnsWorld, zone: str, _: list[str]) -> None:
    dns.blocklist(zone, ip4trie=":2:This list is closed\n0/0")


def sly_wildcard(dns: DnsWorld, zone: str, _: list[str]) -> None:
    dns.blocklist(zone, ip4trie=":2:This list is closed\n0/0\n!127.0.0.1")


def parked(dns: DnsWorld, zone: str, _: list[str]) -> None:
    dns.zone(zone, "* A 203.0.113.80")


def emptied(dns: DnsWorld, zone: str, _: list[str]) -> None:
    dns.blocklist(zone, ip4set="")


def gone(dns: DnsWorld, zone: str, _: list[str]) -> None:
    """Nobody has it any more."""


def refused_by_code(dns: DnsWorld, zone: str, _: list[str]) -> None:
    dns.blocklist(zone, ip4trie=":127.255.255.254:Error: open resolver\n0/0")


def out_of_date(dns: DnsWorld, zone: str, _: list[str]) -> None:
    dns.zone(zone, f"{reversed_name(POINT, '').rstrip('.')} A {POINT}", signed="expired")


def a(*values: str) -> Manner:
    return Manner(records={"A": values, "TXT": ['"as seen"']})


OWN_POINT = (("codes", {"127.0.0.36": "dynamic"}), ("listed", {"ip4": "127.0.0.36"}))
BLOCKED = (("errors", {"127.0.0.255": "blocked"}),)
BITS = (("bits", True), ("codes", {"2": "spam", "4": "taken over"}), ("errors", {"1": "blocked"}))

TRAPS = (
    Trap("a healthy list", 8, plain),
    Trap("a test point of its own", 3, own_test_point, members=OWN_POINT),
    Trap("several codes at once", 2, behind(a("127.0.0.2", "127.0.0.4"))),
    Trap("bits", 2, behind(a("127.0.0.6")), members=BITS),
    Trap("answers by TCP alone", 2, behind(Manner(records={"A": [POINT]}, truncated=True))),
    Trap("answers after 300 ms", 1, behind(Manner(records={"A": [POINT]}, after=0.3))),
    Trap("a code for good senders", 2, behind(a("127.0.0.17")), marked="not_listed"),
    Trap("127.0.0.1, which refuses", 2, behind(a("127.0.0.1")), marked="unknown"),
    Trap("an error code for some", 2, behind(a("127.255.255.255")), marked="unknown"),
    Trap("an error code beside a listing", 1, behind(a("127.0.0.2", "127.255.255.254")), marked="unknown"),
    Trap("a blocked code of its own", 2, behind(a("127.0.0.255")), marked="unknown", members=BLOCKED),
    Trap("a parked address beside a listing", 1, behind(a("127.0.0.2", "203.0.113.80")), marked="unknown"),
    Trap("SERVFAIL for some", 1, behind(Manner(rcode="SERVFAIL")), marked="unknown"),
    *(
        Trap(name, number, lay, marked="unknown", others="unknown")
        for name, number, lay in (
            ("an error code for all", 4, refused_by_code),
            ("REFUSED but for its test entries", 1, throughout(Manner(rcode="REFUSED"), points=True)),
            ("lists the world", 5, wildcard),
            ("lists the world but its test entry", 2, sly_wildcard),
            ("lists the world, both test entries well", 1, throughout(a(POINT), points=True)),
            ("a parked domain", 4, parked),
            ("emptied", 5, emptied),
            ("gone", 2, gone),
            ("SERVFAIL", 2, throughout(Manner(rcode="SERVFAIL"))),
            ("REFUSED", 2, throughout(Manner(rcode="REFUSED"))),
            ("silent", 2, throughout(SILENT)),
            ("signatures that do not hold", 1, out_of_date),
        )
    ),
)


def laid(dns: DnsWorld) -> list[Laid]:
    """Set all of them up, and tell what is true."""
    found: list[Laid] = []
    for trap in TRAPS:
        for _ in range(trap.number):
            number = len(found) + 1
            zone = f"l{number}.{DOMAIN}"
            marked = [each for place, each in enumerate(ADDRESSES) if (place + number) % 3 == 0]
            trap.lay(dns, zone, marked)
            truth = {each: trap.marked if each in marked else trap.others for each in ADDRESSES}
            found.append(Laid(trap, zone, tuple(marked), truth))
    return found


def as_zones(lists: Iterable[Laid]) -> tuple[Zone, ...]:
    """The same in our own table."""
    return zones(*(table(each.zone, **dict(each.trap.members)) for each in lists))


@dataclass(frozen=True, slots=True)
class Score:
    """Of so many `answers`, how many were false, by the trap's name; `found`: listings that were told as such."""

    answers: int
    false_listings: Counter[str]
    false_clean: Counter[str]
    found: int


def score(lists: Sequence[Laid], said: Mapping[tuple[str, str], Truth]) -> Score:
    """`said` by zone and address."""
    listings: Counter[str] = Counter()
    clean: Counter[str] = Counter()
    found = 0
    for each in lists:
        for address, truth in each.truth.items():
            answer = said[each.zone, address]
            listings[each.trap.name] += answer == "listed" != truth
            clean[each.trap.name] += answer == "not_listed" != truth
            found += answer == truth == "listed"
    return Score(len(said), +listings, +clean, found)

"""The demo's name server, asked by the bot's own resolver: the three ways in which a question ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bot.demo.nameserver import NameServer
from bot.reputation.answers import Absent, Answer, Exchange, Unknown
from bot.reputation.resolver import Resolver

LONG = " ".join(f'"{"x" * 200}"' for _ in range(20))
ZONE = f"""
example.org. MX 10 mx1.example.org.
mx1.example.org. A 192.0.2.25
mx1.example.org. AAAA 2001:db8::25
www.example.org. CNAME mx1.example.org.
away.example.org. CNAME nothing.example.org.
loop.example.org. CNAME loop.example.org.
long.example.org. TXT {LONG}
25.2.0.192.in-addr.arpa. PTR mx1.example.org.
"""


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer() as made:
        made.publish(ZONE)
        yield made


async def test_what_is_published_is_answered_and_nothing_else_is_there(server: NameServer) -> None:
    resolver = Resolver([server.address])
    mx = await resolver.ask("example.org", "MX")
    assert isinstance(mx, Answer) and mx.exchanges == (Exchange(10, "mx1.example.org"),)
    alias = await resolver.ask("www.example.org", "AAAA")
    assert isinstance(alias, Answer) and (alias.name, alias.values) == ("mx1.example.org", ("2001:db8::25",))
    reverse = await resolver.ask("25.2.0.192.in-addr.arpa", "PTR")
    assert isinstance(reverse, Answer) and reverse.values == ("mx1.example.org",)
    for name, kind, exists in (
        ("example.org", "TXT", True),
        ("org", "A", True),
        ("example.net", "A", False),
        ("away.example.org", "A", False),
    ):
        absent = await resolver.ask(name, kind)  # type: ignore[arg-type]
        assert isinstance(absent, Absent) and (absent.exists, absent.ttl) == (exists, 30), name


async def test_a_long_answer_comes_by_tcp(server: NameServer) -> None:
    found = await Resolver([server.address]).ask("long.example.org", "TXT")
    assert isinstance(found, Answer) and found.values == ("x" * 4000,)


async def test_a_chain_without_an_end_is_no_answer(server: NameServer) -> None:
    assert isinstance(await Resolver([server.address]).ask("loop.example.org", "A"), Absent | Unknown)


async def test_it_can_be_told_something_else_while_it_runs(server: NameServer) -> None:
    server.publish("mx1.example.org. A 192.0.2.99")
    found = await Resolver([server.address]).ask("mx1.example.org", "A")
    assert isinstance(found, Answer) and found.values == ("192.0.2.99",)
    server.withdraw("mx1.example.org", "A")
    assert isinstance(await Resolver([server.address]).ask("mx1.example.org", "A"), Absent)


async def test_nonsense_is_not_answered_and_harms_nobody(server: NameServer) -> None:
    host, _, port = server.address.partition(":")
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as connection:
            connection.connect((host, int(port)))
            connection.send(b"\x00\x05nonsense")
    assert isinstance(await Resolver([server.address]).ask("mx1.example.org", "A"), Answer)


def test_stopped_it_listens_no_more() -> None:
    with NameServer() as server:
        host, _, port = server.address.partition(":")
    with socket.socket() as connection:
        assert connection.connect_ex((host, int(port))) != 0

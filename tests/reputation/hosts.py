"""A mail host for tests of what is asked about it, and not of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.agent.probed import Peer, Probed
from bot.agent.protocol import Depth, Info, Listing, Message, QueuedMessage, Selection, Term
from bot.agent.queueid import is_queue_id
from bot.mailhost.host import MailHost
from bot.mailhost.link import link_to
from bot.reputation.blocklists import Blocklists
from bot.reputation.checks import Tools
from bot.reputation.outbound import RECEIVERS
from bot.reputation.resolver import Resolver
from bot.reputation.road import Road
from bot.reputation.zones import Zone
from bot.settings import HostSettings
from tests.dns.world import DnsWorld

PARAMETERS = {"myhostname": "mx1.example.org", "mydomain": "example.org", "smtp_bind_address": "192.0.2.25"}


class Host(MailHost):
    """A mail host that says of itself what it is told to say, after a while; `closed`: port 25 is, to the outside;
    `lost`: so many addresses do not answer there; `seen_as`: the address that they greet it by.

    `queue` is its deferred mail, the oldest first: the values of each message's DKIM-Signature headers.
    """

    def __init__(
        self,
        after: float = 0.0,
        *,
        closed: bool = False,
        lost: int = 0,
        seen_as: str = "",
        catch_all: str | None = "",
        name: str = "mx1",
        **parameters: str,
    ) -> None:
        super().__init__(link_to(HostSettings(name)), name)
        self._after = after
        self._closed = closed
        self._lost = lost
        self._hello = f"mx.test at your service, [{seen_as}]" if seen_as else "mx.test"
        self._catch_all = catch_all
        self._parameters = {**PARAMETERS, **parameters}
        self.queue: list[Sequence[str]] = []

    async def info(self) -> Info:
        await asyncio.sleep(self._after)
        return Info("1", 1, "3.11", "mx1", ("mx1",), (), True, self._parameters, catch_all=self._catch_all)

    async def depth(self) -> Depth:
        return Depth(0.0, {"deferred": len(self.queue), "corrupt": None})

    async def list(self, selection: Selection = Selection(), **asked: Any) -> Listing:  # noqa: B008
        assert selection.terms == (Term("queue", "deferred"),) and int(asked["before"].key) > len(self.queue)
        assert is_queue_id(asked["before"].queue_id)
        entries = [_entry(number) for number in range(len(self.queue))]
        return Listing(0.0, page=tuple(entries[-asked["limit"] :]))

    async def show(self, queue_id: str) -> Message:
        number = int(queue_id, 16)
        signed = tuple(("DKIM-Signature", value) for value in self.queue[number])
        return Message(_entry(number), headers=(("Received", "by mx1; s=nothing"), *signed))

    async def probe(self, smtp: Sequence[str], compare: Sequence[str] = (), *, wait: int = 25) -> Probed:
        def met(address: str, port: int) -> Peer:
            if port == 25 and (self._closed or address in smtp[: self._lost]):
                return Peer(address, port, "timeout", "no answer within 10 s")
            return Peer(address, port, "connected", banner="220 mx.test ESMTP", hello=(self._hello,), starttls=True)

        return Probed("mx1", tuple(met(each, 25) for each in smtp) + tuple(met(each, 443) for each in compare))


def _entry(number: int) -> QueuedMessage:
    return QueuedMessage("deferred", f"{number:06X}", number, 1000, "ann@example.org")


def nowhere(_: str, __: int) -> tuple[str, int]:
    """The road of a world without mail servers: nothing listens there."""
    return "127.0.0.1", 1


def tools(resolver: Resolver, lists: Sequence[Zone] = (), road: Road = nowhere, authorities: str = "") -> Tools:
    """What checks ask with; without a list unless they are given, and with no way to any mail server."""
    return Tools(resolver, Blocklists(resolver, lists), road=road, authorities=authorities)


def receivers(dns: DnsWorld) -> None:
    """Zones of those whom everybody writes to, so that the way out can be tried."""
    for number, domain in enumerate(RECEIVERS, 1):
        dns.zone(domain, f"@ MX 10 mx\n@ A 198.18.250.{number}\nmx A 198.18.250.{10 + number}")

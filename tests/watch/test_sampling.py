"""A host that gives no answer, looked at by bots that are restarted: no look that fails is taken for a good one."""

from __future__ import annotations

from datetime import timedelta

from bot.agent.protocol import Depth
from bot.errors import HostUnreachable
from bot.mailhost.hosts import MailHosts
from bot.watch.model import Alert
from bot.watch.rules import Rules
from bot.watch.sampling import Sampling
from tests.reputation.hosts import Host
from tests.watch.bots import MINUTE, Bot, bot
from tests.watch.test_depths import QUIET


class Away(Host):
    """A mail host that answers, or does not."""

    answers = False

    async def depth(self) -> Depth:
        if not self.answers:
            raise HostUnreachable("mx1", "connection refused")
        return QUIET


def started(one: Bot, host: Away, owner: str = "bot") -> Sampling:
    """A bot that was just started: what it knew by heart is gone."""
    return Sampling(one.store, MailHosts([host]), one.alerts, one.clock, owner)


async def looks(one: Bot, host: Away, times: int, after: timedelta = MINUTE) -> None:
    """So many looks, each by a bot that was just started."""
    for number in range(times):
        one.clock.now += after
        assert await started(one, host, f"bot {number % 2}").look()


async def unreachable(one: Bot) -> Alert:
    (alert,) = await one.open()
    assert alert.rule == "unreachable"
    return alert


async def test_restarts_neither_end_an_alert_nor_let_a_host_seem_well(url: str) -> None:
    host = Away()
    async with bot(url, rules=Rules()) as one:
        await looks(one, host, 3)
        assert await one.open() == [], "it may be a hiccup"
        await looks(one, host, 60)
        alert = await unreachable(one)
        assert (alert.value, alert.good_since) == (62, None)
        assert alert.text.startswith("No answer for 62 minutes: ")
        host.answers = True
        await looks(one, host, 4)
        assert await one.open() == [] and await one.events() == ["fired", "resolved"]


async def test_after_a_time_without_looks_it_is_not_known_for_how_long_it_is_away_and_still_it_is(url: str) -> None:
    host = Away()
    async with bot(url, rules=Rules()) as one:
        await looks(one, host, 10)
        await looks(one, host, 5, timedelta(hours=3))
        alert = await unreachable(one)
        assert (alert.value, alert.good_since, alert.peak) == (None, None, 9)
        assert alert.text.startswith("No answer just now: ")
        assert "resolved" not in await one.events()


async def test_one_silent_minute_long_ago_does_not_count(url: str) -> None:
    host = Away()
    async with bot(url, rules=Rules()) as one:
        await looks(one, host, 1)
        await looks(one, host, 3, timedelta(minutes=40))
        host.answers = True
        await looks(one, host, 1)
        host.answers = False
        await looks(one, host, 3)
        assert await one.events() == []

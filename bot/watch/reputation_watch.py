"""Looking at how the mail of each host is received, again and again: kept, told to nobody, and told to the rules.

Each host is looked at each half hour, one a minute, by one of the bots that share the store. So no two looks run at
once: what two hosts have in common is said once, and blocklists are not asked for all of them in the same second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.reputation.blocklists import Blocklists
from bot.reputation.findings import Part
from bot.reputation.report import Report
from bot.reputation.reports import Reports
from bot.store import turns
from bot.store.database import Connection, Store
from bot.store.memory import recall, remember
from bot.watch.alerts import Alerts
from bot.watch.memory import Memory, from_json, to_json
from bot.watch.mutes import Mutes
from bot.watch.reputation import after, left_out, once, readings
from bot.watch.reputation_itself import of_the_bot

EVERY = timedelta(minutes=30)
APART = timedelta(seconds=50)
"""So long after one look the next may begin: a report has ended by then, and the clock's next minute has not come."""
SPARED = timedelta(seconds=72)
"""What each host is given of the time between two looks at it, where there are too many for half an hour."""


class ReputationWatch:
    """Has `reports` made of `hosts`, and tells `alerts`. `owner` is this process's name among the bots."""

    def __init__(
        self,
        store: Store,
        reports: Reports,
        blocklists: Blocklists,
        hosts: MailHosts,
        alerts: Alerts,
        mutes: Mutes,
        now: Callable[[], datetime],
        owner: str,
    ) -> None:
        self._store = store
        self._reports = reports
        self._names = {zone.id: zone.name for zone in blocklists.zones}
        self._hosts = hosts
        self._alerts = alerts
        self._mutes = mutes
        self._now = now
        self._owner = owner

    @property
    def _every(self) -> timedelta:
        return max(EVERY, SPARED * len(self._hosts))

    async def look(self) -> None:
        """Look at one host whose half hour is over, if there is one (the clock's job, each minute)."""
        if await self._alerts.home() is None:
            return  # Nobody could be told, and what was seen now would not be seen anew for half an hour.
        # Where somebody has a host checked at this moment, its turn is in the next minute.
        idle = [host for host in self._hosts.values() if not await self._reports.under_way(host)]
        if host := await self._due(idle):
            await self._look_at(host)

    async def _due(self, hosts: Sequence[MailHost]) -> MailHost | None:
        """The host whose turn this bot has got; None when there is none, or another bot is looking.

        Whoever has a host checked may have mended something, and it is looked at right after that.
        """
        now, every = self._now(), self._every
        sooner = {host.name for host in hosts if await self._reports.overtaken(host)}
        async with self._store.transaction() as transaction:
            if await turns.take_after(transaction, "look at a reputation", APART, self._owner, now):
                for host in hosts:
                    pause = APART if host.name in sooner else every
                    if await turns.take_after(transaction, f"reputation of {host.name}", pause, self._owner, now):
                        return host
        return None

    async def _look_at(self, host: MailHost) -> None:
        report = await self._reports.watch(host, await self._left_out(host))
        memory = await self._remember(host, report)
        now = self._now()
        opened, muted = await self._alerts.open(), await self._mutes.in_force()
        found = once(readings(report, memory, now), host.name, opened, muted, now - 2 * self._every)
        await self._alerts.observe(host.name, found, self._every)
        await self._alerts.observe("", of_the_bot(report, await self._memories(), self._names, now))

    async def _left_out(self, host: MailHost) -> Collection[Part]:
        # One that waits too: it may be muted, and is to begin soon after that.
        opened = await self._alerts.open()
        runs_out = any((alert.rule, alert.host) == ("certificate", host.name) for alert in opened)
        async with self._store.reading() as connection:
            return left_out(await _recall(connection, host.name), self._now(), runs_out=runs_out)

    async def _remember(self, host: MailHost, report: Report) -> Memory:
        """What is remembered from now on. Should the bot end before it observes, the next look observes the same."""
        now = self._now()
        async with self._store.transaction() as transaction:
            memory = after(report, await _recall(transaction.connection, host.name), now)
            await remember(transaction, _key(host.name), to_json(memory), now)
        return memory

    async def _memories(self) -> list[Memory]:
        async with self._store.reading() as connection:
            return [await _recall(connection, name) for name in self._hosts]


async def _recall(connection: Connection, host: str) -> Memory:
    return from_json(await recall(connection, _key(host)))


def _key(host: str) -> str:
    return f"reputation.{host}"

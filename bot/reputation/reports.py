"""Reports that outlive the bot: kept while they run, told through the outbox, taken over when their bot is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from bot.background import Background
from bot.errors import StoreError
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.reputation.findings import Part
from bot.reputation.report import NotAReport, Report, Scope, from_json, sorted_findings, to_json
from bot.reputation.running import FIRST, Checks
from bot.store import reports as kept
from bot.store.database import Store
from bot.store.outbox import Told

logger = logging.getLogger(__name__)

SLACK = timedelta(seconds=20)
"""What a run may take beyond its deadline before it counts as dead."""

RUNS = 3
"""Times that the checks of one report are begun: a report that ends its bot does not do so for ever."""

WANTED = timedelta(minutes=15)
"""A report that was asked for longer ago is not begun again: nobody waits for it any more."""

FORGOTTEN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Asked:
    """A kept report with its number, and who asked for it (a Slack user, or a terminal login)."""

    id: int
    asked_by: str
    report: Report


class Reports:
    """`owner` is this process's name among the bots that share the store."""

    def __init__(
        self,
        store: Store,
        checks: Checks,
        hosts: MailHosts,
        background: Background,
        now: Callable[[], datetime],
        owner: str,
    ) -> None:
        self._store = store
        self._checks = checks
        self._hosts = hosts
        self._background = background
        self._now = now
        self._owner = owner

    async def begin(self, host: MailHost, scope: Scope, asked_by: str, workspace: str, channel: str) -> bool:
        """Start a report whose card this channel gets; False when one of this kind is under way there already."""
        now = self._now()
        async with self._store.transaction() as transaction:
            await transaction.alone()
            if await kept.running(transaction.connection, host.name, scope, channel, now):
                return False
            where = Told(workspace, channel, kept.KIND, "")
            until = self._until(now)
            number = await kept.begin(transaction, host.name, scope, where, asked_by, self._owner, now, until)
        card = replace(where, subject=str(number))
        self._background.start(self._run(number, host, scope, card), f"report {number} on {host.name}")
        return True

    async def watch(self, host: MailHost, leaving: Collection[Part] = ()) -> Report:
        """A report that nobody asked for: kept, and told to nobody. `leaving`: parts that are left out."""
        whole = self._checks.deadline
        async with aclosing(self._checks.watch(host, leaving=leaving, first=whole, between=whole)) as reports:
            async for report in reports:
                found = report
        scope = " ".join(found.parts) if found.left_out else found.scope
        async with self._store.transaction() as transaction:
            await kept.add(transaction, host.name, scope, to_json(found), found.started, self._now())
        return found

    async def under_way(self, host: MailHost) -> bool:
        """Whether somebody waits for a report on it that runs."""
        async with self._store.reading() as connection:
            return await kept.under_way(connection, host.name, self._now())

    async def overtaken(self, host: MailHost) -> bool:
        """Whether somebody's report on it is newer than the last one that nobody asked for."""
        async with self._store.reading() as connection:
            return await kept.overtaken(connection, host.name)

    async def get(self, number: int) -> Asked | None:
        """Raises NotAReport for one that another version wrote."""
        async with self._store.reading() as connection:
            row = await kept.get(connection, number)
        return Asked(row.id, row.asked_by, _report(row)) if row else None

    async def latest(self, host: str) -> Report | None:
        """The last report of this host that was more than a part; what it left out is from the last one that looked at
        that. Raises NotAReport as get() does."""
        async with self._store.reading() as connection:
            row = await kept.latest(connection, host)
            report = _report(row) if row else None
            for part in report.left_out if report else ():
                if earlier := await kept.as_of(connection, host, part, self._now()):
                    report = _with(cast(Report, report), part, _report(earlier))
        return report

    async def sweep(self) -> None:
        """Go on with reports whose bot is gone, or end them as broken off (the clock's job, and once at start)."""
        while row := await self._taken_over():
            host = self._hosts.get(row.host)
            if host is None or row.runs > RUNS or self._now() - row.started_at > WANTED:
                await self._break_off(row)
            else:
                scope = cast(Scope, row.scope)
                self._background.start(self._run(row.id, host, scope, row.card), f"report {row.id} on {row.host}")

    async def prune(self) -> int:
        """Forget old reports; how many there were."""
        now = self._now()
        async with self._store.transaction() as transaction:
            return await kept.prune(transaction, now - FORGOTTEN) + await kept.thin(transaction, now)

    async def _run(self, number: int, host: MailHost, scope: Scope, card: Told) -> None:
        try:
            async with aclosing(self._checks.watch(host, scope, first=FIRST)) as reports:
                async for report in reports:
                    if not await self._keep(number, report, card):
                        logger.warning("report %s on %s was taken over by another bot", number, host.name)
                        return
        except asyncio.CancelledError:
            await self._release(number)
            raise
        except StoreError as error:
            # The lease lapses, and whoever looks then begins anew.
            logger.error("report %s on %s can't be kept: %s", number, host.name, error)

    async def _keep(self, number: int, report: Report, card: Told) -> bool:
        """Keep it and have it told, in one; False when it is somebody else's by now."""
        now = self._now()
        async with self._store.transaction() as transaction:
            if report.finished:
                mine = await kept.end(transaction, number, self._owner, kept.DONE, to_json(report), now)
            else:
                mine = await kept.keep(transaction, number, self._owner, to_json(report), self._until(now))
            if mine:
                await transaction.tell(card)
        return mine

    async def _release(self, number: int) -> None:
        try:
            async with self._store.transaction() as transaction:
                await kept.release(transaction, number, self._owner, self._now())
        except StoreError as error:
            logger.warning("report %s is gone on with in a minute: %s", number, error)

    async def _taken_over(self) -> kept.Row | None:
        now = self._now()
        async with self._store.transaction() as transaction:
            return await kept.take_over(transaction, self._owner, now, self._until(now))

    async def _break_off(self, row: kept.Row) -> None:
        now = self._now()
        try:
            known = _report(row)
        except NotAReport:
            known = _report(replace(row, content=None))
        content = to_json(replace(known, finished=now, broken_off=True))
        async with self._store.transaction() as transaction:
            if await kept.end(transaction, row.id, self._owner, kept.BROKEN_OFF, content, now):
                await transaction.tell(row.card)

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._checks.deadline) + SLACK


def _with(report: Report, part: Part, earlier: Report) -> Report:
    """With a part that it left out, as it was earlier."""
    found = [finding for finding in earlier.findings if finding.part == part]
    others = tuple(each for each in report.left_out if each != part)
    return replace(report, findings=sorted_findings((*report.findings, *found)), left_out=others)


def _report(row: kept.Row) -> Report:
    """What is known of it; of one that was only begun, nothing."""
    if row.content is None:
        return Report(row.host, cast(Scope, row.scope), row.started_at)
    return from_json(dict(row.content))

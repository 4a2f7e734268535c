"""Runs all checks of a host at once, under one deadline, and says in between what is known."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from bot.errors import MaildeskError
from bot.mailhost.host import MailHost
from bot.reputation.checks import Check, Findings, Tools, checks, not_applicable
from bot.reputation.findings import Finding, Part, Severity
from bot.reputation.report import Report, Scope, sorted_findings
from bot.reputation.sending import Sending, sending
from bot.settings import HostSettings

logger = logging.getLogger(__name__)

DEADLINE = 40.0
"""Seconds for a whole report: what is not known by then is unknown."""

FIRST, BETWEEN = 0.7, 2.0
"""Seconds until what is known is first told, and from then on between two times."""

AGAIN = "Check again; if it goes on, look at the bot's load and its resolver."


class Checks:
    """`hosts` are the settings of the mail hosts, by name. Times in seconds; nothing is asked before `watch()`."""

    def __init__(
        self,
        tools: Tools,
        hosts: Mapping[str, HostSettings],
        now: Callable[[], datetime],
        deadline: float = DEADLINE,
    ) -> None:
        self._tools = tools
        self._hosts = hosts
        self._now = now
        self.deadline = deadline

    async def watch(
        self,
        host: MailHost,
        scope: Scope = "all",
        *,
        leaving: Collection[Part] = (),
        first: float = FIRST,
        between: float = BETWEEN,
    ) -> AsyncGenerator[Report, None]:
        """The report as far as it is known, after `first` seconds, then whenever more is, and whole at its end.

        Only the last one has `finished`. Whoever stops before that closes the iterator (contextlib.aclosing).
        `leaving`: parts of the scope that are not looked at.
        """
        clock = asyncio.get_running_loop().time
        began, end = clock(), clock() + self.deadline
        report = Report(host.name, scope, self._now(), left_out=tuple(leaving))
        due = began + first
        running: dict[asyncio.Task[Findings], Check] = {}
        looking = asyncio.create_task(self._sends(host, self.deadline / 2), name=f"how {host.name} sends")
        try:
            await asyncio.wait((looking,), timeout=first)
            if not looking.done():
                yield report
                due = clock() + between
            sends = await looking
            report = _begun(report, host, sends)
            running = _start([row for row in checks(self._tools, host, sends) if row.part in report.parts])
            report, untold = replace(report, checks=len(running)), True
            while running and clock() < end:
                wake = min(end, max(due, clock())) if untold else end
                done, _ = await asyncio.wait(running, timeout=wake - clock(), return_when=asyncio.FIRST_COMPLETED)
                report = _with(report, [finding for task in done for finding in task.result()], len(done))
                for task in done:
                    del running[task]
                untold = untold or bool(done)
                if running and untold and clock() >= due:
                    yield report
                    untold, due = False, clock() + between
            why = f"it was not known when the report's {self.deadline:g} s were over"
            report = _with(report, [row.unknown(why, AGAIN) for row in running.values()], 0)
            yield replace(report, finished=self._now())
        finally:
            looking.cancel()
            for task in running:
                task.cancel()
            await asyncio.gather(looking, *running, return_exceptions=True)

    async def _sends(self, host: MailHost, limit: float) -> Sending:
        """How it sends, or as much of it as the settings say; and what is wrong with the resolver.

        From then on the resolver believes no server of its own that invents answers.
        """
        resolving = asyncio.create_task(self._resolver(limit), name="the resolver")
        try:
            sends = await self._sending(host, limit)
            found = await resolving
            if any(each.code == "resolver.rewrites" for each in found):
                # What it had invented by then is not believed either.
                sends = await self._sending(host, limit / 2)
            return replace(sends, findings=(*found, *sends.findings))
        finally:
            resolving.cancel()

    async def _resolver(self, limit: float) -> Findings:
        """What is to be said of the resolver; nothing where the checks themselves say it."""
        if self._tools.selfcheck is None:
            return ()
        row = Check("dns", "resolver", "", "whether the resolver can be believed", _nothing)
        try:
            async with asyncio.timeout(limit):
                return await self._tools.selfcheck.findings()
        except TimeoutError:
            return (row.unknown(f"there was no end to it within {limit:g} s", AGAIN),)
        except Exception as error:
            return (_failed(row, error),)

    async def _sending(self, host: MailHost, limit: float) -> Sending:
        settings = self._hosts.get(host.name) or HostSettings(host.name)
        row = Check("dns", "sending", host.name, f"how {host.name} sends", _nothing)
        try:
            async with asyncio.timeout(limit):
                return await sending(host, settings, self._tools.resolver)
        except TimeoutError:
            found = row.unknown(f"there was no end to it within {limit:g} s", AGAIN)
        except Exception as error:
            found = _failed(row, error)
        known = (settings.fqdn, settings.addresses, settings.domains, settings.selectors)
        return Sending(*known, "", (found,))


async def _nothing(_: Findings) -> Findings:
    return ()


def _begun(report: Report, host: MailHost, sends: Sending) -> Report:
    """With what is known of how the host sends, and of what therefore does not matter."""
    found = [*sends.findings, *not_applicable(host.name, sends)]
    # A narrowed report leaves out what was found of other parts, unless it is why something is not known.
    parts = [each for each in found if each.part in report.parts or each.severity is Severity.UNKNOWN]
    report = replace(report, fqdn=sends.fqdn, addresses=sends.addresses, domains=sends.domains, through=sends.through)
    return _with(report, parts, 0)


def _start(rows: list[Check]) -> dict[asyncio.Task[Findings], Check]:
    tasks: dict[Check, asyncio.Task[Findings]] = {}
    for row in rows:
        before = [tasks[each] for each in row.after]
        tasks[row] = asyncio.create_task(_run(row, before), name=row.what)
    return {task: row for row, task in tasks.items()}


async def _run(row: Check, before: list[asyncio.Task[Findings]]) -> Findings:
    """What the check found; one that raises says so of itself alone."""
    try:
        found = [finding for task in before for finding in await asyncio.shield(task)]
        return await row.ask(tuple(found))
    except Exception as error:
        return (_failed(row, error),)


def _failed(row: Check, error: Exception) -> Finding:
    if isinstance(error, MaildeskError):
        return row.unknown(str(error).rstrip("."), "Mend that first, then check again.")
    reference = secrets.token_hex(4)
    logger.error("reference %s: the check of %s failed", reference, row.what, exc_info=error)
    advice = f"Look for {reference} in the bot's log, and report it; the other checks are not touched by it."
    return row.unknown(f"the check failed inside this bot, reference {reference}", advice, "internal_error")


def _with(report: Report, found: list[Finding], ended: int) -> Report:
    return replace(report, findings=sorted_findings((*report.findings, *found)), ended=report.ended + ended)

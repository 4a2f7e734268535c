"""What a mail host is asked for a request that was decided, and what its answer, or its silence, makes of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from bot.agent.outcomes import Deletion, Purged
from bot.agent.protocol import Identity
from bot.approvals import endings, manifest
from bot.approvals.claims import Claim
from bot.approvals.endings import Again, Ended
from bot.approvals.manifest import NotTheList
from bot.approvals.model import Decision, Kind, Request
from bot.errors import (
    AgentFault,
    AgentRefused,
    HostBusy,
    HostError,
    HostUnreachable,
    MailSystemDown,
    OutcomeUnknown,
)
from bot.mailhost.asking import Progress
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.store import tables
from bot.store.database import Store


class Carrier:
    def __init__(self, store: Store, hosts: MailHosts, now: Callable[[], datetime]) -> None:
        self._store = store
        self._hosts = hosts
        self._now = now

    async def carry_out(self, claim: Claim, progress: Progress) -> Ended | Again:
        """Ask the mail host, and see what came of it. Raises StoreError when the list can't be read."""
        request = claim.request
        if claim.too_late:
            return endings.too_late(request, request.doing)
        host = self._hosts.get(request.host)
        if host is None:
            why = f"{request.host}: this bot has no mail host of that name any more."
            return Again(why, claim.attempted)
        try:
            return await self._ask(host, claim, progress)
        except (HostUnreachable, HostBusy, MailSystemDown) as error:
            # Nothing was asked now; whether it was before is as it was.
            return Again(str(error), claim.attempted)
        except (AgentRefused, AgentFault, NotTheList) as error:
            return await self._refused(host, claim, error)
        except OutcomeUnknown as error:
            return Again(str(error), attempted=True)

    async def _ask(self, host: MailHost, claim: Claim, progress: Progress) -> Ended:
        request, until = claim.request, claim.not_after.timestamp()
        if request.kind is Kind.PURGE:
            purged = await host.purge(request.target_key, not_after=until)
            unclear = claim.attempted and not purged.messages
            return endings.after_purge(request, purged, await _deletion(host, request.target_key) if unclear else None)
        listed = await self._listed(request)
        if request.decision is Decision.HOLD:
            return endings.after(request, await host.hold(listed, key=request.key, not_after=until, progress=progress))
        if request.kind is Kind.EXPIRE:
            return endings.after(request, await host.expire(request.key, listed, not_after=until, progress=progress))
        final = request.kind is Kind.FINAL
        done = await host.delete(request.key, listed, not_after=until, final=final, progress=progress)
        # A restore closes the key: then the answer is a report, and how it is now the trash knows.
        return endings.after(request, done, await _deletion(host, request.key) if done.result.restored else None)

    async def finish(self, host: MailHost, request: Request) -> None:
        """Ask again for a deletion that is over here and not there: the host lets go what it had to leave on hold.

        Raises HostError, StoreError.
        """
        final, until = request.kind is Kind.FINAL, self._now().timestamp()
        await host.delete(request.key, await self._listed(request), not_after=until, final=final)

    async def _listed(self, request: Request) -> tuple[Identity, ...]:
        """The list that was approved. Raises NotTheList, and StoreError when the store can't be read."""
        async with self._store.reading() as connection:
            lines = await connection.scalar(
                select(tables.manifests.c.lines).where(tables.manifests.c.request_id == request.id)
            )
        if lines is None:
            raise NotTheList(f"The list of messages of {request.key} is no longer kept. Nothing was asked for.")
        return (await asyncio.to_thread(manifest.unpacked, lines, request.digest)).identities

    async def _refused(
        self, host: MailHost, claim: Claim, error: AgentRefused | AgentFault | NotTheList
    ) -> Ended | Again:
        """The agent says no, or failed before it changed anything; or the list is lost, and it was not asked.

        If an earlier try may have reached it, or it broke off, its journal says how it stands. While an earlier try
        could still begin, nothing is concluded from there being none.
        """
        request = claim.request
        if not claim.attempted and not isinstance(error, AgentFault):
            return endings.refused(str(error))
        if claim.attempted and self._now() <= claim.not_after:
            return Again(str(error), attempted=True)
        try:
            if request.decision is Decision.APPROVE and request.kind is not Kind.EXPIRE:
                deletion = await _deletion(host, request.target_key or request.key)
                if request.kind is Kind.PURGE and deletion and deletion.purged is not None:
                    return endings.after_purge(request, Purged(), deletion)
                if request.kind is not Kind.PURGE and deletion:
                    return endings.by_journal(deletion) if deletion.finished else Again(str(error), attempted=True)
                return endings.refused(str(error))
            if request.key in (await host.info()).unfinished:
                return Again(str(error), attempted=True)
        except HostError as silent:
            return Again(str(silent), attempted=True)
        doubt = " Whether an earlier try did some of it is not known: look at the queue." if claim.attempted else ""
        return endings.refused(f"{error}{doubt}")


async def _deletion(host: MailHost, key: str) -> Deletion | None:
    """What the trash folder remembers of the deletion. Raises HostError."""
    return next((each for each in (await host.trash()).deletions if each.key == key), None)

"""Since when each listing is seen: kept in the store, so that neither a restart nor another bot counts anew."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.errors import StoreError
from bot.reputation.sweep import Sweep, Verdict
from bot.store.database import Store
from bot.store.memory import SIGHTED, forget, recall_all, remember

logger = logging.getLogger(__name__)


class Sightings:
    """What is unknown changes nothing that was known. A store that can't be reached costs the times alone."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def dated(self, sweep: Sweep) -> Sweep:
        """With the first sighting of each listing that was seen before."""
        listed = {_key(each) for each in sweep.verdicts if each.state == "listed"}
        gone = {_key(each) for each in sweep.verdicts if each.state == "not_listed"}
        try:
            known = await self._known(listed | gone)
            if listed or known:
                await self._keep({key: known.get(key) for key in listed}, known.keys() & gone)
        except StoreError as error:
            logger.warning("since when who is listed is not known: %s", error)
            return sweep
        return replace(sweep, verdicts=tuple(_dated(each, known) for each in sweep.verdicts))

    async def _known(self, keys: set[str]) -> dict[str, str]:
        async with self._store.reading() as connection:
            return await recall_all(connection, keys)

    async def _keep(self, listed: dict[str, str | None], gone: set[str]) -> None:
        """Each listing is kept anew, so that only those are forgotten with time that nobody looks at any more."""
        now = self._now()
        async with self._store.transaction() as transaction:
            for key, since in listed.items():
                await remember(transaction, key, since or now.isoformat(), now)
            for key in gone:
                await forget(transaction, key)


def _key(verdict: Verdict) -> str:
    return f"{SIGHTED}{verdict.zone.id} {verdict.subject.text}"


def _dated(verdict: Verdict, known: dict[str, str]) -> Verdict:
    since = known.get(_key(verdict)) if verdict.state == "listed" else None
    return replace(verdict, since=datetime.fromisoformat(since)) if since else verdict

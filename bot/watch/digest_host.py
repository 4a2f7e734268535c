"""All that a digest says of one mail host, read from the store alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast, get_args

from bot.approvals import records
from bot.approvals.model import State
from bot.reputation.findings import Part
from bot.reputation.report import NotAReport, Report, from_json
from bot.store import alerts as kept_alerts
from bot.store import audit, reports, samples
from bot.store.database import Connection
from bot.store.tables import requests
from bot.watch import digest_queue
from bot.watch.digest import WEEK, Fired, HostDigest, Listed, Muted, Queue, Reputation
from bot.watch.digest_done import MOVED, asked, deeds
from bot.watch.digest_reputation import reputation
from bot.watch.model import Alert
from bot.watch.rows import Mute, alert_of, mutes
from bot.watch.rules import Rule


class Reader:
    """Reads one digest's facts in one moment of the database; `span` from `start` to `end`, times shown in `zone`."""

    def __init__(
        self, connection: Connection, rules: Mapping[str, Rule], span: str, start: datetime, end: datetime, zone: str
    ) -> None:
        """`rules` are for the titles of alerts."""
        self._connection = connection
        self._rules = rules
        self._span = span
        self._start = start
        self._end = end
        self._zone = zone

    async def host(self, name: str, before: Reputation | None) -> HostDigest:
        """`before` is what the digest to compare with says of its reputation."""
        over = [state.value for state in State if state.over]
        columns = requests.c
        ended = (columns.state.in_(over), columns.finished_at >= self._start, columns.finished_at < self._end)
        done = await records.find(self._connection, columns.host == name, *ended)
        still = await records.find(self._connection, columns.host == name, columns.state.not_in(over))
        rows = await audit.between(self._connection, name, MOVED, self._start, self._end)
        return HostDigest(
            name,
            queue=await self._queue(name),
            listed=await self._listed(name),
            reputation=reputation(await self._reports(name), before, self._end),
            alerts=await self.alerts(name),
            mutes=await self._mutes(name),
            done=tuple(map(asked, done)),
            deeds=deeds(rows),
            open=tuple(map(asked, still)),
        )

    async def alerts(self, name: str) -> tuple[Fired, ...]:
        """The alerts of a host (empty: of the bot itself) that fired, or still did; open ones and worse ones first."""
        found = await kept_alerts.fired_between(self._connection, name, self._start, self._end)
        fired = [(alert.severity, self._fired(alert)) for alert in map(alert_of, found)]
        fired.sort(key=lambda pair: (pair[1].ended_at is not None, -pair[0], pair[1].fired_at))
        return tuple(each for _, each in fired)

    def _fired(self, alert: Alert) -> Fired:
        rule = self._rules.get(alert.rule)
        ended = alert.ended_at if alert.ended_at and alert.ended_at < self._end else None
        return Fired(
            title=rule.title if rule else alert.rule,
            subject=alert.subject,
            severity=alert.severity.label,
            text=alert.text,
            cause=alert.cause,
            since=_seconds(alert.since),
            fired_at=_seconds(alert.fired_at or alert.since),
            ended_at=_seconds(ended) if ended else None,
            good_since=_seconds(alert.good_since) if alert.good_since and not ended else None,
            times=alert.times,
            acknowledged_by=alert.acknowledged_by,
            abandoned=ended is not None and alert.abandoned,
        )

    async def _mutes(self, name: str) -> tuple[Muted, ...]:
        found = await mutes(self._connection, self._start, self._end)
        return tuple(self._muted(mute) for mute in _joined(found) if mute.host in ("", name))

    def _muted(self, mute: Mute) -> Muted:
        rule = self._rules.get(mute.rule)
        title = rule.title if rule else mute.rule
        return Muted(title, mute.host, _seconds(mute.since), _seconds(mute.until), mute.by)

    async def _queue(self, name: str) -> Queue:
        if self._span != WEEK:
            found = await self._samples(name, samples.MINUTE, self._start, self._end)
            return digest_queue.queue(name, found, self._start, self._end, self._zone)
        found = await self._samples(name, samples.HOUR, self._start, self._end)
        made = digest_queue.queue(name, found, self._start, self._end, self._zone, samples.HOUR)
        earlier = await self._samples(name, samples.HOUR, self._start - (self._end - self._start), self._start)
        lately = await self._samples(name, samples.MINUTE, self._end - timedelta(seconds=samples.HOUR), self._end)
        return replace(digest_queue.seen_last(made, lately), usual_before=digest_queue.usual(earlier))

    async def _samples(self, name: str, span: int, start: datetime, end: datetime) -> Sequence[samples.Sample]:
        return await samples.series(self._connection, name, span, start, end)

    async def _listed(self, name: str) -> Listed:
        now = await samples.summary_before(self._connection, name, self._end)
        before = await samples.summary_before(self._connection, name, self._start)
        return digest_queue.listed(now, before, self._start, self._end)

    async def _reports(self, name: str) -> dict[Part, Report | None]:
        """For each part the newest report that looked at it."""
        found: dict[Part, Report | None] = {}
        for part in cast(tuple[Part, ...], get_args(Part)):
            row = await reports.as_of(self._connection, name, part, self._end)
            found[part] = _report(row.content) if row else None
        return found


def _joined(found: Sequence[Mute]) -> list[Mute]:
    """One that took another's place goes on for it: muted since the first, until the last says, by whom that was."""
    joined: list[Mute] = []
    for mute in found:
        scope = (mute.rule, mute.host, mute.since)
        former = next((each for each in joined if (each.rule, each.host, each.until) == scope), None)
        if former:
            joined.remove(former)
        joined.append(replace(mute, since=former.since) if former else mute)
    return joined


def _report(content: Mapping[str, Any] | None) -> Report | None:
    """None for one that another version wrote: it is not known what it says."""
    try:
        return from_json(dict(content)) if content else None
    except NotAReport:
        return None


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())

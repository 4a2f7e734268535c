"""A store with days in the life of mail hosts in it, and the digests that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.actors import Actor, Role
from bot.record import record
from bot.reputation.findings import Finding, Severity
from bot.reputation.report import Report, to_json
from bot.settings import Settings
from bot.store import reports, samples
from bot.store.database import Store
from bot.store.outbox import Told
from bot.store.samples import Sample
from bot.watch.alerts import Alerts
from bot.watch.digests import Digests, Made
from bot.watch.model import Reading
from bot.watch.mutes import Mutes
from bot.watch.rules import Rules
from tests.approvals.world import Clock
from tests.watch.subjects import told

TEAM, OPS = "T0TEAM", "C0OPS"
MORNING = datetime(2026, 11, 24, 7, 0, 20, tzinfo=UTC)
"""Eight in Madrid."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OPAL = Actor("U0OPAL", "opal", Role.OPERATOR)

SPAMCOP = Finding(
    "rbl",
    Severity.WARNING,
    "rbl.listed",
    "192.0.2.25",
    "192.0.2.25 is listed by SpamCop (spam source): some receivers refuse mail for it.",
    ("SpamCop (bl.spamcop.net): 127.0.0.2",),
    lists=("spamcop",),
)
SILENT = Finding(
    "rbl",
    Severity.UNKNOWN,
    "rbl.unknown",
    "",
    "SpamCop gave no answer in time.",
    ("timeout: 5 s",),
    lists=("spamcop",),
)
CLEAN = Finding(
    "rbl", Severity.OK, "rbl.not_listed", "192.0.2.25", "192.0.2.25 is on none of the 24 blocklists that answered."
)
DKIM = Finding("auth", Severity.PROBLEM, "dkim.absent", "s1.example.org", "The DKIM key s1 of example.org is gone.")
DKIM_OK = Finding("auth", Severity.OK, "dkim.ok", "s1.example.org", "The DKIM key s1 of example.org is right.")
SOON = Finding("tls", Severity.WARNING, "tls.soon", "mx1", "The certificate of mx1 expires in 9 days, on 2026-12-03.")
PASSES = Finding("tls", Severity.OK, "tls.ok", "mx1", "mx1 offers STARTTLS.")


def settings(**given: Any) -> Settings:
    values = {"timezone": "Europe/Madrid", "ops_channels": (OPS,), **given}
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


class Days:
    """What watches the hosts, and its digests, on a store that is open."""

    def __init__(self, store: Store, clock: Clock, hosts: Sequence[str] = ("mx1",), **given: Any) -> None:
        self.store = store
        self.clock = clock
        self.hosts = hosts
        self.alerts = Alerts(store, Rules(), OPS, clock)
        self.mutes = Mutes(store, clock)
        self.digests = Digests(store, self.alerts, hosts, settings(**given), clock, f"bot-{id(self)}")

    async def queue(
        self,
        depth: Callable[[datetime], int | None],
        start: datetime,
        host: str = "mx1",
        until: datetime | None = None,
        every: timedelta = 5 * MINUTE,
    ) -> None:
        """A look `every` so often from then to now; `depth`: deferred messages, None: no look succeeded."""
        at, until = start, until or self.clock()
        async with self.store.transaction() as transaction:
            while at <= until:
                deferred = depth(at)
                if deferred is not None:
                    seconds = int(at.timestamp())
                    oldest = seconds - 7200 if deferred else None
                    await samples.keep(
                        transaction,
                        host,
                        Sample(seconds, 1, 0, 0, 1, deferred, 0, 0, deferred + 1, oldest, 500, True),
                    )
                at += every

    async def list(self, at: datetime, senders: dict[str, int], reasons: dict[str, int], expiring: int = 0) -> None:
        content = {
            "messages": sum(senders.values()),
            "bytes": 1,
            "oldest": int(at.timestamp()) - 7200,
            "expires_at": int(at.timestamp()) + 3600 if expiring else None,
            "expiring": expiring,
            "senders": list(senders.items()),
            "domains": [],
            "reasons": list(reasons.items()),
        }
        async with self.store.transaction() as transaction:
            await samples.keep_summary(transaction, "mx1", at, content)

    async def report(self, *findings: Finding, host: str = "mx1", addresses: tuple[str, ...] = ("192.0.2.25",)) -> None:
        """A whole report that ends now."""
        now = self.clock()
        content = to_json(Report(host, "all", now, now, findings, addresses=addresses, domains=("example.org",)))
        async with self.store.transaction() as transaction:
            card = Told(TEAM, OPS, reports.KIND, "")
            number = await reports.begin(transaction, host, "all", card, "clock", "a", now, now + HOUR)
            await reports.end(transaction, number, "a", reports.DONE, content, now)

    async def down(self, value: float, host: str = "mx1") -> None:
        """Whether Postfix is down is observed, twice within the time that it takes to be believed."""
        for _ in range(2):
            text = "No mail comes in and none goes out." if value else "Postfix runs."
            await self.alerts.observe(host, {"postfix_down": [Reading("", value, text)]})
            self.clock.turn(3 * MINUTE)

    async def hold(self, messages: int) -> None:
        await record(self.store, OPAL, "hold", "mx1", "all", {"held": messages, "gone": 7}, self.clock())

    async def well(self) -> None:
        """A day without anything worth a word, of each host."""
        for host in self.hosts:
            await self.queue(lambda _: 4, self.clock() - DAY, host)
            await self.report(CLEAN, DKIM_OK, PASSES, host=host)


async def asked(days: Days, span: str = "day", host: str = "") -> Made:
    made = await days.digests.get(await days.digests.post(host, span, "U0VIC", TEAM, OPS))
    assert made is not None
    return made


async def posted(store: Store) -> list[tuple[str, str]]:
    return [(kind, subject) for kind, subject, _ in await told(store) if kind.startswith("digest")]

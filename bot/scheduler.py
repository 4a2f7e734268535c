"""The clock as a front end: what is done without anybody pressing anything, and how often (APScheduler)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.approvals.lease import process
from bot.errors import HostError, MaildeskError, StoreError
from bot.services import Services
from bot.store.claims import claim
from bot.store.memory import forget_releases
from bot.watch.heartbeat import beat

logger = logging.getLogger(__name__)

LATE = timedelta(minutes=5)
"""A run that is later than that, because the machine slept, say, is left out; the next one is due soon."""

ALERTS_KEPT = timedelta(days=30)
"""Alerts that are over are forgotten after that, with the addresses in them."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table. `at_start`: once at the start too. `what` can be called at any time, by several bots."""

    name: str
    every: timedelta
    what: Callable[[Services], Awaitable[None]]
    at_start: bool = False


async def expire(services: Services) -> None:
    await services.approvals.expire_due()


async def carry_out(services: Services) -> None:
    await services.executor.sweep()
    await services.restores.sweep()


async def finish(services: Services) -> None:
    await services.restores.finish_begun()


async def complete(services: Services) -> None:
    await services.reports.sweep()


async def purge(services: Services) -> None:
    """Each host's trash, once an hour by one of the bots; a host that is away has its turn in the next hour."""
    for host in services.hosts.values():
        if await _first(services, f"purge the trash of {host.name}", "%Y-%m-%dT%H"):
            try:
                await services.restores.purge_due(host)
            except HostError as error:
                logger.warning("the trash was not purged: %s", error)


async def look(services: Services) -> None:
    """A look at each host; and a sign of life, once every host was looked at and what was seen is kept."""
    complete = await services.sampling.look()
    url = services.settings.heartbeat_url
    if complete and url:
        await beat(url.get_secret_value())


async def list_queues(services: Services) -> None:
    await services.sampling.list()


async def check(services: Services) -> None:
    await services.reputation.look()


async def digest(services: Services) -> None:
    await services.digests.post_due()


async def forget(services: Services) -> None:
    """Once a day by one of the bots. What can't be forgotten keeps nothing else from being."""
    if not await _first(services, "forget addresses", "%Y-%m-%d"):
        return
    steps: Mapping[str, Callable[[], Awaitable[object]]] = {
        "addresses of requests": services.approvals.forget_addresses,
        "messages of requests": services.approvals.forget_told,
        "reports": services.reports.prune,
        "samples": services.sampling.prune,
        "digests": services.digests.prune,
        "alerts": partial(services.alerts.prune, ALERTS_KEPT),
        "what undo buttons and pictures needed": partial(_forget_releases, services),
    }
    for what, step in steps.items():
        try:
            await step()
        except StoreError as error:
            logger.error("old %s were not forgotten; tried again tomorrow: %s", what, error)
        except Exception:
            logger.exception("old %s were not forgotten; tried again tomorrow", what)


async def _forget_releases(services: Services) -> None:
    async with services.store.transaction() as transaction:
        await forget_releases(transaction, services.now())


JOBS = (
    Job("end requests whose time is over", timedelta(seconds=15), expire, at_start=True),
    Job("look after requests under way", timedelta(seconds=30), carry_out, at_start=True),
    Job("finish restores that were cut short", timedelta(minutes=10), finish, at_start=True),
    Job("look after reports under way", timedelta(seconds=30), complete, at_start=True),
    Job("look at the mail hosts", timedelta(minutes=1), look, at_start=True),
    Job("list the queues", timedelta(minutes=1), list_queues, at_start=True),
    Job("look at the reputation of the mail hosts", timedelta(minutes=1), check),
    Job("post the digest", timedelta(minutes=1), digest, at_start=True),
    Job("purge the trash", timedelta(hours=1), purge, at_start=True),
    Job("forget what is old", timedelta(days=1), forget, at_start=True),
)


async def _first(services: Services, job: str, slot: str) -> bool:
    """Whether this bot is the first to do the job in the slot (a strftime format) that it is now."""
    now = services.now()
    async with services.store.transaction() as transaction:
        return await claim(transaction, job, now.strftime(slot), OWNER, now)


OWNER = process()


async def live_through(services: Services, turn: Callable[[timedelta], None], lasting: timedelta) -> None:
    """Do in a moment what the clock would do in so many minutes; `turn` turns the services' clock on."""
    minute = timedelta(minutes=1)
    for number in range(1, lasting // minute + 1):
        turn(minute)
        for job in JOBS:
            if job.every <= minute or number % (job.every // minute) == 0:
                await job.what(services)


class Clock:
    """Runs the jobs from `start()` to `stop()`, on the loop that runs then."""

    def __init__(self, services: Services, jobs: tuple[Job, ...] = JOBS) -> None:
        self._services = services
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": int(LATE.total_seconds())},
        )
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        for job in self._jobs:
            self._scheduler.add_job(
                self._run, IntervalTrigger(seconds=int(job.every.total_seconds())), (job,), name=job.name
            )
        # How often is a matter of the real time, what is due then of the services' clock.
        for job in filter(lambda job: job.at_start, self._jobs):
            self._scheduler.add_job(self._run, None, (job,), name=f"{job.name}, at start")
        self._scheduler.start()

    async def stop(self) -> None:
        """Start no job any more, cancel the ones that run, and wait for their end."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await job.what(self._services)
        except StoreError as error:
            logger.debug("%s: %s", job.name, error)  # the store tells it, once (bot/store/health.py)
        except MaildeskError as error:
            logger.error("%s: %s", job.name, error)
        except Exception:
            logger.exception("%s failed", job.name)
        finally:
            self._running.discard(task)

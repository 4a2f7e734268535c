"""`maildesk run`, and what every front end that serves has in common: the store open, the clock running."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from bot import bootstrap
from bot.errors import SettingsError
from bot.scheduler import Clock
from bot.services import Services
from bot.settings import load

Serve = Callable[[Services, asyncio.Event, bool], Awaitable[None]]
"""Answers Slack until the event is set; with True, what the bot says on its own goes there from now on."""


def main(serve: Serve) -> int:
    """Connect to Slack and answer there until a signal comes. Raises SettingsError for what is missing."""
    settings = load()
    if missing := settings.for_slack():
        raise SettingsError(missing)
    _log(settings.log_level)
    return asyncio.run(_until_stopped(bootstrap.services(settings), serve))


def _log(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if level == "INFO":
        # It tells each run of each job, twenty lines a minute, in which what happened would drown.
        logging.getLogger("apscheduler").setLevel("WARNING")


async def _until_stopped(services: Services, serve: Serve) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(services):
        await serve(services, stop, True)
    return 0


@contextlib.asynccontextmanager
async def running(services: Services) -> AsyncIterator[None]:
    """The store open and the clock running. What is under way at the end is taken up again at the next start."""
    async with services.store:
        clock = Clock(services)
        clock.start()
        try:
            yield
        finally:
            await clock.stop()
            await services.background.close()
            await services.hosts.close()

"""What a look at a host with a long queue costs the bot itself; the agent's own time is the host's."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bot.bootstrap import now
from bot.mailhost.hosts import MailHosts
from bot.store import samples
from bot.store.database import Store
from bot.watch.alerts import Alerts
from bot.watch.rules import Rules
from bot.watch.sampling import Sampling
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix


async def rows(postfix: PrivatePostfix) -> tuple[tuple[str, str, str], ...]:
    """What, its figure, and its ceiling."""
    with tempfile.TemporaryDirectory(prefix="maildesk-bench-") as folder:
        async with Store(f"sqlite:///{Path(folder)}/maildesk.db", b"k" * 32) as store:
            alerts = Alerts(store, Rules(), "C1", now)
            await alerts.move_in("T1")
            sampling = Sampling(store, MailHosts([mail_host(postfix)]), alerts, now, "bench")
            looked, listed = await _cpu_of(sampling.look), await _cpu_of(sampling.list)
            async with store.reading() as connection:
                taken = await samples.latest(connection, "mx1")
                summary = await samples.summary_before(connection, "mx1", now())
    assert taken and summary and taken.queued == summary[1]["messages"]
    return (
        (f"a look at {taken.queued:,} messages: CPU of the bot", f"{looked:.3f} s", "0.100 s"),
        ("  a listing of them, and what it means to the rules", f"{listed:.3f} s", "0.100 s"),
    )


async def _cpu_of(work: Callable[[], Awaitable[Any]]) -> float:
    before = time.process_time()
    await work()
    return time.process_time() - before

"""A task that is cancelled in the middle of a transaction leaves no lock behind."""

import asyncio
from datetime import timedelta
from pathlib import Path

from bot.store.database import Store, utc
from bot.store.outbox import Told
from tests.store.subjects import KEY


async def test_whatever_was_cancelled_another_writer_can_write_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/maildesk.db"

    async def write(store: Store) -> None:
        while True:
            await store.outbox.claim("T0", "me", utc(), timedelta(0))

    async with Store(url, KEY) as other:
        for moment in range(60):
            async with Store(url, KEY) as store:
                writing = asyncio.create_task(write(store))
                await asyncio.sleep(moment / 5000)
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
                async with asyncio.timeout(5), other.transaction() as transaction:
                    await transaction.tell(Told("T0", "C0", "notice", "two"))

"""Another process that appends to the audit chain: `python -m tests.store.appending URL COUNT`."""

from __future__ import annotations

import asyncio
import sys

from bot.store.database import Store
from tests.store.subjects import KEY, entry


async def append(url: str, count: int) -> None:
    async with Store(url, KEY) as store:
        print("open", flush=True)

        async def one(number: int) -> None:
            async with store.transaction() as transaction:
                await transaction.audit(entry(number, actor="U0OTHER"))

        await asyncio.gather(*(one(number) for number in range(1, count + 1)))


if __name__ == "__main__":
    asyncio.run(append(sys.argv[1], int(sys.argv[2])))

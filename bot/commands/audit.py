"""`maildesk audit verify`: rows of the record that were edited, removed, inserted or moved."""

import asyncio

from bot import bootstrap
from bot.settings import load
from bot.store.database import Store


def main(head: str) -> int:
    """Hold every row against the key, and against a head that was recorded elsewhere; the status is 1 for a fault."""
    return asyncio.run(_verify(bootstrap.store(load()), head))


async def _verify(store: Store, head: str) -> int:
    """Say what is wrong with the audit chain, a line for each row, or that all is in order."""
    await store.open(make=False)
    try:
        found = await store.audit.examine(head)
    finally:
        await store.close()
    if found.problems:
        print(f"The audit chain in {store.database.name} is not in order ({found.rows} rows, head {found.head}):")
        for problem in found.problems:
            print(f"- {problem.text}")
        return 1
    if not found.rows:
        print(f"The audit chain in {store.database.name} is empty: nothing has been written down yet.")
        return 0
    print(
        f"{found.rows} {'row is' if found.rows == 1 else 'rows are'} in order, "
        f"since {found.since:%Y-%m-%d %H:%M} UTC. The head is {found.head}."
    )
    if head:
        print(f"{head} is among them.")
    else:
        print("Rows cut off at the end show only against a head that was recorded elsewhere: --head SEQ:DIGEST.")
    return 0

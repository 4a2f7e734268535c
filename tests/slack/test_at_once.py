"""Two approvers click in the same moment, a hundred times over: each request is settled once, and deleted once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bot.console.workspace import text_of
from tests.postfix.filling import Spooled, fill
from tests.postfix.instance import PrivatePostfix
from tests.slack.deleting import alone, asked, kept, request
from tests.slack.desk import APRIL, NOEL, desk
from tests.slack.warm import warm_host

pytestmark = [pytest.mark.real("postfix"), pytest.mark.takes(600)]

ROUNDS = 100
"""What they take is mostly 300 agents, whose Python is therefore started once (warm.py)."""
TOGETHER = 10
"""So many requests of one person may wait at once."""


async def test_two_approvers_who_click_at_once_settle_each_of_a_hundred_requests_once(
    in_memory: PrivatePostfix, tmp_path: Path
) -> None:
    ids = fill(
        in_memory, [Spooled("ann@sender.test", {"eve@grey.test": "450 4.7.1 Greylisted"}, 1_700_000_000)] * ROUNDS
    )
    with warm_host(in_memory, tmp_path) as mx1:
        async with desk([mx1], approvers=(APRIL, NOEL)) as ops:
            for first in range(0, ROUNDS, TOGETHER):
                cards = [await asked(ops, f"/mail delete {queue_id}") for queue_id in ids[first : first + TOGETHER]]
                await asyncio.gather(
                    *(
                        ops.workspace.press(user, card, "request.approve", confirmed=True)
                        for card in cards
                        for user in (APRIL, NOEL)
                    )
                )
                await ops.services.background.idle()
            refused = [text_of(each) for user in (APRIL, NOEL) for each in alone(ops, user)]
            assert sum("was already approved by" in words for words in refused) == len(refused) == ROUNDS
            rows = Counter(row.verb for row in await ops.services.store.audit.latest(10 * ROUNDS))
            assert rows == dict.fromkeys(("delete.ask", "delete.approve", "delete.begin", "delete.end"), ROUNDS)
            assert await ops.services.store.audit.verify() == ()
            results = [(await request(ops, number)).result for number in range(1, ROUNDS + 1)]
            assert [each.counts if each else None for each in results] == [{"deleted": 1}] * ROUNDS, results
    assert in_memory.queue() == []
    assert kept(in_memory) == sorted(ids), "each message by one deletion"

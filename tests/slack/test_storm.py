"""Slack limits, fails, takes without an answer, cannot be reached and drops its sockets, and bots are killed, while
people ask, decide, restore, purge and check. Afterwards each card is there once and current, and each end told once.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.demo.nameserver import NameServer
from tests.postfix.instance import PrivatePostfix
from tests.slack.killing import site
from tests.slack.mail import emptied, filled
from tests.slack.nursery import Nursery
from tests.slack.storm import Storm

pytestmark = pytest.mark.real("postfix")

SEEDS = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 4
GROUP = 2
"""So many seeds share a Postfix, one after the other."""

DEEDS = 50


@pytest.mark.takes(60 + 180 * GROUP)
@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
async def test_after_any_weather_each_card_is_there_once_and_current(
    first: int, in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path
) -> None:
    for seed in range(first, first + GROUP):
        home, _ = filled(in_memory, {"deferred": 40})
        with NameServer() as names:
            async with site(
                in_memory, nursery, tmp_path / str(seed), approval_typed_over=1000, dns_servers=[names.address]
            ) as made:
                storm = Storm(made, seed, sorted(home))
                try:
                    await storm.opening()
                    await storm.rages(DEEDS)
                    await storm.clears()
                    await storm.check()
                    assert any(call.fault for call in made.workspace.calls)
                except (AssertionError, TimeoutError) as error:
                    raise AssertionError(f"seed {seed}: {error!r}\n{made.log()}") from error
        emptied(in_memory)

"""Bot, agent and postsuper(1) are killed while a deletion that was approved in Slack is carried out, and started again.

In the end each message is in the trash once, or still queued and reported as such; none is lost, none is on hold
because of us, and the card says what is so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from pathlib import Path

import pytest

from bot.approvals.model import State
from tests.postfix.instance import PrivatePostfix
from tests.slack.killing import Site, site
from tests.slack.mail import emptied, filled
from tests.slack.nursery import Nursery

pytestmark = pytest.mark.real("postfix")

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SEEDS = 200 if SOAK else 20
GROUP = 5
"""So many seeds share a Postfix, one after the other: its start takes longer than one of them."""

MESSAGES = {"deferred": 420, "active": 40, "hold": 40}

VICTIMS = (("bot",), ("agent",), ("agent", "postsuper"), ("postsuper",), ("bot", "agent", "postsuper"))
"""Who is killed at once; the last of them is waited for."""

SPANS = {"bot": 0.8, "agent": 0.4, "postsuper": 0.02}
"""About as many seconds as each lives for one deletion (the bot: is concerned with it)."""


async def kill(site: Site, chance: random.Random, victims: tuple[str, ...]) -> None:
    """Kill them at some moment of their work; if there is none any more, in vain."""
    last = victims[-1]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while last != "bot" and not site.found(last) and not (await site.state()).over:
                await site.goes_on()
    await asyncio.sleep(chance.uniform(0, SPANS[last]))
    site.kill(victims)
    await site.bot_lives()


async def killed_at_random(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    home, recipients = filled(site.postfix, MESSAGES)
    await site.start()
    await site.asked("/mail delete all")
    pressing = asyncio.create_task(site.decided("request.approve"))
    for _ in range(chance.randint(1, 3)):
        await kill(site, chance, chance.choice(VICTIMS))
    await pressing
    request = await site.over()
    assert request.state is State.DONE, request.result
    await site.told()
    await site.left_alone()
    await site.check(request, home, recipients)


@pytest.mark.takes(60 + 60 * GROUP)
@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
async def test_killed_at_any_moment_of_an_approved_deletion_of_500_nothing_is_lost_and_the_card_is_true(
    first: int, in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path
) -> None:
    for seed in range(first, first + GROUP):
        async with site(in_memory, nursery, tmp_path / str(seed)) as made:
            try:
                await killed_at_random(made, seed)
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"seed {seed}: {error!r}\n{made.log()}") from error
        emptied(in_memory)

"""A real Postfix, watched in simulated time by the real agent, and told in the channel: whatever happens there is one
alert on one card, which is edited while it lasts, agrees with postqueue(1), and is a record when it is over.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import timedelta

import pytest

from bot import scheduler
from bot.console.workspace import Message, text_of
from bot.errors import HostUnreachable
from bot.mailhost.asking import Link
from bot.mailhost.host import MailHost
from bot.mailhost.link import Event
from bot.store import samples
from tests.disks import Disk, disk
from tests.postfix import instance
from tests.postfix.filling import Spooled, fill
from tests.postfix.instance import PrivatePostfix
from tests.postfix.world import World
from tests.slack.deleting import Clock, actions, thread
from tests.slack.desk import Desk, desk
from tests.slack.mail import emptied
from tests.slack.warm import WarmLink, warm_host
from tests.slack.watching import cards, first_lines

pytestmark = [pytest.mark.real("postfix"), pytest.mark.takes(300)]

MINUTE = timedelta(minutes=1)
LOGIN = "info@shop.test"


class Cable:
    """A link that can be unplugged."""

    def __init__(self, link: Link) -> None:
        self.host = link.host
        self.plugged = True
        self._link = link

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        if not self.plugged:
            raise HostUnreachable(self.host, "ssh: connection refused.")
        async for event in self._link.ask(request):
            yield event

    async def close(self) -> None:
        await self._link.close()


class Watched:
    """The bot, whose clock's jobs are done each simulated minute."""

    def __init__(self, ops: Desk, cable: Cable, clock: Clock) -> None:
        self.ops = ops
        self.cable = cable
        self._clock = clock

    async def minutes(self, number: int) -> None:
        for _ in range(number):
            self._clock.ahead += MINUTE
            await scheduler.look(self.ops.services)
            await scheduler.list_queues(self.ops.services)
            await self.ops.services.background.idle()

    def card(self) -> Message:
        """There is one."""
        (card,) = cards(self.ops)
        return card

    def happened(self) -> list[str]:
        """The first word of each message in the card's thread, without its sign."""
        card = self.card()
        assert {each.thread_ts for each in thread(self.ops)} <= {card.ts}
        return [text_of(each).split()[1] for each in thread(self.ops)]

    def is_a_record(self) -> bool:
        card = self.card()
        return first_lines(card).startswith("🟢 mx1: ") and "\nOver, " in first_lines(card) and not actions(card)


@pytest.fixture(scope="module")
def small_disk() -> Iterator[Disk]:
    """Postfix's sockets need short paths."""
    with disk(instance.PARENT, 96) as made:
        yield made


@pytest.fixture(scope="module")
def mta(small_disk: Disk, outside_world: World) -> Iterator[PrivatePostfix]:
    """One for all tests here, on a small disk of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instance, "PARENT", small_disk.path)
        with PrivatePostfix(outside_world) as postfix:
            postfix.start()
            yield postfix


@pytest.fixture(scope="module")
def link(mta: PrivatePostfix, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmLink]:
    folder = tmp_path_factory.mktemp("agents")
    with warm_host(mta, folder):
        yield WarmLink("mx1", folder / "agents")


@pytest.fixture
async def watched(mta: PrivatePostfix, link: WarmLink, clock: Clock) -> AsyncIterator[Watched]:
    """Nothing is queued, and all is well."""
    emptied(mta)
    cable = Cable(link)
    async with desk([MailHost(cable)], clock, channel_addresses="full") as ops:
        made = Watched(ops, cable, clock)
        await ops.services.alerts.move_in(ops.workspace.team_id)
        await made.minutes(3)
        assert cards(ops) == []
        yield made
    emptied(mta)


def flood(postfix: PrivatePostfix, number: int) -> None:
    """Deferred mail that one login sent to many people."""
    now = time.time()
    fill(
        postfix,
        (
            Spooled(
                LOGIN,
                {f"{each}@d{each % 40}.test": "450 4.7.1 Greylisted, try again"},
                now - 60,
                attributes={"sasl_username": LOGIN, "client_address": "203.0.113.9"},
            )
            for each in range(number)
        ),
    )


async def test_a_flood_from_one_login_is_one_card_that_names_it_and_agrees_with_postqueue(
    watched: Watched, mta: PrivatePostfix
) -> None:
    await watched.minutes(13)
    seen: list[Message] = []
    for _ in range(4):
        flood(mta, 750)
        await watched.minutes(5)
        seen += cards(watched.ops)
    assert len({card.ts for card in seen}) == 1, "one card"
    assert len({text_of(card) for card in seen}) == 4, "edited while it grows"
    await watched.minutes(6)
    queue = mta.queue()
    ours = [entry for entry in queue if entry.queue_name == "deferred" and entry.sender == LOGIN]
    text = text_of(watched.card())
    assert text.startswith("🔴 mx1: One sender has most of a growing queue\n")
    assert f"{LOGIN} has {len(ours):,} of {len(queue):,} messages." in text and len(ours) == 3000
    assert f"Hold all of login:{LOGIN}" in text and re.search(f"Likely cause: .*{LOGIN}", text)
    assert f"Now {100 * len(ours) // len(queue)}, at the start " in text
    emptied(mta)
    await watched.minutes(18)
    assert mta.queue() == []
    assert watched.is_a_record() and watched.card().ts == seen[0].ts
    assert watched.happened() == ["Critical:", "Over:"]


async def test_a_postfix_that_is_stopped_and_started_is_one_card(watched: Watched, mta: PrivatePostfix) -> None:
    mta.stop()
    try:
        flood(mta, 1500)
        await watched.minutes(18)
        assert first_lines(watched.card()).startswith("🔴 mx1: Postfix is down\n")
        assert watched.happened() == ["Critical:"], "the queue's own alerts keep still"
    finally:
        emptied(mta)
        mta.start()
    await watched.minutes(10)
    assert watched.is_a_record() and watched.happened() == ["Critical:", "Over:"]


async def test_a_host_that_is_away_is_one_card_and_the_gap_is_a_gap(watched: Watched, mta: PrivatePostfix) -> None:
    watched.cable.plugged = False
    await watched.minutes(2)
    assert cards(watched.ops) == []
    await watched.minutes(15)
    assert first_lines(watched.card()).startswith("🔴 mx1: Mail host can't be reached\n")
    assert "connection refused" in first_lines(watched.card())
    store = watched.ops.services.store
    async with store.reading() as connection:
        before = await samples.latest(connection, "mx1")
    watched.cable.plugged = True
    await watched.minutes(5)
    assert watched.is_a_record() and watched.happened() == ["Critical:", "Over:"]
    async with store.reading() as connection:
        after = await samples.latest(connection, "mx1")
    assert before and after and after.at - before.at >= 15 * 60, "no row of zeros"


async def test_a_full_disk_is_one_card_with_what_is_free(
    watched: Watched, mta: PrivatePostfix, small_disk: Disk
) -> None:
    small_disk.fill(leave=2 << 20)
    try:
        await watched.minutes(10)
        text = first_lines(watched.card())
        assert text.startswith("🔴 mx1: The spool's disk is nearly full\n")
        assert re.search(r"[0-9.]+ MiB of 96 MiB are free \([0-4]\.[0-9] %\)\.", text), text
        assert watched.happened() == ["Critical:"]
    finally:
        small_disk.make_room()
    await watched.minutes(10)
    assert watched.is_a_record() and watched.happened() == ["Critical:", "Over:"]

"""The bot's own disk is full: it says so in the channel once, in `/mail status`, and by giving no sign of life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.console.workspace import Message, text_of
from bot.console.workspace.reading import live
from bot.store.database import Store
from handlers.blind import AGAIN, EVENT, ORPHANED, Blindness
from tests.disks import Disk, disk, needs_root
from tests.slack.conftest import SmallHost
from tests.slack.deleting import Clock
from tests.slack.desk import APRIL, OPS, VIC, Desk, desk, host
from tests.slack.watching import cards
from tests.store.subjects import KEY

pytestmark = needs_root

MINUTE = timedelta(minutes=1)
TITLE = "This bot is blind: its database does not work"


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests say themselves when it is time to look."""
    monkeypatch.setattr("handlers.blind.EVERY", 3600.0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    (tmp_path / "disk").mkdir()
    with disk(tmp_path / "disk", 2) as made:
        yield made


@pytest.fixture
async def watched(small: SmallHost, clock: Clock, small_disk: Disk) -> AsyncIterator[Desk]:
    async with desk([host(small.name, small.ini)], clock, small_disk.path, alert_mention=(APRIL,)) as made:
        await made.services.alerts.move_in(made.workspace.team_id)
        yield made


async def minutes(ops: Desk, clock: Clock, number: int) -> list[bool]:
    """Whether each look was complete, so that a sign of life is given."""
    complete = []
    for _ in range(number):
        clock.ahead += MINUTE
        complete.append(await ops.services.sampling.look())
    return complete


def told(ops: Desk) -> list[Message]:
    """The messages in the channel that are the bot's own word on it, and no answer to anybody."""
    return [each for each in cards(ops) if each.metadata and each.metadata["event_type"] == EVENT]


async def says(ops: Desk, command: str, words: str) -> None:
    """Nothing comes to rest while the store fails, so the answer is waited for."""
    before = {(each.ts, each.revision) for each in ops.workspace.messages(OPS, VIC)}
    await ops.workspace.command(VIC, OPS, f"/mail {command}")

    def there() -> bool:
        found = [each for each in ops.workspace.messages(OPS, VIC) if (each.ts, each.revision) not in before]
        return any(words in text_of(each) for each in found)

    await ops.workspace.wait(there, 60, f"the answer to {command}")


async def test_a_full_disk_is_told_where_people_look_and_taken_back_once_it_is_over(
    watched: Desk, clock: Clock, small_disk: Disk
) -> None:
    blindness = Blindness(watched.app.client, watched.services)
    assert all(await minutes(watched, clock, 3))
    small_disk.fill()
    blind = await minutes(watched, clock, 20)
    assert not any(blind[-15:]), "a bot that can't keep what it sees gives no sign of life"
    for _ in range(3):
        await blindness.look()
    (message,) = told(watched)
    assert "can't be written: the disk is full" in text_of(message) and "mail hosts are not watched" in text_of(message)
    assert set(live(message)) == {f"<{APRIL}>"}
    for command in ("status", "alerts"):
        await says(watched, command, f"{TITLE}, for ")
    restarted = Blindness(watched.app.client, watched.services)
    await restarted.look()
    assert len(told(watched)) == 1, "whoever comes later finds it"
    small_disk.make_room()
    assert all(await minutes(watched, clock, 2))
    await restarted.look()
    (message,) = told(watched)
    assert text_of(message).startswith(f"🟢 {TITLE}\nOver, ")
    assert TITLE not in await watched.say("/mail alerts", VIC)
    await Blindness(watched.app.client, watched.services).look()
    assert len(told(watched)) == 1


async def test_a_moment_is_not_told(watched: Desk, clock: Clock, small_disk: Disk) -> None:
    blindness = Blindness(watched.app.client, watched.services)
    small_disk.fill()
    async with asyncio.timeout(60):
        while watched.services.store.health.trouble is None:
            await minutes(watched, clock, 1)
    await blindness.look()
    small_disk.make_room()
    await minutes(watched, clock, 1)
    clock.ahead += 10 * MINUTE
    await blindness.look()
    assert told(watched) == []


async def test_after_somebody_deleted_the_message_the_next_time_is_told_again(
    watched: Desk, clock: Clock, small_disk: Disk
) -> None:
    blindness = Blindness(watched.app.client, watched.services)
    for times in (1, 2):
        small_disk.fill()
        await minutes(watched, clock, 10)
        await blindness.look()
        (message,) = told(watched)
        await watched.app.client.chat_delete(channel=OPS, ts=message.ts)
        clock.ahead += AGAIN
        await blindness.look()
        assert told(watched) == [], f"who deleted it has read it ({times})"
        small_disk.make_room()
        await minutes(watched, clock, 2)
        await blindness.look()
        await blindness.look()
    assert told(watched) == []


async def test_a_bot_that_sees_leaves_the_message_of_one_that_is_blind_until_that_one_is_gone(
    watched: Desk, clock: Clock, small_disk: Disk, tmp_path: Path
) -> None:
    blindness = Blindness(watched.app.client, watched.services)
    async with Store(f"sqlite:///{tmp_path}/other.db", KEY, watched.services.now) as store:
        other = Blindness(watched.app.client, replace(watched.services, store=store))
        small_disk.fill()
        await minutes(watched, clock, 10)
        await blindness.look()
        for _ in range(6):
            clock.ahead += AGAIN
            await blindness.look()
            await other.look()
            (message,) = told(watched)
            assert not text_of(message).startswith("🟢")
        clock.ahead += ORPHANED
        still_blind = Blindness(watched.app.client, watched.services)
        watched.services.store.health.trouble = None
        await still_blind.look()
        assert not text_of(told(watched)[0]).startswith("🟢"), "just started, it has not written yet"
        await other.look()
        assert text_of(told(watched)[0]).startswith("🟢")

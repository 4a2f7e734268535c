"""The main job on a real Postfix, from Slack to the queue and back: look, learn why, act, undo."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from bot.console.workspace import Message, controls, text_of
from tests.postfix.hosts import mail_host
from tests.postfix.instance import Injected, PrivatePostfix
from tests.postfix.remote import ACCEPT, GREYLIST, HANG, MAILBOX_FULL, RATE_LIMITED
from tests.postfix.waiting import eventually
from tests.postfix.world import World
from tests.slack.desk import Desk
from tests.slack.desk import desk as serving

pytestmark = pytest.mark.real("postfix")


@pytest.fixture(params=["long", "short"])
def mta(request: pytest.FixtureRequest, world: World) -> PrivatePostfix:
    """A private Postfix with long, then one with short queue IDs."""
    postfix: PrivatePostfix = request.getfixturevalue("postfix" if request.param == "long" else "short_postfix")
    return postfix


@pytest.fixture
async def ops(mta: PrivatePostfix) -> AsyncIterator[Desk]:
    async with serving([mail_host(mta)]) as made:
        yield made


def filled(postfix: PrivatePostfix, world: World) -> None:
    """Deferred mail for three reasons, some of it large, some on hold."""
    for name, behaviour in (("gmail.test", RATE_LIMITED), ("grey.test", GREYLIST), ("full.test", MAILBOX_FULL)):
        world.domain(name, behaviour)
    postfix.defer("news@shop.test", "bob@gmail.test", count=12)
    postfix.defer("ann@home.test", "eve@grey.test", count=3, login="ann", client="203.0.113.5")
    postfix.defer("ann@home.test", "old@full.test", count=2, size=20_000)
    (held, *_) = [entry.queue_id for entry in postfix.queue() if entry.recipients[0].address == "old@full.test"]
    postfix.run("postsuper", "-h", "-", stdin=f"{held}\n")


def deliveries(world: World, injected: list[Injected]) -> list[int]:
    found = Counter(delivery.message_id for delivery in world.delivered())
    return [found[message.message_id] for message in injected]


async def pages(ops: Desk, text: str) -> list[str]:
    """The IDs on all the pages of a queue, turned by its button."""
    (page,) = await ops.type(text)
    found: list[str] = []
    while True:
        found += [option.value for control in controls(page) for option in control.options]
        if "Next" not in [control.label for control in controls(page)]:
            return found
        (page,) = await ops.press(page, "Next")


async def test_status_agrees_with_postqueue(ops: Desk, mta: PrivatePostfix, world: World) -> None:
    filled(mta, world)
    words = await ops.say("/mail status")
    assert words.startswith("🟢 mx1 is well. 17 messages are queued: 16 deferred and 1 on hold.")
    assert f"deferred {mta.count('deferred')} · active 0 · incoming 0 · hold {mta.count('hold')}" in words
    assert "12 (71 %)  n…@shop.test" in words
    assert "12 (71 %)  gmail.test" in words
    assert re.search(r"12 \(71 %\)  .*421", words)


async def test_a_stopped_postfix_is_said_first_and_its_queue_is_shown(
    ops: Desk, mta: PrivatePostfix, world: World
) -> None:
    filled(mta, world)
    mta.stop()
    try:
        words = await ops.say("/mail status")
        assert words.startswith("🔴 mx1: Postfix is down")
        assert "deferred 16 · active 0 · incoming 0 · hold 1" in words
        assert "Postfix is down: the queue stands still." in await ops.say("/mail queue")
        assert "so nothing was flushed" in await ops.say("/mail flush")
    finally:
        mta.start()


FILTERS: dict[str, Callable[[str, str, str, int], bool]] = {
    "": lambda queue, sender, recipient, size: True,
    "all": lambda queue, sender, recipient, size: True,
    "hold": lambda queue, sender, recipient, size: queue == "hold",
    "deferred": lambda queue, sender, recipient, size: queue == "deferred",
    "deferred -from:@shop.test": lambda queue, sender, recipient, size: queue == "deferred" and "shop" not in sender,
    "from:news@shop.test": lambda queue, sender, recipient, size: sender == "news@shop.test",
    "to:@grey.test": lambda queue, sender, recipient, size: recipient.endswith("@grey.test"),
    "to:e*@*": lambda queue, sender, recipient, size: recipient.startswith("e"),
    'reason:"421"': lambda queue, sender, recipient, size: recipient.endswith("@gmail.test"),
    "larger:10k": lambda queue, sender, recipient, size: size > 10 * 1024,
    "smaller:10k": lambda queue, sender, recipient, size: size < 10 * 1024,
    "newer:1h": lambda queue, sender, recipient, size: True,
    "older:1h": lambda queue, sender, recipient, size: False,
}


async def test_each_filter_picks_what_postqueue_shows(ops: Desk, mta: PrivatePostfix, world: World) -> None:
    filled(mta, world)
    for words, picks in FILTERS.items():
        expected = {
            entry.queue_id
            for entry in mta.queue()
            if picks(entry.queue_name, entry.sender, entry.recipients[0].address, entry.message_size)
        }
        found = await pages(ops, f"/mail queue {words}")
        assert (set(found), len(found)) == (expected, len(expected)), words


async def test_show_tells_who_submitted_it_and_why_it_waits(ops: Desk, mta: PrivatePostfix, world: World) -> None:
    filled(mta, world)
    (queue_id, *_) = [entry.queue_id for entry in mta.queue() if entry.recipients[0].address == "eve@grey.test"]
    words = await ops.say(f"/mail show {queue_id}")
    assert f"{queue_id} on mx1: deferred, " in words
    assert "From: ann@home.test" in words
    assert "Login: ann" in words
    assert "203.0.113.5" in words
    assert re.search(r"eve@grey\.test: .*4\.7\.1", words)
    assert "Message-I" in words


async def test_a_flush_tells_what_is_gone_and_what_is_deferred_again(
    ops: Desk, mta: PrivatePostfix, world: World
) -> None:
    filled(mta, world)
    world.domain("gmail.test", ACCEPT)
    words = text_of((await ops.type("/mail flush"))[-1])
    assert "12 gone from the queue" in words
    assert "4 tried again and deferred again" in words
    assert "Before: deferred 16 and hold 1" in words
    assert "After: deferred 4 and hold 1" in words
    assert len(world.delivered()) == 12
    again = text_of((await ops.type("/mail flush to:@grey.test"))[-1])
    assert "3 tried again and deferred again" in again


async def test_deferred_mail_held_and_undone_and_flushed_is_delivered_once(
    ops: Desk, mta: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    injected = mta.defer("ann@home.test", "eve@grey.test", count=5)
    before = {entry.queue_id for entry in mta.queue()}
    (card,) = await ops.type("/mail hold from:ann@home.test")
    assert "put 5 messages on hold" in text_of(card)
    assert mta.count("hold") == 5
    (undone,) = await ops.press(card, "hold.undo")
    assert "released 5 messages again" in text_of(undone)
    assert {entry.queue_id for entry in mta.queue("deferred")} == before
    world.domain("grey.test", ACCEPT)
    await ops.type("/mail flush")
    await eventually(lambda: not mta.queue(), timeout=30)
    assert deliveries(world, injected) == [1] * 5


async def test_sixty_active_messages_held_and_undone_are_each_delivered_once(
    ops: Desk, mta: PrivatePostfix, world: World
) -> None:
    world.domain("slow.test", HANG)
    injected = mta.active(60, "slow.test")
    (card,) = await ops.type("/mail hold active")
    assert "put 60 messages on hold" in text_of(card)
    assert mta.count("hold") == 60
    in_part = _of(await ops.press(card, "hold.undo"), card)
    assert "5 messages could not be undone yet: press the button again in a minute." in text_of(in_part)
    world.domain("slow.test", ACCEPT)
    await eventually(lambda: len(world.delivered()) >= 5, timeout=30)
    whole = _of(await ops.press(in_part, "hold.undo"), card)
    assert controls(whole) == ()
    await ops.type("/mail flush")
    await eventually(lambda: not mta.queue(), timeout=30)
    assert deliveries(world, injected) == [1] * 60


def _of(messages: list[Message], card: Message) -> Message:
    (found,) = [message for message in messages if message.ts == card.ts]
    return found


async def test_a_command_changes_the_instance_that_it_names_and_no_other(
    postfix: PrivatePostfix, short_postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    for each in (postfix, short_postfix):
        each.defer("ann@home.test", "eve@grey.test", count=2)
    async with serving([mail_host(postfix, "mx1"), mail_host(short_postfix, "mx2")]) as ops:
        words = await ops.say("/mail status")
        assert "mx1 is well. 2 messages are queued" in words
        assert "mx2 is well. 2 messages are queued" in words
        assert "Which mail host?" in await ops.say("/mail hold all")
        await ops.type("/mail hold mx2 all")
    assert (postfix.count("hold"), short_postfix.count("hold")) == (0, 2)


async def test_mail_that_postfix_does_not_take_up_is_told_as_not_tried(
    new_postfix: Callable[..., PrivatePostfix], world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix = new_postfix()
    postfix.defer("ann@home.test", "eve@grey.test", count=2)
    # From now on Postfix flushes the site by a list of its own, which does not know the mail from before.
    postfix.configure(fast_flush_domains="grey.test")
    postfix.reload()
    async with serving([mail_host(postfix)]) as ops:
        words = await ops.say("/mail flush site:grey.test")
    assert "2 not tried yet" in words
    assert "deferred 2" in words

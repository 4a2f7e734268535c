"""The outbox: one row a card, claimed by one worker at a time, and nothing lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.store.database import Store
from bot.store.outbox import Backlog, FailedItem, Item
from tests.store.subjects import KEY, LEASE, NOW, TEAM, card, tell, under

SECOND = timedelta(seconds=1)


async def claim(store: Store, owner: str = "one", seconds: float = 0, busy: tuple[str, ...] = ()) -> Item:
    item = await store.outbox.claim(TEAM, owner, NOW + seconds * SECOND, LEASE, busy)
    assert item is not None
    return item


async def nothing(store: Store, owner: str = "one", seconds: float = 0, workspace: str = TEAM) -> bool:
    return await store.outbox.claim(workspace, owner, NOW + seconds * SECOND, LEASE) is None


async def tell_and_fail(store: Store) -> None:
    async with store.transaction() as transaction:
        await transaction.tell(card())
        raise ZeroDivisionError


async def test_what_was_told_is_claimed_and_sent_once(store: Store) -> None:
    await tell(store, card())
    item = await claim(store)
    assert item == Item(1, TEAM, "C0OPS", "request", "1", 1, "", False, 0, "", NOW)
    assert await store.outbox.attempting(item, "one")
    assert await store.outbox.sent(item, "one", "100.1", NOW)
    assert await nothing(store, seconds=10_000)
    assert await store.outbox.next_due(TEAM, NOW) is None


async def test_what_was_delivered_long_ago_is_forgotten_but_for_what_may_change(store: Store) -> None:
    kinds, later = ("request", "request_ended"), NOW + timedelta(days=1)
    await tell(store, card("1"), under("1", "1"), card("2"), card("3"), card("4", kind="alert"))
    await store.outbox.sent(await claim(store), "one", "100.0", NOW)
    assert await store.outbox.forget_delivered(later, kinds, ()) == 0, "what belongs into its thread is not sent yet"
    for number in range(1, 5):
        await store.outbox.sent(await claim(store), "one", f"100.{number}", NOW)
    assert await store.outbox.forget_delivered(NOW, kinds, ()) == 0
    assert await store.outbox.forget_delivered(later, kinds, [("request", "3")]) == 3
    left = [await store.outbox.posted(each) for each in (card("1"), card("3"), card("4", kind="alert"))]
    assert left == ["", "100.3", "100.4"]


async def test_a_burst_of_changes_is_one_item_with_the_newest_revision(store: Store) -> None:
    for _ in range(5):
        await tell(store, card())
    item = await claim(store)
    assert item.revision == 5
    await store.outbox.sent(item, "one", "100.1", NOW)
    assert await nothing(store, seconds=10_000)
    await tell(store, card())
    again = await claim(store)
    assert (again.id, again.revision, again.ts, again.attempted) == (item.id, 6, "100.1", False)


async def test_what_is_told_while_it_is_sent_is_sent_again(store: Store) -> None:
    await tell(store, card())
    item = await claim(store)
    await tell(store, card())
    assert await nothing(store, "two")
    assert await store.outbox.sent(item, "one", "100.1", NOW)
    assert ((await claim(store, "two")).revision) == 2


async def test_two_workers_never_get_the_same_item(store: Store, url: str) -> None:
    await tell(store, *(card(str(number)) for number in range(40)))
    async with Store(url, KEY) as other:
        taken: list[Item] = []

        async def work(own: Store, owner: str) -> None:
            while (item := await own.outbox.claim(TEAM, owner, NOW, LEASE)) is not None:
                taken.append(item)

        await asyncio.gather(*(work(own, f"{n}") for n, own in enumerate((store, other, store, other))))
    assert sorted(int(item.subject) for item in taken) == list(range(40))


async def test_a_lease_lapses_and_the_late_worker_changes_nothing(store: Store) -> None:
    await tell(store, card())
    item = await claim(store, "one")
    assert await nothing(store, "two", seconds=59)
    assert await store.outbox.next_due(TEAM, NOW) == NOW + LEASE
    taken_over = await claim(store, "two", seconds=60)
    assert taken_over.id == item.id
    assert not await store.outbox.attempting(item, "one")
    assert not await store.outbox.sent(item, "one", "100.1", NOW)
    await store.outbox.later(item, "one", NOW, "too late")
    await store.outbox.failed(item, "one", "too late", NOW)
    await store.outbox.lost(item, "one", NOW)
    assert await nothing(store, "three", seconds=100)
    assert await store.outbox.sent(taken_over, "two", "100.2", NOW)
    assert await nothing(store, "three", seconds=10_000)


async def test_an_attempt_whose_end_is_unknown_is_remembered_over_a_restart(store: Store, url: str) -> None:
    await tell(store, card())
    item = await claim(store)
    assert await store.outbox.attempting(item, "one")
    await store.close()
    async with Store(url, KEY) as restarted:
        again = await claim(restarted, "two", seconds=61)
        assert (again.id, again.attempted) == (item.id, True)
        await restarted.outbox.later(again, "two", NOW + 70 * SECOND, "ratelimited")
        assert (await claim(restarted, "two", seconds=70)).attempted, "a further attempt must look it up too"


async def test_a_post_that_was_surely_refused_need_not_be_looked_for(store: Store) -> None:
    await tell(store, card())
    item = await claim(store)
    await store.outbox.attempting(item, "one")
    await store.outbox.later(item, "one", NOW, "ratelimited", absent=True)
    again = await claim(store)
    assert not again.attempted
    await store.outbox.attempting(again, "one")
    await store.outbox.failed(again, "one", "channel_not_found", NOW, absent=True)
    await store.outbox.retry_failed(TEAM, NOW)
    assert not (await claim(store)).attempted


async def test_what_did_not_go_through_is_tried_later(store: Store) -> None:
    await tell(store, card())
    await store.outbox.later(await claim(store), "one", NOW + 30 * SECOND, "ratelimited")
    assert await nothing(store, seconds=29)
    assert await store.outbox.next_due(TEAM, NOW) == NOW + 30 * SECOND
    item = await claim(store, "two", seconds=30)
    assert item.attempts == 1
    await store.outbox.sent(item, "two", "100.1", NOW)
    await tell(store, card())
    assert (await claim(store)).attempts == 0


async def test_a_lasting_failure_waits_for_somebody_and_is_told(store: Store) -> None:
    await tell(store, card("1"), card("2"))
    await store.outbox.failed(await claim(store), "one", "channel_not_found", NOW + SECOND)
    await store.outbox.later(await claim(store), "one", NOW + 9 * SECOND, "ratelimited")
    assert await nothing(store, seconds=8)
    assert await store.outbox.backlog(TEAM, NOW) == Backlog(
        1, NOW, (FailedItem("request", "1", "channel_not_found", NOW + SECOND),)
    )
    assert await store.outbox.retry_failed(TEAM, NOW) == 1
    assert await store.outbox.retry_failed(TEAM, NOW) == 0
    assert (await claim(store)).subject == "1"


async def test_telling_anew_lifts_a_failure(store: Store) -> None:
    await tell(store, card())
    await store.outbox.failed(await claim(store), "one", "channel_not_found", NOW)
    await tell(store, card())
    assert (await store.outbox.backlog(TEAM, NOW)).failed == ()
    assert (await claim(store)).revision == 2


async def test_what_was_told_while_an_older_state_failed_is_tried(store: Store) -> None:
    await tell(store, card())
    item = await claim(store)
    await tell(store, card())
    await store.outbox.failed(item, "one", "msg_too_long", NOW)
    assert (await store.outbox.backlog(TEAM, NOW)).failed == ()
    assert (await claim(store)).revision == 2


async def test_a_message_that_is_gone_is_posted_anew(store: Store) -> None:
    await tell(store, card())
    await store.outbox.sent(await claim(store), "one", "100.1", NOW)
    await tell(store, card())
    await store.outbox.lost(await claim(store), "one", NOW)
    again = await claim(store)
    assert (again.ts, again.attempted, again.revision) == ("", False, 2)


async def test_a_thread_waits_for_its_parent(store: Store) -> None:
    await tell(store, card())
    await tell(store, under())
    parent = await claim(store)
    assert parent.kind == "request"
    assert await nothing(store, seconds=30)
    assert await store.outbox.next_due(TEAM, NOW) == NOW + LEASE, "its own lease, not the reply that can't go yet"
    assert (await store.outbox.backlog(TEAM, NOW)).waiting == 2
    await store.outbox.sent(parent, "one", "100.1", NOW)
    reply = await claim(store)
    assert (reply.kind, reply.parent_ts, reply.ts) == ("request_ended", "100.1", "")


async def test_a_reply_to_what_was_never_told_undoes_the_whole_transaction(store: Store) -> None:
    with pytest.raises(LookupError, match="request 7, which was never told"):
        await tell(store, card(), under("1", parent="7"))
    assert await nothing(store, seconds=10)


async def test_the_row_that_is_due_the_longest_comes_first(store: Store) -> None:
    await tell(store, card("1"), card("2"), card("3"))
    await store.outbox.later(await claim(store), "one", NOW + 5 * SECOND, "")
    assert [(await claim(store, seconds=10)).subject for _ in range(3)] == ["2", "3", "1"]


async def test_rows_of_busy_channels_are_left_for_later(store: Store) -> None:
    await tell(store, card("1", channel="C0A"), card("2", channel="C0B"))
    assert (await claim(store, busy=("C0A",))).subject == "2"
    assert await store.outbox.claim(TEAM, "one", NOW, LEASE, ("C0A",)) is None
    assert (await claim(store)).subject == "1"


async def test_each_workspace_and_channel_has_rows_of_its_own(store: Store) -> None:
    await tell(store, card(), card(channel="C0B"), card(workspace="T0OTHER"))
    assert await store.outbox.retry_failed("T0OTHER", NOW) == 0
    assert {(await claim(store)).channel for _ in range(2)} == {"C0OPS", "C0B"}
    assert await nothing(store)
    assert not await nothing(store, workspace="T0OTHER")


async def test_who_waits_is_woken_by_a_commit_and_not_by_what_was_undone(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        await tell_and_fail(store)
    assert not await store.wait_told(0)
    waiting = asyncio.create_task(store.wait_told(30))
    await tell(store, card())
    assert await waiting
    assert not await store.wait_told(0)

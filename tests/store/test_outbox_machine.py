"""The outbox under whatever order of things: two workers, a Slack that answers or does not, and restarts."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from bot.store.database import Store
from bot.store.outbox import Item, Told
from bot.store.tables import outbox
from tests.store.subjects import KEY, LEASE, NOW

WORKERS = ("one", "two")
CARDS = ("1", "2", "3")
_workspaces = itertools.count(1)


@dataclass
class Posted:
    """A message in Slack: by its outbox ID, as in its metadata, and the revision that it shows."""

    ts: str
    item: int
    shows: int


class OutboxMachine(RuleBasedStateMachine):
    """Each run has a workspace of its own in the one database."""

    runner: asyncio.Runner
    url: str

    claimed: Bundle[tuple[Item, str]] = Bundle("claimed")

    def __init__(self) -> None:
        super().__init__()
        self.workspace = f"T{next(_workspaces)}"
        self.now = NOW
        self.store = Store(self.url, KEY, lambda: self.now)
        self.told: dict[tuple[str, str], int] = {}
        self.leases: dict[int, tuple[str, Item]] = {}
        self.until: dict[int, object] = {}
        self.slack: dict[str, Posted] = {}
        self.numbers = itertools.count(1)

    @initialize()
    def open(self) -> None:
        self.runner.run(self.store.open())

    def teardown(self) -> None:
        if self.store.is_open:
            self.settle_everything()
            self.runner.run(self.store.close())

    # What the bot does

    @rule(subject=st.sampled_from(CARDS), times=st.integers(1, 3))
    def tell(self, subject: str, times: int) -> None:
        for _ in range(times):
            self._tell("request", subject, None)

    @rule(subject=st.sampled_from(CARDS))
    def tell_in_the_thread(self, subject: str) -> None:
        if ("request", subject) in self.told:
            self._tell("request_ended", subject, ("request", subject))

    def _tell(self, kind: str, subject: str, parent: tuple[str, str] | None) -> None:
        async def told() -> None:
            async with self.store.transaction() as transaction:
                await transaction.tell(Told(self.workspace, "C0OPS", kind, subject, parent))

        self.runner.run(told())
        self.told[(kind, subject)] = self.told.get((kind, subject), 0) + 1

    # What workers do

    @rule(target=claimed, owner=st.sampled_from(WORKERS))
    def claim(self, owner: str) -> MultipleResults[tuple[Item, str]] | tuple[Item, str]:
        due = self.runner.run(self.store.outbox.next_due(self.workspace, self.now))
        item = self.runner.run(self.store.outbox.claim(self.workspace, owner, self.now, LEASE))
        assert (item is not None) is (due is not None and due <= self.now)
        if item is None:
            return multiple()
        until = self.until.get(item.id)
        assert until is None or until <= self.now, "a row was claimed that another claim still holds"  # type: ignore[operator]
        assert item.revision == self.told[(item.kind, item.subject)]
        assert (item.parent_ts != "") is (item.kind == "request_ended")
        self.until[item.id] = self.now + LEASE
        self.leases[item.id] = (owner, item)
        return (item, owner)

    def _holds(self, item: Item, owner: str) -> bool:
        return self.leases.get(item.id) == (owner, item)

    def _end(self, item: Item, owner: str) -> None:
        if self._holds(item, owner):
            del self.leases[item.id], self.until[item.id]

    def _post(self, item: Item, owner: str) -> str | None:
        """Post, or edit, by the rules: no post without `attempting`, nor before what may be there is looked for."""
        ts = item.ts
        if not ts and item.attempted:
            ts = next((each.ts for each in self.slack.values() if each.item == item.id), "")
        if ts not in self.slack:
            held = self._holds(item, owner)
            assert self.runner.run(self.store.outbox.attempting(item, owner)) is held
            if not held:
                return None
            ts = f"100.{next(self.numbers)}"
            self.slack[ts] = Posted(ts, item.id, 0)
        self.slack[ts].shows = max(self.slack[ts].shows, self.told[(item.kind, item.subject)])
        return ts

    @rule(one=consumes(claimed))
    def send(self, one: tuple[Item, str]) -> None:
        self._send(*one)

    def _send(self, item: Item, owner: str) -> None:
        if item.ts and item.ts not in self.slack:
            self.runner.run(self.store.outbox.lost(item, owner, self.now))
        elif ts := self._post(item, owner):
            assert self.runner.run(self.store.outbox.sent(item, owner, ts, self.now)) is self._holds(item, owner)
        self._end(item, owner)

    @rule(one=consumes(claimed), killed=st.booleans())
    def post_without_an_answer(self, one: tuple[Item, str], killed: bool) -> None:
        """The message is there and nobody knows: the worker was killed, or Slack's answer never came."""
        item, owner = one
        self._post(item, owner)
        if not killed:
            self.runner.run(self.store.outbox.later(item, owner, self.now, "no answer"))
            self._end(item, owner)

    @rule(one=consumes(claimed), seconds=st.integers(1, 120))
    def put_off(self, one: tuple[Item, str], seconds: int) -> None:
        item, owner = one
        self.runner.run(self.store.outbox.later(item, owner, self.now + timedelta(seconds=seconds), "ratelimited"))
        self._end(item, owner)

    @rule(one=consumes(claimed))
    def fail(self, one: tuple[Item, str]) -> None:
        item, owner = one
        self.runner.run(self.store.outbox.failed(item, owner, "channel_not_found", self.now))
        self._end(item, owner)

    @rule(one=consumes(claimed))
    def forget(self, one: tuple[Item, str]) -> None:
        """The worker was killed: the lease lapses by itself."""

    # What befalls them

    @rule(data=st.data())
    def somebody_deletes_a_message(self, data: st.DataObject) -> None:
        if self.slack:
            del self.slack[data.draw(st.sampled_from(sorted(self.slack)))]

    @rule(seconds=st.sampled_from([1, 30, 59, 60, 61]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.store.close())
        self.store = Store(self.url, KEY, lambda: self.now)
        self.runner.run(self.store.open())

    @invariant()
    def no_card_stands_there_twice(self) -> None:
        items = [each.item for each in self.slack.values()]
        assert len(items) == len(set(items))

    @rule()
    def the_backlog_is_what_is_not_there_yet(self) -> None:
        backlog = self.runner.run(self.store.outbox.backlog(self.workspace, self.now))
        assert backlog.waiting + len(backlog.failed) <= len(self.told)
        assert (backlog.oldest is None) is (backlog.waiting == 0)

    def settle_everything(self) -> None:
        """In the end Slack is well again: then each card is there once, and shows its newest state."""
        self.now += timedelta(hours=1)
        self.runner.run(self.store.outbox.retry_failed(self.workspace, self.now))
        for _ in range(4 * len(self.told) + 1):
            item = self.runner.run(self.store.outbox.claim(self.workspace, "last", self.now, LEASE))
            if item is None:
                break
            self.leases[item.id] = ("last", item)
            self.until[item.id] = self.now + LEASE
            self._send(item, "last")
        backlog = self.runner.run(self.store.outbox.backlog(self.workspace, self.now))
        assert (backlog.waiting, backlog.failed) == (0, ())
        self.no_card_stands_there_twice()
        self.everything_that_was_not_deleted_is_current()

    def everything_that_was_not_deleted_is_current(self) -> None:
        async def rows() -> list[tuple[str, str, int, int, str]]:
            async with self.store.reading() as connection:
                found = await connection.execute(
                    select(
                        outbox.c.kind, outbox.c.subject, outbox.c.revision, outbox.c.sent_revision, outbox.c.ts
                    ).where(outbox.c.workspace == self.workspace)
                )
                return [tuple(row) for row in found]

        told = {}
        for kind, subject, revision, sent, ts in self.runner.run(rows()):
            assert revision == sent
            assert ts
            told[(kind, subject)] = revision
            if ts in self.slack:
                assert self.slack[ts].shows == revision
        assert told == self.told


def test_nothing_is_lost_and_nothing_said_twice_in_whatever_order(url: str) -> None:
    with asyncio.Runner() as runner:
        machine = type("Machine", (OutboxMachine,), {"runner": runner, "url": url})
        few = max(10, settings().max_examples // 10)
        run_state_machine_as_test(machine, settings=settings(max_examples=few, stateful_step_count=30))

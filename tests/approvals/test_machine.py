"""The requests of several people on one store, with everything that can happen to them, in any order.

Requests, decisions by people of every role, presses on old copies, wrong numbers, time, role changes, mail that comes
and goes, hosts that are away or die in their work, bots that are killed between any two steps. Whatever the order: one
settlement each, no deletion outside of a list that was approved in time by somebody who may, and in the end no request
is left under way, and each says what the host's journal says.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.actors import Role
from bot.agent.protocol import Identity
from bot.approvals.model import Decision, Kind, Request, State
from bot.errors import HostError, UserError
from tests.approvals import fakehost
from tests.approvals.world import (
    ANTON,
    APRIL,
    HERE,
    NOEL,
    OPAL,
    OTTO,
    VIC,
    Bot,
    Killed,
    Life,
    World,
    copied,
    everything,
    mail,
    person,
)

T = TypeVar("T")

PEOPLE = st.sampled_from([OPAL, APRIL, ANTON, OPAL, APRIL, ANTON, OTTO, VIC, NOEL])
SELDOM = st.sampled_from([False, False, False, False, False, True])
FAULTS = st.sampled_from(
    [
        fakehost.GONE,
        fakehost.BUSY,
        fakehost.DOWN,
        fakehost.DENIED,
        fakehost.DEFECT,
        fakehost.NO_ROOM,
        fakehost.DIES_BEFORE,
        fakehost.DIES_WITHIN,
        *[fakehost.DIES_AFTER] * 3,
    ]
)
LASTING = frozenset({State.DONE, State.DENIED, State.CANCELLED, State.EXPIRED})
SELF_MAX, TYPED_OVER = 5, 3


class Requests(RuleBasedStateMachine):
    template = Path()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="maildesk-machine-")
        copied(self.template, Path(self.folder.name))
        self.world = World(
            Path(self.folder.name), values={"approval_self_max": SELF_MAX, "approval_typed_over": TYPED_OVER}
        )
        self.stack = AsyncExitStack()
        self.number = 6
        self.decided: dict[int, tuple[Decision, str]] = {}
        self.ended: dict[int, State] = {}
        self.lists: dict[str, frozenset[Identity]] = {}
        self.requests: tuple[Request, ...] = ()

    @initialize()
    def begin(self) -> None:
        self.world.queue(*range(self.number))
        self._start()

    # What people do

    @rule(by=PEOPLE, kind=st.sampled_from([*[Kind.DELETE] * 4, Kind.FINAL, Kind.EXPIRE]), words=st.integers(0, 4))
    def ask(self, by: str, kind: Kind, words: int) -> None:
        picked = (
            "all"
            if words == 4
            else " ".join(mail(number).queue_id for number in range(self.number - 1 - words, self.number))
        )
        may = self.world.roster.role(by) >= Role.OPERATOR
        request = self._try(self.bot.ask(picked, by, kind))
        assert may or request is None

    @precondition(lambda self: self.requests)
    @rule(
        by=PEOPLE,
        decision=st.sampled_from([*[Decision.APPROVE] * 6, *Decision]),
        which=st.integers(0, 30),
        old=SELDOM,
        any_state=SELDOM,
        typed=st.sampled_from(["right", "right", "right", "wrong", ""]),
    )
    def decide(self, by: str, decision: Decision, which: int, old: bool, any_state: bool, typed: str) -> None:
        request = self._one(which, None if any_state else State.PENDING)
        revision = request.revision - old
        number = {"right": str(request.messages), "wrong": str(request.messages + 1), "": ""}[typed]
        may = self._may(request, by, decision, number)
        settled = self._try(self.bot.decide(request, decision, by, number, revision))
        if settled is not None:
            assert may and not old
            assert request.state is State.PENDING and request.id not in self.decided
            assert self.world.clock() < request.expires_at

    @precondition(lambda self: any(request.state is State.PENDING for request in self.requests))
    @rule(
        by=st.sampled_from([APRIL, ANTON]),
        which=st.integers(0, 30),
        fault=st.none() | FAULTS,
        steps=st.none() | st.integers(0, 20),
    )
    def approve(self, by: str, which: int, fault: str | None, steps: int | None) -> None:
        if fault:
            self.the_host_will_fail(fault)
        if steps is not None:
            self.the_bot_will_be_killed(steps)
        self.decide(by, Decision.APPROVE, which, False, False, "right")

    @precondition(lambda self: any(request.left_in_trash for request in self.requests))
    @rule(by=PEOPLE, which=st.integers(0, 30), any_state=SELDOM)
    def restore(self, by: str, which: int, any_state: bool) -> None:
        request = self._one(which, None if any_state else State.DONE)
        may = self.world.roster.role(by) >= Role.OPERATOR
        restored = self._try(self.bot.restores.restore(None, request.key, (), person(by), HERE))
        assert may or restored is None

    @precondition(lambda self: any(request.left_in_trash for request in self.requests))
    @rule(by=PEOPLE, which=st.integers(0, 30), any_state=SELDOM)
    def ask_purge(self, by: str, which: int, any_state: bool) -> None:
        key = self._one(which, None if any_state else State.DONE).key
        self._try(self.bot.approvals.ask_purge(self.bot.host, key, person(by), HERE))

    # What happens to them

    @rule(minutes=st.sampled_from([1, 1, 2, 2, 3, 6, 6, 12, 31, 61]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.turn(timedelta(minutes=minutes))

    @rule()
    def the_clock_looks(self) -> None:
        self._try(self.bot.tick())

    @rule(fault=FAULTS)
    def the_host_will_fail(self, fault: str) -> None:
        self.world.agent.ahead.append(fault)

    @precondition(lambda self: self.requests)
    @rule(steps=st.integers(0, 14))
    def the_bot_will_be_killed(self, steps: int) -> None:
        self.bot.life.ends_at = self.bot.life.steps + steps

    @rule()
    def the_bot_is_started_anew(self) -> None:
        self._stop()
        self._start()

    @precondition(lambda self: len(self.requests) > 2)
    @rule(who=PEOPLE, role=st.sampled_from([*Role, *[Role.APPROVER] * 3]), really=SELDOM)
    def a_role_changes(self, who: str, role: Role, really: bool) -> None:
        if not really:
            return
        roster = self.world.roster
        for name, of in (("viewers", Role.VIEWER), ("operators", Role.OPERATOR), ("approvers", Role.APPROVER)):
            others = tuple(each for each in getattr(roster, name) if each != who)
            setattr(roster, name, (*others, who) if role is of else others)

    @rule()
    def mail_comes_in(self) -> None:
        self.world.queue(self.number, self.number + 1)
        self.number += 2

    @precondition(lambda self: self.world.agent.queue)
    @rule(which=st.integers(0, 30), reused=st.booleans())
    def mail_leaves(self, which: int, reused: bool) -> None:
        queue_id = sorted(self.world.agent.queue)[which % len(self.world.agent.queue)]
        if reused:
            self.world.agent.reuse(queue_id)
        else:
            del self.world.agent.queue[queue_id]

    # What always holds

    @invariant()
    def each_is_settled_once_and_nothing_else_is_deleted(self) -> None:
        if self.bot.life.over:
            self._stop()
            self._start()
        # Looking is no step of the bot's life.
        ends_at, self.bot.life.ends_at = self.bot.life.ends_at, None
        steps = self.bot.life.steps
        self.requests = self.runner.run(self._look())
        self.bot.life.steps, self.bot.life.ends_at = steps, ends_at
        for request in self.requests:
            if request.decision is not None and request.decided_by is not None and request.decided_at is not None:
                settled = request.decision, request.decided_by.id
                assert self.decided.setdefault(request.id, settled) == settled
                assert request.decided_at < request.expires_at
            if request.state in LASTING or request.id in self.ended:
                assert self.ended.setdefault(request.id, request.state) is request.state
        by_key = {request.key: request for request in self.requests}
        for (key, identity), times in Counter(self.world.agent.deletions).items():
            request = by_key[key]
            assert times == 1
            assert identity in self.lists[key]
            assert request.decision is Decision.APPROVE and request.kind in (Kind.DELETE, Kind.FINAL)

    def teardown(self) -> None:
        try:
            self._stop()
            self.requests = self.runner.run(self.world.in_the_end())
            self._check_ends()
            self.runner.run(self._check_the_chain())
        finally:
            self.runner.close()
            self.folder.cleanup()

    def _check_ends(self) -> None:
        for request in self.requests:
            assert request.state.over
            journal = self.world.agent.journals.get(request.key)
            if request.kind is Kind.PURGE:
                target = self.world.agent.journals[request.target_key]
                assert request.state is not State.DONE or not target.kept
            elif request.state is State.DONE:
                assert journal is not None and journal.finished and request.result is not None
                assert (
                    not request.result.counts
                    or request.result.counts.items() <= Counter(journal.outcomes.values()).items()
                    or request.result.text
                )
            elif request.state is State.FAILED:
                assert journal is None or not journal.deleted()
            else:
                assert journal is None
            if journal is not None and request.kind is Kind.DELETE and request.state is State.DONE:
                assert request.left_in_trash == len(journal.kept), request

    async def _check_the_chain(self) -> None:
        async with self.world.bot() as bot:
            assert await bot.store.audit.verify() == ()
            rows = await bot.store.audit.latest(10_000)
        settling = [row.subject for row in rows if row.verb.partition(".")[2] in ("approve", "hold", "deny", "cancel")]
        assert all(times == 1 for times in Counter(settling).values())
        assert set(settling) == {request.key for request in self.requests if request.decision}
        assert not any("@" in str(row) for row in rows)

    def _one(self, which: int, state: State | None) -> Request:
        """One of the requests: of those in this state, if there are any."""
        there = [request for request in self.requests if request.state is state] or self.requests
        return there[which % len(there)]

    def _may(self, request: Request, by: str, decision: Decision, number: str) -> bool:
        """What DESIGN §6 says, told once more in other words."""
        role, own = self.world.roster.role(by), by == request.asked_by.id
        if decision is Decision.HOLD:
            return role >= Role.OPERATOR and request.kind is not Kind.PURGE
        if decision is Decision.CANCEL:
            return own and role > Role.NONE
        if decision is Decision.DENY:
            return role is Role.APPROVER or (own and role > Role.NONE)
        if role is not Role.APPROVER:
            return False
        hour_ago = self.world.clock() - timedelta(hours=1)
        recently = sum(
            each.messages
            for each in self.requests
            if each.alone
            and each.decided_by
            and each.decided_by.id == by
            and each.decided_at
            and each.decided_at > hour_ago
        )
        within = recently + request.messages <= SELF_MAX
        stands_in = own and not within and set(self.world.roster.approvers) == {by}
        if own and not within and not stands_in:
            return False
        typed = request.messages > TYPED_OVER or request.kind is not Kind.DELETE or stands_in
        return not typed or number == str(request.messages)

    async def _look(self) -> tuple[Request, ...]:
        found = await everything(self.bot)
        for request in found:
            if request.kind is not Kind.PURGE and request.key not in self.lists:
                manifest = await self.bot.approvals.manifest(request.id)
                assert manifest is not None
                self.lists[request.key] = frozenset(manifest.identities)
        return found

    def _start(self) -> None:
        self.bot: Bot = self.runner.run(self.stack.enter_async_context(self.world.bot(Life())))

    def _stop(self) -> None:
        self.runner.run(self.stack.aclose())
        self.stack = AsyncExitStack()

    def _try(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What came of it; None when it was refused, or when the bot died of it."""
        try:
            return self.runner.run(work)
        except (UserError, HostError, Killed):
            return None


@pytest.mark.takes(600)
def test_whatever_happens_in_whatever_order(template: Path) -> None:
    logging.disable(logging.CRITICAL)
    Requests.template = template
    try:
        examples = settings().max_examples // 6
        run_state_machine_as_test(Requests, settings=settings(max_examples=examples, stateful_step_count=50))
    finally:
        logging.disable(logging.NOTSET)

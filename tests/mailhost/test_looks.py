"""When a look at many hosts is told, by a clock that leaps: nothing here waits, and nothing depends on speed."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import pairwise

import pytest

from bot.mailhost.host import MailHost
from bot.mailhost.link import Event
from bot.mailhost.looks import looks
from handlers.commands.status import EVERY, FIRST
from tests.approvals.fakehost import FakeAgent
from tests.slack.desk import utc

HANGS = 3600.0


class Leaping(asyncio.SelectorEventLoop):
    """A loop whose clock leaps to whatever is due next."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self.now = 1000.0
        select = self._selector.select  # type: ignore[attr-defined]

        def leap(timeout: float | None = None) -> object:
            self.now += timeout or 0.0
            return select(0)

        self._selector.select = leap  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


class Slow:
    """An agent that answers after a while."""

    def __init__(self, host: str, delay: float) -> None:
        self.host = host
        self._delay = delay
        self._agent = FakeAgent(utc, [], host)

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        await asyncio.sleep(self._delay)
        async with aclosing(self._agent.ask(request)) as answer:
            async for event in answer:
                yield event

    async def close(self) -> None:
        pass


async def _told(delays: list[float]) -> list[tuple[float, int]]:
    """The moments at which something is told, and of how many hosts that answer whole; until all of them have."""
    hosts = [MailHost(Slow(f"mx{number}", delay)) for number, delay in enumerate(delays)]
    answering = sum(delay < HANGS for delay in delays)
    began, told = asyncio.get_running_loop().time(), []
    async with aclosing(looks(hosts, utc, FIRST, EVERY)) as all_seen:
        async for seen in all_seen:
            told.append((asyncio.get_running_loop().time() - began, sum(not each.waiting for each in seen)))
            if told[-1][1] == answering:
                break
    for host in hosts:
        await host.close()
    return told


def told(delays: list[float], monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    with asyncio.Runner(loop_factory=Leaping) as runner:
        monkeypatch.setattr("bot.mailhost.looks.time.monotonic", runner.get_loop().time)
        return runner.run(_told(delays))


@pytest.mark.parametrize("slowest", [0.8, 1.05, 1.5, 2.5, 5.0, 20.0])
def test_who_answers_is_told_of_soon_after_the_slowest_of_them_while_others_hang(
    slowest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = [0.05, slowest * 0.5, slowest * 0.95, slowest, HANGS, HANGS]
    moment, whole = told(delays, monkeypatch)[-1]
    assert whole == 4
    assert moment <= 1.3 * slowest


def test_the_first_card_waits_for_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ((moment, whole),) = told([0.05, HANGS], monkeypatch)
    assert moment == pytest.approx(FIRST)
    assert whole == 1


def test_a_card_is_not_edited_for_each_of_many_who_answer_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [moment for moment, _ in told([number * 0.5 for number in range(1, 61)] + [HANGS], monkeypatch)]
    assert len(moments) < 25
    assert all(later - sooner >= 0.2 for sooner, later in pairwise(moments))

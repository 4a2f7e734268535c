"""Work in the background is waited for, its failures are logged, and closing cancels it."""

import asyncio
import logging

import pytest

from bot.background import Background


async def test_idle_waits_for_work_and_for_the_work_that_it_starts() -> None:
    background, done = Background(), []

    async def work(depth: int) -> None:
        await asyncio.sleep(0.01)
        done.append(depth)
        if depth:
            background.start(work(depth - 1), "work")

    background.start(work(2), "work")
    await background.idle()
    assert done == [2, 1, 0]
    await background.idle()


async def test_idle_waits_for_a_worker_too_and_for_the_work_that_begins_meanwhile() -> None:
    background, done = Background(), []

    async def work(name: str) -> None:
        await asyncio.sleep(0.01)
        done.append(name)

    async def worker() -> None:
        if "worker" not in done:
            await work("worker")
            background.start(work("its work"), "its work")

    background.start(work("work"), "work")
    with background.with_worker(worker):
        await background.idle()
    assert done == ["work", "worker", "its work"]
    await background.close()


async def test_a_failure_is_logged_by_name_and_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()

    async def fails() -> None:
        raise ValueError("so it went")

    background.start(fails(), "the flush of mx1")
    with caplog.at_level(logging.ERROR):
        await background.idle()
    (record,) = caplog.records
    assert record.getMessage() == "the flush of mx1 failed"
    assert record.exc_info and "so it went" in str(record.exc_info[1])


async def test_close_cancels_and_waits_for_the_end(caplog: pytest.LogCaptureFixture) -> None:
    background, ended = Background(), asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.set()

    background.start(long(), "long")
    await asyncio.sleep(0)
    await background.close()
    assert ended.is_set()
    assert caplog.records == []


async def test_what_stands_is_not_waited_for_and_ends_with_the_rest() -> None:
    background, begun, ended = Background(), asyncio.Event(), asyncio.Event()

    async def standing() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background.stand(standing(), "standing")
    await begun.wait()
    await background.idle()
    assert not ended.is_set()
    await background.close()
    assert ended.is_set()

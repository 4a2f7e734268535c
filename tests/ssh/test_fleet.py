"""Fifty mail hosts behind ssh, some of which hang or refuse: the others are not delayed, and nothing grows."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.console.workspace import Message, Workspace, text_of
from bot.mailhost.host import MailHost
from bot.mailhost.look import Look
from bot.mailhost.looks import looks
from bot.store import samples
from bot.store.samples import Sample
from tests.bench.measure import resident
from tests.conftest import SOAK
from tests.slack.desk import OPAL, OPS, desk, utc
from tests.ssh.fleet import Fleet, Kind

WELL, HANGING, REFUSING = 40, 5, 5
ROUNDS = 1000 if SOAK else 100
WARM = 20
"""Rounds until the process has what it will go on using."""


def fifty(folder: Path, **more: float) -> Fleet:
    kinds = (Kind("well", WELL), Kind("hangs", HANGING, hangs=True), Kind("refuses", REFUSING, refuses=True))
    return Fleet(folder, utc, *kinds, **more)


@pytest.mark.takes(300)
async def test_the_status_is_complete_for_who_answers_while_others_hang_and_says_what_is_known_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.commands.status.FIRST", 0.0)
    monkeypatch.setattr("handlers.commands.status.EVERY", 0.0)
    monkeypatch.setattr("handlers.reply.SHOWN_AFTER", 3600.0)
    async with fifty(tmp_path / "fleet", timeout=200.0) as fleet, desk(list(fleet.hosts().values())) as ops:
        ago = utc() - timedelta(minutes=3)
        seen = Sample(int(ago.timestamp()), maildrop=0, incoming=0, active=0, deferred=12, hold=0, up=True)
        async with ops.services.store.transaction() as transaction:
            await samples.keep(transaction, "hangs0", seen)
        asked = asyncio.create_task(ops.type("/mail status"))
        card = await _card_with(ops.workspace, "45 mail hosts of 50 have answered, 5 of them need a look.")
        words = text_of(card)
        assert "🟢 40 are well: well0, well1," in words
        assert words.count("🔴 refuses") == REFUSING
        assert words.count(": no answer yet, for ") == HANGING
        assert " min ago: 12 messages queued, Postfix up." in words
        assert "Nothing has been seen of it yet." in words
        assert not asked.done()
        fleet.let_go()
        (whole,) = await asked
        assert whole.ts == card.ts, "the one message completes itself"
        assert text_of(whole).startswith("10 of 50 mail hosts need a look.")
        assert text_of(whole).count("🔴 hangs") == HANGING


async def _card_with(workspace: Workspace, start: str) -> Message:
    while True:
        found = [each for each in workspace.messages(OPS, OPAL) if text_of(each).startswith(start)]
        if found:
            return found[-1]
        await asyncio.sleep(0.02)


@pytest.mark.takes(900)
async def test_memory_and_file_descriptors_stay_as_they_are(tmp_path: Path) -> None:
    async with fifty(tmp_path / "fleet") as fleet:
        hosts = fleet.hosts()
        try:
            for _ in range(WARM):
                await _one_round(list(hosts.values()))
            before, memory = _open(), resident(os.getpid())
            for _ in range(ROUNDS):
                await _one_round(list(hosts.values()))
            gc.collect()
            assert _open() - before <= 2 * HANGING, "those that hang are being connected to, or are not, at a moment"
            assert len(asyncio.all_tasks()) < 20 * len(hosts)
            grown = resident(os.getpid()) - memory
            assert grown < 32, f"{grown:.1f} MiB more after {ROUNDS} rounds"
        finally:
            await hosts.close()
        assert set(fleet.logins.values()) == {1, 0}, "each connection was made once"
        assert min(fleet.sessions[f"well{number}"] for number in range(WELL)) >= 3 * ROUNDS


async def _one_round(hosts: Sequence[MailHost]) -> None:
    """A look at all, until those that answer have answered, and those that refuse have refused."""
    async with aclosing(looks(hosts, utc, 0.0, 0.0)) as all_seen:
        async for seen in all_seen:
            if sum(_has_answered(each) for each in seen) >= WELL + REFUSING:
                return
    raise AssertionError("they did not all answer")


def _has_answered(seen: Look) -> bool:
    return not seen.waiting and (bool(seen.listing) or not seen.reachable)


def _open() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

"""Thirty days of whatever may befall a bot that watches, its people and Slack: all is told once, at Slack's pace."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.console.workspace import Workspace, text_of
from bot.console.workspace.reading import live
from bot.store import tables
from handlers import OUTBOX
from handlers.outbox import BETWEEN
from tests.conftest import SOAK
from tests.slack.desk import OPAL, OPS
from tests.slack.month import Hands, Month
from tests.slack.storm import outbox_id
from tests.slack.test_watching_processes import DRAWN, read
from tests.store.migrated import lay_out

SEEDS = 100 if SOAK else 1
DAYS = 30
AGE = r" \(\d+ (?:s|min|h|day|days)\b[^()]*\)"
"""How old an alert was when its card was drawn."""


@pytest.mark.takes(300)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_thirty_days_of_whatever_are_told_once_and_at_slacks_pace(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.outbox.BETWEEN", BETWEEN)
    hands = Hands()
    lay_out(tmp_path)
    async with Workspace(hands) as workspace:
        workspace.add_user(OPAL, "opal")
        workspace.add_channel(OPS, "ops", [OPAL])
        month = Month(workspace, hands, tmp_path, random.Random(seed))
        await month.begin()
        try:
            for _ in range(DAYS):
                await month.day()
            await month.clears()
            await everything_is_there_once(month)
            keeps_the_pace(month)
            assert all(month.deeds[each] for each in ("acknowledge", "snooze", "mute"))
            assert any(call.fault for call in workspace.calls)
        finally:
            await month.kill()


async def everything_is_there_once(month: Month) -> None:
    """Each card and each transition is one message, as it is now, where it belongs; mentions are those of the store."""
    async with month.services.store.reading() as connection:
        rows = {row.id: row for row in await connection.execute(select(tables.outbox))}
        mentions = {
            str(number)
            for number in await connection.scalars(
                select(tables.transitions.c.id).where(tables.transitions.c.mention.is_(True))
            )
        }
    assert len([row for row in rows.values() if row.kind == "alert"]) >= 10 and mentions
    messages = month.workspace.messages(OPS)
    found = {outbox_id(message): message for message in messages}
    assert len(found) == len(messages), "nothing is there twice"
    assert found.keys() == rows.keys()
    for number, message in found.items():
        row = rows[number]
        assert message.thread_ts == (found[row.parent].ts if row.parent else "")
        card = await OUTBOX[row.kind](month.services, row.subject)
        assert card is not None
        shown, wanted = (re.sub(AGE, "", each) for each in (read(message), re.sub(DRAWN, "", text_of(card.blocks))))
        assert shown == wanted, f"{row.kind} {row.subject} is current"
        if row.kind == "transition":
            assert set(live(message)) == ({f"<{OPAL}>"} if row.subject in mentions else set())


def keeps_the_pace(month: Month) -> None:
    """From one message or edit to the next in a channel, and from one look into it to the next, it is a second."""
    assert len(month.calls[OPS, "chat"]) > 5 * DAYS
    for (channel, method), times in month.calls.items():
        for earlier, later in pairwise(times):
            assert later - earlier >= timedelta(seconds=BETWEEN), f"{method} in {channel} at {earlier} and {later}"

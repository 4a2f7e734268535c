"""Sentences of docs/security.md that no other test holds."""

from __future__ import annotations

import pytest

from bot.console.workspace import text_of
from tests.slack.conftest import SmallHost
from tests.slack.desk import NOEL, host
from tests.slack.desk import desk as serving


async def test_who_leaves_a_user_group_loses_its_role(small: SmallHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.access.KNOWN_FOR", 0.0)  # five minutes later
    async with serving([host("mx1", small.ini)], operators=("S0OPS",)) as ops:
        ops.workspace.add_usergroup("S0OPS", "mailops", [NOEL])
        assert "put 15 messages on hold" in await ops.say("/mail hold all", NOEL)
        ops.workspace.add_usergroup("S0OPS", "mailops", [])
        before = small.queue()
        (refused,) = await ops.type("/mail release all", NOEL)
        assert "you have no role here" in text_of(refused)
        assert small.queue() == before

"""Two hundred commands as an enemy would type them: each is answered clearly, and none does anything."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.console.workspace import live, text_of
from tests.handlers.blocks.hostile import texts
from tests.slack.conftest import SmallHost
from tests.slack.desk import OPAL, OPS, Desk, desk, host

VERBS = (
    "",
    "help",
    "status",
    "queue",
    "show",
    "flush",
    "hold",
    "release",
    "hold mx1",
    "release h-",
    "delete",
    "delete --final",
    "expire",
    "purge",
    "purge 1-",
    "restore",
    "restore 1-abcd",
    "trash",
    "pending",
    "audit",
    "requeue",
    "queue sort:",
    "alerts",
    "snooze",
    "snooze 8h",
    "unsnooze",
    "ack",
    "unmute",
)
TAILS = (
    "$(touch /tmp/owned)",
    "; rm -rf /",
    "-c /tmp/evil",
    "-",
    "../../etc/passwd",
    "--config x",
    "\x00",
    "|cat",
    "from:",
    "older:99999999999999999999d",
    'reason:"',
    "site:-f",
    "mx1 site:a b",
    "from:" + "*" * 3000,
    "<@U0BOSS> <!channel>",
    "h-../../x",
)
commands = st.builds(
    lambda verb, tail: f"{verb} {tail}", st.sampled_from(VERBS), st.one_of(texts, st.sampled_from(TAILS))
)


@dataclass
class Running:
    runner: asyncio.Runner
    small: SmallHost
    desk: Desk


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """One bot for all the examples, on its own event loop."""
    small = SmallHost(tmp_path)
    small.instance.start()
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        made = runner.run(stack.enter_async_context(desk([host(small.name, small.ini)])))
        yield Running(runner, small, made)
        runner.run(stack.aclose())
    small.instance.stop()


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(command=commands)
def test_a_hostile_command_gets_a_clear_answer_and_does_nothing(running: Running, command: str) -> None:
    assume(any(letter in string.printable and not letter.isspace() for letter in command.partition(" ")[2]))
    before = running.small.queue()
    answers = running.runner.run(running.desk.type(f"/mail {command}"))
    assert len(answers) == 1
    (answer,) = answers
    assert "Something went wrong" not in text_of(answer)
    assert answer.ephemeral_to == OPAL or "flushed mx1" not in text_of(answer)
    assert set(live(answer)) <= {f"<{name}>" for name in (OPAL, "U0APRIL", "U0VIC", OPS)}
    assert answer.text.strip()
    assert running.small.queue() == before

"""What the tests of alerts share: what is seen of a mail host, and the cards in the channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.console.workspace import Message, text_of
from bot.watch.model import Reading
from tests.slack.desk import OPS, Desk

MINUTE = timedelta(minutes=1)
AWAY = {"unreachable": [Reading("", 5, "No answer for 5 minutes: connection refused.")]}
BACK = {"unreachable": [Reading("", 0)]}


def flood(
    percent: float, text: str = "news@shop.test has 12 of 15 messages.", selector: str = "from:news@shop.test"
) -> dict[str, list[Reading]]:
    return {"sender": [Reading("", percent, text, "Sent by the login news. A hacked account?", selector)]}


async def seen(ops: Desk, observed: Mapping[str, Sequence[Reading]], name: str = "mx1") -> None:
    """Let the bot take in what was seen of this mail host; what it tells of it is waited for."""
    await ops.services.alerts.observe(name, observed)
    await ops.services.background.idle()


def cards(ops: Desk) -> list[Message]:
    return [each for each in ops.workspace.messages(OPS) if not each.thread_ts]


def first_lines(message: Message) -> str:
    return "\n".join(text_of(message).splitlines()[:2])

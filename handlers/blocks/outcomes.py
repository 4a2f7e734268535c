"""What became of one message, in words: the agent's outcomes and details (bot/agent/outcomes.py) are for programs."""

from collections.abc import Mapping, Sequence

from bot.agent.outcomes import Outcome
from bot.agent.protocol import ALL_QUEUES
from bot.text import Addresses, shown_text
from handlers.blocks.kit import Block
from handlers.blocks.rich import Line, bullets, code, rich, words

SHOWN = 5

# Details that stand for something. Any other is a sentence already: the complaint of postsuper(1), or the system's.
DETAILS: Mapping[str, str] = {
    "in_flight": "it was being delivered at that very moment and may still arrive",
    "in_delivery": "a delivery of it was still under way, so it may arrive twice",
    "active": "it came out of the active queue: what was being delivered at that very moment may still go out",
    "unproven": "once released it is taken in anew under a new queue ID, and loses the mark",
    "not_kept": "nothing could be kept, so it was let be",
    "unreadable": "its queue file can't be read",
    "gone": "it has left the queue since",
    **{queue: f"it lies in the queue {queue}" for queue in (*ALL_QUEUES, "maildrop")},
}
RENAMED = "renamed "
"""Stands before a new queue ID: Postfix renamed the file when it started with other `enable_long_queue_ids`."""
SAID = frozenset((("not_in_queue_yet", "maildrop"),))
"""Where the outcome says what the detail would say again."""


def became(each: Outcome, names: Mapping[str, str]) -> str:
    """`still queued: Postfix could not delete it (its queue file can't be read)`; `names` has the words by outcome."""
    # A newer agent may have outcomes that this bot has no words for.
    said = names.get(each.outcome) or each.outcome.replace("_", " ")
    detail = "" if (each.outcome, each.detail) in SAID else _detail(each.detail)
    return f"{said} ({detail})" if detail else said


def _detail(detail: str) -> str:
    if detail.startswith(RENAMED):
        return f"Postfix has renamed it to {detail.removeprefix(RENAMED)}"
    return DETAILS.get(detail, detail)


def listed(outcomes: Sequence[Outcome], names: Mapping[str, str], addresses: Addresses, total: int = 0) -> Block | None:
    """The first few of these messages, each with what became of it. There are `total`, or those that are given."""
    lines: list[Line] = [
        [code(each.queue_id, 40), " ", words(shown_text(became(each, names), addresses), 300)]
        for each in outcomes[:SHOWN]
    ]
    rest = max(total, len(outcomes)) - len(lines)
    if lines and rest > 0:
        lines.append(f"… and {rest:,} more")
    return rich(bullets(*lines)) if lines else None

"""Text as an enemy would choose it, and Slack's own check of what is made of it."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bot.agent.protocol import (
    LISTED_QUEUES,
    Count,
    Listing,
    Message,
    QueuedMessage,
    QueueSummary,
    Recipient,
    Summary,
    Tally,
)
from bot.console.workspace.blocks import checked_blocks
from bot.console.workspace.reading import live
from bot.console.workspace.state import Message as Posted
from bot.console.workspace.state import State
from handlers.blocks.kit import MESSAGE_JSON, Block, Card

ACTOR = "U0ANA"
NOW = 1_800_000_000

SPECIAL = (
    "",
    " ",
    "<!channel>",
    "<!everyone> <@U0BOSS> <#C0OPS>",
    '"<!channel>"@example.org',
    "<https://evil.example/|your bank>",
    "`*_~> &amp; &lt;!here&gt;",
    "```\n*not* code\n```",
    "line\nbreak\r\n\x00\x07\x1b[31mred\x1b[0m\u2028\u202egnp.exe\ufeff\ud800",
    ":tada: https://evil.example mailto:a@b.example",
    "&" * 400,
    '"\\' * 400,
    "\u200b\u3164",
    "💥" * 300,
    "漢字" * 500,
    "a" * 10_000,
    ("b" * 5_000) + "@" + ("example." * 600) + "org",
    "<" * 10_000,
)


def _many(piece: str, times: int) -> str:
    return piece * times


texts = st.one_of(
    st.sampled_from(SPECIAL),
    st.text(max_size=30),
    st.builds(_many, st.text(min_size=1, max_size=4), st.sampled_from((60, 300, 2500))),
)
thorough = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""How often a property is tried; drawing nested hostile texts is slow, which is no fault of what is tested."""

numbers = st.integers(0, 10**9)

recipients = st.builds(Recipient, texts, texts)
messages = st.builds(
    QueuedMessage,
    queue_name=st.one_of(st.sampled_from(LISTED_QUEUES), texts),
    queue_id=st.one_of(st.sampled_from(("4VbXm8dz3kzJ1Q", "4VbXm8dz3kzJ2Q", "A1B2C3D4E5")), st.text(max_size=100)),
    arrival_time=st.integers(0, NOW),
    message_size=st.integers(0, 2**50),
    sender=texts,
    recipients=st.lists(recipients, max_size=25).map(tuple),
    recipient_count=numbers,
    forced_expire=st.booleans(),
)
tallies = st.builds(Tally, st.lists(st.builds(Count, texts, st.integers(1, 10**6)), max_size=8).map(tuple), numbers)
summaries = st.builds(
    Summary,
    messages=numbers,
    bytes=numbers,
    recipients=numbers,
    queues=st.dictionaries(st.sampled_from(LISTED_QUEUES), st.builds(QueueSummary, numbers, numbers, numbers)),
    oldest=st.one_of(st.none(), messages),
    ages=st.lists(numbers, max_size=10).map(tuple),
    senders=tallies,
    domains=tallies,
    reasons=tallies,
    expires_at=st.one_of(st.none(), st.integers(0, 2 * NOW)),
)
listings = st.builds(
    Listing,
    taken_at=st.just(float(NOW)),
    complete=st.booleans(),
    problem=texts,
    mail_system_up=st.booleans(),
    total=numbers,
    summary=summaries,
    page=st.lists(messages, max_size=10, unique_by=lambda message: (message.queue_name, message.queue_id)).map(tuple),
    position=numbers,
)
shown = st.builds(
    Message,
    queued=messages,
    attributes=st.dictionaries(st.sampled_from(("sasl_username", "client_name", "client_address", "other")), texts),
    headers=st.lists(st.tuples(texts, texts), max_size=40).map(tuple),
    headers_cut=st.booleans(),
)


def taken_by_slack(card: Card, *, mentions: tuple[str, ...] = (ACTOR,)) -> tuple[Block, ...]:
    """The blocks as Slack keeps them. Fails where Slack would refuse them, or act on something that is not ours."""
    state = State(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    kept = checked_blocks(state, list(card.blocks))
    assert 0 < len(card.text) <= 40_000
    assert set(live(Posted("C0OPS", "1.1", "U0BOT", card.text, kept))) <= {f"<{name}>" for name in mentions}
    assert len(str(card.blocks)) < 3 * MESSAGE_JSON
    return kept

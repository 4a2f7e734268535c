"""What is not known, so that nobody takes silence for good news: of mail hosts, and of all while the store fails."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.store.health import Trouble
from bot.text import clock, duration
from handlers.blocks.kit import Card, card
from handlers.blocks.rich import bold, joined, person, say

STALE = 300.0
"""Seconds without a look at a mail host after which what is known of it is old."""

TITLE = "This bot is blind: its database does not work"
MEANWHILE = (
    "Until that is mended mail hosts are not watched, no alert or digest comes, and nothing is asked for or decided."
)


def blind(looked: Mapping[str, datetime | None], trouble: Trouble | None, now: datetime) -> list[str]:
    """`looked` is when each mail host was looked at last, None where that is not known."""
    lines = unwritten(trouble, now)
    for host, at in looked.items():
        age = (now - at).total_seconds() if at else None
        if age is None:
            lines.append(f"{host} has not been looked at yet: whether there is something is not known.")
        elif age > STALE:
            lines.append(f"{host} was looked at last {duration(age)} ago: what came since is not known.")
    return lines


def unwritten(trouble: Trouble | None, now: datetime) -> list[str]:
    """A line while the store fails."""
    if trouble is None:
        return []
    return [f"{TITLE}, for {duration((now - trouble.since).total_seconds())}. {trouble.text} {MEANWHILE}"]


def unseeing(trouble: Trouble, mention: Sequence[str], zone: str) -> Card:
    """What the channel is told; `mention` has users and user groups."""
    since = clock(trouble.since.timestamp(), zone)
    whom = [*joined([person(each) for each in mention]), " "] if mention else []
    return card(
        f"{TITLE}, since {since}. {trouble.text} {MEANWHILE}",
        say([*whom, "🔴 ", bold(TITLE)], trouble.text, f"Since {since}. {MEANWHILE}"),
    )


def seeing_again(since: datetime, now: datetime, zone: str) -> Card:
    lasted, began = duration((now - since).total_seconds()), clock(since.timestamp(), zone)
    unknown = "How the mail hosts were meanwhile is not known; what waited is told now."
    over = f"Over, {lasted} after it began, at {clock(now.timestamp(), zone)}. It began {began}."
    return card(f"Over: {TITLE}. {over} {unknown}", say(["🟢 ", bold(TITLE)], over, unknown))

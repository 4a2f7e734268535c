"""What the bot sees of itself: the room that its database has, and whether Slack could reach it."""

import os
from pathlib import Path

from bot.text import plural, size
from bot.watch.model import Reading
from bot.watch.observing import Observed

MEGABYTE = 1024 * 1024


def store_space(file: Path | None) -> Observed:
    """The room that is left where the database lies. A PostgreSQL has its own watch."""
    if file is None:
        return {}
    try:
        space = os.statvfs(file.parent)
    except OSError:
        return {"store_space": [Reading("", None)]}
    free = space.f_bavail * space.f_frsize
    cause = "When it is full nothing can be asked for, approved or watched any more."
    return {"store_space": [Reading("", free / MEGABYTE, f"{size(free)} are free in {file.parent}.", cause)]}


def deaf(minutes: float) -> Observed:
    """For how long Slack could not reach the bot; 0 once it can."""
    if minutes < 1:
        return {"slack_deaf": [Reading("", 0)]}
    text = f"Slack could not reach this bot for {plural(int(minutes), 'minute')}."
    return {"slack_deaf": [Reading("", minutes, text, "What was typed or pressed then was not heard: do it again.")]}

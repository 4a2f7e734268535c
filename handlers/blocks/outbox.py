"""What Slack does not have yet: lines for `/mail status`, so that silence is never taken for good news."""

from collections import Counter
from datetime import datetime

from bot.store.outbox import Backlog
from bot.text import duration, plural
from handlers.blocks.kit import Block, context

SHOWN = 5
WORTH_TELLING = 60.0
"""Seconds that a message waits before it is worth a line: pacing and a rate limit take a while."""

# What to do about it, by Slack's word.
ADVICE = {
    "not_in_channel": "Type /invite and the bot's name there.",
    "channel_not_found": "If it is a private channel, type /invite and the bot's name there.",
    "is_archived": "The channel is archived.",
    "missing_scope": "Reinstall the app from its manifest.",
    "invalid_auth": "Copy the bot's token again from the app's page, into SLACK_BOT_TOKEN, and restart the bot.",
    "account_inactive": "The app was removed from the workspace: install it again, and set SLACK_BOT_TOKEN.",
    "token_revoked": "The app was removed from the workspace: install it again, and set SLACK_BOT_TOKEN.",
    "thread_not_found": "The message that it belongs under was deleted.",
    "restricted_action": "A preference of the workspace keeps the bot from posting there.",
    "file_uploads_disabled": "An admin of the workspace has switched the uploading of files off.",
    "file_type_not_allowed": "An admin of the workspace has to allow PNG files.",
    "storage_limit_reached": "The workspace has no room for files: somebody may delete old ones.",
}
UNSURE = "It may be there or not: the bot can't read the channel's history, and does not post twice."


def undelivered(backlog: Backlog, now: datetime) -> list[str]:
    """A line for each reason why messages could not be posted, and one for those that have waited long."""
    reasons = Counter(failed.error for failed in backlog.failed).most_common()
    lines = [_refused(reason, count) for reason, count in reasons[:SHOWN]]
    if rest := sum(count for _, count in reasons[SHOWN:]):
        lines.append(f"{plural(rest, 'message')} could not be posted for other reasons: see the bot's log.")
    waited = (now - backlog.oldest).total_seconds() if backlog.oldest else 0.0
    if backlog.waiting and waited > WORTH_TELLING:
        verb = "waits" if backlog.waiting == 1 else "wait"
        lines.append(
            f"{plural(backlog.waiting, 'message')} {verb} to be posted, the oldest for {duration(waited)}; "
            "the bot goes on trying."
        )
    return lines


def pictureless(word: str) -> list[str]:
    """A line that says why cards have no pictures, by Slack's word; none for an empty word."""
    said = f"Cards are posted without their pictures: Slack does not take the files ({word}). {ADVICE.get(word, '')}"
    return [said.strip()] if word else []


def without_picture(why: str) -> Block:
    """What stands in a card in place of its picture; all else of the card is there."""
    return context(f"The picture is missing: {why}.")


def _refused(reason: str, count: int) -> str:
    """`reason` is `WORD in CHANNEL`, after `METHOD: ` when an earlier attempt could not be looked up; or a sentence."""
    method, colon, rest = reason.partition(": ")
    unsure = bool(colon) and method.startswith("conversations.")
    word = (rest if unsure else reason).partition(" ")[0]
    said = [
        f"{plural(count, 'message')} could not be posted: {reason}.",
        UNSURE if unsure else "",
        ADVICE.get(word, ""),
    ]
    return " ".join(part for part in said if part)

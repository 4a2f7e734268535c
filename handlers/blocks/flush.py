"""What a flush did, as the channel sees it: what is gone, what was deferred again and why, before and after."""

from collections.abc import Collection, Mapping

from bot.agent.outcomes import Flushed
from bot.agent.protocol import ALL_QUEUES
from bot.mailhost.host import Change
from bot.mailhost.verdict import at_least
from bot.text import Addresses, duration, listed, plural, shown_text
from handlers.blocks import outcomes
from handlers.blocks.change import Deed, bulleted, counted
from handlers.blocks.kit import Block, Card, card, context
from handlers.blocks.rich import Line, bold, bullets, code, paragraph, person, rich, say, words

SHOWN = 5

FLUSHED: Mapping[str, str] = {
    "gone": "gone from the queue: delivered, or sent back as undeliverable",
    "deferred": "tried again and deferred again",
    "active": "still being tried",
    "not_tried": "not tried yet: Postfix takes them up in its own time",
    "on_hold": "on hold: a flush leaves those alone",
    "not_queued": "not in the queue, so there was nothing to try: gone before, or mistyped",
}


def flushed(deed: Deed, done: Change[Flushed], now: float, addresses: Addresses, typed: Collection[str] = ()) -> Card:
    """What became of what was asked for; of the `typed` queue IDs, which are no message."""
    result, headline = done.result, f"flushed {deed.host}: {deed.what}"
    absent = [each for each in done.outcomes if each.outcome == "not_queued" and each.queue_id in typed]
    lines = counted(result.counts, FLUSHED)
    if not result.watched:
        lines.append("There were too many to follow one by one; the queues below tell how it went.")
    return card(
        f"{deed.name} {headline}",
        say([person(deed.by), " flushed ", bold(deed.host), ": ", code(deed.what, 300)]),
        say(_asked(result)),
        bulleted(lines),
        outcomes.listed(absent, FLUSHED, addresses) if len(typed) > 1 else None,
        say(warning) if (warning := too_soon(result, now)) else None,
        _reasons(result, addresses),
        say(*_queues(result)) if result.before else None,
        last=[context("A flush tries deferred mail again, now. It deletes nothing.")],
    )


def too_soon(result: Flushed, now: float) -> str:
    """A warning when the flush before this one was within minimal_backoff_time; else empty."""
    backoff = result.minimal_backoff_time
    if result.previous is None or backoff is None:
        return ""
    ago = now - result.waited - result.previous
    if ago >= backoff:
        return ""
    return (
        f"The last flush was only {duration(ago)} ago, and Postfix itself waits at least {duration(backoff)} between "
        "two attempts (minimal_backoff_time). Flushing often makes other mail servers limit this host more, not less."
    )


def _asked(result: Flushed) -> str:
    if not result.asked:
        return "Nothing of that was waiting, so there was nothing to try again."
    waited = f"; this is how it stood {duration(result.waited)} later" if result.waited >= 1 else ""
    return f"Postfix was asked to try {plural(result.asked, 'message')} again{waited}:"


def _reasons(result: Flushed, addresses: Addresses) -> Block | None:
    if not result.reasons.top:
        return None
    lines: list[Line] = [
        [f"{at_least(each.messages, result.reasons)}  ", words(shown_text(each.name, addresses), 160)]
        for each in result.reasons.top[:SHOWN]
    ]
    return rich(paragraph([bold("Why deferred again")]), bullets(*lines))


def _queues(result: Flushed) -> list[Line]:
    """The queues before and after, those that hold or held anything."""
    names = [name for name in ALL_QUEUES if result.before.get(name, 0) != 0 or result.after.get(name, 0) != 0]
    if not names:
        return ["All queues are empty."]
    return [
        [bold("Before: "), listed([f"{name} {_count(result.before.get(name))}" for name in names])],
        [bold("After: "), listed([f"{name} {_count(result.after.get(name))}" for name in names])],
    ]


def _count(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"

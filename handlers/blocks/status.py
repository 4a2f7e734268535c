"""The state of one mail host."""

from collections.abc import Callable, Sequence

from bot.agent.protocol import AGE_BUCKETS_MINUTES, Summary, Tally
from bot.mailhost.look import Look
from bot.mailhost.verdict import Level, at_least, verdict
from bot.mailhost.versions import outdated
from bot.store.samples import Sample
from bot.text import Addresses, clock, duration, plural, share, shown_address, shown_text, size
from handlers.blocks.kit import Block, Card, Element, actions, button, card, confirm, context, fields, packed
from handlers.blocks.rich import Line, bold, bullets, paragraph, person, rich, say, words

SIGNS = {Level.WELL: "🟢", Level.UNKNOWN: "⚪", Level.WARNING: "🟡", Level.BAD: "🔴"}
TOP = 5
UNCOVERED = 3
UNKNOWN = "unknown"


def status(
    seen: Look,
    asker: str,
    addresses: Addresses,
    revision: str,
    reputation: Sequence[str] = (),
    about_itself: Sequence[str] = (),
) -> Card:
    """The whole state of one mail host: what hurts, then the numbers, then why, who and where.

    `reputation` is what the last checks came to; `about_itself` says what is wrong with the bot itself.
    """
    said = verdict(seen)
    headline, detail = shown_text(said.headline, addresses), shown_text(said.detail, addresses)
    summary = seen.listing.summary if seen.listing else None
    told = f"{said.headline} {said.detail}"
    return card(
        f"{headline} {detail}",
        say([f"{SIGNS[said.level]} ", bold(headline)], detail),
        fields(_numbers(seen)) if seen.reachable else None,
        rich(*_tallies(summary, addresses)) if summary and summary.messages else None,
        _ages(summary),
        *[context(shown_text(problem, addresses)) for problem in seen.problems if problem not in told],
        *[context(line) for line in [*reputation, *_of_the_agent(seen)]],
        *notes(about_itself),
        last=[_buttons(seen, revision), small_print(asker, seen.at)],
    )


def last_known(sample: Sample | None, now: float) -> str:
    """What was seen of a mail host last, and when; `now` in seconds since the epoch."""
    if sample is None:
        return "Nothing has been seen of it yet."
    queued = "an unknown number of messages" if sample.queued is None else plural(sample.queued, "message")
    state = {True: "Postfix up", False: "Postfix down", None: "Postfix up or down: not known"}[sample.up]
    return f"Last seen at {clock(sample.at)}, {duration(now - sample.at)} ago: {queued} queued, {state}."


def _of_the_agent(seen: Look) -> list[str]:
    """That it is older than this bot, and which Postfix instances of its host it does not look after."""
    told = [outdated(seen.host, seen.info)]
    for folder in seen.info.uncovered[:UNCOVERED] if seen.info else ():
        name = folder.rstrip("/").rpartition("/")[2]
        told.append(
            f"{seen.host} has another Postfix instance, {folder} (postmulti -l). To look after it too: a section "
            f"[{name}] with config_directory = {folder} in /etc/maildesk/agent.ini there, and a mail host of its own "
            f"with the instance {name} in the settings (docs/hosts.md)."
        )
    return [line for line in told if line]


def notes(lines: Sequence[str]) -> list[Block]:
    """What is wrong with the bot itself."""
    return [context(f"⚠️ {line}") for line in lines]


def _numbers(seen: Look) -> list[tuple[str, str]]:
    state = {True: "up", False: "down", None: UNKNOWN}[seen.up]
    version = seen.info.parameters.get("mail_version", "") if seen.info else ""
    counts = seen.counts
    shown = [f"{name} {_count(counts[name])}" for name in ("deferred", "active", "incoming", "hold")]
    shown += [f"{name} {_count(counts[name])}" for name in ("maildrop", "corrupt") if counts[name] != 0]
    numbers = [
        ("Postfix", f"{state} ({version})" if version else state),
        ("Queues", " · ".join(shown)),
        ("Oldest", _oldest(seen)),
        ("Size", _size(seen)),
    ]
    if seen.depth and seen.depth.total_bytes:
        depth = seen.depth
        free = f"{size(depth.free_bytes)} free ({share(depth.free_bytes, depth.total_bytes)})"
        numbers.append(("Spool's disk", free))
    return numbers


def _count(count: int | None) -> str:
    return UNKNOWN if count is None else f"{count:,}"


def _oldest(seen: Look) -> str:
    if seen.listing is None:
        if seen.depth and seen.depth.oldest_known and seen.depth.oldest is not None:
            return duration(seen.at - seen.depth.oldest)
        return "none" if seen.queued == 0 else UNKNOWN
    summary = seen.listing.summary
    if summary.oldest is None:
        return "none" if seen.listing.complete else UNKNOWN
    text = duration(seen.at - summary.oldest.arrival_time)
    if summary.expires_at is None:
        return text
    left = summary.expires_at - seen.at
    return f"{text}; the first to expire does {f'in {duration(left)}' if left > 0 else 'at its next attempt'}"


def _size(seen: Look) -> str:
    if seen.listing is None:
        return UNKNOWN
    summary = seen.listing.summary
    text = f"{size(summary.bytes)}, {plural(summary.recipients, 'recipient')}"
    return text if seen.listing.complete else f"at least {text}"


def _tallies(summary: Summary, addresses: Addresses) -> list[Element]:
    """Why, who and where, each with its share of the queue."""
    whole = summary.messages
    shown = [
        *_tally("Why", summary.reasons, whole, lambda reason: shown_text(reason, addresses)),
        *_tally("From whom", summary.senders, whole, lambda sender: shown_address(sender, addresses)),
        *_tally("To where", summary.domains, whole, lambda domain: domain),
    ]
    return shown or [paragraph("No delivery was tried yet.")]


def _tally(title: str, tally: Tally, whole: int, show: Callable[[str], str]) -> list[Element]:
    if not tally.top:
        return []
    lines: list[Line] = [
        [f"{at_least(each.messages, tally)} ({share(each.messages, whole)})  ", words(show(each.name), 160)]
        for each in tally.top[:TOP]
    ]
    return [paragraph([bold(title)]), bullets(*lines)]


def _ages(summary: Summary | None) -> Block | None:
    """How long the mail has waited, in qshape(1)'s buckets, those with mail in them."""
    if summary is None or not any(summary.ages):
        return None
    limits = [f"<{duration(60 * minutes)}" for minutes in AGE_BUCKETS_MINUTES]
    limits.append(f">{duration(60 * AGE_BUCKETS_MINUTES[-1])}")
    shown = [f"{limit}: {count:,}" for limit, count in zip(limits, summary.ages, strict=False) if count]
    return context(f"Waiting: {' · '.join(shown)}")


def _buttons(seen: Look, revision: str) -> Block | None:
    value = packed(seen.host)
    flush = button("Flush", "status.flush", value, confirm=flush_dialog(seen.host))
    buttons = [button("Queue", "status.queue", value), flush, button("Refresh", "status.refresh", value)]
    return actions(f"status:{revision}", buttons)


def flush_dialog(host: str) -> Element:
    return confirm(
        f"Flush {host}?",
        "Postfix tries every deferred message again, now. Nothing is deleted. Where the other side limits how "
        "much it takes, trying again soon makes it worse.",
        "Flush",
    )


def small_print(asker: str, at: float) -> Block:
    """Who asked, and when it was so."""
    return say(["Asked by ", person(asker), f" · {clock(at)}"])

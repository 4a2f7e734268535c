"""The digest: two lines that say whether anything is wrong, and what it is; the rest below, or in the thread."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.text import Addresses, duration, listed, plural
from bot.watch.digest import PROBLEM, UNKNOWN, WARNING, WEEK, WELL, YESTERDAY, Digest, HostDigest
from bot.watch.digest_queue import series
from bot.watch.digest_verdict import facts, state, still_open, when, wrong
from bot.watch.digests import Made, is_short
from bot.watch.picture import draw
from bot.watch.sparks import spark
from bot.watch.wording import words as picture_words
from handlers.blocks.digest_parts import itself, parts, queue_line
from handlers.blocks.kit import Block, Card, Picture, card, context, table
from handlers.blocks.rich import Line, bold, person, say, words

SIGNS = {PROBLEM: "🔴", WARNING: "🟡", UNKNOWN: "⚪", WELL: "🟢"}

FACTS = 3
"""So many facts stand in a host's line."""
HOSTS = 8
"""So many hosts that are not well have a line below the table, which has them all."""
SHOWN = 300
SPARK = 24


def digest(made: Made, addresses: Addresses) -> Card:
    """The whole digest; what it is short of stands in its thread (details())."""
    told = made.digest
    if len(told.hosts) == 1 and not is_short(told):
        (host,) = told.hosts
        return _one(told, host, addresses, made.asked_by, [_headline(told)])
    headline = _headline(told)
    short = is_short(told)
    return card(
        headline,
        say([bold(headline, SHOWN)], *_second(told)),
        None if short else _table(told),
        *_unwell(told),
        None if short else itself(told, addresses),
        last=[_small_print(told, made.asked_by, thread=True)],
    )


def details(made: Made, host: HostDigest, addresses: Addresses) -> Card:
    """One host's details, with its picture, in the digest's thread."""
    return _one(made.digest, host, addresses, "", [_verdict(host, made.digest)], alone=False)


def _one(
    told: Digest, host: HostDigest, addresses: Addresses, asked_by: str, first: Sequence[str], alone: bool = True
) -> Card:
    drawn = series(host, told.start, told.end, told.zone)
    # A host's name may be anything that a settings file can hold.
    picture = Picture("queue.png", picture_words(drawn), lambda: asyncio.to_thread(draw, drawn))
    return card(
        first[0],
        say(*[[bold(line, SHOWN)] for line in first], [words(queue_line(host, told))]),
        *parts(host, told, addresses),
        itself(told, addresses) if alone else None,
        last=[
            context(f"More: /mail status {host.name} · /mail check {host.name} · /mail queue {host.name}"),
            _small_print(told, asked_by) if alone else _small_print(told, "", of=host.name),
        ],
        picture=picture,
    )


def _headline(told: Digest) -> str:
    """Whether anything is wrong: with the one host, or with how many of them."""
    if len(told.hosts) == 1 and state(told.itself, told) == WELL:
        return _verdict(told.hosts[0], told)
    states = {host.name: state(host, told) for host in told.hosts}
    worst = min([*states.values(), state(told.itself, told)], key=list(SIGNS).index, default=UNKNOWN)
    unwell = [name for name, each in states.items() if each in (PROBLEM, WARNING)]
    dark = [name for name, each in states.items() if each == UNKNOWN]
    many = plural(len(told.hosts), "mail host")
    if unwell:
        said = f"{len(unwell)} of {many} {'needs' if len(unwell) == 1 else 'need'} somebody: {_some(unwell)}"
    elif dark:
        said = f"Nothing is known to be wrong on {many}, but not all is known of {_some(dark)}"
    else:
        said = f"All is well on {many if len(told.hosts) > 1 else told.hosts[0].name}"
    if still_open(told.itself):
        said += f"; this bot: {still_open(told.itself)[0].title}"
    return f"{SIGNS[worst]} {said}."


def _verdict(host: HostDigest, told: Digest) -> str:
    """`🔴 mx1: Postfix is down (since 07:12); listed by SpamCop (new).`"""
    found = facts(host, told)
    shown = found[:FACTS] + ([f"{len(found) - FACTS} more"] if len(found) > FACTS else [])
    sign = SIGNS[state(host, told)]
    if state(host, told) == WELL:
        return f"{sign} {host.name} is well: {_calm(host)}."
    if state(host, told) == UNKNOWN:
        return f"{sign} {host.name}: nothing is known to be wrong, but {'; '.join(shown)}."
    return f"{sign} {host.name}: {'; '.join(shown)}."


def _calm(host: HostDigest) -> str:
    """What was quiet."""
    open_ones = still_open(host)
    over = len(host.alerts) - len(open_ones)
    # Whatever is open on a host that is well is a notice.
    alerts = f"{plural(len(open_ones), 'notice')} and no alert" if open_ones else "no alert"
    alerts += f" open ({over} over)" if over else ""
    return f"{alerts}, on no blocklist that matters, and all checks pass"


def _second(told: Digest) -> list[Line]:
    """The second line: the queue of the one host, or of all of them together."""
    if len(told.hosts) == 1:
        return [[words(queue_line(told.hosts[0], told))]]
    known = [host for host in told.hosts if host.queue.now is not None]
    total = sum(host.queue.now or 0 for host in known)
    alerts = sum(len(host.alerts) for host in (*told.hosts, told.itself))
    dark = len(told.hosts) - len(known)
    unknown = f", of {plural(dark, 'host')} it is not known" if dark else ""
    queued = f"{plural(total, 'message')} in their queues{unknown}" if known else "What is queued is not known of any"
    line = f"{queued}; {plural(alerts, 'alert')} in {_length(told)}."
    return [[words(line)]]


def _table(told: Digest) -> Block | None:
    """Every host in a row, the worst first."""
    if len(told.hosts) < 2:
        return None
    order = sorted(told.hosts, key=lambda host: list(SIGNS).index(state(host, told)))
    return table(("Mail host", "Queue", "Most", "Over time", "Alerts", "Listed"), [_row(host, told) for host in order])


def _row(host: HostDigest, told: Digest) -> Sequence[str]:
    queue = host.queue
    listings = [each for each in wrong(host) if each.list]
    known = host.reputation.at is not None
    return (
        f"{SIGNS[state(host, told)]} {host.name}",
        "not known" if queue.now is None else f"{queue.now:,}",
        "not known" if queue.peak is None else f"{queue.peak[1]:,} at {when(queue.peak[0], told)}",
        spark(queue.totals, 12) or "?",
        f"{len(still_open(host))} open, {len(host.alerts) - len(still_open(host))} over" if host.alerts else "none",
        listed([each.list for each in listings]) or ("no" if known else "not known"),
    )


def _unwell(told: Digest) -> list[Block]:
    """A line for each host that is not well, or not known to be, where there are several hosts."""
    lines = [_verdict(host, told) for host in told.hosts if state(host, told) != WELL]
    if len(told.hosts) < 2 or not lines:
        return []
    more = [f"… and {len(lines) - HOSTS} more, in the table"] if len(lines) > HOSTS else []
    return [say(*[[words(line, SHOWN)] for line in [*lines[:HOSTS], *more]])]


def _small_print(told: Digest, asked_by: str, *, thread: bool = False, of: str = "") -> Block:
    """What it is of, for when; that it is late; who asked."""
    zone = ZoneInfo(told.zone)
    end = datetime.fromtimestamp(told.end, UTC).astimezone(zone)
    start = datetime.fromtimestamp(told.start, UTC).astimezone(zone)
    if told.span == YESTERDAY:
        span = f"{start:%A} {start.day} {start:%B %Y}"
    else:
        span = f"{_length(told)} up to {end:%A} {end.day} {end:%B %Y %H:%M}"
    texts = [f"Digest{f' of {of}' if of else ''}: {span} ({told.zone})."]
    if told.late:
        texts.append(f"It comes {duration(told.late)} late: the bot was not running at its time.")
    if thread:
        texts.append("Each host's details and picture are in the thread.")
    if not asked_by:
        return context(" ".join(texts))
    return say([words(" ".join(texts)), " Asked by ", person(asked_by), "."])


def _length(told: Digest) -> str:
    return "7 days" if told.span == WEEK else "24 hours"


def _some(names: Sequence[str]) -> str:
    return listed(names) if len(names) < 5 else listed([*names[:3], f"{len(names) - 3} more"])

"""The parts of a host's digest: alerts, blocklists, checks, the queue, what was done, what is coming."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from bot.text import Addresses, duration, plural, shown_address, shown_text
from bot.watch.digest import (
    GONE,
    NEW,
    Asked,
    Blemish,
    Deed,
    Digest,
    Fired,
    HostDigest,
    Muted,
    Top,
)
from bot.watch.digest_verdict import since, when
from bot.watch.sparks import spark
from handlers.blocks.kit import Block
from handlers.blocks.rich import Line, bold, bullets, paragraph, person, rich, words

SHOWN, ALERT = 300, 400
"""Characters of a line; of an alert's, which may name a page."""
ALERTS, CHECKS, DEEDS = 8, 6, 8
"""So many of each are told; the others are counted."""

T = TypeVar("T")

AN_HOUR = 3600
"""Points that are so many seconds apart are hours, of which the moment of the peak is not known."""

SEVERITIES = {"critical": "🔴", "warning": "🟡", "notice": "🔵"}
FINDINGS = {"problem": "🔴", "warning": "🟡", "info": "🔵"}

PAST = {
    "flush": "flushed",
    "hold": "held",
    "release": "released",
    "requeue": "requeued",
    "restore": "restored",
    "purge": "purged from the trash, past its retention,",
}
KINDS = {
    "delete": ("deletion", "deleted"),
    "final": ("final deletion", "deleted for good"),
    "expire": ("return to senders", "marked to go back to their senders"),
    "purge": ("purge of the trash", "purged from the trash"),
}
ENDS = {
    "denied": "denied",
    "cancelled": "withdrawn",
    "expired": "nobody decided in time",
    "failed": "failed",
    "not_begun": "the host could not be asked in time, so nothing was done",
    "pending": "waits for a decision",
    "approved": "approved, about to begin",
    "held": "to be held, about to begin",
    "executing": "under way",
    "unknown": "the host has not said yet what became of it",
}


def parts(host: HostDigest, told: Digest, addresses: Addresses) -> list[Block | None]:
    """Every part of which there is something to say, what is wrong first."""
    listings = [each for each in host.reputation.told if each.list]
    checks = [each for each in host.reputation.told if not each.list]
    return [
        _part("Alerts", host.alerts, ALERTS, lambda each: _alert(each, told, addresses)),
        _lists(listings, host, told),
        _part("Not right", checks, CHECKS, lambda each: _told(each, told)),
        _part("Not known", host.reputation.unknown, CHECKS, lambda each: [words(each, SHOWN)]),
        _coming(host, told),
        _part("Who has most of the queue", host.listed.senders, 3, lambda each: _top(each, host, addresses, True)),
        _part("Why mail waits", host.listed.reasons, 3, lambda each: _top(each, host, addresses, False)),
        _trend(host),
        _part("Requests", host.done, DEEDS, lambda each: _asked(each, told, addresses)),
        _part("Done", host.deeds, DEEDS, _deed),
        _part("Muted", host.mutes, 4, lambda each: _mute(each, told)),
    ]


def itself(told: Digest, addresses: Addresses) -> Block | None:
    """Alerts of the bot itself."""
    return _part("This bot", told.itself.alerts, 3, lambda each: _alert(each, told, addresses))


def queue_line(host: HostDigest, told: Digest) -> str:
    """`Queue: 12 now, at most 80 at 14:05; the oldest waits for 2 h. ▁▂▃`"""
    queue = host.queue
    if queue.now is None or queue.now_at is None:
        return "Queue: not known, no look at it succeeded."
    at = "at the end" if told.end - queue.now_at < 900 else f"when it was last seen, at {when(queue.now_at, told)}"
    line = f"Queue: {plural(queue.now, 'message')} {at}"
    if queue.peak and queue.peak[1] > queue.now:
        most = "most seen" if queue.unknown else "at most"
        hour = "in the hour from" if queue.pace >= AN_HOUR else "at"
        line += f", {most} {queue.peak[1]:,} {hour} {when(queue.peak[0], told)}"
    oldest = queue.oldest or host.listed.oldest
    if queue.now and oldest:
        line += f"; the oldest waits for {duration(told.end - oldest)}"
    return f"{line}. {spark(queue.totals, 24)}"


def _part(title: str, found: Sequence[T], most: int, line: Callable[[T], Line]) -> Block | None:
    """A title, and a line for each of the first ones; None where there is nothing."""
    if not found:
        return None
    lines = [line(each) for each in found[:most]]
    more: list[Line] = [f"… and {len(found) - most} more"] if len(found) > most else []
    return rich(paragraph([bold(title)]), bullets(*lines, *more))


def _alert(alert: Fired, told: Digest, addresses: Addresses) -> Line:
    sign = SEVERITIES.get(alert.severity, "🔵") if alert.ended_at is None else "⚪" if alert.abandoned else "✅"
    lasted = since(alert, told)
    if alert.ended_at is not None:
        lasted = f"{when(alert.since, told)}, for {duration(alert.ended_at - alert.since)}"
    text = shown_text(" ".join(filter(None, (alert.text, alert.cause))), addresses)
    line: list[str | dict[str, object]] = [f"{sign} ", bold(alert.title), f" ({lasted})"]
    if alert.times > 1:
        line.append(f", {alert.times} times")
    if text:
        line += [": ", words(text, ALERT)]
    if alert.acknowledged_by and alert.ended_at is None:
        line += [" ", person(alert.acknowledged_by), " looks after it."]
    return line


def _lists(listings: Sequence[Blemish], host: HostDigest, told: Digest) -> Block | None:
    lines = [_told(each, told) for each in listings[:CHECKS]]
    if len(listings) > CHECKS:
        lines.append(f"… and {len(listings) - CHECKS} more")
    if host.reputation.coverage:
        lines.append([words(host.reputation.coverage, SHOWN)])
    return rich(paragraph([bold("Blocklists")]), bullets(*lines)) if lines else None


def _told(each: Blemish, told: Digest) -> Line:
    if each.change == GONE:
        what = f"no longer listed by {each.list}" if each.list else "right again"
        return ["✅ ", bold(what[0].upper() + what[1:]), ": was ", words(each.text, SHOWN)]
    since = f" Since {when(each.since, told)}." if each.since else ""
    if each.change == NEW:
        since = " New."
    return [f"{FINDINGS.get(each.severity, '🔵')} ", words(each.text, SHOWN), since or " "]


def _top(top: Top, host: HostDigest, addresses: Addresses, is_address: bool) -> Line:
    name = shown_address(top.name, addresses) if is_address else shown_text(top.name, addresses)
    return [f"{top.messages:,}: ", words(name, SHOWN), f" ({_against(top, host)})"]


def _against(top: Top, host: HostDigest) -> str:
    if host.listed.before_at is None:
        return "nothing to compare with"
    return "not among the first before" if top.before is None else f"{top.before:,} before"


def _trend(host: HostDigest) -> Block | None:
    """A week, day by day, against the week before."""
    queue = host.queue
    if not queue.days:
        return None
    lines: list[Line] = []
    if queue.usual is not None:
        before = "not known for" if queue.usual_before is None else f"{queue.usual_before:,} in"
        change = _change(queue.usual, queue.usual_before)
        lines.append(f"{queue.usual:,} messages are usual this week, {before} the week before{change}")
    for day in queue.days:
        most = "not known" if day.peak is None else f"{day.peak:,} at most, {day.usual:,} as a rule"
        lines.append(f"{day.name}: {most}")
    return rich(paragraph([bold("Day by day")]), bullets(*lines))


def _change(now: int, before: int | None) -> str:
    if not before or now == before:
        return ""
    return f" ({100 * (now - before) / before:+.0f} %)"


def _asked(request: Asked, told: Digest, addresses: Addresses) -> Line:
    noun, past = KINDS.get(request.kind, (request.kind, request.kind))
    what = f" ({shown_text(request.selector, addresses)})" if request.selector else ""
    line: list[str | dict[str, object]] = [bold(request.key), f" {when(request.at, told)}: "]
    if request.done is not None and (request.done or request.state == "done"):
        doing = "held instead" if request.held else past
        line.append(f"{plural(request.done, 'message')} {doing}")
    else:
        line.append(f"{noun} of {plural(request.messages, 'message')}: {ENDS.get(request.state, request.state)}")
    line += [words(what, SHOWN) if what else "", "; asked by ", person(request.asked_by)]
    if request.alone:
        line.append(", who approved it too")
    elif request.decided_by:
        line += [", decided by ", person(request.decided_by)]
    return [piece for piece in line if piece != ""]


def _deed(deed: Deed) -> Line:
    times = f", {deed.times} times" if deed.times > 1 else ""
    unknown = f"; of {deed.unknown} of them the outcome is not known" if deed.unknown else ""
    who = "the clock" if deed.by == "clock" else person(deed.by)
    return [who, f" {PAST.get(deed.verb, deed.verb)} {plural(deed.messages, 'message')}{times}{unknown}"]


def _mute(mute: Muted, told: Digest) -> Line:
    what = mute.title or "Every alert"
    over = "until" if mute.until > told.end else "was over at"
    return [bold(what), f" ({over} {when(mute.until, told)}), by ", person(mute.by)]


def _first(at: int | None, told: Digest) -> str:
    """When the first does; it goes at the next attempt after its time, and was still there when that had passed."""
    if at is None:
        return ""
    return f", the first at {when(at, told)}." if at > told.end else ", the first at the next attempt."


def _coming(host: HostDigest, told: Digest) -> Block | None:
    """Certificates that run out, mail that goes back, requests that wait."""
    lines: list[Line] = [[words(each, SHOWN)] for each in host.reputation.certificates[:3]]
    listed = host.listed
    if listed.expiring:
        goes = plural(listed.expiring, "message goes back to its sender", "messages go back to their senders")
        lines.append(f"{goes} within 12 hours{_first(listed.expires_at, told)}")
    for request in host.open[:3]:
        noun = KINDS.get(request.kind, (request.kind, ""))[0]
        stands = ENDS.get(request.state, request.state)
        text = f" {noun} of {plural(request.messages, 'message')}: {stands}; asked by "
        lines.append([bold(request.key), text, person(request.asked_by)])
    if len(host.open) > 3:
        lines.append(f"… and {len(host.open) - 3} more: /mail pending")
    return rich(paragraph([bold("Coming")]), bullets(*lines)) if lines else None

"""What a digest comes to: the state of a host in a few words, and whether anything is worth a message at all."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.text import duration, plural
from bot.watch.digest import (
    GONE,
    NEW,
    PROBLEM,
    STATES,
    STILL,
    UNKNOWN,
    WARNING,
    WELL,
    YESTERDAY,
    Blemish,
    Digest,
    Fired,
    HostDigest,
)

AGO = 15 * 60
"""A queue that was last seen so many seconds before the end is not known at the end."""

HOLE = 0.02
"""The part of the time of which nothing may be known before that is said first: half an hour a day."""

SEVERE = {"critical": PROBLEM, "warning": WARNING}


def state(host: HostDigest, digest: Digest) -> str:
    """The worst of what is open, listed, not passing, or not known."""
    found = [SEVERE.get(alert.severity, WELL) for alert in still_open(host)]
    found += [each.severity for each in wrong(host)]
    found += [WARNING] if host.reputation.certificates else []
    found += [UNKNOWN] if holes(host, digest) else []
    return min(found, key=STATES.index, default=WELL)


def facts(host: HostDigest, digest: Digest) -> list[str]:
    """What is wrong, the worst first, then what is not known; each in a few words. Nothing: all is well."""
    told = [f"{alert.title} ({since(alert, digest)})" for alert in still_open(host)]
    listings = [each for each in wrong(host) if each.list]
    told += [f"listed by {each.list}{_fresh(each)}" for each in listings]
    checks = [each for each in wrong(host) if not each.list]
    if checks:
        first = checks[0].text.rstrip(".")
        told.append(first if len(checks) == 1 else f"{first}; {plural(len(checks) - 1, 'more check')} not passing")
    if host.reputation.certificates:
        told.append(host.reputation.certificates[0].rstrip("."))
    return [*told, *holes(host, digest)]


def holes(host: HostDigest, digest: Digest) -> list[str]:
    """What is not known, in a few words each."""
    if not host.name:
        return []
    queue, reputation, found = host.queue, host.reputation, []
    if queue.now_at is None:
        found.append("nothing is known of its queue")
    elif digest.end - queue.now_at > AGO and digest.span != YESTERDAY:
        found.append(f"its queue is not known for the last {duration(digest.end - queue.now_at)}")
    elif queue.unknown > HOLE * (digest.end - digest.start):
        found.append(f"its queue is not known for {duration(queue.unknown)} of the time")
    if reputation.at is None:
        found.append("its reputation was not checked")
    elif reputation.unknown:
        many = len(reputation.unknown)
        found.append(reputation.unknown[0].rstrip(".") if many == 1 else f"{many} things could not be found out")
    return found


def still_open(host: HostDigest) -> list[Fired]:
    return [alert for alert in host.alerts if alert.ended_at is None]


def wrong(host: HostDigest) -> list[Blemish]:
    """Listings that matter and checks that do not pass, the worst first, listings before checks."""
    found = [each for each in host.reputation.told if each.change != GONE and each.severity in (PROBLEM, WARNING)]
    return sorted(found, key=lambda each: (STATES.index(each.severity), not each.list))


def is_worth_it(digest: Digest, before: Digest | None) -> bool:
    """Whether something is wrong, has happened or has changed since the digest before (DIGEST_WHEN=changes)."""
    if any(_has_news(host, digest) for host in (*digest.hosts, digest.itself)):
        return True
    then = {host.name: state(host, before) for host in before.hosts} if before else {}
    return any(state(host, digest) != then.get(host.name, WELL) for host in digest.hosts)


def _has_news(host: HostDigest, digest: Digest) -> bool:
    changed = any(each.change in (NEW, GONE) for each in host.reputation.told)
    happened = host.alerts or host.done or host.deeds or host.open or host.mutes
    return bool(changed or happened or host.listed.expiring or state(host, digest) in (PROBLEM, WARNING))


def _fresh(told: Blemish) -> str:
    return {NEW: " (new)", STILL: ""}.get(told.change, "")


def when(at: int, digest: Digest) -> str:
    """The time of day; with its day, where it is another than the digest's."""
    zone = ZoneInfo(digest.zone)
    moment = datetime.fromtimestamp(at, UTC).astimezone(zone)
    # A whole day ends where the next one begins.
    end = datetime.fromtimestamp(digest.end - 1, UTC).astimezone(zone)
    return f"{moment:%H:%M}" if moment.date() == end.date() else f"{moment:%a} {moment.day} {moment:%b %H:%M}"


def since(alert: Fired, digest: Digest) -> str:
    """`since 07:12`, `since 07:12, well again since 08:30`."""
    text = f"since {when(alert.since, digest)}"
    if alert.good_since is None or alert.good_since > digest.end:
        return text
    return f"{text}, well again since {when(alert.good_since, digest)}"

"""A digest: what became of the mail hosts in a stretch of time, as it was known when the digest was made.

Facts only, in JSON's types, since a digest is kept as it was made; times are seconds since the epoch. What is not known
is None, and never nothing. Names, texts and selectors may hold hostile text and whole addresses: who shows them makes
them presentable, and masks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.agent.wire import from_json, to_json
from bot.errors import MaildeskError

VERSION = 1

DAY, YESTERDAY, WEEK = "day", "yesterday", "week"
"""What a digest can be of: the 24 hours before it was made, the local day before, seven days."""

PROBLEM, WARNING, UNKNOWN, WELL = "problem", "warning", "unknown", "well"
"""What it comes to, the worst first. UNKNOWN: nothing is wrong that is known, and something is not known."""
STATES = (PROBLEM, WARNING, UNKNOWN, WELL)

NEW, STILL, GONE, NOT_COMPARED = "new", "still", "gone", "not_compared"
"""What a finding is against the digest of the day before. NOT_COMPARED: there is none to compare with."""


class NotADigest(MaildeskError):
    """What is kept as a digest was written by another version, which this one can't read."""


@dataclass(frozen=True, slots=True)
class Blemish:
    """A listing, or a check that does not pass. `severity` is a finding's; `since`: first seen then, or in each digest
    since then.

    `key` tells it from others of its host. `list` is the blocklist's name, empty for what is no listing.
    """

    key: str
    part: str
    severity: str
    text: str
    change: str
    since: int | None = None
    list: str = ""


@dataclass(frozen=True, slots=True)
class Reputation:
    """What the newest reports say. `at` is when the oldest of them was made, None: there is none, and nothing known.

    `coverage` says on how many lists the host was looked up; `unknown` are sentences on what could not be found out.
    `before` is when what it is compared with was made.
    """

    at: int | None = None
    before: int | None = None
    coverage: str = ""
    told: tuple[Blemish, ...] = ()
    unknown: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a longer stretch: the most that was queued, what was usual (the median of the hours)."""

    name: str
    peak: int | None
    usual: int | None


@dataclass(frozen=True, slots=True)
class Queue:
    """`points` are times and messages in active, deferred, hold and incoming, at an even pace; None: not known.

    `peak` is the most messages and when. `now` is the last that is known of the end, `now_at` when that was; `waited`
    for how many seconds the oldest message had been there at the most, `oldest` at the end. `unknown` are the seconds
    of which nothing is known. `usual` and `usual_before` are medians, of this stretch and the one before. `pace` is how
    many seconds lie between two points.
    """

    points: tuple[tuple[int, int | None, int | None, int | None, int | None], ...] = ()
    peak: tuple[int, int] | None = None
    now: int | None = None
    now_at: int | None = None
    oldest: int | None = None
    waited: int | None = None
    unknown: int = 0
    usual: int | None = None
    usual_before: int | None = None
    days: tuple[Day, ...] = ()
    pace: int = 300

    @property
    def totals(self) -> list[int | None]:
        """All messages at each point; None where a count is not known."""
        return [None if None in point[1:] else sum(each or 0 for each in point[1:]) for point in self.points]


@dataclass(frozen=True, slots=True)
class Top:
    """A sender or a reason with its messages; `before` as many as it had then, None: it was not among the first."""

    name: str
    messages: int
    before: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What the listing of the queue came to that was the last before the end, against the last before the start.

    `at` and `before_at` are when they were taken: None, and nothing is known. `oldest` is when its oldest message came;
    `expiring` messages go back within twelve hours of it, the first at `expires_at`. Mail on hold is not in it.
    """

    at: int | None = None
    before_at: int | None = None
    oldest: int | None = None
    messages: int = 0
    messages_before: int | None = None
    senders: tuple[Top, ...] = ()
    reasons: tuple[Top, ...] = ()
    expiring: int | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: what it is for (`delete 12 messages`), of which messages, and where it stands or how it ended.

    `done` messages were touched. People by their IDs; `decided_by` is empty for what nobody decided, `alone`: it was
    decided by who asked.
    """

    key: str
    kind: str
    held: bool
    messages: int
    selector: str
    asked_by: str
    decided_by: str
    alone: bool
    state: str
    at: int
    done: int | None = None
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """What one person did without a request, all times together; `unknown` times no answer came."""

    verb: str
    by: str
    times: int
    messages: int
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that fired, or still did. It was bad `since` then, and fired once that had lasted.

    `ended_at` None: it was open when the digest was made. `good_since`: it is well again since then, and over once that
    has lasted. `abandoned`: it ended because nobody looks any more, so nobody knows whether it is well.
    """

    title: str
    subject: str
    severity: str
    text: str
    cause: str
    since: int
    fired_at: int
    ended_at: int | None
    times: int
    acknowledged_by: str = ""
    abandoned: bool = False
    good_since: int | None = None


@dataclass(frozen=True, slots=True)
class Muted:
    """Somebody kept a rule (empty: every rule) from alerting."""

    title: str
    host: str
    since: int
    until: int
    by: str


@dataclass(frozen=True, slots=True)
class HostDigest:
    """One mail host; `name` empty is the bot itself, of which there are only alerts."""

    name: str
    queue: Queue = Queue()
    listed: Listed = Listed()
    reputation: Reputation = Reputation()
    alerts: tuple[Fired, ...] = ()
    mutes: tuple[Muted, ...] = ()
    done: tuple[Asked, ...] = ()
    deeds: tuple[Deed, ...] = ()
    open: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """`span` is DAY, YESTERDAY or WEEK, from `start` to `end`; `zone` shows times. `late`: seconds after its time."""

    span: str
    start: int
    end: int
    zone: str
    hosts: tuple[HostDigest, ...]
    itself: HostDigest = HostDigest("")
    late: int = 0

    def of(self, host: str) -> HostDigest | None:
        return next((each for each in self.hosts if each.name == host), None)


def kept(digest: Digest) -> dict[str, Any]:
    """The digest as JSON has it."""
    return {"v": VERSION, **to_json(digest)}


def read(content: Any) -> Digest:
    """Raises NotADigest for what kept() of this version did not make."""
    try:
        if content["v"] != VERSION:
            raise ValueError(content["v"])
        return from_json(Digest, content)
    except (KeyError, TypeError, ValueError) as error:
        raise NotADigest(
            "This digest was made by another version of this bot. /mail digest makes a new one."
        ) from error

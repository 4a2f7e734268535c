"""What the bot asks of the agent and what the agent answers: JSON Lines both ways.

On standard input one request, `{"v": 1, "verb": …, "instance": …, "args": {…}}`, and for verbs with targets one JSON
array a line. On standard output any number of `progress` and `message` events, then exactly one `done` or `error`.
No last line means that the outcome is unknown, never that it failed. Both sides import these types; wire.py turns them
into JSON values and back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional, Tuple

from bot.agent.probed import Probed

VERSION = 1

MAX_TARGETS = 100_000
MAX_REQUEST_BYTES = 64 * 1024
MAX_TARGET_BYTES = 4 * 1024
MAX_PAGE = 100
MAX_RECIPIENTS_SHOWN = 100
MAX_PEERS = 8
MAX_TEXT = 1024
"""Text that mail can choose is cut to this many characters before anything looks at it."""

# The queues that postqueue(1) lists, in the order in which people think of them; `corrupt` is never listed.
LISTED_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
ALL_QUEUES = (*LISTED_QUEUES, "corrupt")

SORTS = ("age", "size", "sender")

ERROR_CODES = ("bad_request", "denied", "mail_system_down", "busy", "partial", "internal")

# qshape(1)'s upper limits, in minutes; the last bucket is everything older.
AGE_BUCKETS_MINUTES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)


@dataclass(frozen=True)
class Identity:
    """What names one message for sure: Postfix can give a queue ID to another message once the first is gone.

    `arrival_time` in seconds since the epoch, `message_size` in bytes, `sender` as postqueue(1) prints it
    (`MAILER-DAEMON` for the null sender).
    """

    queue_id: str
    arrival_time: int
    message_size: int
    sender: str

    def line(self) -> str:
        """The identity as the one line of JSON that targets and manifests are made of."""
        return json.dumps([self.queue_id, self.arrival_time, self.message_size, self.sender])


@dataclass(frozen=True)
class Recipient:
    """One recipient that is not yet done; `delay_reason` is empty when nothing was tried yet."""

    address: str
    delay_reason: str = ""


@dataclass(frozen=True)
class QueuedMessage:
    """One entry of `postqueue -j`; sizes in bytes, times in seconds since the epoch.

    `recipients` holds the first few of `recipient_count`.
    """

    queue_name: str
    queue_id: str
    arrival_time: int
    message_size: int
    sender: str
    recipients: Tuple[Recipient, ...] = ()
    recipient_count: int = 0
    forced_expire: bool = False

    @property
    def identity(self) -> Identity:
        return Identity(self.queue_id, self.arrival_time, self.message_size, self.sender)


@dataclass(frozen=True)
class Term:
    """One condition of a selection.

    `kind` is one of `id queue from to reason older newer larger smaller`. `value` is a queue ID, a queue name, an
    address pattern (`a@b`, `@domain`, with `*` as the only wildcard), a piece of a reason, seconds, or bytes.
    """

    kind: str
    value: str
    negated: bool = False


@dataclass(frozen=True)
class Selection:
    """Which messages: IDs are alternatives, queues are alternatives, everything else must hold. Empty means all."""

    terms: Tuple[Term, ...] = ()


@dataclass(frozen=True)
class Cursor:
    """A place in a sorted listing: the sort key and the ID of the entry at the edge of the page that was shown."""

    key: str
    queue_id: str


@dataclass(frozen=True)
class Count:
    """A name and how many messages bear it."""

    name: str
    messages: int


@dataclass(frozen=True)
class Tally:
    """The most frequent names. Counts are exact when `undercount` is 0, else lower bounds, short by that at most."""

    top: Tuple[Count, ...] = ()
    undercount: int = 0


@dataclass(frozen=True)
class QueueSummary:
    """How much lies in one queue; bytes, and arrival times of the oldest and newest in seconds since the epoch."""

    messages: int = 0
    bytes: int = 0
    oldest: Optional[int] = None
    newest: Optional[int] = None


@dataclass(frozen=True)
class Summary:
    """A selection at a glance. `ages` counts messages by qshape's buckets (see AGE_BUCKETS_MINUTES).

    `expires_at` is when the oldest message that can expire does (held mail never does): seconds since the epoch.
    """

    messages: int = 0
    bytes: int = 0
    recipients: int = 0
    queues: Dict[str, QueueSummary] = field(default_factory=dict)
    oldest: Optional[QueuedMessage] = None
    newest: Optional[int] = None
    ages: Tuple[int, ...] = ()
    senders: Tally = Tally()
    domains: Tally = Tally()
    reasons: Tally = Tally()
    expires_at: Optional[int] = None


@dataclass(frozen=True)
class Listing:
    """The answer of `list`.

    `complete` is False when postqueue(1) broke off: what was read is shown, and `problem` says what happened.
    `mail_system_up` is False when postqueue warned that it reads the queue behind a stopped Postfix's back.
    `total` counts the whole queue, `summary` and `page` the selection; `position` entries stand before the page.
    """

    taken_at: float
    complete: bool = True
    problem: str = ""
    mail_system_up: bool = True
    total: int = 0
    summary: Summary = Summary()
    page: Tuple[QueuedMessage, ...] = ()
    position: int = 0


@dataclass(frozen=True)
class Depth:
    """Counts by directory entry; no queue file is opened. A queue that could not be read is None: unknown.

    `oldest` is known only while all IDs are long ones (they carry their time). Space in bytes.
    """

    taken_at: float
    queues: Dict[str, Optional[int]] = field(default_factory=dict)
    oldest: Optional[float] = None
    oldest_known: bool = False
    free_bytes: int = 0
    total_bytes: int = 0
    free_inodes: int = 0
    total_inodes: int = 0


@dataclass(frozen=True)
class SigningKey:
    """A DKIM selector that a file of the mail host names; `domain` is empty where it is for all of them."""

    domain: str
    selector: str
    file: str


@dataclass(frozen=True)
class Info:
    """What stands behind an instance. `mail_system_up` is `postfix status`; None when it could not be found out.

    `catch_all` is what transport_maps have for all mail (`*` in transport(5)); empty: nothing, None: not known.
    """

    agent_version: str
    protocol_version: int
    python_version: str
    instance: str
    instances: Tuple[str, ...]
    verbs: Tuple[str, ...]
    mail_system_up: Optional[bool]
    parameters: Dict[str, str] = field(default_factory=dict)
    trash_path: str = ""
    trash_bytes: Optional[int] = None
    unfinished: Tuple[str, ...] = ()
    last_flush: Optional[float] = None
    catch_all: Optional[str] = None
    signing: Tuple[SigningKey, ...] = ()


@dataclass(frozen=True)
class Message:
    """One message: envelope, the attributes that its submitter could not forge, and headers. Never the body."""

    queued: QueuedMessage
    attributes: Dict[str, str] = field(default_factory=dict)
    headers: Tuple[Tuple[str, str], ...] = ()
    headers_cut: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one target, sent as a `message` event. `detail` is a reason or a reply, where there is one."""

    queue_id: str
    outcome: str
    detail: str = ""


HOLD_OUTCOMES = ("held", "already_on_hold", "gone", "changed", "not_in_queue_yet", "moving", "failed")
RELEASE_OUTCOMES = ("released", "requeued", "in_delivery", "not_on_hold", "gone", "changed", "failed")
FLUSH_OUTCOMES = ("gone", "deferred", "active", "not_tried", "on_hold", "not_queued")
DELETE_OUTCOMES = (
    "deleted",  # no longer in any queue; kept in the trash unless the deletion is final
    "gone",  # it had left the queue before: delivered, sent back or deleted
    "changed",  # the queue ID belongs to another message now, which was let go again
    "released_meanwhile",  # somebody released it while it was being deleted: it is in the queue
    "not_in_queue_yet",  # in maildrop, where postsuper(1) deletes nothing
    "moving",  # it never lay still long enough to be put on hold
    "in_other_deletion",  # another deletion that is not finished has it
    "failed",
)
RESTORE_OUTCOMES = (
    "restored",  # under its queue ID, free to be delivered
    "requeued",  # under a new queue ID, because the queue manager may remember the old one
    "on_hold",  # back, and on hold as it was before the deletion
    "past_lifetime",  # back on hold: released, it would be sent back to its sender at once
    "force_expired",  # back on hold, for the same reason
    "in_delivery",  # back on hold: a delivery that had begun before the deletion still goes on
    "in_queue",  # a message of this queue ID lies in a queue: nothing was put in its place
    "not_in_trash",  # restored or purged before, or never kept
    "failed",
)
REQUEUE_OUTCOMES = ("requeued", "on_hold", "in_delivery", "gone", "changed", "not_in_queue_yet", "failed")
EXPIRE_OUTCOMES = ("expired", "on_hold", "gone", "changed", "not_in_queue_yet", "moving", "failed")


@dataclass(frozen=True)
class Held:
    """The answer of `hold`: counts by HOLD_OUTCOMES. `was_active` of them came out of the active queue.

    `key` names the record of this hold on the mail host; `release` with that key undoes it. `begun` is False when
    `not_after` had passed and there was no hold of that key: nothing was done then.
    """

    key: str
    counts: Dict[str, int] = field(default_factory=dict)
    was_active: int = 0
    begun: bool = True


@dataclass(frozen=True)
class Released:
    """The answer of `release`: counts by RELEASE_OUTCOMES.

    `requeued` mail gets a new queue ID from Postfix; mail `in_delivery` at that moment stays on hold.
    """

    counts: Dict[str, int] = field(default_factory=dict)
    mail_system_up: bool = True


@dataclass(frozen=True)
class Flushed:
    """The answer of `flush`: counts by FLUSH_OUTCOMES after `waited` seconds, and why mail was deferred again.

    `before` and `after` count the queues; `previous` is when this host was last flushed through an agent, in seconds
    since the epoch; `minimal_backoff_time` in seconds. `watched` is False when there were too many messages to follow
    one by one: then only the counts of the queues tell.
    """

    asked: int
    counts: Dict[str, int] = field(default_factory=dict)
    reasons: Tally = Tally()
    before: Dict[str, Optional[int]] = field(default_factory=dict)
    after: Dict[str, Optional[int]] = field(default_factory=dict)
    waited: float = 0.0
    watched: bool = True
    previous: Optional[float] = None
    minimal_backoff_time: Optional[int] = None


@dataclass(frozen=True)
class Deleted:
    """The answer of `delete`: counts by DELETE_OUTCOMES.

    `begun` is False when `not_after` had passed and there was no deletion of that key: nothing was done then.
    `not_kept` says why nothing could be kept; nothing was deleted then and what was put on hold was let go again.
    `in_flight` of the deleted were being delivered and may still arrive. Kept mail takes `kept_bytes` until
    `kept_until` (seconds since the epoch). `restored` messages of the key were brought back since: such a key is
    closed, and asking again only reports.
    """

    key: str
    begun: bool = True
    final: bool = False
    counts: Dict[str, int] = field(default_factory=dict)
    in_flight: int = 0
    not_kept: str = ""
    kept_bytes: int = 0
    kept_until: Optional[float] = None
    restored: int = 0


@dataclass(frozen=True)
class Restored:
    """The answer of `restore`: counts by RESTORE_OUTCOMES. `left` messages of the deletion are still in the trash."""

    key: str
    counts: Dict[str, int] = field(default_factory=dict)
    left: int = 0
    mail_system_up: bool = True


@dataclass(frozen=True)
class Deletion:
    """One deletion as the trash folder remembers it; times in seconds since the epoch.

    `deleted` messages were deleted, `kept` of them lie in the trash now and take `bytes` until `until`; `overdue` of
    those are past their lifetime in the queue or force-expired. A journal outlives its mail: `kept` is 0 then.
    """

    key: str
    begun: float
    finished: bool = True
    final: bool = False
    deleted: int = 0
    kept: int = 0
    bytes: int = 0
    until: Optional[float] = None
    overdue: int = 0
    restored: int = 0
    purged: Optional[float] = None


@dataclass(frozen=True)
class TrashListing:
    """The answer of `trash`: the deletions, the newest first; `retention` in seconds.

    Asked for one key, `messages` names what is kept of it (the first MAX_PAGE).
    """

    taken_at: float
    deletions: Tuple[Deletion, ...] = ()
    messages: Tuple[Identity, ...] = ()
    retention: int = 0
    bytes: int = 0
    free_bytes: int = 0


@dataclass(frozen=True)
class Purged:
    """The answer of `purge`: which deletions' mail was destroyed for good, how many messages and bytes.

    `begun` is False when `not_after` had passed: nothing was done then.
    """

    keys: Tuple[str, ...] = ()
    messages: int = 0
    bytes: int = 0
    begun: bool = True


@dataclass(frozen=True)
class Requeued:
    """The answer of `requeue`: counts by REQUEUE_OUTCOMES. Requeued mail gets a new queue ID within a minute."""

    counts: Dict[str, int] = field(default_factory=dict)
    mail_system_up: bool = True


@dataclass(frozen=True)
class Expired:
    """The answer of `expire`: counts by EXPIRE_OUTCOMES. `expired` mail is sent back at its next delivery attempt.

    Mail `on_hold` is marked too and is sent back once it is released; with the detail `unproven` its release will
    requeue it, and it goes out without the mark. `begun` as in Deleted.
    """

    key: str
    counts: Dict[str, int] = field(default_factory=dict)
    begun: bool = True


# What each verb's `done` event carries.
RESULTS: Mapping[str, type] = {
    "info": Info,
    "depth": Depth,
    "list": Listing,
    "show": Message,
    "flush": Flushed,
    "hold": Held,
    "release": Released,
    "delete": Deleted,
    "restore": Restored,
    "trash": TrashListing,
    "purge": Purged,
    "requeue": Requeued,
    "expire": Expired,
    "probe": Probed,
}

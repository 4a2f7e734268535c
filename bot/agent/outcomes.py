"""What the changing verbs answer: what became of each message, and the counts of it; and what the trash remembers.

Part of the protocol (protocol.py). The outcome of a verb is one of the words in its tuple here; a newer agent may have
more of them.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Tuple

from bot.agent.protocol import NOTHING, Identity, Tally


class Outcome(NamedTuple):
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


class Held(NamedTuple):
    """The answer of `hold`: counts by HOLD_OUTCOMES. `was_active` of them came out of the active queue.

    `key` names the record of this hold on the mail host; `release` with that key undoes it. `begun` is False when
    `not_after` had passed and there was no hold of that key: nothing was done then.
    """

    key: str
    counts: Mapping[str, int] = NOTHING
    was_active: int = 0
    begun: bool = True


class Released(NamedTuple):
    """The answer of `release`: counts by RELEASE_OUTCOMES.

    `requeued` mail gets a new queue ID from Postfix; mail `in_delivery` at that moment stays on hold.
    """

    counts: Mapping[str, int] = NOTHING
    mail_system_up: bool = True


class Flushed(NamedTuple):
    """The answer of `flush`: counts by FLUSH_OUTCOMES after `waited` seconds, and why mail was deferred again.

    `before` and `after` count the queues; `previous` is when this host was last flushed through an agent, in seconds
    since the epoch; `minimal_backoff_time` in seconds. `watched` is False when there were too many messages to follow
    one by one: then only the counts of the queues tell.
    """

    asked: int
    counts: Mapping[str, int] = NOTHING
    reasons: Tally = Tally()
    before: Mapping[str, Optional[int]] = NOTHING
    after: Mapping[str, Optional[int]] = NOTHING
    waited: float = 0.0
    watched: bool = True
    previous: Optional[float] = None
    minimal_backoff_time: Optional[int] = None


class Deleted(NamedTuple):
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
    counts: Mapping[str, int] = NOTHING
    in_flight: int = 0
    not_kept: str = ""
    kept_bytes: int = 0
    kept_until: Optional[float] = None
    restored: int = 0


class Restored(NamedTuple):
    """The answer of `restore`: counts by RESTORE_OUTCOMES. `left` messages of the deletion are still in the trash."""

    key: str
    counts: Mapping[str, int] = NOTHING
    left: int = 0
    mail_system_up: bool = True


class Deletion(NamedTuple):
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


class TrashListing(NamedTuple):
    """The answer of `trash`: the deletions, the newest first; `retention` in seconds.

    Asked for one key, `messages` names what is kept of it (the first MAX_PAGE).
    """

    taken_at: float
    deletions: Tuple[Deletion, ...] = ()
    messages: Tuple[Identity, ...] = ()
    retention: int = 0
    bytes: int = 0
    free_bytes: int = 0


class Purged(NamedTuple):
    """The answer of `purge`: which deletions' mail was destroyed for good, how many messages and bytes.

    `begun` is False when `not_after` had passed: nothing was done then.
    """

    keys: Tuple[str, ...] = ()
    messages: int = 0
    bytes: int = 0
    begun: bool = True


class Requeued(NamedTuple):
    """The answer of `requeue`: counts by REQUEUE_OUTCOMES. Requeued mail gets a new queue ID within a minute."""

    counts: Mapping[str, int] = NOTHING
    mail_system_up: bool = True


class Expired(NamedTuple):
    """The answer of `expire`: counts by EXPIRE_OUTCOMES. `expired` mail is sent back at its next delivery attempt.

    Mail `on_hold` is marked too and is sent back once it is released; with the detail `unproven` its release will
    requeue it, and it goes out without the mark. `begun` as in Deleted.
    """

    key: str
    counts: Mapping[str, int] = NOTHING
    begun: bool = True

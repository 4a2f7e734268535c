"""What the bot asks of the agent and what the agent answers: JSON Lines both ways.

On standard input one request, `{"v": 1, "verb": …, "instance": …, "args": {…}}`, and for verbs with targets one JSON
array a line. On standard output any number of `progress` and `message` events, then exactly one `done` or `error`.
No last line means that the outcome is unknown, never that it failed. Both sides import these types; outcomes.py has
what the changing verbs answer, verbs.py which answer is whose, and wire.py turns them into JSON values and back.

They are named tuples, not dataclasses: the agent starts for every request, and making these classes took a third of
that start as dataclasses.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any, Mapping, NamedTuple, Optional, Tuple

VERSION = 1

MAX_TARGETS = 100_000
MAX_REQUEST_BYTES = 64 * 1024
MAX_TARGET_BYTES = 4 * 1024
MAX_PAGE = 100
MAX_BEHIND = 20
MAX_RECIPIENTS_SHOWN = 100
MAX_PEERS = 8
MAX_TEXT = 1024
"""Text that mail can choose is cut to this many characters before anything looks at it."""

# The queues that postqueue(1) lists, in the order in which people think of them; `corrupt` is never listed.
LISTED_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
ALL_QUEUES = (*LISTED_QUEUES, "corrupt")

SORTS = ("age", "size", "sender")

ERROR_CODES = ("bad_request", "denied", "mail_system_down", "busy", "partial", "internal")

EXPIRING_SECONDS = 12 * 3600
"""What expires within this time counts as expiring."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The default of a member that maps: a named tuple shares its defaults, so nobody may write into one."""

# qshape(1)'s upper limits, in minutes; the last bucket is everything older.
AGE_BUCKETS_MINUTES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)


class Identity(NamedTuple):
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


class Recipient(NamedTuple):
    """One recipient that is not yet done; `delay_reason` is empty when nothing was tried yet."""

    address: str
    delay_reason: str = ""


class QueuedMessage(NamedTuple):
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


class Term(NamedTuple):
    """One condition of a selection.

    `kind` is one of `id queue from to reason older newer larger smaller login client`. `value` is a queue ID, a queue
    name, an address pattern (`a@b`, `@domain`, with `*` as the only wildcard), a piece of a reason, seconds, bytes, a
    SASL login (with `*` too), or an IP address or network.
    """

    kind: str
    value: str
    negated: bool = False


class Selection(NamedTuple):
    """Which messages: IDs are alternatives, queues are alternatives, everything else must hold. Empty means all."""

    terms: Tuple[Term, ...] = ()


class Cursor(NamedTuple):
    """A place in a sorted listing: the sort key and the ID of the entry at the edge of the page that was shown."""

    key: str
    queue_id: str


class Count(NamedTuple):
    """A name and how many messages bear it."""

    name: str
    messages: int


class Tally(NamedTuple):
    """The most frequent names. Counts are exact when `undercount` is 0, else lower bounds, short by that at most."""

    top: Tuple[Count, ...] = ()
    undercount: int = 0


class QueueSummary(NamedTuple):
    """How much lies in one queue; bytes, and arrival times of the oldest and newest in seconds since the epoch."""

    messages: int = 0
    bytes: int = 0
    oldest: Optional[int] = None
    newest: Optional[int] = None


class Summary(NamedTuple):
    """A selection at a glance. `ages` counts messages by qshape's buckets (see AGE_BUCKETS_MINUTES).

    `expires_at` is when the first message that can expire does (held mail never does): seconds since the epoch.
    `expiring` of them will be past their lifetime within EXPIRING_SECONDS, or are already.
    """

    messages: int = 0
    bytes: int = 0
    recipients: int = 0
    queues: Mapping[str, QueueSummary] = NOTHING
    oldest: Optional[QueuedMessage] = None
    newest: Optional[int] = None
    ages: Tuple[int, ...] = ()
    senders: Tally = Tally()
    domains: Tally = Tally()
    reasons: Tally = Tally()
    expires_at: Optional[int] = None
    expiring: int = 0


class Behind(NamedTuple):
    """Who is behind the most frequent sender of a selection: logins and clients of `read` of its newest messages.

    A message without a login (sasl_username), or without a client's address, counts for none.
    """

    sender: str
    read: int = 0
    logins: Tuple[Count, ...] = ()
    clients: Tuple[Count, ...] = ()


class Listing(NamedTuple):
    """The answer of `list`.

    `complete` is False when postqueue(1) broke off: what was read is shown, and `problem` says what happened.
    `mail_system_up` is False when postqueue warned that it reads the queue behind a stopped Postfix's back.
    `total` counts the whole queue, `summary` and `page` the selection; `position` entries stand before the page.
    `behind` is there when it was asked for and there is a sender.
    """

    taken_at: float
    complete: bool = True
    problem: str = ""
    mail_system_up: bool = True
    total: int = 0
    summary: Summary = Summary()
    page: Tuple[QueuedMessage, ...] = ()
    position: int = 0
    behind: Optional[Behind] = None


class Depth(NamedTuple):
    """Counts by directory entry; no queue file is opened. A queue that could not be read is None: unknown.

    `oldest` is known only while all IDs are long ones (they carry their time). Space in bytes. `mail_system_up` is
    whether master(8) runs; None when it could not be found out.
    """

    taken_at: float
    queues: Mapping[str, Optional[int]] = NOTHING
    oldest: Optional[float] = None
    oldest_known: bool = False
    free_bytes: int = 0
    total_bytes: int = 0
    free_inodes: int = 0
    total_inodes: int = 0
    mail_system_up: Optional[bool] = None


class SigningKey(NamedTuple):
    """A DKIM selector that a file of the mail host names; `domain` is empty where it is for all of them."""

    domain: str
    selector: str
    file: str


class Info(NamedTuple):
    """What stands behind an instance. `mail_system_up` is `postfix status`; None when it could not be found out.

    `catch_all` is what transport_maps have for all mail (`*` in transport(5)); empty: nothing, None: not known.
    `uncovered` are configuration directories of further Postfix instances here (multi_instance_directories, which the
    first of them has) that no section of agent.ini names.
    `held_unexplained` messages are on hold without a record of ours that says why; None when it could not be found out.
    `user` is the ID of the user that the agent runs as. `trash_refuses` is why the trash folder can't keep mail; empty:
    it can, None: not tried. `config_listed` is whether Postfix lets users other than root name this configuration
    directory; None: not known, or the agent is root.
    """

    agent_version: str
    protocol_version: int
    python_version: str
    instance: str
    instances: Tuple[str, ...]
    verbs: Tuple[str, ...]
    mail_system_up: Optional[bool]
    parameters: Mapping[str, str] = NOTHING
    trash_path: str = ""
    trash_bytes: Optional[int] = None
    unfinished: Tuple[str, ...] = ()
    last_flush: Optional[float] = None
    catch_all: Optional[str] = None
    signing: Tuple[SigningKey, ...] = ()
    held_unexplained: Optional[int] = None
    user: Optional[int] = None
    trash_refuses: Optional[str] = None
    config_listed: Optional[bool] = None
    uncovered: Tuple[str, ...] = ()


class Message(NamedTuple):
    """One message: envelope, the attributes that its submitter could not forge, and headers. Never the body."""

    queued: QueuedMessage
    attributes: Mapping[str, str] = NOTHING
    headers: Tuple[Tuple[str, str], ...] = ()
    headers_cut: bool = False

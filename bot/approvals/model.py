"""A request to destroy mail: what it is for, who asked, what was decided, what came of it. Facts only, no rules.

    pending ─┬─> approved ─┬─> executing ─┬─> done
             ├─> held ─────┘       ^      ├─> failed       nothing, or not all of it, could be done; the text says what
             ├─> denied            │      ├─> not_begun    the host could not be asked in time; nothing was done
             ├─> cancelled         └──────┴─> unknown      asked for, and no answer came: the host is asked again
             └─> expired

`held` is an approval too: of holding the messages instead, under the same key.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity, QueuedMessage, Tally


class Kind(StrEnum):
    """What is asked for. `FINAL` is a deletion without a way back."""

    DELETE = "delete"
    FINAL = "final"
    EXPIRE = "expire"
    PURGE = "purge"

    @property
    def verb(self) -> str:
        """The verb whose role is needed to ask for it (bot/actors.py)."""
        return "delete" if self is Kind.FINAL else self.value


class State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    HELD = "held"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    NOT_BEGUN = "not_begun"
    UNKNOWN = "unknown"

    @property
    def over(self) -> bool:
        """Whether nothing more happens to the request."""
        return self not in (State.PENDING, State.APPROVED, State.HELD, State.EXECUTING, State.UNKNOWN)


class Decision(StrEnum):
    """What one person's press meant."""

    APPROVE = "approve"
    HOLD = "hold"
    DENY = "deny"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Person:
    """Who it was: a Slack user ID or `login:NAME`, and the name as it was then."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Where:
    """The workspace and the channel in which something was asked for."""

    workspace: str
    channel: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the person who decides is shown of the messages, taken in one pass with the manifest.

    `oldest` and `newest` are arrival times in seconds since the epoch, `queues` counts messages by queue; `sample` has
    the oldest few. Addresses are whole here; whoever shows them masks them. For a purge: the deletion whose mail it is.
    `retention` is how long that host keeps deleted mail, in seconds; None where it did not say.
    """

    messages: int
    bytes: int
    oldest: int | None = None
    newest: int | None = None
    queues: dict[str, int] | None = None
    senders: Tally = field(default_factory=Tally)
    domains: Tally = field(default_factory=Tally)
    reasons: Tally = field(default_factory=Tally)
    sample: tuple[QueuedMessage, ...] = ()
    retention: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force when the request was made; recorded with it (see policy.py)."""

    self_max: int
    typed_over: int
    ttl_seconds: int
    approvers: int | None
    """How many people may approve; None when a user group could not be read: more than one then."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. `counts` by the agent's outcomes; `text` says why it failed or what is not known.

    For deletions `in_flight`, `kept_bytes` and `kept_until` as in the agent's answer; `was_active` for holds.
    `unproven` of the expired lie on hold and lose the mark when they are released (bot/agent/expire.py).
    `failures` has the first few messages that something was wrong with. `not_kept` says why nothing could be kept: then
    nothing was deleted, and a final deletion can be asked for.
    """

    counts: dict[str, int]
    text: str = ""
    in_flight: int = 0
    was_active: int = 0
    kept_bytes: int = 0
    kept_until: float | None = None
    not_kept: str = ""
    failures: tuple[Outcome, ...] = ()
    unproven: int = 0


@dataclass(frozen=True, slots=True)
class Restoration:
    """One restore of what a request deleted. `stays` has, by outcome, the first queue IDs of what stays on hold."""

    by: Person
    at: datetime
    counts: dict[str, int]
    failures: tuple[Outcome, ...] = ()
    stays: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the store has it now. Times are aware, in UTC.

    `key` names it everywhere, also on the mail host: `57-k3qf`. `revision` grows with every change of its card.
    `digest` is the manifest's SHA-256, in hexadecimal. `target_key` is the deletion that a purge is of, else empty.
    `alone` says that the approver confirmed their own request, as the only approver there is if `only_approver`.
    """

    id: int
    key: str
    kind: Kind
    host: str
    selector: str
    target_key: str
    preview: Preview
    digest: str
    policy: Policy
    workspace: str
    channel: str
    asked_by: Person
    asked_at: datetime
    expires_at: datetime
    state: State
    revision: int
    decision: Decision | None = None
    decided_by: Person | None = None
    decided_at: datetime | None = None
    typed: bool = False
    alone: bool = False
    only_approver: bool = False
    done: int = 0
    total: int | None = None
    doing: str = ""
    result: Result | None = None
    finished_at: datetime | None = None
    restorations: tuple[Restoration, ...] = ()
    left_in_trash: int = 0
    purged_at: datetime | None = None

    @property
    def messages(self) -> int:
        return self.preview.messages


@dataclass(frozen=True, slots=True)
class Manifest:
    """The frozen list that a request is for, sorted by queue ID."""

    identities: tuple[Identity, ...]
    digest: str

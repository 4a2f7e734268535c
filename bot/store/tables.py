"""The tables. Times are aware, in UTC; columns that end in a JSON text are read and written by their owner.

A change here needs a migration (migrations/versions); a test holds the two together.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A time, kept as microseconds since the epoch: the same number in every database, exact, and in order."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, unique=True),
    Column("kind", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("target_key", Text, nullable=False, default=""),
    Column("preview", Text, nullable=False),  # JSON
    Column("digest", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("policy", Text, nullable=False),  # JSON
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_name", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("decision", Text),
    Column("decided_by", Text),
    Column("decided_name", Text),
    Column("decided_at", Moment),
    Column("typed", Boolean, nullable=False, default=False),
    Column("alone", Boolean, nullable=False, default=False),
    Column("only_approver", Boolean, nullable=False, default=False),
    Column("attempted", Boolean, nullable=False, default=False),  # the agent may have been asked
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("next_try", Moment),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer),
    Column("doing", Text, nullable=False, default=""),
    Column("result", Text),  # JSON
    Column("finished_at", Moment),
    Column("restorations", Text, nullable=False, default="[]"),  # JSON
    Column("left_in_trash", Integer, nullable=False, default=0),
    Column("purged_at", Moment),
    Index(None, "state"),
    Index(None, "asked_by", "state"),
    Index(None, "decided_by", "decided_at"),
    sqlite_autoincrement=True,  # the number of a request is never given again
)

manifests = Table(
    "manifests",
    metadata,
    Column("request_id", ForeignKey("requests.id"), primary_key=True),
    Column("lines", LargeBinary, nullable=False),  # zlib
    Column("created_at", Moment, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("request_id", ForeignKey("requests.id"), primary_key=True),
    Column("lines", LargeBinary, nullable=False),  # zlib; JSON Lines of [queue_id, outcome, detail]
    Column("created_at", Moment, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Column("previous", Text, nullable=False),
    Column("mac", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("parent", ForeignKey("outbox.id")),
    Column("revision", Integer, nullable=False, default=1),
    Column("sent_revision", Integer, nullable=False, default=0),
    Column("since", Moment, nullable=False),  # something that is not sent yet was told then
    Column("due", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("attempted", Boolean, nullable=False, default=False),  # a post may have reached Slack
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("ts", Text, nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("failed_at", Moment),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("workspace", "channel", "kind", "subject"),
    # What is sent stays in the table, to be edited; what waits is found without reading it.
    Index(
        "ix_outbox_waiting",
        "workspace",
        "due",
        sqlite_where=text("revision > sent_revision"),
        postgresql_where=text("revision > sent_revision"),
    ),
    sqlite_autoincrement=True,  # the message in Slack carries the number
)

claims = Table(
    "claims",
    metadata,
    Column("job", Text, primary_key=True),
    Column("slot", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("owner", Text, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("runs", Integer, nullable=False, default=1),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("content", LargeBinary),  # zlib; JSON
    Index(None, "host", "id"),
    Index(None, "state"),
    sqlite_autoincrement=True,  # the message in Slack carries the number
)

memory = Table(
    "memory",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("at", Moment, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("job", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("owner", Text, nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("host", Text, primary_key=True),
    Column("span", Integer, primary_key=True, autoincrement=False),  # seconds: a minute, or an hour
    Column("at", BigInteger, primary_key=True, autoincrement=False),  # its start, in seconds since the epoch
    Column("measured", Integer, nullable=False),  # how many looks it is made of
    Column("maildrop", Integer),
    Column("incoming", Integer),
    Column("active", Integer),
    Column("deferred", Integer),
    Column("hold", Integer),
    Column("corrupt", Integer),
    Column("peak", Integer),
    Column("oldest", BigInteger),  # when the oldest message came, in seconds since the epoch
    Column("free", Integer),  # per mille of the spool's disk, of bytes or inodes, whichever is less
    Column("up", Boolean),
    sqlite_with_rowid=False,
)

summaries = Table(
    "summaries",
    metadata,
    Column("host", Text, primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("content", LargeBinary, nullable=False),  # zlib; JSON
)

alert_cards = Table(
    "alert_cards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Index(None, "host", "id"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("card", ForeignKey("alert_cards.id")),
    Column("fired_at", Moment),
    Column("good_since", Moment),
    Column("ended_at", Moment),
    Column("seen_at", Moment),
    Column("value", Float),
    Column("start", Float, nullable=False),
    Column("peak", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("track", Text, nullable=False),  # JSON
    Column("times", Integer, nullable=False),
    Column("mentioned", Integer),
    Column("told_at", Moment),
    Column("told_text", Text, nullable=False),
    Column("reminded_at", Moment),
    Column("acknowledged_at", Moment),
    Column("acknowledged_by", Text, nullable=False),
    Column("acknowledged_name", Text, nullable=False),
    Column("snoozed_until", Moment),
    Column("snoozed_at", Float),
    Column("snoozed_by", Text, nullable=False),
    Column("snoozed_name", Text, nullable=False),
    Index(None, "card"),
    Index(None, "host", "ended_at"),
    # Whatever happens, one identity has one open alert.
    Index(
        "ix_alerts_open",
        "rule",
        "host",
        "subject",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", ForeignKey("alerts.id"), nullable=False),
    Column("event", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("mention", Boolean, nullable=False),
    Index(None, "alert"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

mutes = Table(
    "mutes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rule", Text, nullable=False),  # empty: every rule
    Column("host", Text, nullable=False),  # empty: every mail host
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("name", Text, nullable=False),
    Index(None, "until"),
    sqlite_autoincrement=True,
)

digests = Table(
    "digests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slot", Text, nullable=False),  # the local day of a daily one
    Column("asked_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("content", LargeBinary, nullable=False),  # zlib; JSON
    Index(None, "made_at"),
    sqlite_autoincrement=True,  # the message in Slack carries the number
)

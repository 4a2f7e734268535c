"""Samples of the mail hosts, alerts with what happened to them, and what each minute is done once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", name="pk_turns"),
    )
    op.create_table(
        "samples",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("measured", sa.Integer(), nullable=False),
        sa.Column("maildrop", sa.Integer()),
        sa.Column("incoming", sa.Integer()),
        sa.Column("active", sa.Integer()),
        sa.Column("deferred", sa.Integer()),
        sa.Column("hold", sa.Integer()),
        sa.Column("corrupt", sa.Integer()),
        sa.Column("peak", sa.Integer()),
        sa.Column("oldest", sa.BigInteger()),
        sa.Column("free", sa.Integer()),
        sa.Column("up", sa.Boolean()),
        sa.PrimaryKeyConstraint("host", "span", "at", name="pk_samples"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "summaries",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("host", "at", name="pk_summaries"),
    )
    op.create_table(
        "alert_cards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_cards"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_cards_host_id", "alert_cards", ["host", "id"])
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("card", sa.Integer()),
        sa.Column("fired_at", sa.BigInteger()),
        sa.Column("good_since", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("seen_at", sa.BigInteger()),
        sa.Column("value", sa.Float()),
        sa.Column("start", sa.Float(), nullable=False),
        sa.Column("peak", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("mentioned", sa.Integer()),
        sa.Column("told_at", sa.BigInteger()),
        sa.Column("told_text", sa.Text(), nullable=False),
        sa.Column("reminded_at", sa.BigInteger()),
        sa.Column("acknowledged_at", sa.BigInteger()),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("acknowledged_name", sa.Text(), nullable=False),
        sa.Column("snoozed_until", sa.BigInteger()),
        sa.Column("snoozed_at", sa.Float()),
        sa.Column("snoozed_by", sa.Text(), nullable=False),
        sa.Column("snoozed_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["card"], ["alert_cards.id"], name="fk_alerts_card_alert_cards"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_card", "alerts", ["card"])
    op.create_index("ix_alerts_host_ended_at", "alerts", ["host", "ended_at"])
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["rule", "host", "subject"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("mention", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"], name="fk_transitions_alert_alerts"),
        sa.PrimaryKeyConstraint("id", name="pk_transitions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_transitions_alert", "transitions", ["alert"])
    op.create_index("ix_transitions_at", "transitions", ["at"])
    op.create_table(
        "mutes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mutes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mutes_until", "mutes", ["until"])

"""What the system is doing: its one row of state, runs, jobs asked for by people, the audit."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, key, link, metadata, moment
from data.ledger.types import Json, Word
from data.words import AlertKind, JobKind, NoticeWay, RunKind, RunStatus

system = sa.Table(  # exactly one row
    "system",
    metadata,
    sa.Column("system_id", sa.Integer, primary_key=True),
    sa.Column("is_demo", sa.Boolean, nullable=False, default=False),
    sa.Column("clock_offset_seconds", sa.BigInteger, nullable=False, default=0),  # demo only
    moment("halted_at"),  # the kill switch: nothing is handed over while it is set
    sa.Column("halted_by", sa.String(254)),
    sa.Column("halt_reason", sa.String(300)),
    changed_at(),
    sa.CheckConstraint("system_id = 1", name="one_row"),
    sa.CheckConstraint("is_demo or clock_offset_seconds = 0", name="only_a_demo_shifts_time"),
)

runs = sa.Table(
    "runs",
    metadata,
    key("run_id"),
    sa.Column("kind", Word(RunKind), nullable=False),
    sa.Column("status", Word(RunStatus), nullable=False),
    moment("started_at", nullable=False),  # database clock
    moment("ended_at"),
    moment("policy_now"),  # the policy time it worked with
    sa.Column("process", sa.String(100), nullable=False),  # host:pid, for the reaper
    sa.Column("dagster_run_id", sa.String(64)),
    sa.Column("done", sa.Integer, nullable=False, default=0),  # progress
    sa.Column("total", sa.Integer),
    sa.Column("counts", Json, nullable=False, default=dict),  # by outcome
    sa.Column("problem", sa.String(500)),  # why it failed, without personal data
    changed_at(),
)

jobs = sa.Table(
    "jobs",
    metadata,
    key("job_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("kind", Word(JobKind), nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("asked_by", sa.String(254), nullable=False),
    moment("asked_at", nullable=False),
    moment("started_at"),
    moment("ended_at"),
    sa.Column("problem", sa.String(500)),
    changed_at(),
)

audit = sa.Table(  # append-only
    "audit",
    metadata,
    key("audit_id"),
    link("account_id", "accounts.account_id"),
    moment("occurred_at", nullable=False, index=True),  # database clock
    sa.Column("actor", sa.String(254), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),  # "invitation 42"
    sa.Column("before", Json),
    sa.Column("after", Json),
)

alerts = sa.Table(  # what somebody was told; one row from the moment it is wrong until it is right again
    "alerts",
    metadata,
    key("alert_id"),
    sa.Column("kind", Word(AlertKind), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),  # which one: "send", "sms +13125550100"
    sa.Column("text", sa.String(500), nullable=False),  # what is wrong and how to mend it; no personal data
    moment("raised_at", nullable=False),  # database clock, as are the others
    moment("told_at"),  # when the first way got through; null: not yet, or there is none
    moment("cleared_at"),
    changed_at(),
    sa.Index(
        "uq_alerts_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=sa.text("cleared_at is null"),
        postgresql_where=sa.text("cleared_at is null"),
    ),
)

digests = sa.Table(  # one morning digest per account and day
    "digests",
    metadata,
    link("account_id", "accounts.account_id"),
    sa.Column("day", sa.Date, nullable=False),  # the account's, that it tells of
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("text", sa.Text, nullable=False),  # counts only; no personal data
    moment("written_at", nullable=False),  # database clock
    sa.PrimaryKeyConstraint("account_id", "day"),
)

notices = sa.Table(  # an alert or a digest on its way to somebody: written with it, told once by each way
    "notices",
    metadata,
    key("notice_id"),
    sa.Column("topic", sa.String(100), nullable=False),  # "alert 12 raised", "alert 12 cleared", "digest 1 2026-11-22"
    sa.Column("way", Word(NoticeWay), nullable=False),
    link("alert_id", "alerts.alert_id", nullable=True, index=True),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    moment("written_at", nullable=False),  # database clock, as are the others
    sa.Column("tries", sa.Integer, nullable=False, default=0),  # each begins before its call
    moment("next_try_at", nullable=False),  # while a try is under way: when another may begin at the earliest
    sa.Column("problem", sa.String(200)),  # what the last try met
    moment("told_at"),
    sa.UniqueConstraint("topic", "way"),
    sa.Index(
        "ix_notices_untold",
        "next_try_at",
        sqlite_where=sa.text("told_at is null"),
        postgresql_where=sa.text("told_at is null"),
    ),
)

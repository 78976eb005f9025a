"""What dispatch needs: rates and breakers for each sender, pictures, alerts, what is being done about a doubt."""

import sqlalchemy as sa
from alembic import op

from data.ledger.types import BigId, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _senders()
    _attachments()
    _alerts()
    op.add_column("attempts", sa.Column("sender", sa.String(length=128), server_default="", nullable=False))
    op.add_column("attempts", sa.Column("parcel_id", sa.String(length=32), nullable=True))
    op.add_column("attempts", sa.Column("asked_at", UtcDateTime(), nullable=True))
    op.add_column("attempts", sa.Column("doubt_note", sa.String(length=300), nullable=True))
    op.add_column("attempts", sa.Column("is_left_to_person", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("channels", sa.Column("paused_by", sa.String(length=254), nullable=True))
    op.add_column("lists", sa.Column("paused_by", sa.String(length=254), nullable=True))
    op.add_column("templates", sa.Column("asked_category", sa.String(length=32), nullable=True))
    op.execute("update templates set asked_category = category")
    op.add_column("templates", sa.Column("rejection_reason", sa.String(length=300), nullable=True))
    op.add_column("templates", sa.Column("submitted_by", sa.String(length=254), nullable=True))
    op.add_column("templates", sa.Column("approval_checked_at", UtcDateTime(), nullable=True))


def _senders() -> None:
    op.create_table(
        "rates",
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", UtcDateTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_rates_used_not_negative")),
        sa.PrimaryKeyConstraint("channel", "sender", name=op.f("pk_rates")),
    )
    op.create_index(op.f("ix_rates_changed_at"), "rates", ["changed_at"], unique=False)
    op.create_table(
        "breakers",
        sa.Column("breaker_id", BigId, nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("probe_at", UtcDateTime(), nullable=True),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("probe_attempt_id", sa.String(length=32), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closed_by", sa.String(length=254), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("breaker_id", name=op.f("pk_breakers")),
    )
    op.create_index(op.f("ix_breakers_changed_at"), "breakers", ["changed_at"], unique=False)
    _one_open("uq_breakers_open", "breakers", ["channel", "sender", "prefix"], "closed_at is null")


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("attachment_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", sa.String(length=254), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_attachments_account_id")),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("account_id", "sha256", name=op.f("uq_attachments_account_id_sha256")),
    )
    for table, owner, owners in (
        ("ask_attachments", "manual_ask_id", "manual_asks"),
        ("invitation_attachments", "invitation_id", "invitations"),
    ):
        op.create_table(
            table,
            sa.Column(owner, BigId, nullable=False),
            sa.Column("channel", sa.String(32), nullable=False),
            sa.Column("position", sa.Integer(), nullable=False),
            sa.Column("attachment_id", BigId, nullable=False),
            sa.ForeignKeyConstraint(
                ["attachment_id"], ["attachments.attachment_id"], name=op.f(f"fk_{table}_attachment_id")
            ),
            sa.ForeignKeyConstraint([owner], [f"{owners}.{owner}"], name=op.f(f"fk_{table}_{owner}")),
            sa.PrimaryKeyConstraint(owner, "channel", "position", name=op.f(f"pk_{table}")),
        )
    op.create_table(
        "media_links",
        sa.Column("token", sa.String(length=24), nullable=False),
        sa.Column("attachment_id", BigId, nullable=False),
        sa.Column("attempt_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachments.attachment_id"], name=op.f("fk_media_links_attachment_id")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_media_links")),
    )
    op.create_index(op.f("ix_media_links_expires_at"), "media_links", ["expires_at"], unique=False)


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("cleared_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_changed_at"), "alerts", ["changed_at"], unique=False)
    _one_open("uq_alerts_open", "alerts", ["kind", "subject"], "cleared_at is null")
    op.create_table(
        "digests",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_digests_account_id")),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_digests")),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", BigId, nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("alert_id", BigId, nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=False),
        sa.Column("problem", sa.String(length=200), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name=op.f("fk_notices_alert_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("topic", "way", name=op.f("uq_notices_topic_way")),
    )
    op.create_index(op.f("ix_notices_alert_id"), "notices", ["alert_id"], unique=False)
    untold = sa.text("told_at is null")
    op.create_index(
        "ix_notices_untold", "notices", ["next_try_at"], unique=False, sqlite_where=untold, postgresql_where=untold
    )
    complained = sa.text("kind = 'complained'")
    op.create_index(
        "ix_events_complained", "events", ["recorded_at"], unique=False,
        sqlite_where=complained, postgresql_where=complained,
    )  # fmt: skip


def _one_open(name: str, table: str, columns: list[str], is_open: str) -> None:
    condition = sa.text(is_open)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)

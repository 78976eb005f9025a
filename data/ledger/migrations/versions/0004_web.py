"""What web/ needs: how a location's page looks, links that run out, tokens and keys that were used, asks of others."""

import sqlalchemy as sa
from alembic import op

from data.ledger.types import BigId, Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("link_days", sa.Integer(), server_default="180", nullable=False))
    op.add_column("locations", sa.Column("page_mode", sa.String(32), server_default="score", nullable=False))
    op.add_column("locations", sa.Column("page_platform", sa.String(length=64), nullable=True))
    op.add_column("locations", sa.Column("language", sa.String(length=16), server_default="en", nullable=False))
    op.add_column("requests", sa.Column("link_revoked_at", UtcDateTime(), nullable=True))
    op.add_column("requests", sa.Column("link_revoked_by", sa.String(length=254), nullable=True))
    for table in ("invitations", "manual_asks"):
        op.add_column(table, sa.Column("channels", Json, nullable=True))
        op.add_column(table, sa.Column("template_slug", sa.String(length=64), nullable=True))
        op.add_column(table, sa.Column("send_at", UtcDateTime(), nullable=True))
    op.add_column("events", sa.Column("stars", sa.Integer(), nullable=True))
    with op.batch_alter_table("scores") as scores:  # SQLite writes the table anew
        scores.add_column(sa.Column("stars", sa.Integer(), nullable=True))
        scores.alter_column("score", existing_type=sa.Integer(), nullable=True)
        scores.create_check_constraint(op.f("ck_scores_one_to_five"), "stars between 1 and 5")
        scores.create_check_constraint(op.f("ck_scores_one_answer"), "(score is null) <> (stars is null)")
    _tables()


def _tables() -> None:
    op.create_table(
        "logos",
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_logos_location_id")),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_logos")),
    )
    op.create_index(op.f("ix_logos_sha256"), "logos", ["sha256"], unique=False)
    op.create_index(op.f("ix_logos_changed_at"), "logos", ["changed_at"], unique=False)
    op.create_table(
        "callback_tokens",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=100), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "token", name=op.f("pk_callback_tokens")),
    )
    op.create_index(op.f("ix_callback_tokens_received_at"), "callback_tokens", ["received_at"], unique=False)
    op.create_table(
        "hook_calls",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", Json, nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_hook_calls_account_id")),
        sa.PrimaryKeyConstraint("account_id", "idempotency_key", name=op.f("pk_hook_calls")),
    )
    op.create_index(op.f("ix_hook_calls_received_at"), "hook_calls", ["received_at"], unique=False)

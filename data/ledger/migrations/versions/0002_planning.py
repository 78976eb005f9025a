"""What planning needs to know: consent, past invitations, asks by hand, boosts, recipients' places, list speeds."""

import sqlalchemy as sa
from alembic import op

from data.ledger.types import BigId, Json, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _boosts()
    _past_invitations()
    _consents()
    _manual_asks()
    op.add_column("customers", sa.Column("time_zone", sa.String(length=64), nullable=True))
    op.add_column("customers", sa.Column("postal_code", sa.String(length=16), nullable=True))
    op.add_column("customers", sa.Column("country", sa.String(length=2), nullable=True))
    op.add_column("customers", sa.Column("relationship", sa.String(32), nullable=False, server_default="customer"))
    op.add_column("customers", sa.Column("visited_at", UtcDateTime(), nullable=True))
    op.add_column("customers", sa.Column("occasion_at", UtcDateTime(), nullable=True))
    op.add_column("events", sa.Column("evidence_reason", sa.String(length=64), nullable=True))
    op.add_column("invitations", sa.Column("override_reason", sa.String(length=300), nullable=True))
    op.create_index(op.f("ix_invitations_list_id"), "invitations", ["list_id"], unique=False)
    op.create_index(op.f("ix_invitations_person_id"), "invitations", ["person_id"], unique=False)
    op.add_column("lists", sa.Column("send_at", UtcDateTime(), nullable=True))
    op.add_column("lists", sa.Column("speed_days", Json, nullable=True))
    op.add_column("lists", sa.Column("speed_opens", sa.Integer(), nullable=True))
    op.add_column("lists", sa.Column("speed_closes", sa.Integer(), nullable=True))
    op.add_column("locations", sa.Column("invitations_per_cycle", sa.Integer(), nullable=True))
    op.create_index(
        "ix_quota_reservations_reserved_at", "quota_reservations", ["account_id", "reserved_at"], unique=False
    )
    op.add_column("sequence_steps", sa.Column("at_minute", sa.Integer(), nullable=True))
    op.add_column("templates", sa.Column("provider_template_id", sa.String(length=64), nullable=True))
    op.add_column("templates", sa.Column("category", sa.String(32), nullable=True))
    op.add_column("templates", sa.Column("approval", sa.String(32), nullable=True))


def _boosts() -> None:
    op.create_table(
        "quota_boosts",
        sa.Column("boost_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("cycle_start_date", sa.Date(), nullable=False),
        sa.Column("invitations", sa.Integer(), nullable=False),
        sa.Column("bought_by", sa.String(length=254), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("invitations > 0", name=op.f("ck_quota_boosts_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_quota_boosts_account_id")),
        sa.PrimaryKeyConstraint("boost_id", name=op.f("pk_quota_boosts")),
    )
    op.create_index("ix_quota_boosts_cycle", "quota_boosts", ["account_id", "cycle_start_date"], unique=False)


def _past_invitations() -> None:
    op.create_table(
        "past_invitations",
        sa.Column("past_invitation_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("invited_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=254), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_past_invitations_account_id")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.location_id"], name=op.f("fk_past_invitations_location_id")
        ),
        sa.PrimaryKeyConstraint("past_invitation_id", name=op.f("pk_past_invitations")),
        sa.UniqueConstraint(
            "account_id", "kind", "address", "location_id", "invited_at", name=op.f("uq_past_invitations_once")
        ),
    )


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("consent_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("basis", sa.String(32), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.Column("how", sa.String(length=300), nullable=False),
        sa.Column("wording", sa.Text(), nullable=True),
        sa.Column("recorded_by", sa.String(length=254), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_consents_account_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_consents_customer_id")),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_customer_id"), "consents", ["customer_id"], unique=False)


def _manual_asks() -> None:
    op.create_table(
        "manual_asks",
        sa.Column("manual_ask_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("asked_by", sa.String(length=254), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("override_reason", sa.String(length=300), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_manual_asks_account_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_manual_asks_customer_id")),
        sa.PrimaryKeyConstraint("manual_ask_id", name=op.f("pk_manual_asks")),
    )
    op.create_index(op.f("ix_manual_asks_customer_id"), "manual_asks", ["customer_id"], unique=False)

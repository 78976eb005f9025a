"""Every table of the first version."""

import sqlalchemy as sa
from alembic import op

from data.ledger.types import BigId, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.String(32), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("cycle_anchor_day", sa.Integer(), nullable=False),
        sa.Column("invitations_per_cycle", sa.Integer(), nullable=False),
        sa.Column("postal_address", sa.String(length=300), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("cycle_anchor_day between 1 and 31", name=op.f("ck_accounts_anchor_day")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("slug", name=op.f("uq_accounts_slug")),
    )
    op.create_index(op.f("ix_accounts_changed_at"), "accounts", ["changed_at"], unique=False)
    op.create_table(
        "cursors",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("read_until", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_cursors")),
    )
    op.create_index(op.f("ix_cursors_changed_at"), "cursors", ["changed_at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("inbox_id", BigId, nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("payload", Json, nullable=True),
        sa.Column("applied_at", UtcDateTime(), nullable=True),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("provider", "event_key", name=op.f("uq_inbox_provider_event_key")),
    )
    op.create_index(
        "ix_inbox_resting",
        "inbox",
        ["inbox_id"],
        unique=False,
        sqlite_where=sa.text("archived_at is null"),
        postgresql_where=sa.text("archived_at is null"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("policy_now", UtcDateTime(), nullable=True),
        sa.Column("process", sa.String(length=100), nullable=False),
        sa.Column("dagster_run_id", sa.String(length=64), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("counts", Json, nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_changed_at"), "runs", ["changed_at"], unique=False)
    op.create_table(
        "system",
        sa.Column("system_id", sa.Integer(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("clock_offset_seconds", sa.BigInteger(), nullable=False),
        sa.Column("halted_at", UtcDateTime(), nullable=True),
        sa.Column("halted_by", sa.String(length=254), nullable=True),
        sa.Column("halt_reason", sa.String(length=300), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("is_demo or clock_offset_seconds = 0", name=op.f("ck_system_only_a_demo_shifts_time")),
        sa.CheckConstraint("system_id = 1", name=op.f("ck_system_one_row")),
        sa.PrimaryKeyConstraint("system_id", name=op.f("pk_system")),
    )
    op.create_index(op.f("ix_system_changed_at"), "system", ["changed_at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("audit_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_audit_account_id")),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_occurred_at"), "audit", ["occurred_at"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("job_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("asked_by", sa.String(length=254), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_jobs_account_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_changed_at"), "jobs", ["changed_at"], unique=False)
    op.create_table(
        "locations",
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=2), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("reply_to", sa.String(length=254), nullable=True),
        sa.Column("sequence_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_locations_account_id")),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_locations")),
        sa.UniqueConstraint("account_id", "slug", name=op.f("uq_locations_account_id_slug")),
    )
    op.create_index(op.f("ix_locations_changed_at"), "locations", ["changed_at"], unique=False)
    op.create_table(
        "people",
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_people_account_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_people")),
    )
    op.create_table(
        "policies",
        sa.Column("policy_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_at", UtcDateTime(), nullable=False),
        sa.Column("rules", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_policies_account_id")),
        sa.PrimaryKeyConstraint("policy_id", name=op.f("pk_policies")),
        sa.UniqueConstraint("account_id", "version", name=op.f("uq_policies_account_id_version")),
    )
    op.create_table(
        "quota_cycles",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("cycle_start_date", sa.Date(), nullable=False),
        sa.Column("cycle_end_date", sa.Date(), nullable=False),
        sa.Column("allowance", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("used <= allowance", name=op.f("ck_quota_cycles_never_overspent")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_quota_cycles_used_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_quota_cycles_account_id")),
        sa.PrimaryKeyConstraint("account_id", "cycle_start_date", name=op.f("pk_quota_cycles")),
    )
    op.create_index(op.f("ix_quota_cycles_changed_at"), "quota_cycles", ["changed_at"], unique=False)
    op.create_table(
        "sequences",
        sa.Column("sequence_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_sequences_account_id")),
        sa.PrimaryKeyConstraint("sequence_id", name=op.f("pk_sequences")),
        sa.UniqueConstraint("account_id", "slug", "version", name=op.f("uq_sequences_account_id_slug_version")),
    )
    op.create_table(
        "suppressions",
        sa.Column("suppression_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("channel", sa.String(32), nullable=True),
        sa.Column("effect", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("recorded_by", sa.String(length=254), nullable=False),
        sa.Column("event_id", BigId, nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_suppressions_account_id")),
        sa.PrimaryKeyConstraint("suppression_id", name=op.f("pk_suppressions")),
    )
    op.create_index("ix_suppressions_address", "suppressions", ["account_id", "kind", "address"], unique=False)
    op.create_index("ix_suppressions_created_at", "suppressions", ["created_at"], unique=False)
    op.create_table(
        "templates",
        sa.Column("template_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_templates_account_id")),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_templates")),
        sa.UniqueConstraint(
            "account_id",
            "slug",
            "channel",
            "language",
            "version",
            name=op.f("uq_templates_account_id_slug_channel_language_version"),
        ),
    )
    op.create_table(
        "users",
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_users_account_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("account_id", "email", name=op.f("uq_users_account_id_email")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_users_issuer_subject")),
    )
    op.create_index(op.f("ix_users_changed_at"), "users", ["changed_at"], unique=False)
    op.create_table(
        "channels",
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_channels_location_id")),
        sa.PrimaryKeyConstraint("location_id", "channel", name=op.f("pk_channels")),
    )
    op.create_index(op.f("ix_channels_changed_at"), "channels", ["changed_at"], unique=False)
    op.create_table(
        "lists",
        sa.Column("list_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("channels", Json, nullable=True),
        sa.Column("speed", sa.String(length=32), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=True),
        sa.Column("imported_by", sa.String(length=254), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("new_count", sa.Integer(), nullable=False),
        sa.Column("known_count", sa.Integer(), nullable=False),
        sa.Column("merged_count", sa.Integer(), nullable=False),
        sa.Column("rejected_count", sa.Integer(), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_lists_account_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_lists_location_id")),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_lists")),
        sa.UniqueConstraint(
            "location_id", "name", "content_sha256", name=op.f("uq_lists_location_id_name_content_sha256")
        ),
    )
    op.create_index(op.f("ix_lists_changed_at"), "lists", ["changed_at"], unique=False)
    op.create_table(
        "person_addresses",
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_person_addresses_account_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name=op.f("fk_person_addresses_person_id")),
        sa.PrimaryKeyConstraint("account_id", "kind", "address", name=op.f("pk_person_addresses")),
    )
    op.create_index(op.f("ix_person_addresses_person_id"), "person_addresses", ["person_id"], unique=False)
    op.create_table(
        "platforms",
        sa.Column("platform_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_visible", sa.Boolean(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_platforms_location_id")),
        sa.PrimaryKeyConstraint("platform_id", name=op.f("pk_platforms")),
        sa.UniqueConstraint("location_id", "slug", name=op.f("uq_platforms_location_id_slug")),
    )
    op.create_index(op.f("ix_platforms_changed_at"), "platforms", ["changed_at"], unique=False)
    op.create_index(op.f("ix_platforms_location_id"), "platforms", ["location_id"], unique=False)
    op.create_table(
        "sequence_steps",
        sa.Column("sequence_id", BigId, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("delay_minutes", sa.Integer(), nullable=False),
        sa.Column("channels", Json, nullable=False),
        sa.Column("is_all_channels", sa.Boolean(), nullable=False),
        sa.Column("template_slug", sa.String(length=64), nullable=False),
        sa.CheckConstraint("step >= 0 and delay_minutes >= 0", name=op.f("ck_sequence_steps_not_negative")),
        sa.ForeignKeyConstraint(["sequence_id"], ["sequences.sequence_id"], name=op.f("fk_sequence_steps_sequence_id")),
        sa.PrimaryKeyConstraint("sequence_id", "step", name=op.f("pk_sequence_steps")),
    )
    op.create_table(
        "user_locations",
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_user_locations_location_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_user_locations_user_id")),
        sa.PrimaryKeyConstraint("user_id", "location_id", name=op.f("pk_user_locations")),
    )
    op.create_table(
        "customers",
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("locale", sa.String(length=16), nullable=True),
        sa.Column("employee", sa.String(length=200), nullable=True),
        sa.Column("service", sa.String(length=200), nullable=True),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("list_id", BigId, nullable=True),
        sa.Column("channels", Json, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("email is not null or phone is not null", name=op.f("ck_customers_reachable")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_customers_account_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.list_id"], name=op.f("fk_customers_list_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_customers_location_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name=op.f("fk_customers_person_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
        sa.UniqueConstraint("location_id", "person_id", name=op.f("uq_customers_location_id_person_id")),
    )
    op.create_index(op.f("ix_customers_changed_at"), "customers", ["changed_at"], unique=False)
    op.create_index(op.f("ix_customers_list_id"), "customers", ["list_id"], unique=False)
    op.create_index(op.f("ix_customers_person_id"), "customers", ["person_id"], unique=False)
    op.create_table(
        "rejected_rows",
        sa.Column("rejected_row_id", BigId, nullable=False),
        sa.Column("list_id", BigId, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("row", Json, nullable=False),
        sa.Column("is_row_kept", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["lists.list_id"], name=op.f("fk_rejected_rows_list_id")),
        sa.PrimaryKeyConstraint("rejected_row_id", name=op.f("pk_rejected_rows")),
    )
    op.create_index(op.f("ix_rejected_rows_list_id"), "rejected_rows", ["list_id"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("invitation_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("list_id", BigId, nullable=True),
        sa.Column("sequence_id", BigId, nullable=False),
        sa.Column("policy_id", BigId, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("sent_by", sa.String(length=254), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("first_handed_at", UtcDateTime(), nullable=True),
        sa.Column("shift_minutes", sa.Integer(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("stopped_by", sa.String(length=254), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_invitations_account_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_invitations_customer_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.list_id"], name=op.f("fk_invitations_list_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_invitations_location_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name=op.f("fk_invitations_person_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], name=op.f("fk_invitations_policy_id")),
        sa.ForeignKeyConstraint(["sequence_id"], ["sequences.sequence_id"], name=op.f("fk_invitations_sequence_id")),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_invitations")),
    )
    op.create_index(op.f("ix_invitations_changed_at"), "invitations", ["changed_at"], unique=False)
    op.create_index(op.f("ix_invitations_customer_id"), "invitations", ["customer_id"], unique=False)
    op.create_index(
        "uq_invitations_open",
        "invitations",
        ["person_id", "location_id"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "quota_reservations",
        sa.Column("invitation_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("cycle_start_date", sa.Date(), nullable=False),
        sa.Column("is_handed_over", sa.Boolean(), nullable=False),
        sa.Column("reserved_at", UtcDateTime(), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_quota_reservations_account_id")),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.invitation_id"], name=op.f("fk_quota_reservations_invitation_id")
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.location_id"], name=op.f("fk_quota_reservations_location_id")
        ),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_quota_reservations")),
    )
    op.create_index(op.f("ix_quota_reservations_changed_at"), "quota_reservations", ["changed_at"], unique=False)
    op.create_index(
        "ix_quota_reservations_cycle",
        "quota_reservations",
        ["account_id", "cycle_start_date", "location_id"],
        unique=False,
    )
    op.create_table(
        "requests",
        sa.Column("request_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("invitation_id", BigId, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("template_id", BigId, nullable=False),
        sa.Column("policy_id", BigId, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("attempt_id", sa.String(length=32), nullable=True),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("paused_by", sa.String(length=254), nullable=True),
        sa.Column("handed_at", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("failed_at", UtcDateTime(), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("failure_reason", sa.String(length=300), nullable=True),
        sa.Column("failure_scope", sa.String(32), nullable=True),
        sa.Column("link_token", sa.String(length=24), nullable=False),
        sa.Column("unsubscribe_token", sa.String(length=24), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_requests_account_id")),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.invitation_id"], name=op.f("fk_requests_invitation_id")
        ),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_requests_location_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], name=op.f("fk_requests_policy_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.template_id"], name=op.f("fk_requests_template_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_requests")),
        sa.UniqueConstraint("invitation_id", "step", "channel", name=op.f("uq_requests_invitation_id_step_channel")),
        sa.UniqueConstraint("link_token", name=op.f("uq_requests_link_token")),
        sa.UniqueConstraint("unsubscribe_token", name=op.f("uq_requests_unsubscribe_token")),
    )
    op.create_index(op.f("ix_requests_changed_at"), "requests", ["changed_at"], unique=False)
    op.create_index("ix_requests_due", "requests", ["status", "not_before"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("review_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("platform", sa.String(length=64), nullable=False),
        sa.Column("provider_review_id", sa.String(length=300), nullable=False),
        sa.Column("reviewer_name", sa.String(length=200), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sentiment", sa.String(length=16), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("reviewed_at", UtcDateTime(), nullable=False),
        sa.Column("invitation_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("stars is null or stars between 1 and 5", name=op.f("ck_reviews_one_to_five")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_reviews_account_id")),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.invitation_id"], name=op.f("fk_reviews_invitation_id")
        ),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_reviews_location_id")),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
        sa.UniqueConstraint(
            "location_id",
            "platform",
            "provider_review_id",
            name=op.f("uq_reviews_location_id_platform_provider_review_id"),
        ),
    )
    op.create_index(op.f("ix_reviews_changed_at"), "reviews", ["changed_at"], unique=False)
    op.create_index(op.f("ix_reviews_invitation_id"), "reviews", ["invitation_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("attempt_id", sa.String(length=32), nullable=False),
        sa.Column("request_id", BigId, nullable=False),
        sa.Column("batch_id", BigId, nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=False),
        sa.Column("handed_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(32), nullable=True),
        sa.Column("provider_message_id", sa.String(length=200), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("absent_reads", sa.Integer(), nullable=False),
        sa.Column("first_absent_at", UtcDateTime(), nullable=True),
        sa.Column("last_absent_at", UtcDateTime(), nullable=True),
        sa.Column("polled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["runs.run_id"], name=op.f("fk_attempts_batch_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"], name=op.f("fk_attempts_request_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("provider", "provider_message_id", name=op.f("uq_attempts_provider_provider_message_id")),
    )
    op.create_index(op.f("ix_attempts_batch_id"), "attempts", ["batch_id"], unique=False)
    op.create_index(op.f("ix_attempts_request_id"), "attempts", ["request_id"], unique=False)
    op.create_index(
        "ix_attempts_unfinished",
        "attempts",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("outcome is null"),
        postgresql_where=sa.text("outcome is null"),
    )
    op.create_table(
        "events",
        sa.Column("event_id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("location_id", BigId, nullable=True),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("invitation_id", BigId, nullable=True),
        sa.Column("request_id", BigId, nullable=True),
        sa.Column("attempt_id", sa.String(length=32), nullable=True),
        sa.Column("channel", sa.String(32), nullable=True),
        sa.Column("evidence", sa.String(32), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("platform_id", BigId, nullable=True),
        sa.Column("detail", Json, nullable=True),
        sa.Column("inbox_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_events_account_id")),
        sa.ForeignKeyConstraint(["invitation_id"], ["invitations.invitation_id"], name=op.f("fk_events_invitation_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.location_id"], name=op.f("fk_events_location_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"], name=op.f("fk_events_person_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"], name=op.f("fk_events_request_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_events")),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_events_inbox_id")),
    )
    op.create_index(op.f("ix_events_invitation_id"), "events", ["invitation_id"], unique=False)
    op.create_index(op.f("ix_events_person_id"), "events", ["person_id"], unique=False)
    op.create_index(op.f("ix_events_recorded_at"), "events", ["recorded_at"], unique=False)
    op.create_table(
        "scores",
        sa.Column("invitation_id", BigId, nullable=False),
        sa.Column("request_id", BigId, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("scored_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("score between 0 and 10", name=op.f("ck_scores_zero_to_ten")),
        sa.ForeignKeyConstraint(["invitation_id"], ["invitations.invitation_id"], name=op.f("fk_scores_invitation_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"], name=op.f("fk_scores_request_id")),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_scores")),
    )
    op.create_index(op.f("ix_scores_changed_at"), "scores", ["changed_at"], unique=False)

"""What is asked: invitations, their requests, and every attempt to hand one over."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, created_at, key, link, metadata, moment
from data.ledger.types import JsonOrNull, Word
from data.words import AttemptOutcome, Channel, FailureScope, InvitationStatus, RequestStatus

invitations = sa.Table(
    "invitations",
    metadata,
    key("invitation_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    link("customer_id", "customers.customer_id", index=True),
    link("person_id", "people.person_id", index=True),
    link("list_id", "lists.list_id", nullable=True, index=True),
    link("sequence_id", "sequences.sequence_id"),
    link("policy_id", "policies.policy_id"),
    sa.Column("status", Word(InvitationStatus), nullable=False),
    sa.Column("sent_by", sa.String(254)),  # the person who asked for it; null = Automation
    sa.Column("override_reason", sa.String(300)),  # why that person set the frequency cap aside; null = it holds
    # The next three are the ask's own, by hand or through /hooks/customers; null = the list's, the sequence's, at once.
    sa.Column("channels", JsonOrNull),
    sa.Column("template_slug", sa.String(64)),  # of the first message
    moment("send_at"),  # nothing before this; policy time
    moment("started_at", nullable=False),  # policy time of the pass that made it
    moment("first_handed_at"),  # policy time of the first hand-over: follow-ups count from here
    sa.Column("shift_minutes", sa.Integer, nullable=False, default=0),  # what a stop and restart added to due times
    moment("stopped_at"),
    sa.Column("stopped_by", sa.String(254)),
    moment("ended_at"),  # answered or finished, policy time
    created_at(),
    changed_at(),
    sa.Index(
        "uq_invitations_open",
        "person_id",
        "location_id",
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    ),
)

requests = sa.Table(
    "requests",
    metadata,
    key("request_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    link("invitation_id", "invitations.invitation_id"),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("channel", Word(Channel), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),  # where it goes: an e-mail address or E.164
    link("template_id", "templates.template_id"),
    link("policy_id", "policies.policy_id"),  # the version that queued it
    sa.Column("status", Word(RequestStatus), nullable=False),
    sa.Column("attempt_id", sa.String(32)),  # the attempt that holds or held it last
    sa.Column("attempt_count", sa.Integer, nullable=False, default=0),
    moment("not_before", nullable=False),  # the window that planning gave it, policy time
    moment("not_after", nullable=False),
    moment("paused_at"),  # written by people; read by dispatch
    sa.Column("paused_by", sa.String(254)),
    moment("handed_at"),  # policy time of the hand-over that counts
    moment("delivered_at"),
    moment("failed_at"),
    sa.Column("failure_code", sa.String(64)),
    sa.Column("failure_reason", sa.String(300)),
    sa.Column("failure_scope", Word(FailureScope)),
    sa.Column("link_token", sa.String(24), nullable=False, unique=True),  # /r/{token}: 96 random bits
    sa.Column("unsubscribe_token", sa.String(24), nullable=False, unique=True),  # /u/{token}: never expires
    moment("link_revoked_at"),  # database clock: /r/{link_token} leads nowhere since
    sa.Column("link_revoked_by", sa.String(254)),
    created_at(),
    changed_at(),
    sa.UniqueConstraint("invitation_id", "step", "channel"),  # one message of a step and channel, forever
    sa.Index("ix_requests_due", "status", "not_before"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("attempt_id", sa.String(32), primary_key=True),  # random; the provider gives it back
    link("request_id", "requests.request_id", index=True),
    link("batch_id", "runs.run_id", index=True),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("sender", sa.String(128), nullable=False, server_default=""),  # our number, service, domain or relay
    sa.Column("parcel_id", sa.String(32)),  # handed over together with others in one call; null = alone
    moment("claimed_at", nullable=False),  # database clock, as are lease_until, handed_at and finished_at
    moment("lease_until", nullable=False),
    moment("handed_at"),  # set just before the bytes leave; without it nothing left
    moment("finished_at"),
    sa.Column("outcome", Word(AttemptOutcome)),  # null while it runs
    sa.Column("provider_message_id", sa.String(200)),
    sa.Column("code", sa.String(64)),
    sa.Column("reason", sa.String(300)),
    # Resolving doubt: complete reads of the provider that did not show the message, on the provider's clock.
    sa.Column("absent_reads", sa.Integer, nullable=False, default=0),
    moment("first_absent_at"),
    moment("last_absent_at"),
    moment("asked_at"),  # database clock: when the provider was last asked about a doubt
    sa.Column("doubt_note", sa.String(300)),  # what came of it, in the reader's words
    # Nobody keeps a record that could be asked (SMTP, WhatsApp, a provider no longer configured).
    sa.Column("is_left_to_person", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    moment("polled_at"),  # when the provider was last asked how the message stands
    sa.UniqueConstraint("provider", "provider_message_id"),
    sa.Index(
        "ix_attempts_unfinished",
        "lease_until",
        sqlite_where=sa.text("outcome is null"),
        postgresql_where=sa.text("outcome is null"),
    ),
)

"""What came back: the raw inbox, the events made of it, scores and reviews."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, created_at, key, link, metadata, moment
from data.ledger.types import BigId, Json, Word
from data.words import Channel, EventKind, Evidence

inbox = sa.Table(  # what a provider told us, word for word; polled and pushed events share their keys
    "inbox",
    metadata,
    key("inbox_id"),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("event_key", sa.String(200), nullable=False),
    moment("received_at", nullable=False),  # database clock
    sa.Column("payload", Json),  # null once archived: the key stays
    moment("applied_at"),
    moment("archived_at"),
    sa.UniqueConstraint("provider", "event_key"),
    sa.Index(  # what is still to be archived: keys stay long after their payload left
        "ix_inbox_resting",
        "inbox_id",
        sqlite_where=sa.text("archived_at is null"),
        postgresql_where=sa.text("archived_at is null"),
    ),
)

callback_tokens = (
    sa.Table(  # Mailgun signs a token once, and no body: a token that comes again must bring the same body
        "callback_tokens",
        metadata,
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("token", sa.String(100), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        moment("received_at", nullable=False, index=True),  # database clock
        sa.PrimaryKeyConstraint("provider", "token"),
    )
)

hook_calls = sa.Table(  # POST /hooks/customers: the same key gets the same answer, and does nothing twice
    "hook_calls",
    metadata,
    link("account_id", "accounts.account_id"),
    sa.Column("idempotency_key", sa.String(200), nullable=False),
    sa.Column("body_sha256", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),  # HTTP
    sa.Column("answer", Json, nullable=False),
    moment("received_at", nullable=False, index=True),  # database clock
    sa.PrimaryKeyConstraint("account_id", "idempotency_key"),
)

events = sa.Table(
    "events",
    metadata,
    key("event_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("kind", Word(EventKind), nullable=False),
    moment("occurred_at", nullable=False),  # policy time
    moment("recorded_at", nullable=False, index=True),  # database clock
    link("location_id", "locations.location_id", nullable=True),
    link("person_id", "people.person_id", nullable=True, index=True),
    link("invitation_id", "invitations.invitation_id", nullable=True, index=True),
    link("request_id", "requests.request_id", nullable=True),
    sa.Column("attempt_id", sa.String(32)),
    sa.Column("channel", Word(Channel)),
    sa.Column("evidence", Word(Evidence)),  # opens and clicks only
    sa.Column("evidence_reason", sa.String(64)),  # the sign by which it was graded: "all links at once"
    sa.Column("code", sa.String(64)),
    sa.Column("score", sa.Integer),  # 0..10, `scored` only
    sa.Column("stars", sa.Integer),  # 1..5, `scored` only, where a location asks for stars: then score is null
    sa.Column("platform_id", BigId),
    sa.Column("detail", Json),
    sa.Column("inbox_id", BigId, unique=True),  # an inbox row becomes at most one event
    sa.Index(  # few, and counted each minute: the rate of complaints
        "ix_events_complained",
        "recorded_at",
        sqlite_where=sa.text("kind = 'complained'"),
        postgresql_where=sa.text("kind = 'complained'"),
    ),
)

scores = sa.Table(  # the first score of an invitation counts; later ones are events only
    "scores",
    metadata,
    link("invitation_id", "invitations.invitation_id"),
    link("request_id", "requests.request_id"),
    sa.Column("score", sa.Integer),  # null where stars were asked for: a star is no answer to the NPS question
    sa.Column("stars", sa.Integer),
    sa.Column("comment", sa.Text),
    moment("scored_at", nullable=False),  # policy time
    changed_at(),
    sa.PrimaryKeyConstraint("invitation_id"),
    sa.CheckConstraint("score between 0 and 10", name="zero_to_ten"),
    sa.CheckConstraint("stars between 1 and 5", name="one_to_five"),
    sa.CheckConstraint("(score is null) <> (stars is null)", name="one_answer"),
)

reviews = sa.Table(
    "reviews",
    metadata,
    key("review_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    sa.Column("platform", sa.String(64), nullable=False),
    sa.Column("provider_review_id", sa.String(300), nullable=False),
    sa.Column("reviewer_name", sa.String(200), nullable=False, default=""),
    sa.Column("stars", sa.Integer),  # 1..5; null = none given
    sa.Column("body", sa.Text, nullable=False, default=""),
    sa.Column("sentiment", sa.String(16)),  # shown, never read by a rule
    sa.Column("reply", sa.Text),
    sa.Column("reply_draft", sa.Text),  # written here; publishing it is done on the platform
    sa.Column("reply_drafted_by", sa.String(254)),
    moment("reviewed_at", nullable=False),
    link("invitation_id", "invitations.invitation_id", nullable=True, index=True),  # the ask it followed, if known
    created_at(),
    changed_at(),
    sa.UniqueConstraint("location_id", "platform", "provider_review_id"),
    sa.CheckConstraint("stars is null or stars between 1 and 5", name="one_to_five"),
)

cursors = sa.Table(  # how far each source has been read
    "cursors",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    moment("read_until", nullable=False),
    changed_at(),
)

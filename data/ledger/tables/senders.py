"""What messages leave from: how fast each sender may go, who refuses it, and the pictures that go along."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, created_at, key, link, metadata, moment
from data.ledger.types import Word
from data.words import Channel

rates = sa.Table(  # a token bucket per channel and sender, shared by every run; database clock
    "rates",
    metadata,
    sa.Column("channel", Word(Channel), nullable=False),
    sa.Column("sender", sa.String(128), nullable=False),
    sa.Column("tokens", sa.Float, nullable=False),  # messages that may leave at `filled_at`; below zero: none before
    moment("filled_at", nullable=False),
    sa.Column("day", sa.Date, nullable=False),  # the carriers' day that `used` counts
    sa.Column("used", sa.Integer, nullable=False, default=0),
    changed_at(),
    sa.PrimaryKeyConstraint("channel", "sender"),
    sa.CheckConstraint("used >= 0", name="used_not_negative"),
)

breakers = sa.Table(  # a sender that a provider refuses: nothing of it leaves while one is open
    "breakers",
    metadata,
    key("breaker_id"),
    sa.Column("channel", Word(Channel), nullable=False),
    sa.Column("sender", sa.String(128), nullable=False),
    sa.Column("prefix", sa.String(16), nullable=False, default=""),  # only numbers that begin so ("+44"); "" = all
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(300), nullable=False),
    moment("opened_at", nullable=False),  # database clock, as are the others here
    moment("probe_at"),  # from then on one message may try whether it is over; null = a person closes it
    sa.Column("probes", sa.Integer, nullable=False, default=0),
    sa.Column("probe_attempt_id", sa.String(32)),  # the attempt that tries
    moment("closed_at"),
    sa.Column("closed_by", sa.String(254)),  # a person's e-mail address, or "probe"
    changed_at(),
    sa.Index(
        "uq_breakers_open",
        "channel",
        "sender",
        "prefix",
        unique=True,
        sqlite_where=sa.text("closed_at is null"),
        postgresql_where=sa.text("closed_at is null"),
    ),
)

attachments = sa.Table(  # pictures, decoded and encoded anew; the same content once per account
    "attachments",
    metadata,
    key("attachment_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("sha256", sa.String(64), nullable=False),  # of `content`
    sa.Column("media_type", sa.String(32), nullable=False),
    sa.Column("width", sa.Integer, nullable=False),  # pixels
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("added_by", sa.String(254), nullable=False),
    created_at(),
    sa.UniqueConstraint("account_id", "sha256"),
)

ask_attachments = sa.Table(  # what goes along with the first messages of an ask by hand
    "ask_attachments",
    metadata,
    link("manual_ask_id", "manual_asks.manual_ask_id"),
    sa.Column("channel", Word(Channel), nullable=False),  # what a text may weigh is less than what a mail may
    sa.Column("position", sa.Integer, nullable=False),
    link("attachment_id", "attachments.attachment_id"),
    sa.PrimaryKeyConstraint("manual_ask_id", "channel", "position"),
)

invitation_attachments = sa.Table(
    "invitation_attachments",
    metadata,
    link("invitation_id", "invitations.invitation_id"),
    sa.Column("channel", Word(Channel), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    link("attachment_id", "attachments.attachment_id"),
    sa.PrimaryKeyConstraint("invitation_id", "channel", "position"),
)

media_links = sa.Table(  # where a provider fetches a picture from, for a day
    "media_links",
    metadata,
    sa.Column("token", sa.String(24), primary_key=True),  # /m/{token}: 72 random bits
    link("attachment_id", "attachments.attachment_id"),
    sa.Column("attempt_id", sa.String(32), nullable=False),
    moment("expires_at", nullable=False, index=True),  # database clock
)

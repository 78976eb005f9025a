"""Who we work for, and how: all of it data, written from an account's TOML by `data.ledger.accounts`."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, created_at, key, link, metadata, moment
from data.ledger.types import BigId, Json, Word
from data.words import Channel, PageMode, Plan, Role, TemplateApproval, TemplateCategory

accounts = sa.Table(
    "accounts",
    metadata,
    key("account_id"),
    sa.Column("slug", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("plan", Word(Plan), nullable=False),
    sa.Column("time_zone", sa.String(64), nullable=False),  # the quota cycle turns at midnight here
    sa.Column("cycle_anchor_day", sa.Integer, nullable=False),  # 1..31; 31 means each month's last day
    sa.Column("invitations_per_cycle", sa.Integer, nullable=False),
    sa.Column("postal_address", sa.String(300), nullable=False, default=""),  # CAN-SPAM: in each e-mail
    sa.Column("link_days", sa.Integer, nullable=False, default=180, server_default="180"),  # then /r/ links run out
    created_at(),
    changed_at(),
    sa.CheckConstraint("cycle_anchor_day between 1 and 31", name="anchor_day"),
)

locations = sa.Table(
    "locations",
    metadata,
    key("location_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("slug", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("time_zone", sa.String(64), nullable=False),  # tz database name
    sa.Column("region", sa.String(2), nullable=False),  # ISO country: how local phone numbers are read
    sa.Column("color", sa.String(7), nullable=False, default="#0F766E"),
    sa.Column("reply_to", sa.String(254)),
    sa.Column("page_mode", Word(PageMode), nullable=False, default=PageMode.SCORE, server_default="score"),
    sa.Column("page_platform", sa.String(64)),  # slug of the platform that `direct` leads to; else null
    sa.Column("language", sa.String(16), nullable=False, default="en", server_default="en"),  # of pages, by default
    sa.Column("sequence_id", BigId),  # the sequence new invitations get; null = the account's newest
    sa.Column("invitations_per_cycle", sa.Integer),  # within the account's; null = no limit of its own
    created_at(),
    changed_at(),
    sa.UniqueConstraint("account_id", "slug"),
)

logos = sa.Table(  # decoded and written anew by us; served by web/ under its hash
    "logos",
    metadata,
    link("location_id", "locations.location_id"),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("media_type", sa.String(32), nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    changed_at(),
    sa.PrimaryKeyConstraint("location_id"),
)

channels = sa.Table(
    "channels",
    metadata,
    link("location_id", "locations.location_id"),
    sa.Column("channel", Word(Channel), nullable=False),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    moment("paused_at"),
    sa.Column("paused_by", sa.String(254)),
    changed_at(),
    sa.PrimaryKeyConstraint("location_id", "channel"),
)

platforms = sa.Table(
    "platforms",
    metadata,
    key("platform_id"),
    link("location_id", "locations.location_id", index=True),
    sa.Column("slug", sa.String(64), nullable=False),  # google, facebook, …
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("url", sa.String(2000), nullable=False),  # the only place a redirect goes to
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("is_visible", sa.Boolean, nullable=False, default=True),
    changed_at(),
    sa.UniqueConstraint("location_id", "slug"),
)

users = sa.Table(
    "users",
    metadata,
    key("user_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("role", Word(Role), nullable=False),
    sa.Column("issuer", sa.String(300)),  # OIDC: joined once by a verified e-mail, then by issuer and subject
    sa.Column("subject", sa.String(300)),
    changed_at(),
    sa.UniqueConstraint("account_id", "email"),
    sa.UniqueConstraint("issuer", "subject"),
)

user_locations = sa.Table(  # no row for a user means every location of the account
    "user_locations",
    metadata,
    link("user_id", "users.user_id"),
    link("location_id", "locations.location_id"),
    sa.PrimaryKeyConstraint("user_id", "location_id"),
)

templates = sa.Table(  # a changed text is a new version; sent requests keep theirs
    "templates",
    metadata,
    key("template_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("slug", sa.String(64), nullable=False),
    sa.Column("channel", Word(Channel), nullable=False),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("subject", sa.String(300)),
    sa.Column("body", sa.Text, nullable=False),  # Jinja, rendered in a sandbox
    sa.Column("asked_category", Word(TemplateCategory)),  # WhatsApp only, as is all that follows; the account file's
    sa.Column("provider_template_id", sa.String(64)),  # Twilio's ContentSid: the file's, or written by submitting
    sa.Column("category", Word(TemplateCategory)),  # Meta's own choice, once it has made one
    sa.Column("approval", Word(TemplateApproval)),  # written by polling, and by what providers tell of messages
    sa.Column("rejection_reason", sa.String(300)),
    sa.Column("submitted_by", sa.String(254)),
    moment("approval_checked_at"),  # database clock
    created_at(),
    sa.UniqueConstraint("account_id", "slug", "channel", "language", "version"),
)

sequences = sa.Table(  # never edited: a change makes a new version, which only new invitations take
    "sequences",
    metadata,
    key("sequence_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("slug", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    created_at(),
    sa.UniqueConstraint("account_id", "slug", "version"),
)

sequence_steps = sa.Table(
    "sequence_steps",
    metadata,
    link("sequence_id", "sequences.sequence_id"),
    sa.Column("step", sa.Integer, nullable=False),  # 0 = the first ask
    sa.Column("delay_minutes", sa.Integer, nullable=False),  # after the first message was handed over
    sa.Column("at_minute", sa.Integer),  # of the recipient's day: then at the next 10:00; null = as soon as it is due
    sa.Column("channels", Json, nullable=False),  # ["sms", "email"], in order of preference
    sa.Column("is_all_channels", sa.Boolean, nullable=False, default=False),  # else the first that can be used
    sa.Column("template_slug", sa.String(64), nullable=False),
    sa.PrimaryKeyConstraint("sequence_id", "step"),
    sa.CheckConstraint("step >= 0 and delay_minutes >= 0", name="not_negative"),
)

policies = sa.Table(  # versioned, with the moment each takes effect; verdicts and requests record theirs
    "policies",
    metadata,
    key("policy_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("version", sa.Integer, nullable=False),
    moment("effective_at", nullable=False),
    sa.Column("rules", Json, nullable=False),  # the document that invitations.policy validates
    created_at(),
    sa.UniqueConstraint("account_id", "version"),
)

quota_cycles = sa.Table(
    "quota_cycles",
    metadata,
    link("account_id", "accounts.account_id"),
    sa.Column("cycle_start_date", sa.Date, nullable=False),
    sa.Column("cycle_end_date", sa.Date, nullable=False),  # the reset date: the first day of the next cycle
    sa.Column("allowance", sa.Integer, nullable=False),  # plan plus boosts
    sa.Column("used", sa.Integer, nullable=False, default=0),  # reservations not released
    changed_at(),
    sa.PrimaryKeyConstraint("account_id", "cycle_start_date"),
    sa.CheckConstraint("used >= 0", name="used_not_negative"),
    sa.CheckConstraint("used <= allowance", name="never_overspent"),
)

quota_reservations = sa.Table(  # one unit per invitation, for good, whatever follow-ups and channels it has
    "quota_reservations",
    metadata,
    link("invitation_id", "invitations.invitation_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    sa.Column("cycle_start_date", sa.Date, nullable=False),
    sa.Column("is_handed_over", sa.Boolean, nullable=False, default=False),  # a first request left for certain
    moment("reserved_at", nullable=False),
    moment("released_at"),  # every attempt certainly failed: the unit went back
    changed_at(),
    sa.PrimaryKeyConstraint("invitation_id"),
    sa.Index("ix_quota_reservations_cycle", "account_id", "cycle_start_date", "location_id"),
    sa.Index("ix_quota_reservations_reserved_at", "account_id", "reserved_at"),  # the speed of lists
)

quota_boosts = sa.Table(  # bought on top of the plan, for one cycle; already counted in its allowance
    "quota_boosts",
    metadata,
    key("boost_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("cycle_start_date", sa.Date, nullable=False),
    sa.Column("invitations", sa.Integer, nullable=False),
    sa.Column("bought_by", sa.String(254), nullable=False),
    created_at(),
    sa.CheckConstraint("invitations > 0", name="positive"),
    sa.Index("ix_quota_boosts_cycle", "account_id", "cycle_start_date"),
)

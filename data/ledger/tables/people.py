"""Who may be asked: people, the addresses that identify them, customers, the lists they came in, suppressions."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, created_at, key, link, metadata, moment
from data.ledger.types import BigId, Json, JsonOrNull, Word
from data.words import (
    AddressKind,
    Channel,
    ConsentBasis,
    Relationship,
    Source,
    SuppressionEffect,
    SuppressionReason,
)

people = sa.Table(
    "people",
    metadata,
    key("person_id"),
    link("account_id", "accounts.account_id"),
    created_at(),
)

person_addresses = sa.Table(  # an address belongs to one person of an account, whatever list it came in
    "person_addresses",
    metadata,
    link("account_id", "accounts.account_id"),
    sa.Column("kind", Word(AddressKind), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),  # normalised: lower-case domain, or E.164
    link("person_id", "people.person_id", index=True),
    sa.PrimaryKeyConstraint("account_id", "kind", "address"),
)

lists = sa.Table(  # one named import
    "lists",
    metadata,
    key("list_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("source", Word(Source), nullable=False),
    sa.Column("channels", Json),  # null = whatever the sequence says
    sa.Column("speed", sa.String(32)),  # "50/hour"; null = all at once
    moment("send_at"),  # nothing of it before this; policy time
    sa.Column("speed_days", Json),  # [0, 1, 2, 3, 4] = Monday to Friday; null = every day
    sa.Column("speed_opens", sa.Integer),  # minutes of the location's day between which it drips; null = all day
    sa.Column("speed_closes", sa.Integer),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("file_name", sa.String(300)),
    sa.Column("imported_by", sa.String(254), nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False, default=0),
    sa.Column("new_count", sa.Integer, nullable=False, default=0),  # customers not known before
    sa.Column("known_count", sa.Integer, nullable=False, default=0),  # known already; brought up to date
    sa.Column("merged_count", sa.Integer, nullable=False, default=0),  # rows that are the same person again
    sa.Column("rejected_count", sa.Integer, nullable=False, default=0),
    moment("paused_at"),
    sa.Column("paused_by", sa.String(254)),
    moment("undone_at"),  # policy time: what had not been sent by then never goes
    sa.Column("undone_by", sa.String(254)),
    moment("completed_at"),  # null = the import is under way or was cut off: running it again completes it
    created_at(),
    changed_at(),
    # The same bytes under the same name at the same location are the same import, done once.
    sa.UniqueConstraint("location_id", "name", "content_sha256"),
)

rejected_rows = sa.Table(
    "rejected_rows",
    metadata,
    key("rejected_row_id"),
    link("list_id", "lists.list_id", index=True),
    sa.Column("line", sa.Integer, nullable=False),  # as an editor counts, the header being line 1
    sa.Column("column_name", sa.String(100), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("reason", sa.String(300), nullable=False),  # what was expected, and how to mend it
    sa.Column("row", Json, nullable=False),  # the whole row, so that it can be mended and imported again
    sa.Column("is_row_kept", sa.Boolean, nullable=False, default=False),  # came in without this cell: not turned away
)

customers = sa.Table(  # a person at a location
    "customers",
    metadata,
    key("customer_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    link("person_id", "people.person_id", index=True),
    sa.Column("first_name", sa.String(100), nullable=False, default=""),
    sa.Column("last_name", sa.String(100), nullable=False, default=""),
    sa.Column("email", sa.String(254)),
    sa.Column("phone", sa.String(20)),  # E.164
    sa.Column("locale", sa.String(16)),
    sa.Column("employee", sa.String(200)),
    sa.Column("service", sa.String(200)),
    sa.Column("source", Word(Source), nullable=False),
    link("list_id", "lists.list_id", nullable=True, index=True),  # the newest list it came in
    sa.Column("channels", Json),  # what its list allows; null = any
    sa.Column("time_zone", sa.String(64)),  # where it is known; else made out from the next three
    sa.Column("postal_code", sa.String(16)),
    sa.Column("country", sa.String(2)),  # ISO, of the postal address
    sa.Column(
        "relationship", Word(Relationship), nullable=False, default=Relationship.CUSTOMER, server_default="customer"
    ),
    moment("visited_at"),  # the newest visit or purchase that we were told of
    moment("occasion_at"),  # policy time when an import, a CRM or a person last brought them in; null = created_at
    created_at(),
    changed_at(),
    sa.UniqueConstraint("location_id", "person_id"),
    sa.CheckConstraint("email is not null or phone is not null", name="reachable"),
)

suppressions = sa.Table(  # append-only, about addresses, so that merging people or importing again undoes none
    "suppressions",
    metadata,
    key("suppression_id"),
    link("account_id", "accounts.account_id"),
    sa.Column("kind", Word(AddressKind), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),
    # Null = the person, on every channel: holds for all addresses of whoever owns this one.
    # Named = this address on this channel only.
    sa.Column("channel", Word(Channel)),
    sa.Column("effect", Word(SuppressionEffect), nullable=False),
    sa.Column("reason", Word(SuppressionReason), nullable=False),
    sa.Column("recorded_by", sa.String(254), nullable=False),
    sa.Column("event_id", BigId),
    moment("occurred_at", nullable=False),  # policy time
    created_at(),
    sa.Index("ix_suppressions_address", "account_id", "kind", "address"),
    sa.Index("ix_suppressions_created_at", "created_at"),  # what changed since the dashboard's copy
)

consents = sa.Table(  # append-only: on what basis somebody may be written to: who said so, when, how, in which words
    "consents",
    metadata,
    key("consent_id"),
    link("account_id", "accounts.account_id"),
    link("customer_id", "customers.customer_id", index=True),
    sa.Column("basis", Word(ConsentBasis), nullable=False),
    moment("given_at", nullable=False),  # when they consented, bought or asked; expiry counts from here
    sa.Column("how", sa.String(300), nullable=False),  # 'list "June visits", column consent'
    sa.Column("wording", sa.Text),  # what they agreed to, word for word, where we were told
    sa.Column("recorded_by", sa.String(254), nullable=False),
    created_at(),
)

past_invitations = sa.Table(  # asked by another system, before this one: about addresses, as suppressions are
    "past_invitations",
    metadata,
    key("past_invitation_id"),
    link("account_id", "accounts.account_id"),
    link("location_id", "locations.location_id"),
    sa.Column("kind", Word(AddressKind), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),
    moment("invited_at", nullable=False),
    sa.Column("recorded_by", sa.String(254), nullable=False),
    created_at(),
    sa.UniqueConstraint("account_id", "kind", "address", "location_id", "invited_at", name="uq_past_invitations_once"),
)

manual_asks = sa.Table(  # a person asks for an invitation of one customer; the rules hold, save what is overridden
    "manual_asks",
    metadata,
    key("manual_ask_id"),
    link("account_id", "accounts.account_id"),
    link("customer_id", "customers.customer_id", index=True),
    sa.Column("asked_by", sa.String(254), nullable=False),
    moment("asked_at", nullable=False),  # policy time; spent once an invitation started at or after it
    sa.Column("override_reason", sa.String(300)),  # why cap and "invite again" do not hold; null = they do
    sa.Column("channels", JsonOrNull),  # the next three as in `invitations`, which takes them over
    sa.Column("template_slug", sa.String(64)),
    moment("send_at"),
    created_at(),
)

"""Who may be asked: people, the addresses that identify them, customers, the lists they came in, suppressions."""

import sqlalchemy as sa

from data.ledger.tables.metadata import changed_at, created_at, key, link, metadata, moment
from data.ledger.types import BigId, Json, Word
from data.words import AddressKind, Channel, Source, SuppressionEffect, SuppressionReason

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
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("file_name", sa.String(300)),
    sa.Column("imported_by", sa.String(254), nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False, default=0),
    sa.Column("new_count", sa.Integer, nullable=False, default=0),  # customers not known before
    sa.Column("known_count", sa.Integer, nullable=False, default=0),  # known already; brought up to date
    sa.Column("merged_count", sa.Integer, nullable=False, default=0),  # rows that are the same person again
    sa.Column("rejected_count", sa.Integer, nullable=False, default=0),
    moment("paused_at"),
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

"""What the send form shows of a message before it is asked for: the text that would go, and what fills it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.candidate_settings import read_templates
from data.ledger.tables import accounts, customers, locations, templates
from data.words import Channel, TemplateCategory

_c, _l, _t = customers.c, locations.c, templates.c


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whoever is written to, known already or just typed in (then without an id). `location_…`: of who writes."""

    location_id: int
    first_name: str
    last_name: str
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    customer_id: int | None = None
    employee: str | None = None
    service: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @property
    def name(self) -> str:
        """Both names."""
        return " ".join(filter(None, [self.first_name, self.last_name]))


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: a location and its account."""

    location: str
    region: str  # ISO country
    time_zone: str
    reply_to: str | None
    color: str
    account: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class Text:
    """One version of a text, in one language."""

    template_id: int
    language: str
    subject: str | None
    body: str
    category: TemplateCategory | None  # WhatsApp only
    is_approved: bool


def find_recipient(
    connection: Connection, account_id: int, location_ids: Collection[int] | None, customer_id: int
) -> Recipient | None:
    """A customer as a message to them would be filled, if the reader may see the location (None: every one)."""
    row = connection.execute(
        sa.select(
            _c.location_id, _c.first_name, _c.last_name, _c.email, _c.phone, _c.customer_id, _c.employee, _c.service,
            _c.locale, _c.time_zone, _c.postal_code, _c.country,
        ).where(_c.customer_id == customer_id, _c.account_id == account_id)
    ).first()  # fmt: skip
    if row is None or (location_ids is not None and row.location_id not in location_ids):
        return None
    return Recipient(**row._mapping)


def read_sender(connection: Connection, account_id: int, location_id: int) -> Sender | None:
    """The location; None when the account has none of this id."""
    row = connection.execute(
        sa.select(
            _l.name.label("location"), _l.region, _l.time_zone, _l.reply_to, _l.color,
            accounts.c.name.label("account"), accounts.c.postal_address,
        )
        .join(accounts, accounts.c.account_id == _l.account_id)
        .where(_l.location_id == location_id, _l.account_id == account_id)
    ).first()  # fmt: skip
    return None if row is None else Sender(**row._mapping)


def texts_of(connection: Connection, account_id: int, slug: str, languages: Sequence[str]) -> dict[Channel, Text]:
    """The version of a text that would go by each channel it has words for, in the first of `languages` there is."""
    going = read_templates(connection, account_id).filter(
        (pl.col("template_slug") == slug) & pl.col("language").is_in(list(languages))
    )
    order = {language: place for place, language in reversed(list(enumerate(languages)))}
    chosen: dict[Channel, int] = {}
    approved: dict[int, bool] = {}
    for row in sorted(going.iter_rows(named=True), key=lambda row: -order[row["language"]]):
        chosen[Channel(row["channel"])] = row["template_id"]
        approved[row["template_id"]] = bool(row["is_approved"])
    rows = connection.execute(
        sa.select(_t.template_id, _t.language, _t.subject, _t.body, _t.category).where(
            _t.template_id.in_(list(chosen.values()))
        )
    )
    found = {row.template_id: Text(**row._mapping, is_approved=approved[row.template_id]) for row in rows}
    return {channel: found[template_id] for channel, template_id in chosen.items()}

"""Making customers of a file's rows. Pure: a table in, clean rows and every complaint out.

A row is turned away when nothing of it can be reached or its location is unknown. A row with one bad contact and one
good one is kept with the good one, and the bad cell is reported all the same (`is_row_kept`). Nothing is lost: each
complaint keeps the line, the column, what was found, what was expected, and the whole row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import dataframely as dy
import polars as pl

from connectors.csv_file import LINE, TextTable, UnreadableFile
from data.words import ConsentBasis, Relationship
from invitations.columns import CUSTOMER_SYNONYMS, chosen_columns, map_columns, unread, without_addresses
from invitations.consent_columns import consent_findings, with_consent
from invitations.contact_columns import (
    contact_findings,
    first_filled,
    location_finding,
    unswapped,
    with_contacts,
    with_location,
)
from invitations.dates import how_read, with_date
from invitations.place_columns import how_places_read, place_findings, with_place
from invitations.rejected import Finding, Place, RejectedRow, complaints

_LIMITS = {"first_name": 100, "last_name": 100, "employee": 200, "service": 200}  # characters, as the ledger holds

_READ_BY_TEXT = (
    "time_zone", "postal_code", "country", "visited_at", "consent", "consented_at", "consent_basis", "relationship",
)  # fmt: skip
_BREAKS = r"[\p{Cc}\p{Zl}\p{Zp}]+"
_UNSEEN = r"[\p{Cf}--[\x{200C}\x{200D}]]+"  # text-direction signs and the like; the joiners are part of some names
_TEMPLATE_MARKS = r"\{[%#]?|[%#]?\}"  # no brace stays, so none of {{ {% {# can be put together from what remains
_SPOILT = "\ufffd"  # what a byte becomes that the file's encoding does not have
_SPOILT_SAID = "holds a letter that cannot be read (\ufffd), so it was left out. Save the file as CSV UTF-8"
_LOCALE = r"^([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}))?$"


class CustomerRows(dy.Schema):
    """Rows fit to become customers; empty values are null."""

    line = dy.Int64(min=1)
    location_id = dy.Int64()
    email = dy.String(nullable=True, max_length=254, regex="@")
    phone = dy.String(nullable=True, regex=r"^\+[1-9][0-9]{4,14}$")
    first_name = dy.String(nullable=True, max_length=100)
    last_name = dy.String(nullable=True, max_length=100)
    employee = dy.String(nullable=True, max_length=200)
    service = dy.String(nullable=True, max_length=200)
    locale = dy.String(nullable=True, max_length=16)
    time_zone = dy.String(nullable=True, max_length=64)
    postal_code = dy.String(nullable=True, max_length=16)
    country = dy.String(nullable=True, regex="^[A-Z]{2}$")
    relationship = dy.Enum([one.value for one in Relationship], nullable=True)
    visited_at = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")
    is_consenting = dy.Bool(nullable=True)  # null = the row does not say
    consented_at = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")
    consent_basis = dy.Enum([one.value for one in ConsentBasis], nullable=True)

    @dy.rule()
    def reachable(cls) -> pl.Expr:  # noqa: N805  (dataframely's own form)
        return pl.col("email").is_not_null() | pl.col("phone").is_not_null()


@dataclass(frozen=True, slots=True)
class Intake:
    """`rows` as CustomerRows, in the order of the file; `row_count` counts every row with any text."""

    rows: pl.DataFrame = field(repr=False)
    rejected: tuple[RejectedRow, ...] = field(repr=False)
    row_count: int
    unread_columns: tuple[str, ...]
    notes: tuple[str, ...] = field(default=(), repr=False)  # what was not read, or could be read otherwise
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)  # the file's name for each of ours


def take_rows(
    table: TextTable,
    default: Place,
    places: Sequence[Place],
    *,
    now: datetime,
    chosen: Mapping[str, str | None] | None = None,
) -> Intake:
    """Clean every row of `table`; a row belongs to `default` unless its location column names another of `places`.

    `now` is policy time: no visit and no consent lies after it. `chosen`: what each column means, by its name; None:
    whatever their names say.
    Raises UnreadableFile when no column can hold an e-mail address or a phone number.
    """
    headers = table.headers
    mapped = map_columns(headers, CUSTOMER_SYNONYMS) if chosen is None else chosen_columns(headers, chosen)
    if not mapped["email"] and not mapped["phone"]:
        raise UnreadableFile(without_addresses(headers, names_count=chosen is None))
    raw = unswapped(table.frame.select(LINE, *(first_filled(mapped[name]).alias(name) for name in mapped)))
    raw = raw.rename({name: f"{name}_text" for name in _READ_BY_TEXT})
    placed = with_contacts(with_location(_with_texts(raw), default, places))
    cleaned = with_consent(with_date(with_place(placed), "visited_at", now), now)
    good, fail = CustomerRows.filter(cleaned, cast=True)
    findings = (
        location_finding(places),
        *contact_findings(),
        *_text_findings(),
        *place_findings(),
        *consent_findings(),
    )
    rejected = complaints(table, mapped, cleaned, set(fail.invalid()[LINE]), findings)
    return Intake(
        rows=good,
        rejected=tuple(rejected),
        row_count=len(table.frame) + len(table.broken),
        unread_columns=unread(table.headers, mapped),
        notes=(*table.notes, *_notes(cleaned, mapped)),
        columns={name: headers[0] for name, headers in mapped.items() if headers},
    )


def clean_text(column: pl.Expr) -> pl.Expr:
    """One line of plain text: no unseen signs, no template marks, single spaces; null when nothing is left."""
    text = column.str.replace_all(_BREAKS, " ").str.replace_all(_UNSEEN, "").str.replace_all(_TEMPLATE_MARKS, "")
    text = text.str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text != "").then(text)


def _with_texts(raw: pl.DataFrame) -> pl.DataFrame:
    """Names, employee, service and language cleaned; a whole name is split where the parts are not given."""
    whole = clean_text(pl.col("full_name"))
    is_inverted = whole.str.contains(r"^[^,]+,[^,]+$")  # "Ruiz, Ana"
    before, after = whole.str.extract(r"^([^,]+),", 1), whole.str.extract(r",\s*(.+)$", 1)
    head, tail = whole.str.extract(r"^(\S+)", 1), whole.str.extract(r"^\S+\s+(.+)$", 1)
    first, last = clean_text(pl.col("first_name")), clean_text(pl.col("last_name"))
    split = first.is_null() & last.is_null()
    locale = pl.concat_str(
        pl.col("locale").str.extract(_LOCALE, 1).str.to_lowercase(),
        pl.col("locale").str.extract(_LOCALE, 2).str.to_uppercase(),
        separator="-",
        ignore_nulls=True,
    )
    texts = {
        "first_name": pl.when(split).then(pl.when(is_inverted).then(after).otherwise(head)).otherwise(first),
        "last_name": pl.when(split).then(pl.when(is_inverted).then(before).otherwise(tail)).otherwise(last),
        "employee": clean_text(pl.col("employee")),
        "service": clean_text(pl.col("service")),
    }
    spoilt = {name: text.str.contains(_SPOILT, literal=True).fill_null(False) for name, text in texts.items()}
    short = {name: text.str.slice(0, _LIMITS[name]).str.strip_chars() for name, text in texts.items()}
    return raw.with_columns(
        *(pl.when(~spoilt[name]).then(text).alias(name) for name, text in short.items()),
        *(is_spoilt.alias(f"{name}_spoilt") for name, is_spoilt in spoilt.items()),
        *((text.str.len_chars() > _LIMITS[name]).fill_null(False).alias(f"{name}_cut") for name, text in texts.items()),
        *(text.alias(f"{name}_text") for name, text in texts.items()),
        pl.when(locale != "").then(locale).alias("locale"),
        pl.col("locale").alias("locale_text"),
    )


def _text_findings() -> tuple[Finding, ...]:
    is_unread = pl.col("locale_text").is_not_null() & pl.col("locale").is_null()
    return (
        Finding(
            "locale",
            "locale_text",
            is_unread,
            lambda row: "not a language code, so it was left out. Expected one such as en or es-US",
        ),
        *(_cut_finding(name, limit) for name, limit in _LIMITS.items()),
        *(Finding(name, f"{name}_text", pl.col(f"{name}_spoilt"), lambda row: _SPOILT_SAID) for name in _LIMITS),
        Finding(
            "visited_at",
            "visited_at_text",
            pl.col("visited_at_fault").is_not_null(),
            lambda row: row["visited_at_fault"],
        ),
    )


def _cut_finding(name: str, limit: int) -> Finding:
    reason = f"longer than {limit} characters, so its end was cut off"
    return Finding(name, f"{name}_text", pl.col(f"{name}_cut"), lambda row: reason)


def _notes(cleaned: pl.DataFrame, mapped: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """How cells were read that could have been read otherwise."""
    told: list[str] = []
    for name, field_name in (
        ("visited_at", "visited_at"),
        ("consent_day", "consent"),
        ("consented_at", "consented_at"),
    ):
        if mapped[field_name]:
            told += how_read(cleaned, name, mapped[field_name][0])
    if mapped["postal_code"]:
        told += how_places_read(cleaned, mapped["postal_code"][0])
    return tuple(told)
